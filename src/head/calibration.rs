//! How sure a head ought to be: temperature scaling.
//!
//! Guo et al. 2017 divide all logits by one temperature T, fitted to the scores of examples that
//! the model has not seen: T above 1 makes it less sure, below 1 more. No prediction changes, and
//! one number can hardly overfit. Here the examples are the training examples, each scored by the
//! model of a fold that has not seen it; the test examples have no part in it.
//!
//! The head is trained on all examples, the models of the folds on a part of them: its scores are
//! as sure as theirs or a little surer, which is what their temperature then leaves.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::metrics::{Metrics, count};

/// Probabilities and what they are worth.
pub(super) type Calibrated = (Array2<f32>, Metrics);

/// The range of temperatures, as inverses: 1/20 to 20.
const COLDEST: f64 = 20.0;
const HOTTEST: f64 = 1.0 / 20.0;

/// The temperature under which `scores`, log probabilities or logits, `[n, classes]` for each
/// repeat, give `labels` `[n]` the lowest mean cross-entropy with Platt's targets.
///
/// With β = 1 / T and the target q of an example, that is the minimum over β of
///
/// > mean of  ln Σₖ exp(β zₖ) - β Σₖ qₖ zₖ
///
/// which is convex: its derivative Σₖ (pₖ - qₖ) zₖ rises with β, and the zero is found by halving
/// the logarithm of the range. It is kept within 1/20 and 20.
///
/// The targets are Platt's (1999) rather than 1 and 0: for a label with m examples
/// (m + 1) / (m + 2), the rest spread evenly over the other classes. Where every example is right
/// the plain cross-entropy has no minimum, and a head would be told to be certain of all things
/// because some hundred examples showed no mistake. With many examples they make no difference.
pub(super) fn temperature(scores: &[ArrayView2<'_, f32>], labels: &[usize]) -> f32 {
    let classes = scores.first().map_or(0, |one| one.ncols());
    let targets = platt_targets(labels, classes);
    let slope = |beta: f64| -> f64 {
        let rows = scores.iter().flat_map(|one| one.outer_iter().zip(labels));
        rows.map(|(row, &label)| {
            let target = targets.get(label).copied().unwrap_or(1.0);
            slope_of(row, label, target, beta)
        })
        .sum()
    };
    let (mut low, mut high) = (HOTTEST.ln(), COLDEST.ln());
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if slope(middle.exp()) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    #[allow(clippy::cast_possible_truncation)] // it is an f32 from here on
    let temperature = (-f64::midpoint(low, high)).exp() as f32;
    temperature
}

/// (m + 1) / (m + 2) for each class, m being its examples.
fn platt_targets(labels: &[usize], classes: usize) -> Vec<f64> {
    let mut counts = vec![0; classes];
    for &label in labels {
        if let Some(own) = counts.get_mut(label) {
            *own += 1;
        }
    }
    let target = |m: usize| (count(m) + 1.0) / (count(m) + 2.0);
    counts.into_iter().map(target).collect()
}

/// Σₖ (pₖ - qₖ) zₖ of one example, where p = softmax(β z), q is `target` for its label and an equal
/// share of the rest for each other class, and z is counted from the largest.
fn slope_of(row: ArrayView1<'_, f32>, label: usize, target: f64, beta: f64) -> f64 {
    let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let (mut sum, mut weighted, mut all) = (0.0, 0.0, 0.0);
    for &z in row {
        // One that is infinitely below the others has no weight, at no temperature.
        let z = (f64::from(z) - most).max(-1e4);
        let weight = (beta * z).exp();
        sum += weight;
        weighted += weight * z;
        all += z;
    }
    let own = row
        .get(label)
        .map_or(0.0, |&z| (f64::from(z) - most).max(-1e4));
    let others = count(row.len().saturating_sub(1).max(1));
    weighted / sum - target * own - (1.0 - target) * (all - own) / others
}

#[cfg(test)]
mod tests;
