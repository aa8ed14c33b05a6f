//! What L-BFGS takes for the inverse of the Hessian before it has seen any of it.
//!
//! The Hessian of the loss is the sum over examples of a_i (diag(p_i) - p_i p_iᵀ) ⊗ x_i x_iᵀ. With
//! the mean curvature c in the place of each first factor it is c Xᵀ A X, whose eigenvectors do not
//! depend on c nor on `l2`. Along the leading ones, of variances λ_j, and with one variance for all
//! the rest, 1 / (c λ_j + `l2`) is near the inverse of the whole Hessian, for every `l2` of a path
//! and every fold: the condition number nearly drops out.

use ndarray::{Array2, ArrayView2, s};

use super::axes::Axes;
use crate::head::linalg;

/// Of the largest curvature, the share that stands in for none at all.
const FLOOR: f64 = 1e-12;

/// A symmetric positive operator on `[classes, width + 1]`, the same for each class.
pub(super) struct Preconditioner<'a> {
    /// Orthonormal axes, `[width, axes]`.
    vectors: ArrayView2<'a, f32>,
    /// What the factor along each of them is more than `outside`.
    inside: Vec<f32>,
    /// The factor of all that is orthogonal to them.
    outside: f64,
    /// The intercept's: its feature is always 1.
    bias: f64,
}

impl<'a> Preconditioner<'a> {
    /// For a mean curvature of the loss and a penalty.
    pub(super) fn new(axes: &'a Axes, curvature: f64, l2: f64) -> Self {
        let c = curvature.max(FLOOR);
        let largest = axes.variances.iter().fold(1.0, |m: f64, &v| m.max(v));
        let factor = |variance: f64| 1.0 / (c * variance + l2).max(c * largest * FLOOR);
        let outside = factor(axes.rest);
        let along = axes.variances.iter().map(|&v| factor(v) - outside);
        #[allow(clippy::cast_possible_truncation)] // a preconditioner need not be exact
        let inside = along.map(|x| x as f32).collect();
        Self {
            vectors: axes.vectors.view(),
            inside,
            outside,
            bias: 1.0 / c,
        }
    }

    /// M⁻¹ g = outside g + V (inside Vᵀ g), by class; the intercepts' part apart.
    pub(super) fn apply(&self, g: &Array2<f64>) -> Array2<f64> {
        let width = self.vectors.nrows();
        // Scaled to 1, so that the smallest gradients do not vanish in f32.
        let largest = g.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
        #[allow(clippy::cast_possible_truncation)] // a preconditioner need not be exact
        let small = g.slice(s![.., ..width]).mapv(|x| (x / largest) as f32);
        let mut along = linalg::times(small.view(), self.vectors);
        for mut row in along.outer_iter_mut() {
            let factors = row.iter_mut().zip(&self.inside);
            factors.for_each(|(x, factor)| *x *= factor);
        }
        let back = linalg::times_transposed(along.view(), self.vectors);
        let mut all = g * self.outside;
        all.slice_mut(s![.., ..width])
            .zip_mut_with(&back, |x, &y| *x += largest * f64::from(y));
        let mut of_bias = all.column_mut(width);
        of_bias.assign(&g.column(width));
        of_bias *= self.bias;
        all
    }
}
