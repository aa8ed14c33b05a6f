//! The features in the basis of their principal axes.
//!
//! The penalty does not change when features are rotated, and the minimum of f lies in the span
//! of the rows: so the problem can be solved in coordinates along the eigenvectors of Xᵀ X (X the
//! rows less their mean), of which there are no more than rows. There the preconditioner is
//! diagonal.
//!
//! With fewer rows than features the eigenvectors U of X Xᵀ are found instead, in `f64`: the
//! coordinates are Z = U √Λ, and the axes V = Xᵀ U / √Λ.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{MatRef, Side};
use ndarray::{Array2, ArrayView2, Axis, s};

use super::blocks::{Blocks, Centred};
use super::preconditioner::{Preconditioner, factors};
use crate::head::error::HeadError;
use crate::head::linalg;
use crate::head::rows::Rows;

/// Most axes that are looked for: their search takes some 5 n³ operations.
const MOST: usize = 4096;

/// Axes whose variance is below this share of the largest are lost in the rounding of X Xᵀ; rows
/// have no part along them that an `f32` would hold.
const NEGLIGIBLE: f64 = 1e-14;

/// Rows in the basis of their principal axes.
pub(super) struct Basis {
    /// The rows less their mean, along the axes: `[rows, rank]`.
    pub(super) rows: Array2<f32>,
    /// The axes, `[features, rank]`.
    pub(super) axes: Array2<f32>,
    /// The variance along each axis.
    pub(super) variances: Vec<f64>,
}

impl Basis {
    /// The basis, unless the rows do not lie in memory or it would take too long to find.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn of(rows: &dyn Rows, mean: &[f64]) -> Result<Option<Self>, HeadError> {
        let (count, width) = (rows.count(), rows.width());
        if rows.in_memory().is_none() || count.min(width) > MOST {
            return Ok(None);
        }
        let centred = Centred { rows, mean };
        if count < width {
            Self::of_few(&centred, count)
        } else {
            Self::of_many(&centred, count)
        }
    }

    /// Fewer rows than features: by X Xᵀ.
    fn of_few(centred: &Centred<'_>, count: usize) -> Result<Option<Self>, HeadError> {
        let mut x = Array2::<f64>::zeros((count, Blocks::<f64>::width(centred)));
        centred.each(&mut |start, block: ArrayView2<'_, f64>| {
            x.slice_mut(s![start..start + block.nrows(), ..])
                .assign(&block);
            Ok(())
        })?;
        let gram = linalg::times_transposed(x.view(), x.view());
        let Some((values, vectors)) = eigen(&gram) else {
            return Ok(None);
        };
        let least = values.iter().fold(0.0, |m: f64, &v| m.max(v)) * NEGLIGIBLE;
        let kept: Vec<usize> = (0..count).filter(|&i| values[i] > least).collect();
        let u = vectors.select(Axis(1), &kept);
        let roots: Vec<f64> = kept.iter().map(|&i| values[i].sqrt()).collect();
        let mut axes = Array2::zeros((x.ncols(), kept.len()));
        linalg::transposed_times_into(x.view(), u.view(), axes.view_mut());
        for mut row in axes.outer_iter_mut() {
            row.iter_mut().zip(&roots).for_each(|(x, root)| *x /= root);
        }
        let mut along = u;
        for mut row in along.outer_iter_mut() {
            row.iter_mut().zip(&roots).for_each(|(x, root)| *x *= root);
        }
        #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
        let variances = kept.iter().map(|&i| values[i] / count as f64).collect();
        Ok(Some(Self {
            rows: rounded(&along),
            axes: rounded(&axes),
            variances,
        }))
    }

    /// As many rows as features, or more: by Xᵀ X.
    fn of_many(centred: &Centred<'_>, count: usize) -> Result<Option<Self>, HeadError> {
        let width = Blocks::<f32>::width(centred);
        let mut covariance = Array2::<f64>::zeros((width, width));
        let mut product = Array2::zeros((width, width));
        centred.each(&mut |_, block: ArrayView2<'_, f32>| {
            linalg::transposed_times_into(block, block, product.view_mut());
            covariance.zip_mut_with(&product, |sum, &x| *sum += f64::from(x));
            Ok(())
        })?;
        #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
        covariance.mapv_inplace(|x| x / count as f64);
        let Some((values, vectors)) = eigen(&covariance) else {
            return Ok(None);
        };
        let axes = rounded(&vectors);
        let mut rows = Array2::zeros((count, width));
        centred.each(&mut |start, block: ArrayView2<'_, f32>| {
            let along = linalg::times(block, axes.view());
            rows.slice_mut(s![start..start + block.nrows(), ..])
                .assign(&along);
            Ok(())
        })?;
        let variances = values.into_iter().map(|v| v.max(0.0)).collect();
        Ok(Some(Self {
            rows,
            axes,
            variances,
        }))
    }

    /// The weights and intercepts of the features less their mean that give the same scores as
    /// these in the basis.
    pub(super) fn back(&self, point: &Array2<f64>) -> Array2<f64> {
        let rank = self.variances.len();
        let mut found = Array2::zeros((point.nrows(), self.axes.nrows() + 1));
        let axes = self.axes.mapv(f64::from);
        let weights = linalg::times_transposed(point.slice(s![.., ..rank]), axes.view());
        found.slice_mut(s![.., ..-1]).assign(&weights);
        found
            .column_mut(self.axes.nrows())
            .assign(&point.column(rank));
        found
    }

    /// The preconditioner in the basis.
    pub(super) fn inside<'p>(&self, curvature: f64, l2: f64) -> Preconditioner<'p> {
        diagonal(&self.variances, curvature, l2)
    }

    /// The preconditioner in the features' own coordinates.
    pub(super) fn outside(&self, curvature: f64, l2: f64) -> Preconditioner<'_> {
        let (along, outside, bias) = factors(&self.variances, curvature, l2);
        #[allow(clippy::cast_possible_truncation)] // a preconditioner need not be exact
        let inside = along
            .iter()
            .map(|factor| (factor - outside) as f32)
            .collect();
        Preconditioner::Rotated {
            vectors: self.axes.view(),
            inside,
            outside,
            bias,
        }
    }
}

