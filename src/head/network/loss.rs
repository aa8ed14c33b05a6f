//! Softmax and cross-entropy. Two classes are a softmax of two as well: the same probabilities as
//! a sigmoid of the difference of the two logits.

use ndarray::{Array2, ArrayView1, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::pieces::ROWS;
use crate::head::real::Real;

/// What the loss asks of a head.
///
/// With t the labels as a distribution over classes (one-hot, or blended by mixup), q = (1 - ε) t +
/// ε / classes (label smoothing), w the classes' weights and n the rows of a batch:
///
/// > L = Σₙ Σ_c w_c q_nc (-ln p_nc) / Σₙ Σ_c w_c t_nc
///
/// which for labels that are not blended is PyTorch's `CrossEntropyLoss(weight, label_smoothing)`.
#[derive(Debug, Clone)]
pub(in crate::head) struct Criterion<F> {
    /// ε.
    pub(in crate::head) smoothing: F,
    /// w; `None` where all are 1.
    pub(in crate::head) weights: Option<Vec<F>>,
}

/// The labels of a batch.
#[derive(Debug, Clone, Copy)]
pub(in crate::head) struct Targets<'a> {
    /// The class of each row.
    pub(in crate::head) labels: &'a [usize],
    /// Mixup: another class of each row, and the share of the first.
    pub(in crate::head) blended: Option<(&'a [usize], f64)>,
}

/// The loss of a batch.
#[derive(Debug, Clone, Copy)]
pub(in crate::head) struct BatchLoss<F> {
    /// L; 0 where the weights of all rows are 0.
    pub(in crate::head) mean: F,
    /// Rows whose largest logit is their label's; of blended ones that of the larger share.
    pub(in crate::head) correct: usize,
}

impl<F: Real> BatchLoss<F> {
    fn none() -> Self {
        Self {
            mean: F::zero(),
            correct: 0,
        }
    }
}

impl<'a> Targets<'a> {
    /// Labels as they are.
    pub(in crate::head) fn plain(labels: &'a [usize]) -> Self {
        Self {
            labels,
            blended: None,
        }
    }

    /// The shares t of a row: class and share of the first and of the second label.
    fn shares<F: Real>(&self, row: usize) -> [(usize, F); 2] {
        let label = self.labels.get(row).copied().unwrap_or(usize::MAX);
        match self.blended {
            None => [(label, F::one()), (label, F::zero())],
            Some((others, share)) => {
                let other = others.get(row).copied().unwrap_or(usize::MAX);
                [(label, F::of(share)), (other, F::of(1.0 - share))]
            }
        }
    }
}

impl<F: Real> Criterion<F> {
    /// The mean of -ln p(label).
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self {
            smoothing: F::zero(),
            weights: None,
        }
    }

    fn weight(&self, class: usize) -> F {
        match &self.weights {
            None => F::one(),
            Some(weights) => weights.get(class).copied().unwrap_or(F::nan()),
        }
    }

    /// The loss of `logits` `[n, classes]`, which become dL/dlogits where they stand.
    pub(super) fn loss(&self, targets: Targets<'_>, mut logits: ArrayViewMut2<F>) -> BatchLoss<F> {
        let total = (0..targets.labels.len()).fold(F::zero(), |sum, row| {
            let shares = targets.shares::<F>(row);
            shares.iter().fold(sum, |sum, &(class, share)| {
                if share == F::zero() {
                    return sum;
                }
                sum + share * self.weight(class)
            })
        });
        let scale = if total == F::zero() {
            F::zero()
        } else {
            F::one() / total
        };
        let pieces: Vec<BatchLoss<F>> = logits
            .axis_chunks_iter_mut(Axis(0), ROWS)
            .into_par_iter()
            .enumerate()
            .map(|(piece, mut logits)| {
                let mut sum = BatchLoss::none();
                for (row, logits) in logits.outer_iter_mut().enumerate() {
                    let row = piece * ROWS + row;
                    let Some(logits) = logits.into_slice() else {
                        continue;
                    };
                    let shares = targets.shares(row);
                    sum.correct += usize::from(largest(logits) == dominant(shares));
                    sum.mean += self.row(logits, shares, scale);
                }
                sum
            })
            .collect();
        let mut sum = pieces
            .iter()
            .fold(BatchLoss::none(), |sum, piece| BatchLoss {
                mean: sum.mean + piece.mean,
                correct: sum.correct + piece.correct,
            });
        sum.mean *= scale;
        sum
    }

    /// A row's Σ_c w_c q_c (-ln p_c); its logits become (p Σ_c w_c q_c - w q) * scale.
    fn row(&self, logits: &mut [F], shares: [(usize, F); 2], scale: F) -> F {
        #[allow(clippy::cast_precision_loss)] // classes are far below 2^53
        let even = self.smoothing / F::of(logits.len().max(1) as f64);
        let own = F::one() - self.smoothing;
        log_softmax_row(logits);
        let known = shares.iter().all(|(class, _)| *class < logits.len());
        if !known {
            // No column of that label: there is no loss.
            logits.fill(F::nan());
            return F::nan();
        }
        let (mut loss, mut weight) = (F::zero(), F::zero());
        if even > F::zero() {
            for (class, &log_p) in logits.iter().enumerate() {
                loss -= self.weight(class) * even * log_p;
                weight += self.weight(class) * even;
            }
        }
        for (class, share) in shares {
            loss -= self.weight(class) * own * share * logits[class];
            weight += self.weight(class) * own * share;
        }
        for (class, x) in logits.iter_mut().enumerate() {
            *x = (x.exp() * weight - self.weight(class) * even) * scale;
        }
        for (class, share) in shares {
            logits[class] -= self.weight(class) * own * share * scale;
        }
        loss
    }
}

