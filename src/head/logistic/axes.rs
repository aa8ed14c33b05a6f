//! The directions in which the features vary most: what the preconditioner needs to know of them.
//!
//! Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.3: some random directions are multiplied
//! by the covariance Xᵀ X / n (X the n rows less their mean) and made orthogonal, twice; within
//! their span the eigenvectors are exact. Nothing that is computed with them depends on how near
//! they come to the features' own: they only save steps.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{MatRef, Side};
use ndarray::{Array2, ArrayView2, Axis};

use super::blocks::Blocks;
use crate::head::error::HeadError;
use crate::head::linalg;
use crate::head::random::{stream, uniform};

/// Directions that are looked for.
const MOST: usize = 64;

/// Products with the covariance. Each brings the directions nearer to the leading eigenvectors.
const ROUNDS: usize = 2;

/// Of the largest eigenvalue, the share below which a direction is nothing but rounding.
const NEGLIGIBLE: f64 = 1e-10;

/// Of the largest variance, the least that the rest is taken to have: what is less cannot be told
/// from the rounding of the directions.
const LEAST: f64 = 1e-5;

/// The leading directions, and the variances along them and along all others.
#[derive(Debug)]
pub(super) struct Axes {
    /// Orthonormal columns, `[width, axes]`.
    pub(super) vectors: Array2<f32>,
    /// The variance along each.
    pub(super) variances: Vec<f64>,
    /// The mean variance in what is orthogonal to them, as far as the rows go there; at least 10⁻⁵
    /// of the largest.
    pub(super) rest: f64,
}

impl Axes {
    /// Those of `count` rows whose mean is 0.
    ///
    /// # Errors
    /// Rows that cannot be read.
    #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
    pub(super) fn of(rows: &dyn Blocks<f32>, count: usize) -> Result<Self, HeadError> {
        let width = rows.width();
        let rank = count.min(width);
        let total = variance(rows, count)?;
        let mut random = stream("axes", 0, &[]);
        let mut axes =
            Array2::from_shape_fn((width, rank.min(MOST)), |_| uniform(&mut random) - 0.5);
        for _ in 0..ROUNDS {
            axes = orthonormal(&covariance_times(rows, &axes)?);
        }
        let (variances, vectors) = along(rows, count, &axes)?;
        let left = (total - variances.iter().sum::<f64>()).max(0.0);
        let mean = left / rank.saturating_sub(variances.len()).max(1) as f64;
        let largest = variances.iter().fold(0.0, |m: f64, &v| m.max(v));
        Ok(Self {
            rest: mean.max(largest * LEAST),
            vectors,
            variances,
        })
    }
}

/// The sum of the features' variances.
#[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
fn variance(rows: &dyn Blocks<f32>, count: usize) -> Result<f64, HeadError> {
    let mut sum = 0.0;
    rows.each(&mut |_, block| {
        let squares = block.iter().map(|&x| f64::from(x) * f64::from(x));
        sum += squares.sum::<f64>();
        Ok(())
    })?;
    Ok(sum / count.max(1) as f64)
}

/// Xᵀ X A: `[width, axes]`.
fn covariance_times(rows: &dyn Blocks<f32>, axes: &Array2<f32>) -> Result<Array2<f64>, HeadError> {
    let mut sum = Array2::<f64>::zeros(axes.dim());
    let mut product = Array2::<f32>::zeros(axes.dim());
    rows.each(&mut |_, block| {
        let along = linalg::times(block, axes.view());
        linalg::transposed_times_into(block, along.view(), product.view_mut());
        sum.zip_mut_with(&product, |sum, &x| *sum += f64::from(x));
        Ok(())
    })?;
    Ok(sum)
}

