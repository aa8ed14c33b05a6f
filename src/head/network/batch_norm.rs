//! Batch normalisation (Ioffe & Szegedy 2015), each feature over the rows of its batch.

use ndarray::Array2;
use rayon::prelude::*;

use super::pieces::{ROWS, column_sums};
use crate::head::real::Real;

/// Added to a variance before its root is taken; PyTorch's default. Part of the saved format.
pub(in crate::head) const EPSILON: f64 = 1e-5;

/// The weight of a new batch in the running mean and variance; PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Normalises by the batch in training (biased variance), by the running statistics afterwards
/// (which collect the unbiased variance, as in the paper's algorithm 2). All arrays are
/// `[1, width]`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::head) struct BatchNorm<F> {
    pub(in crate::head) affine: Affine<F>,
    pub(in crate::head) mean: Array2<F>,
    pub(in crate::head) variance: Array2<F>,
}

/// What is learned: y = scale * x̂ + shift. Its gradient has the same shape.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::head) struct Affine<F> {
    pub(in crate::head) scale: Array2<F>,
    pub(in crate::head) shift: Array2<F>,
}

/// What a batch's columns have in common, kept from step to step. All have the layer's width.
#[derive(Debug, Clone)]
pub(super) struct Columns<F> {
    mean: Vec<F>,
    variance: Vec<F>,
    /// 1 / sqrt(variance + epsilon).
    inverse_std: Vec<F>,
}

impl<F: Real> Columns<F> {
    pub(super) fn new(width: usize) -> Self {
        Self {
            mean: vec![F::zero(); width],
            variance: vec![F::zero(); width],
            inverse_std: vec![F::zero(); width],
        }
    }
}

impl<F: Real> Affine<F> {
    /// scale and shift as slices.
    pub(super) fn slices(&self) -> (&[F], &[F]) {
        (row(&self.scale), row(&self.shift))
    }
}

impl<F: Real> BatchNorm<F> {
    pub(in crate::head) fn new(width: usize) -> Self {
        Self {
            affine: Affine {
                scale: Array2::ones((1, width)),
                shift: Array2::zeros((1, width)),
            },
            mean: Array2::zeros((1, width)),
            variance: Array2::ones((1, width)),
        }
    }

    /// By the running statistics: `[n, width] -> [n, width]`.
    pub(in crate::head) fn forward(&self, mut x: Array2<F>) -> Array2<F> {
        x -= &self.mean;
        let inverse_std = self.variance.mapv(inverse_std);
        x *= &(inverse_std * &self.affine.scale);
        x += &self.affine.shift;
        x
    }

    /// By the batch's own statistics: X, `[n, width]` row after row, becomes x̂ where it stands, and
    /// the running statistics move. A batch of one row has a variance of 0 and leaves the running
    /// variance alone.
    pub(super) fn normalize(&mut self, x: &mut [F], columns: &mut Columns<F>) {
        let width = columns.mean.len().max(1);
        let (count, n) = (x.len(), x.len() / width);
        let share = F::one() / number(n.max(1));
        column_sums(width, &mut columns.mean, count, |at| x[at]);
        columns.mean.iter_mut().for_each(|sum| *sum *= share);
        let mean = &columns.mean;
        x.par_chunks_mut(ROWS * width).for_each(|rows| {
            for row in rows.chunks_mut(width) {
                row.iter_mut().zip(mean).for_each(|(x, &mean)| *x -= mean);
            }
        });
        column_sums(width, &mut columns.variance, count, |at| x[at] * x[at]);
        for (variance, std) in columns.variance.iter_mut().zip(&mut columns.inverse_std) {
            *variance *= share;
            *std = inverse_std(*variance);
        }
        self.observe(columns, n);
        let std = &columns.inverse_std;
        x.par_chunks_mut(ROWS * width).for_each(|rows| {
            for row in rows.chunks_mut(width) {
                row.iter_mut().zip(std).for_each(|(x, &std)| *x *= std);
            }
        });
    }

    fn observe(&mut self, columns: &Columns<F>, n: usize) {
        let (old, new) = (F::of(1.0 - MOMENTUM), F::of(MOMENTUM));
        for (running, &mean) in self.mean.iter_mut().zip(&columns.mean) {
            *running = old * *running + new * mean;
        }
        if n > 1 {
            let unbiased = number::<F>(n) / number(n - 1);
            for (running, &variance) in self.variance.iter_mut().zip(&columns.variance) {
                *running = old * *running + new * unbiased * variance;
            }
        }
    }