/// The label of the larger share.
fn dominant<F: Real>([first, second]: [(usize, F); 2]) -> usize {
    if second.1 > first.1 {
        second.0
    } else {
        first.0
    }
}

/// ln softmax of each row: (x - max) - ln(sum exp(x - max)), with the row's own maximum, so that
/// nothing overflows, no row is flattened by another, and a row of large logits keeps the
/// precision of their differences.
pub(in crate::head) fn log_softmax<F: Real>(mut logits: Array2<F>) -> Array2<F> {
    let width = logits.ncols().max(1);
    if let Some(values) = logits.as_slice_mut() {
        values.chunks_mut(width).for_each(log_softmax_row);
    }
    logits
}

fn log_softmax_row<F: Real>(row: &mut [F]) {
    let max = row.iter().copied().fold(F::neg_infinity(), F::max);
    let sum = row.iter().fold(F::zero(), |sum, &x| sum + (x - max).exp());
    let log_sum = sum.ln();
    row.iter_mut().for_each(|x| *x = (*x - max) - log_sum);
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

fn largest<F: Real>(row: &[F]) -> usize {
    argmax(ArrayView1::from(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use ndarray::array;

    /// The loss and its gradient.
    fn lossy(
        criterion: &Criterion<f64>,
        targets: Targets<'_>,
        logits: &Array2<f64>,
    ) -> (BatchLoss<f64>, Array2<f64>) {
        let mut gradient = logits.clone();
        let loss = criterion.loss(targets, gradient.view_mut());
        (loss, gradient)
    }

    #[test]
    fn a_loss_by_hand() {
        let logits = array![[0.0, 3.0_f64.ln()], [0.0, 0.0]];
        let (loss, gradient) = lossy(&Criterion::plain(), Targets::plain(&[0, 1]), &logits);
        let expected = (4.0_f64.ln() + 2.0_f64.ln()) / 2.0;
        assert!((loss.mean - expected).abs() < 1e-14, "{}", loss.mean);
        agree(&gradient, &array![[-0.375, 0.375], [0.25, -0.25]]);
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
        let logits = array![[0.0, 1.0]];
        let (loss, _) = lossy(&Criterion::plain(), Targets::plain(&[2]), &logits);
        assert!(loss.mean.is_nan());
    }

    #[test]
    fn rows_without_weight_have_no_loss() {
        let criterion = Criterion {
            smoothing: 0.0,
            weights: Some(vec![0.0, 1.0]),
        };
        let (loss, gradient) = lossy(&criterion, Targets::plain(&[0]), &array![[0.3, 0.4]]);
        assert_eq!(loss.mean, 0.0);
        assert_eq!(gradient, array![[0.0, 0.0]]);
    }

    /// Blending wholly one way or the other is no blending.
    #[test]
    fn blending_goes_from_one_label_to_the_other() {
        let logits = wave(5, 3, 0.3);
        let (first, second) = ([0, 1, 2, 0, 1], [2, 0, 2, 1, 1]);
        let criterion = Criterion {
            smoothing: 0.1,
            weights: Some(vec![1.0, 2.0, 0.5]),
        };
        for (share, labels) in [(1.0, &first), (0.0, &second)] {
            let targets = Targets {
                labels: &first,
                blended: Some((&second, share)),
            };
            let (found, gradient) = lossy(&criterion, targets, &logits);
            let (expected, plain) = lossy(&criterion, Targets::plain(labels), &logits);
            assert!((found.mean - expected.mean).abs() < 1e-15);
            assert_eq!(found.correct, expected.correct);
            agree(&gradient, &plain);
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        let labels = [0, 1, 2, 3, 1, 1];
        let others = [1, 1, 0, 2, 3, 0];
        let weights = Some(vec![0.5, 2.0, 1.0, 0.25]);
        for smoothing in [0.0, 0.15] {
            for weights in [None, weights.clone()] {
                for blended in [None, Some((&others[..], 0.7))] {
                    let criterion = Criterion {
                        smoothing,
                        weights: weights.clone(),
                    };
                    let targets = Targets {
                        labels: &labels,
                        blended,
                    };
                    let mut logits = wave(6, 4, 1.9) * 3.0;
                    let (_, gradient) = lossy(&criterion, targets, &logits);
                    let loss = |x: &Array2<f64>| lossy(&criterion, targets, x).0.mean;
                    agree(&gradient, &derivative(&mut logits, |x| x, loss));
                }
            }
        }
    }
}
