//! Softmax and cross-entropy. Two classes are a softmax of two as well: the same probabilities as
//! a sigmoid of the difference of the two logits.

use ndarray::{Array2, ArrayView1};

use crate::head::real::Real;

/// The loss of a batch.
#[derive(Debug)]
pub(in crate::head) struct BatchLoss<F> {
    /// -ln p(label), the mean over the rows.
    pub(in crate::head) mean: F,
    /// Rows whose largest logit is their label's.
    pub(in crate::head) correct: usize,
    /// dL/dlogits = (softmax - one-hot) / n, `[n, classes]`.
    pub(super) gradient: Array2<F>,
}

/// Cross-entropy of `logits` `[n, classes]` with `labels` `[n]`, its mean over the rows, and its
/// gradient.
pub(super) fn cross_entropy<F: Real>(logits: Array2<F>, labels: &[usize]) -> BatchLoss<F> {
    let correct = labels
        .iter()
        .zip(logits.outer_iter())
        .filter(|(label, row)| argmax(row.view()) == **label)
        .count();
    let mut gradient = log_softmax(logits);
    #[allow(clippy::cast_precision_loss)] // batches are far below 2^53 rows
    let n = F::of(labels.len().max(1) as f64);
    let mut sum = F::zero();
    for (&label, mut row) in labels.iter().zip(gradient.outer_iter_mut()) {
        sum -= row.get(label).copied().unwrap_or(F::nan());
        row.mapv_inplace(|log_p| log_p.exp() / n);
        if let Some(p) = row.get_mut(label) {
            *p -= F::one() / n;
        }
    }
    BatchLoss {
        mean: sum / n,
        correct,
        gradient,
    }
}

/// ln softmax of each row: (x - max) - ln(sum exp(x - max)), with the row's own maximum, so that
/// nothing overflows, no row is flattened by another, and a row of large logits keeps the
/// precision of their differences.
pub(in crate::head) fn log_softmax<F: Real>(mut logits: Array2<F>) -> Array2<F> {
    for mut row in logits.outer_iter_mut() {
        let max = row.iter().copied().fold(F::neg_infinity(), F::max);
        let sum = row.iter().fold(F::zero(), |sum, &x| sum + (x - max).exp());
        let log_sum = sum.ln();
        row.mapv_inplace(|x| (x - max) - log_sum);
    }
    logits
}

/// Where the largest value stands; the first of equals.
pub(in crate::head) fn argmax<F: Real>(row: ArrayView1<F>) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate() {
        if x > row[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use ndarray::array;

    #[test]
    fn a_loss_by_hand() {
        let logits = array![[0.0, 3.0_f64.ln()], [0.0, 0.0]];
        let loss = cross_entropy(logits, &[0, 1]);
        let expected = (4.0_f64.ln() + 2.0_f64.ln()) / 2.0;
        assert!((loss.mean - expected).abs() < 1e-14, "{}", loss.mean);
        agree(&loss.gradient, &array![[-0.375, 0.375], [0.25, -0.25]]);
        // The tie of the second row goes to class 0.
        assert_eq!(loss.correct, 0);
    }

    #[test]
    fn rows_of_very_different_sizes_keep_their_precision() {
        let rows = array![[1e4_f32, 1e4 + 1.0], [-1e4, -1e4 - 1.0], [0.0, 1.0]];
        let p = log_softmax(rows).mapv(f32::exp);
        for (row, expected) in [(0, 0.731_058_6), (1, 0.268_941_4), (2, 0.731_058_6)] {
            assert!((p[[row, 1]] - expected).abs() < 1e-6, "{p}");
        }
    }

    #[test]
    fn two_classes_are_the_sigmoid_of_the_difference() {
        let p = log_softmax(array![[0.3_f64, 1.9]]).mapv(f64::exp);
        assert!((p[[0, 1]] - 1.0 / (1.0 + (-1.6_f64).exp())).abs() < 1e-15);
    }

    #[test]
    fn a_label_without_a_column_is_not_a_number() {
        assert!(cross_entropy(array![[0.0_f32, 1.0]], &[2]).mean.is_nan());
    }

    #[test]
    fn gradients_agree_with_differences() {
        let mut logits = wave(6, 4, 1.9) * 3.0;
        let labels = [0, 1, 2, 3, 1, 1];
        let gradient = cross_entropy(logits.clone(), &labels).gradient;
        let loss = |x: &Array2<f64>| cross_entropy(x.clone(), &labels).mean;
        agree(&gradient, &derivative(&mut logits, |x| x, loss));
    }
}
