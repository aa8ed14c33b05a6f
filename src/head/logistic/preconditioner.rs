//! What L-BFGS takes for the inverse of the Hessian before it has seen any of it.
//!
//! The Hessian of the loss is the sum over examples of a_i (diag(p_i) - p_i p_iᵀ) ⊗ x_i x_iᵀ. With
//! the mean curvature c in the place of each first factor it is c Xᵀ A X, whose eigenvectors do not
//! depend on c nor on `l2`: so 1 / (c λ_j + `l2`) in that basis is near the inverse of the whole
//! Hessian, for every `l2` of a path and every fold, and the condition number nearly drops out.

use ndarray::{Array2, ArrayView2, s};

use crate::head::linalg;

/// A symmetric positive operator on `[classes, width + 1]`, the same for each class.
pub(super) enum Preconditioner<'a> {
    /// In coordinates along the eigenvectors: a factor for each, and for the intercept.
    Diagonal(Vec<f64>),
    /// In the features' own coordinates.
    Rotated {
        /// The eigenvectors, `[width, rank]`.
        vectors: ArrayView2<'a, f32>,
        /// What the factor along each of them is more than `outside`.
        inside: Vec<f32>,
        /// The factor of all that is orthogonal to them.
        outside: f64,
        /// The intercept's.
        bias: f64,
    },
}

/// 1 / (c λ + `l2`) for each eigenvalue λ, and 1 / c for the intercept, whose feature is always 1.
///
/// Without a penalty, directions of no variance have no curvature at all: there a floor, 10⁻¹² of
/// the largest, stands in for it.
pub(super) fn factors(values: &[f64], curvature: f64, l2: f64) -> (Vec<f64>, f64, f64) {
    let c = curvature.max(1e-12);
    let floor = c * values.iter().fold(1.0, |m: f64, &v| m.max(v)) * 1e-12;
    let along = values
        .iter()
        .map(|v| 1.0 / (c * v + l2).max(floor))
        .collect();
    (along, 1.0 / l2.max(floor), 1.0 / c)
}

impl Preconditioner<'_> {
    /// M⁻¹ g.
    pub(super) fn apply(&self, g: &Array2<f64>) -> Array2<f64> {
        match self {
            Self::Diagonal(factors) => {
                let mut scaled = g.clone();
                for mut row in scaled.outer_iter_mut() {
                    row.iter_mut()
                        .zip(factors)
                        .for_each(|(x, factor)| *x *= factor);
                }
                scaled
            }
            Self::Rotated {
                vectors,
                inside,
                outside,
                bias,
            } => {
                let width = vectors.nrows();
                // Scaled to 1, so that the smallest gradients do not vanish in f32.
                let largest = g.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
                #[allow(clippy::cast_possible_truncation)] // a preconditioner need not be exact
                let small = g.slice(s![.., ..width]).mapv(|x| (x / largest) as f32);
                let mut along = linalg::times(small.view(), *vectors);
                for mut row in along.outer_iter_mut() {
                    row.iter_mut()
                        .zip(inside)
                        .for_each(|(x, factor)| *x *= factor);
                }
                let back = linalg::times_transposed(along.view(), *vectors);
                let mut all = g * *outside;
                all.slice_mut(s![.., ..width])
                    .zip_mut_with(&back, |x, &y| *x += largest * f64::from(y));
                let mut of_bias = all.column_mut(width);
                of_bias.assign(&g.column(width));
                of_bias *= *bias;
                all
            }
        }
    }
}
