//! The two floating-point types a network can run in.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::NdFloat;

use super::linalg::panels::Lanes;

/// `f32` for training, `f64` for checking the same code against exact derivatives.
pub trait Real: NdFloat + Lanes {
    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// 2/√π times the integral of exp(-t²) from 0 to x.
    fn erf(self) -> Self;

    /// A B into `out`, in the place of what it held or added to it, on this thread.
    #[doc(hidden)]
    fn multiply(out: MatMut<Self>, how: Accum, a: MatRef<Self>, b: MatRef<Self>);
}

impl Real for f32 {
    #[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
    fn of(value: f64) -> Self {
        value as f32
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }

    fn multiply(out: MatMut<Self>, how: Accum, a: MatRef<Self>, b: MatRef<Self>) {
        matmul(out, how, a, b, 1.0, Par::Seq);
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }

    fn multiply(out: MatMut<Self>, how: Accum, a: MatRef<Self>, b: MatRef<Self>) {
        matmul(out, how, a, b, 1.0, Par::Seq);
    }
}
