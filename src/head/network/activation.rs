//! Nonlinearities and their derivatives.

use ndarray::Array2;

use crate::head::config::Activation;
use crate::head::real::Real;

impl Activation {
    /// f(x), element by element.
    pub(in crate::head) fn apply<F: Real>(self, mut x: Array2<F>) -> Array2<F> {
        x.mapv_inplace(|x| self.value(x));
        x
    }

    /// `dy` times f'(x), in place; `x` is what went into the nonlinearity.
    pub(in crate::head) fn backward<F: Real>(self, x: &Array2<F>, dy: &mut Array2<F>) {
        dy.zip_mut_with(x, |dy, &x| *dy = self.chain(x, *dy));
    }

    /// [`Activation::apply`] where it stands.
    pub(super) fn apply_to<F: Real>(self, x: &mut [F]) {
        x.iter_mut().for_each(|x| *x = self.value(*x));
    }

    /// [`Activation::backward`] of slices.
    pub(super) fn backward_to<F: Real>(self, x: &[F], dy: &mut [F]) {
        let both = dy.iter_mut().zip(x);
        both.for_each(|(dy, &x)| *dy = self.chain(x, *dy));
    }

    /// f(x).
    #[inline]
    fn value<F: Real>(self, x: F) -> F {
        match self {
            Self::Relu => relu(x),
            Self::Gelu => gelu(x),
            Self::Tanh => x.tanh(),
        }
    }

    /// dy f'(x).
    #[inline]
    fn chain<F: Real>(self, x: F, dy: F) -> F {
        match self {
            Self::Relu if x <= F::zero() => F::zero(),
            Self::Relu => dy,
            Self::Gelu => dy * gelu_slope(x),
            Self::Tanh => {
                let y = x.tanh();
                dy * (F::one() - y * y)
            }
        }
    }

    /// The variance that weights before this nonlinearity need times their inputs, to keep the
    /// variance of what passes through: 2 where half of it is cut off (He et al. 2015; PyTorch's
    /// users take the same for GELU), (5/3)² for tanh (PyTorch's `calculate_gain`).
    pub(super) fn gain(self) -> f64 {
        match self {
            Self::Relu | Self::Gelu => 2.0,
            Self::Tanh => 25.0 / 9.0,
        }
    }
}

/// max(0, x); what is not a number stays so.
fn relu<F: Real>(x: F) -> F {
    if x < F::zero() { F::zero() } else { x }
}

/// x Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2.
fn gelu<F: Real>(x: F) -> F {
    x * normal_distribution(x)
}

/// Φ(x) + x φ(x), with φ(x) = exp(-x² / 2) / √(2π).
fn gelu_slope<F: Real>(x: F) -> F {
    let half = F::of(0.5);
    let density = (-half * x * x).exp() * F::of(1.0 / (2.0 * std::f64::consts::PI).sqrt());
    normal_distribution(x) + x * density
}

fn normal_distribution<F: Real>(x: F) -> F {
    let half = F::of(0.5);
    half * (F::one() + (x * F::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use ndarray::array;

    const ALL: [Activation; 3] = [Activation::Relu, Activation::Gelu, Activation::Tanh];

    /// Golden values: torch 2.15.0, `relu`, `nn.functional.gelu` and `tanh` in float64.
    #[test]
    fn values() {
        let x = array![[-2.0, 0.0, 0.5, 3.0]];
        let expected = [
            array![[0.0, 0.0, 0.5, 3.0]],
            array![[
                -0.045_500_263_896_358_42,
                0.0,
                0.3457312306370065,
                2.995_950_305_905_11
            ]],
            array![[
                -0.9640275800758169,
                0.0,
                0.46211715726000973,
                0.9950547536867305
            ]],
        ];
        for (activation, expected) in ALL.into_iter().zip(&expected) {
            agree(&activation.apply(x.clone()), expected);
        }
    }

    /// A network gone wrong must not look sane again behind a nonlinearity.
    #[test]
    fn what_is_not_a_number_stays_so() {
        for activation in ALL {
            assert!(activation.apply(array![[f64::NAN]])[[0, 0]].is_nan());
        }
        let mut dy = [1.0];
        Activation::Relu.backward_to(&[f64::NAN], &mut dy);
        assert_eq!(dy, [1.0]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for activation in ALL {
            let mut x = wave(3, 4, 1.3) * 2.0;
            let dy = wave(3, 4, 0.2);
            let mut dx = dy.clone();
            activation.backward(&x, &mut dx);
            let loss = |x: &Array2<f64>| (activation.apply(x.clone()) * &dy).sum();
            agree(&dx, &derivative(&mut x, |x| x, loss));
        }
    }
}