/// The preconditioner that takes the features for uncorrelated, from their variances.
pub(super) fn diagonal<'p>(variances: &[f64], curvature: f64, l2: f64) -> Preconditioner<'p> {
    let (mut all, _, bias) = factors(variances, curvature, l2);
    all.push(bias);
    Preconditioner::Diagonal(all)
}

/// The variance of each feature.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn variances(rows: &dyn Rows, mean: &[f64]) -> Result<Vec<f64>, HeadError> {
    let mut sums = vec![0.0; mean.len()];
    let centred = Centred { rows, mean };
    centred.each(&mut |_, block: ArrayView2<'_, f64>| {
        for row in block.outer_iter() {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
        }
        Ok(())
    })?;
    #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
    let count = rows.count().max(1) as f64;
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

/// Eigenvalues, and the eigenvectors as columns; `None` where they are not found (a value that is
/// not finite).
fn eigen(symmetric: &Array2<f64>) -> Option<(Vec<f64>, Array2<f64>)> {
    let n = symmetric.nrows();
    let matrix = MatRef::from_row_major_slice(symmetric.as_slice()?, n, n);
    let found = SelfAdjointEigen::new(matrix, Side::Lower).ok()?;
    let (values, vectors) = (found.S(), found.U());
    let values: Vec<f64> = (0..n).map(|i| values[i]).collect();
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| vectors[(i, j)]);
    Some((values, vectors))
}

/// The nearest `f32`, row by row in memory: blocks of rows are then slices.
#[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
fn rounded(a: &Array2<f64>) -> Array2<f32> {
    a.as_standard_layout().mapv(|x| x as f32)
}
