//! Batch normalisation (Ioffe & Szegedy 2015), each feature over the rows of its batch.

use ndarray::{Array2, ArrayView2, Axis};

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

/// What the backward pass needs of the forward pass.
#[derive(Debug)]
pub(super) struct Normalized<F> {
    /// x̂, `[n, width]`.
    x: Array2<F>,
    /// 1 / sqrt(variance + epsilon), `[1, width]`.
    inverse_std: Array2<F>,
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
        x *= &(inverse_std(&self.variance) * &self.affine.scale);
        x += &self.affine.shift;
        x
    }

    /// By the batch's own statistics, which also move the running ones. A batch of one row has a
    /// variance of 0 and leaves the running variance alone.
    pub(super) fn forward_training(&mut self, mut x: Array2<F>) -> (Array2<F>, Normalized<F>) {
        let n = x.nrows();
        let mean = column_mean(x.view());
        x -= &mean;
        let variance = column_mean((&x * &x).view());
        self.observe(&mean, &variance, n);
        let inverse_std = inverse_std(&variance);
        x *= &inverse_std;
        let y = &x * &self.affine.scale + &self.affine.shift;
        (y, Normalized { x, inverse_std })
    }

    fn observe(&mut self, mean: &Array2<F>, variance: &Array2<F>, n: usize) {
        let (old, new) = (F::of(1.0 - MOMENTUM), F::of(MOMENTUM));
        self.mean
            .zip_mut_with(mean, |running, &m| *running = old * *running + new * m);
        if n > 1 {
            let unbiased = count::<F>(n) / count(n - 1);
            self.variance.zip_mut_with(variance, |running, &v| {
                *running = old * *running + new * unbiased * v;
            });
        }
    }

    /// The affine part's gradient into `gradient`; returns dL/dX
    /// = scale * inverse_std * (dY - mean(dY) - x̂ * mean(dY * x̂)), means over the batch.
    pub(super) fn backward(
        &self,
        dy: Array2<F>,
        normalized: &Normalized<F>,
        gradient: &mut Affine<F>,
    ) -> Array2<F> {
        let aligned = &dy * &normalized.x;
        gradient.scale.assign(&aligned.sum_axis(Axis(0)));
        gradient.shift.assign(&dy.sum_axis(Axis(0)));
        let mut dx = dy;
        dx -= &column_mean(dx.view());
        dx -= &(&normalized.x * &column_mean(aligned.view()));
        dx *= &(&normalized.inverse_std * &self.affine.scale);
        dx
    }
}

#[allow(clippy::cast_precision_loss)] // batches are far below 2^24 rows
fn count<F: Real>(n: usize) -> F {
    F::of(n as f64)
}

fn column_mean<F: Real>(x: ArrayView2<F>) -> Array2<F> {
    let n = count(x.nrows().max(1));
    x.sum_axis(Axis(0))
        .mapv_into(|sum: F| sum / n)
        .insert_axis(Axis(0))
}

fn inverse_std<F: Real>(variance: &Array2<F>) -> Array2<F> {
    variance.mapv(|v| F::one() / (v + F::of(EPSILON)).sqrt())
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

    #[test]
    fn a_batch_by_hand() {
        let mut norm: BatchNorm<f64> = BatchNorm::new(1);
        let (y, _) = norm.forward_training(array![[1.0], [2.0], [6.0]]);
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
            norm.forward_training(array![[1.0], [2.0], [6.0]]);
        }
        agree(&norm.mean, &array![[3.0]]);
        agree(&norm.variance, &array![[7.0]]);
    }

    #[test]
    fn a_batch_of_one_is_finite() {
        let mut norm: BatchNorm<f64> = random_norm();
        let (y, trace) = norm.forward_training(array![[5.0, -1.0, 0.0]]);
        agree(&y, &norm.affine.shift);
        assert_eq!(norm.variance, Array2::<f64>::ones((1, 3)));
        let mut gradient = norm.affine.clone();
        let dx = norm.backward(array![[1.0, 2.0, 3.0]], &trace, &mut gradient);
        assert!(dx.iter().all(|d| d.is_finite()));
    }

    #[test]
    fn gradients_agree_with_differences() {
        let mut norm = random_norm();
        let mut x = wave(5, 3, 1.7);
        let dy = wave(5, 3, 0.6);
        let (_, trace) = norm.forward_training(x.clone());
        let mut gradient = norm.affine.clone();
        let dx = norm.backward(dy.clone(), &trace, &mut gradient);

        let loss = |norm: &BatchNorm<f64>, x: &Array2<f64>| {
            (norm.clone().forward_training(x.clone()).0 * &dy).sum()
        };
        agree(&dx, &derivative(&mut x, |x| x, |x| loss(&norm, x)));
        let scale = derivative(&mut norm, |n| &mut n.affine.scale, |n| loss(n, &x));
        agree(&gradient.scale, &scale);
        let shift = derivative(&mut norm, |n| &mut n.affine.shift, |n| loss(n, &x));
        agree(&gradient.shift, &shift);
    }
}