    /// The affine part's gradient into `gradient`; dY, `[n, width]` row after row, becomes dL/dX
    /// = scale * inverse_std * (dY - mean(dY) - x̂ * mean(dY * x̂)) where it stands, means over the
    /// batch.
    pub(super) fn backward(
        &self,
        dy: &mut [F],
        normalized: &[F],
        columns: &Columns<F>,
        gradient: &mut Affine<F>,
    ) {
        let width = columns.mean.len().max(1);
        let share = F::one() / number((dy.len() / width).max(1));
        let count = dy.len();
        let (scale, shift) = (row_mut(&mut gradient.scale), row_mut(&mut gradient.shift));
        column_sums(width, scale, count, |at| dy[at] * normalized[at]);
        column_sums(width, shift, count, |at| dy[at]);
        let factor: Vec<[F; 3]> = row(&self.affine.scale)
            .iter()
            .zip(&columns.inverse_std)
            .zip(scale.iter().zip(shift.iter()))
            .map(|((&a, &std), (&aligned, &sum))| [a * std, sum * share, aligned * share])
            .collect();
        dy.par_chunks_mut(ROWS * width)
            .zip(normalized.par_chunks(ROWS * width))
            .for_each(|(dy, x)| {
                for (dy, x) in dy.chunks_mut(width).zip(x.chunks(width)) {
                    for ((dy, &x), [factor, mean, aligned]) in dy.iter_mut().zip(x).zip(&factor) {
                        *dy = *factor * (*dy - *mean - x * *aligned);
                    }
                }
            });
    }
}

/// An array of one row.
fn row<F>(array: &Array2<F>) -> &[F] {
    array.as_slice().unwrap_or_default()
}

fn row_mut<F>(array: &mut Array2<F>) -> &mut [F] {
    array.as_slice_mut().unwrap_or_default()
}

#[allow(clippy::cast_precision_loss)] // batches are far below 2^24 rows
fn number<F: Real>(n: usize) -> F {
    F::of(n as f64)
}

fn inverse_std<F: Real>(variance: F) -> F {
    F::one() / (variance + F::of(EPSILON)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use ndarray::array;

    fn random_norm() -> BatchNorm<f64> {
        let mut norm = BatchNorm::new(3);
        norm.affine = Affine {
            scale: wave(1, 3, 0.4) + 1.0,
            shift: wave(1, 3, 0.7),
        };
        norm
    }

    /// scale * x̂ + shift, x̂ and the columns.
    fn trained(
        norm: &mut BatchNorm<f64>,
        x: &Array2<f64>,
    ) -> (Array2<f64>, Array2<f64>, Columns<f64>) {
        let mut columns = Columns::new(x.ncols());
        let mut normalized = x.clone();
        norm.normalize(normalized.as_slice_mut().unwrap(), &mut columns);
        let y = &normalized * &norm.affine.scale + &norm.affine.shift;
        (y, normalized, columns)
    }

    #[test]
    fn a_batch_by_hand() {
        let mut norm: BatchNorm<f64> = BatchNorm::new(1);
        let (y, ..) = trained(&mut norm, &array![[1.0], [2.0], [6.0]]);
        // Mean 3, biased variance 14/3, unbiased 7.
        let std = (14.0 / 3.0 + 1e-5_f64).sqrt();
        agree(&y, &array![[-2.0 / std], [-1.0 / std], [3.0 / std]]);
        agree(&norm.mean, &array![[0.3]]);
        agree(&norm.variance, &array![[0.9 + 0.7]]);
        let after = norm.forward(array![[0.3]]);
        agree(&after, &array![[0.0]]);
    }

    #[test]
    fn running_statistics_come_to_those_of_the_data() {
        let mut norm: BatchNorm<f64> = BatchNorm::new(1);
        for _ in 0..300 {
            trained(&mut norm, &array![[1.0], [2.0], [6.0]]);
        }
        agree(&norm.mean, &array![[3.0]]);
        agree(&norm.variance, &array![[7.0]]);
    }

    #[test]
    fn a_batch_of_one_is_finite() {
        let mut norm: BatchNorm<f64> = random_norm();
        let (y, normalized, columns) = trained(&mut norm, &array![[5.0, -1.0, 0.0]]);
        agree(&y, &norm.affine.shift);
        assert_eq!(norm.variance, Array2::<f64>::ones((1, 3)));
        let mut gradient = norm.affine.clone();
        let mut dx = [1.0, 2.0, 3.0];
        let x = normalized.as_slice().unwrap();
        norm.backward(&mut dx, x, &columns, &mut gradient);
        assert!(dx.iter().all(|d| d.is_finite()));
    }

    #[test]
    fn gradients_agree_with_differences() {
        let mut norm = random_norm();
        let mut x = wave(5, 3, 1.7);
        let dy = wave(5, 3, 0.6);
        let (_, normalized, columns) = trained(&mut norm, &x);
        let mut gradient = norm.affine.clone();
        let mut dx = dy.clone();
        norm.backward(
            dx.as_slice_mut().unwrap(),
            normalized.as_slice().unwrap(),
            &columns,
            &mut gradient,
        );

        let loss =
            |norm: &BatchNorm<f64>, x: &Array2<f64>| (trained(&mut norm.clone(), x).0 * &dy).sum();
        agree(&dx, &derivative(&mut x, |x| x, |x| loss(&norm, x)));
        let scale = derivative(&mut norm, |n| &mut n.affine.scale, |n| loss(n, &x));
        agree(&gradient.scale, &scale);
        let shift = derivative(&mut norm, |n| &mut n.affine.shift, |n| loss(n, &x));
        agree(&gradient.shift, &shift);
    }
}
