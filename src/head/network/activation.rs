//! Nonlinearities and their derivatives.

use ndarray::Array2;

use crate::head::config::Activation;
use crate::head::real::Real;

impl Activation {
    /// f(x), element by element.
    pub(in crate::head) fn apply<F: Real>(self, mut x: Array2<F>) -> Array2<F> {
        match self {
            Self::Relu => x.mapv_inplace(|x| if x < F::zero() { F::zero() } else { x }),
        }
        x
    }

    /// `dy` times f'(x), in place; `x` is what went into the nonlinearity.
    pub(in crate::head) fn backward<F: Real>(self, x: &Array2<F>, dy: &mut Array2<F>) {
        match self {
            Self::Relu => dy.zip_mut_with(x, |dy, &x| {
                if x <= F::zero() {
                    *dy = F::zero();
                }
            }),
        }
    }

    /// The variance that weights before this nonlinearity need times their inputs, to keep the
    /// variance of what passes through (He et al. 2015).
    pub(super) fn gain(self) -> f64 {
        match self {
            Self::Relu => 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use ndarray::array;

    #[test]
    fn relu_by_hand() {
        assert_eq!(
            Activation::Relu.apply(array![[-2.0, 0.0, 3.0]]),
            array![[0.0, 0.0, 3.0]]
        );
    }

    /// A network gone wrong must not look sane again behind a ReLU.
    #[test]
    fn what_is_not_a_number_stays_so() {
        assert!(Activation::Relu.apply(array![[f32::NAN]])[[0, 0]].is_nan());
        let mut dy = array![[1.0]];
        Activation::Relu.backward(&array![[f32::NAN]], &mut dy);
        assert_eq!(dy, array![[1.0]]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let mut x = wave(3, 4, 1.3);
        let dy = wave(3, 4, 0.2);
        let mut dx = dy.clone();
        Activation::Relu.backward(&x, &mut dx);
        let loss = |x: &Array2<f64>| (Activation::Relu.apply(x.clone()) * &dy).sum();
        agree(&dx, &derivative(&mut x, |x| x, loss));
    }
}