/// An orthonormal basis of the columns' span: Y U Λ^(-1/2), with Yᵀ Y = U Λ Uᵀ.
fn orthonormal(y: &Array2<f64>) -> Array2<f32> {
    let Some((values, vectors)) = eigen(&gram(y.view())) else {
        return Array2::zeros((y.nrows(), 0));
    };
    let least = values.iter().fold(0.0, |m: f64, &v| m.max(v)) * NEGLIGIBLE;
    let kept: Vec<usize> = (0..values.len()).filter(|&i| values[i] > least).collect();
    let mut scaled = vectors.select(Axis(1), &kept);
    for (mut column, &i) in scaled.axis_iter_mut(Axis(1)).zip(&kept) {
        column /= values[i].sqrt();
    }
    rounded(&linalg::times(y.view(), scaled.view()))
}

/// The eigenvalues and eigenvectors of the covariance within a span.
#[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
fn along(
    rows: &dyn Blocks<f32>,
    count: usize,
    axes: &Array2<f32>,
) -> Result<(Vec<f64>, Array2<f32>), HeadError> {
    let mut within = Array2::<f64>::zeros((axes.ncols(), axes.ncols()));
    rows.each(&mut |_, block| {
        let along = linalg::times(block, axes.view());
        within += &gram(along.mapv(f64::from).view());
        Ok(())
    })?;
    let Some((values, vectors)) = eigen(&within) else {
        return Ok((Vec::new(), Array2::zeros((axes.nrows(), 0))));
    };
    let variances = values.iter().map(|v| v.max(0.0) / count.max(1) as f64);
    let turned = linalg::times(axes.view(), rounded(&vectors).view());
    Ok((variances.collect(), turned))
}

fn gram(y: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut gram = Array2::zeros((y.ncols(), y.ncols()));
    linalg::transposed_times_into(y, y, gram.view_mut());
    gram
}

/// Eigenvalues, and the eigenvectors as columns; `None` where they are not found (a value that is
/// not finite, no value at all).
fn eigen(symmetric: &Array2<f64>) -> Option<(Vec<f64>, Array2<f64>)> {
    let n = symmetric.nrows();
    if n == 0 {
        return None;
    }
    let matrix = MatRef::from_row_major_slice(symmetric.as_slice()?, n, n);
    let found = SelfAdjointEigen::new(matrix, Side::Lower).ok()?;
    let (values, vectors) = (found.S(), found.U());
    let values: Vec<f64> = (0..n).map(|i| values[i]).collect();
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| vectors[(i, j)]);
    Some((values, vectors))
}

/// The nearest `f32`, row by row in memory.
#[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
fn rounded(a: &Array2<f64>) -> Array2<f32> {
    a.as_standard_layout().mapv(|x| x as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that vary by 9, 4 and 1 along three known directions, and not at all along others.
    #[test]
    fn the_variances_along_known_directions_are_found() {
        let turn = |(i, j): (usize, usize)| {
            let (i, j) = (i as f64, j as f64);
            ((i + 0.5) * j * std::f64::consts::PI / 20.0).cos()
        };
        // Columns of the discrete cosine transform: orthogonal, of squared length 10.
        let basis = Array2::from_shape_fn((20, 3), |(i, j)| turn((i, j + 1)) / 10_f64.sqrt());
        let signs = |(row, axis): (usize, usize)| {
            let sign = if row >> axis & 1 == 0 { 1.0 } else { -1.0 };
            sign * [3.0, 2.0, 1.0][axis]
        };
        let rows = Array2::from_shape_fn((8, 3), signs).dot(&basis.t());
        let found = Axes::of(&rounded(&rows), 8).unwrap();
        let mut variances = found.variances.clone();
        variances.reverse();
        for (found, expected) in variances.iter().zip([9.0, 4.0, 1.0]) {
            assert!((found - expected).abs() < 1e-4, "{variances:?}");
        }
        assert!(found.rest < 1e-4, "{found:?}");
        let product = found.vectors.t().dot(&found.vectors);
        let off = &product - &Array2::<f32>::eye(found.variances.len());
        assert!(off.iter().all(|x| x.abs() < 1e-5), "{product}");
    }

    #[test]
    fn rows_that_do_not_vary_have_no_axes() {
        let found = Axes::of(&Array2::<f32>::zeros((5, 4)), 5).unwrap();
        assert_eq!((found.variances.len(), found.rest), (0, 0.0));
    }
}
