//! How the work of a step is cut for several threads: into pieces that depend on shapes alone,
//! each computed by one thread in a fixed order. Whoever computes which piece, and when, the
//! result is the same, bit by bit.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use crate::head::linalg;
use crate::head::real::Real;

/// Rows of an elementwise pass that one thread takes at once.
pub(super) const ROWS: usize = 32;

/// Columns of a sum over rows that one thread takes at once: a few cache lines of each row.
const COLUMNS: usize = 64;

/// Multiplications that are worth another thread's while.
const WORTH: usize = 1 << 20;

/// Into how many pieces a large product is cut, at most: each packs its operands anew.
const PIECES: usize = 8;

/// The fewest rows or columns of a piece: below that, packing costs more than it gains.
const FEWEST: usize = 64;

/// Rows or columns of a product's pieces, along a side of `length`.
fn piece(length: usize, multiplications: usize) -> usize {
    if multiplications < WORTH {
        return length.max(1);
    }
    length.div_ceil(PIECES).next_multiple_of(16).max(FEWEST)
}

/// A Bᵀ into `out`: `[n, k] x [m, k] -> [n, m]`.
pub(super) fn times_transposed<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    mut out: ArrayViewMut2<F>,
) {
    let work = a.len().saturating_mul(b.nrows());
    let along = usize::from(b.nrows() > a.nrows());
    let size = piece(out.len_of(Axis(along)), work);
    each(&mut out, along, size, |part, out| match along {
        0 => linalg::times_transposed_into(a.slice(s![part, ..]), b, out),
        _ => linalg::times_transposed_into(a, b.slice(s![part, ..]), out),
    });
}

/// A B into `out`: `[n, k] x [k, m] -> [n, m]`.
pub(super) fn times<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>) {
    let work = a.len().saturating_mul(b.ncols());
    let along = usize::from(b.ncols() > a.nrows());
    let size = piece(out.len_of(Axis(along)), work);
    each(&mut out, along, size, |part, out| match along {
        0 => linalg::times_into(a.slice(s![part, ..]), b, out),
        _ => linalg::times_into(a, b.slice(s![.., part]), out),
    });
}

/// Aᵀ B into `out`: `[n, k] x [n, m] -> [k, m]`.
pub(super) fn transposed_times<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, out: &mut Array2<F>) {
    let work = a.len().saturating_mul(b.ncols());
    let along = usize::from(b.ncols() > a.ncols());
    let size = piece(out.len_of(Axis(along)), work);
    each(&mut out.view_mut(), along, size, |part, out| match along {
        0 => linalg::transposed_times_into(a.slice(s![.., part]), b, out),
        _ => linalg::transposed_times_into(a, b.slice(s![.., part]), out),
    });
}

/// Hands `work` the pieces of `out` along an axis, each with its range.
fn each<F: Real>(
    out: &mut ArrayViewMut2<F>,
    along: usize,
    size: usize,
    work: impl Fn(ndarray::Slice, ArrayViewMut2<F>) + Sync,
) {
    let length = out.len_of(Axis(along));
    let chunks = out.axis_chunks_iter_mut(Axis(along), size.max(1));
    let range = |number: usize| {
        let start = number * size.max(1);
        ndarray::Slice::from(start..length.min(start.saturating_add(size)))
    };
    if length <= size {
        for (number, chunk) in chunks.enumerate() {
            work(range(number), chunk);
        }
        return;
    }
    chunks
        .into_par_iter()
        .enumerate()
        .for_each(|(number, chunk)| work(range(number), chunk));
}

/// The first `n` rows of an array that lies in one piece.
pub(super) fn first_rows<F>(array: &Array2<F>, n: usize) -> &[F] {
    let length = n.saturating_mul(array.ncols());
    let all = array.as_slice().unwrap_or_default();
    all.get(..length).unwrap_or(all)
}

/// The first `n` rows of an array that lies in one piece.
pub(super) fn first_rows_mut<F>(array: &mut Array2<F>, n: usize) -> &mut [F] {
    let length = n.saturating_mul(array.ncols());
    let all = array.as_slice_mut().unwrap_or_default();
    let length = length.min(all.len());
    &mut all[..length]
}

/// For each column of `n` rows of `width`, the sum over the rows of what `term` says of the
/// elements at a place, into `sums`; rows are added one after another.
pub(super) fn column_sums<F: Real>(
    width: usize,
    sums: &mut [F],
    count: usize,
    term: impl Fn(usize) -> F + Sync,
) {
    let width = width.max(1);
    let rows = count / width;
    let one = |(number, sums): (usize, &mut [F])| {
        let start = number * COLUMNS;
        sums.fill(F::zero());
        for row in 0..rows {
            let at = row * width + start;
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum += term(at + column);
            }
        }
    };
    if count < WORTH >> 6 {
        sums.chunks_mut(COLUMNS).enumerate().for_each(one);
    } else {
        sums.par_chunks_mut(COLUMNS).enumerate().for_each(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, wave};

    /// Large enough to be cut, along either side.
    #[test]
    fn products_in_pieces_are_the_products() {
        for (n, m, k) in [(200, 130, 70), (70, 300, 90), (3, 2, 5)] {
            let (a, b) = (wave(n, k, 0.1), wave(m, k, 0.7));
            let mut out = Array2::from_elem((n, m), f64::NAN);
            times_transposed(a.view(), b.view(), out.view_mut());
            agree(&out, &a.dot(&b.t()));
            let b = b.t().to_owned();
            times(a.view(), b.view(), out.view_mut());
            agree(&out, &a.dot(&b));
            let a = a.t().to_owned();
            transposed_times(a.view(), b.view(), &mut out);
            agree(&out, &a.t().dot(&b));
        }
    }

    #[test]
    fn sums_go_down_the_columns() {
        let (rows, width) = (300, 70);
        let x = wave(rows, width, 0.4);
        let flat = x.as_slice().unwrap();
        let mut sums = vec![f64::NAN; width];
        column_sums(width, &mut sums, flat.len(), |at| flat[at] * 2.0);
        let expected = x.sum_axis(Axis(0)) * 2.0;
        for (sum, expected) in sums.iter().zip(&expected) {
            assert!((sum - expected).abs() < 1e-9);
        }
    }
}
