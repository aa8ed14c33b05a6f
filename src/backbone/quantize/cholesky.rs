//! The Cholesky decomposition of large matrices.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

/// Columns that are worked on by hand; the rest is matrix products.
const BLOCK: usize = 96;
/// Columns of one of those products: wide enough for them, and nothing above the diagonal.
const STRIP: usize = 4 * BLOCK;

/// Turns the lower triangle of the symmetric `matrix` into `L` of `matrix = L Lᵀ`, block column by
/// block column (Golub & Van Loan, "Matrix Computations", 4.2.6). What stands above the diagonal
/// is neither read nor cleared. `false` where the matrix is not positive definite: it is spoilt.
pub(super) fn cholesky(matrix: &mut Array2<f64>) -> bool {
    let size = matrix.nrows().min(matrix.ncols());
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        if !small(matrix.slice_mut(s![start..end, start..end])) {
            return false;
        }
        let inverse = inverse(matrix.slice(s![start..end, start..end]));
        let below = matrix.slice(s![end..size, start..end]).dot(&inverse.t());
        for left in (end..size).step_by(STRIP) {
            let right = (left + STRIP).min(size);
            let rows = below.slice(s![left - end.., ..]);
            let columns = below.slice(s![left - end..right - end, ..]);
            let mut rest = matrix.slice_mut(s![left..size, left..right]);
            general_mat_mul(-1.0, &rows, &columns.t(), 1.0, &mut rest);
        }
        matrix.slice_mut(s![end..size, start..end]).assign(&below);
    }
    true
}

/// The decomposition of a small matrix.
fn small(mut matrix: ArrayViewMut2<f64>) -> bool {
    for column in 0..matrix.nrows() {
        for row in column..matrix.nrows() {
            let known: f64 = (0..column)
                .map(|k| matrix[[row, k]] * matrix[[column, k]])
                .sum();
            let left = matrix[[row, column]] - known;
            if row > column {
                matrix[[row, column]] = left / matrix[[column, column]];
            } else if left > 0.0 && left.is_finite() {
                matrix[[row, column]] = left.sqrt();
            } else {
                return false;
            }
        }
    }
    true
}

/// The inverse of a small lower triangle.
fn inverse(lower: ArrayView2<f64>) -> Array2<f64> {
    let size = lower.nrows();
    let mut inverse = Array2::<f64>::zeros((size, size));
    for column in 0..size {
        inverse[[column, column]] = 1.0 / lower[[column, column]];
        for row in column + 1..size {
            let sum: f64 = (column..row)
                .map(|k| lower[[row, k]] * inverse[[k, column]])
                .sum();
            inverse[[row, column]] = -sum / lower[[row, row]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::testing::values;

    /// A positive definite matrix.
    fn definite(size: usize) -> Array2<f64> {
        let values = values(size as u64, size * (size + 3));
        let wide = Array2::from_shape_vec((size, size + 3), values).unwrap();
        let wide = wide.mapv(f64::from);
        wide.dot(&wide.t())
    }

    #[test]
    fn the_product_is_the_matrix_again() {
        for size in [1, 2, 7, BLOCK, BLOCK + 1, 5 * BLOCK + 13] {
            let matrix = definite(size);
            let mut lower = matrix.clone();
            assert!(cholesky(&mut lower));
            for row in 0..size {
                lower.slice_mut(s![row, row + 1..]).fill(0.0);
            }
            let worst = (lower.dot(&lower.t()) - &matrix)
                .iter()
                .fold(0.0_f64, |worst, off| worst.max(off.abs()));
            assert!(worst < 1e-9 * size as f64, "{size}: {worst}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut matrix = definite(BLOCK + 5);
            matrix[[BLOCK + 2, BLOCK + 2]] = bad;
            assert!(!cholesky(&mut matrix), "{bad}");
        }
    }
}
