//! The linear layer: Y = X Wᵀ + b.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand_chacha::rand_core::Rng;

use super::pieces;
use crate::head::random::uniform;
use crate::head::real::Real;

/// Weight `[outputs, inputs]` (PyTorch's order) and bias `[1, outputs]`; no bias where a BatchNorm
/// follows, which would subtract it again (Ioffe & Szegedy 2015, section 3.2).
///
/// The gradient of a `Linear` has its shape, and so is held in one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::head) struct Linear<F> {
    pub(in crate::head) weight: Array2<F>,
    pub(in crate::head) bias: Option<Array2<F>>,
}

impl<F: Real> Linear<F> {
    pub(in crate::head) fn zeros(inputs: usize, outputs: usize, with_bias: bool) -> Self {
        Self {
            weight: Array2::zeros((outputs, inputs)),
            bias: with_bias.then(|| Array2::zeros((1, outputs))),
        }
    }

    /// Weights uniform with mean 0 and variance `gain / inputs`, biases 0.
    ///
    /// A gain of 2 keeps the variance of what passes through ReLUs (He et al. 2015, equation 10),
    /// a gain of 1 that of what passes through a linear layer (LeCun et al. 1998).
    pub(in crate::head) fn random(
        inputs: usize,
        outputs: usize,
        with_bias: bool,
        gain: f64,
        random: &mut impl Rng,
    ) -> Self {
        let mut layer = Self::zeros(inputs, outputs, with_bias);
        #[allow(clippy::cast_precision_loss)] // widths are far below 2^53
        let bound = (3.0 * gain / inputs.max(1) as f64).sqrt();
        layer
            .weight
            .mapv_inplace(|_| F::of(bound * (2.0 * f64::from(uniform(random)) - 1.0)));
        layer
    }

    pub(in crate::head) fn inputs(&self) -> usize {
        self.weight.ncols()
    }

    pub(in crate::head) fn outputs(&self) -> usize {
        self.weight.nrows()
    }

    /// `[n, inputs] -> [n, outputs]`.
    pub(in crate::head) fn forward(&self, x: ArrayView2<F>) -> Array2<F> {
        let mut y = Array2::zeros((x.nrows(), self.outputs()));
        self.product(x, y.view_mut());
        if let Some(bias) = &self.bias {
            y += bias;
        }
        y
    }

    /// X Wᵀ into `out`, `[n, outputs]`: without the bias.
    pub(super) fn product(&self, x: ArrayView2<F>, out: ArrayViewMut2<F>) {
        pieces::times_transposed(x, self.weight.view(), out);
    }

    /// dL/dW = dYᵀ X and dL/db = the sum of dY's rows, into `gradient`.
    pub(super) fn backward(&self, x: ArrayView2<F>, dy: ArrayView2<F>, gradient: &mut Self) {
        pieces::transposed_times(dy, x, &mut gradient.weight);
        if let Some(bias) = gradient.bias.as_mut().and_then(|bias| bias.as_slice_mut()) {
            bias.fill(F::zero());
            for row in dy.outer_iter() {
                bias.iter_mut().zip(row).for_each(|(sum, &dy)| *sum += dy);
            }
        }
    }

    /// dL/dX = dY W into `out`, `[n, inputs]`.
    pub(super) fn input_gradient(&self, dy: ArrayView2<F>, out: ArrayViewMut2<F>) {
        pieces::times(dy, self.weight.view(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use crate::head::random::stream;
    use ndarray::array;

    #[test]
    fn forward_by_hand() {
        let layer = Linear {
            weight: array![[1.0, 2.0], [0.0, -1.0], [0.5, 0.5]],
            bias: Some(array![[10.0, 20.0, 30.0]]),
        };
        assert_eq!(
            layer.forward(array![[3.0, 4.0]].view()),
            array![[21.0, 16.0, 33.5]]
        );
    }

    #[test]
    fn gradients_agree_with_differences() {
        let mut layer = Linear {
            weight: wave(3, 5, 0.3),
            bias: Some(wave(1, 3, 0.9)),
        };
        let mut x = wave(4, 5, 1.1);
        let dy = wave(4, 3, 2.3);
        let mut gradient = Linear::zeros(5, 3, true);
        layer.backward(x.view(), dy.view(), &mut gradient);
        let mut dx = Array2::zeros((4, 5));
        layer.input_gradient(dy.view(), dx.view_mut());

        // L = sum of Y * dY has the derivative dY.
        let loss = |layer: &Linear<f64>, x: &Array2<f64>| (layer.forward(x.view()) * &dy).sum();
        agree(
            &gradient.weight,
            &derivative(&mut layer, |l| &mut l.weight, |l| loss(l, &x)),
        );
        agree(
            gradient.bias.as_ref().unwrap(),
            &derivative(&mut layer, |l| l.bias.as_mut().unwrap(), |l| loss(l, &x)),
        );
        agree(&dx, &derivative(&mut x, |x| x, |x| loss(&layer, x)));
    }

    #[test]
    fn initial_weights_have_the_variance_asked_for() {
        let mut random = stream("test", 3, &[]);
        let layer: Linear<f64> = Linear::random(400, 300, true, 2.0, &mut random);
        let variance = layer.weight.mapv(|w| w * w).mean().unwrap();
        assert!((variance * 400.0 / 2.0 - 1.0).abs() < 0.02, "{variance}");
        assert!(layer.weight.mean().unwrap().abs() < 0.001);
        assert_eq!(layer.bias, Some(Array2::zeros((1, 300))));
    }
}
