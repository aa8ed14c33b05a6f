//! The matrix products of a network, in one place so that another library can take them over.
//!
//! All are deterministic: one thread, a fixed order of summation over the inner dimension, so a
//! row of a product does not depend on how many other rows there are.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::real::Real;

/// A Bᵀ: `[n, k] x [m, k] -> [n, m]`.
pub(super) fn times_transposed<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<F> {
    let mut out = Array2::zeros((a.nrows(), b.nrows()));
    times_transposed_into(a, b, out.view_mut());
    out
}

/// A Bᵀ into `out`: `[n, k] x [m, k] -> [n, m]`; what `out` held is overwritten.
pub(super) fn times_transposed_into<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    mut out: ArrayViewMut2<F>,
) {
    general_mat_mul(F::one(), &a, &b.t(), F::zero(), &mut out);
}

/// A B into `out`: `[n, k] x [k, m] -> [n, m]`; what `out` held is overwritten.
pub(super) fn times_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>) {
    general_mat_mul(F::one(), &a, &b, F::zero(), &mut out);
}

/// Aᵀ B into `out`: `[n, k] x [n, m] -> [k, m]`; what `out` held is overwritten.
pub(super) fn transposed_times_into<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    mut out: ArrayViewMut2<F>,
) {
    general_mat_mul(F::one(), &a.t(), &b, F::zero(), &mut out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn products_by_hand() {
        let a = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let b = array![[1.0, -1.0], [0.5, 2.0]];
        assert_eq!(
            times_transposed(a.view(), b.view()),
            array![[-1.0, 4.5], [-1.0, 9.5], [-1.0, 14.5]]
        );
        let mut out = Array2::from_elem((3, 2), f64::NAN);
        times_into(a.view(), b.view(), out.view_mut());
        assert_eq!(out, array![[2.0, 3.0], [5.0, 5.0], [8.0, 7.0]]);
        let mut out = array![[f64::NAN, 9.0], [9.0, 9.0]];
        transposed_times_into(a.view(), a.view(), out.view_mut());
        assert_eq!(out, array![[35.0, 44.0], [44.0, 56.0]]);
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it() {
        let a = Array2::from_shape_fn((37, 301), |(i, j)| ((i * 301 + j) as f32 * 0.37).sin());
        let b = Array2::from_shape_fn((53, 301), |(i, j)| ((i * 7 + j * 3) as f32 * 0.11).cos());
        let whole = times_transposed(a.view(), b.view());
        for (start, end) in [(0, 1), (1, 3), (5, 22), (36, 37)] {
            let part = times_transposed(a.slice(s![start..end, ..]), b.view());
            assert_eq!(part, whole.slice(s![start..end, ..]));
        }
    }
}
