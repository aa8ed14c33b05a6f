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

/// The range of ln T: temperatures from 1/20 to 20.
const RANGE: f64 = 2.995_732_273_553_991;

/// Temperatures that are tried before the best of them is made exact; an even number of steps, so
/// that 1 is among them.
const STEPS: u32 = 40;

/// How far ln T may be expected to be from 0: a factor of two either way is one standard deviation.
const SPREAD: f64 = std::f64::consts::LN_2;

/// The temperature for `scores`, log probabilities or logits, `[n, classes]` for each repeat, of
/// examples with `labels` `[n]`: the one with the smallest
///
/// > Σ (ln Σₖ exp(zₖ / T) - z_label / T) + (ln T)² / 2s², s = ln 2
///
/// over the examples, the mean over the repeats for each. The first term is the log loss; the second says beforehand that T is near 1 (a normal distribution of ln T).
/// Where every example is right the log loss alone has no minimum, and a head would be told to be
/// certain of all things because some hundred examples showed no mistake. With many examples it
/// makes no difference, and with any number the log loss of these scores is no larger than
/// without a temperature. It is kept within 1/20 and 20.
pub(super) fn temperature(scores: &[ArrayView2<'_, f32>], labels: &[usize]) -> f32 {
    let repeats = count(scores.len().max(1));
    let cost = |log_t: f64| -> f64 {
        let beta = (-log_t).exp();
        let rows = scores.iter().flat_map(|one| one.outer_iter().zip(labels));
        let loss: f64 = rows.map(|(row, &label)| loss_of(row, label, beta)).sum();
        loss / repeats + (log_t / SPREAD).powi(2) / 2.0
    };
    let step = 2.0 * RANGE / f64::from(STEPS);
    let tried = (0..=STEPS).map(|i| step * (f64::from(i) - f64::from(STEPS) / 2.0));
    let best = tried.min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    let log_t = smallest(best.unwrap_or(0.0), step, &cost);
    #[allow(clippy::cast_possible_truncation)] // it is an f32 from here on
    let temperature = log_t.exp() as f32;
    temperature
}

/// Where `cost` is smallest within a step of `best`, by golden sections (Kiefer 1953).
fn smallest(best: f64, step: f64, cost: &dyn Fn(f64) -> f64) -> f64 {
    const SHARE: f64 = 0.618_033_988_749_894_8;
    let (mut low, mut high) = ((best - step).max(-RANGE), (best + step).min(RANGE));
    let (mut a, mut b) = (high - SHARE * (high - low), low + SHARE * (high - low));
    let (mut at_a, mut at_b) = (cost(a), cost(b));
    for _ in 0..40 {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - SHARE * (high - low);
            at_a = cost(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + SHARE * (high - low);
            at_b = cost(b);
        }
    }
    let found = f64::midpoint(low, high);
    if cost(found) <= cost(best) {
        found
    } else {
        best
    }
}

/// ln Σₖ exp(β zₖ) - β z_label of one example, z counted from the largest.
fn loss_of(row: ArrayView1<'_, f32>, label: usize, beta: f64) -> f64 {
    let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    // One that is infinitely below the others has no weight, at no temperature.
    let below = |z: f32| (f64::from(z) - most).max(-1e4);
    let sum: f64 = row.iter().map(|&z| (beta * below(z)).exp()).sum();
    let own = row.get(label).map_or(0.0, |&z| below(z));
    sum.ln() - beta * own
}

#[cfg(test)]
mod tests;
