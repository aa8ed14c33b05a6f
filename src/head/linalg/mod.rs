//! The matrix products of a head, in one place: faer's kernels, and [ours](panels) for the products
//! that they are slow at, on the threads of rayon's pool.
//!
//! All are deterministic. The sums over the inner dimension are cut into blocks whose ends depend
//! on its length alone; within a block one term is added after the other. Threads
//! share out the elements of a result, never the terms of one. So the bits depend neither on the
//! number of threads nor, in a product whose rows are rows of `a`, on how many other rows there
//! are. Both kernels add up in this way and give the same bits, which is asked (`alike`) before one
//! stands for the other. (Another processor may have other vector instructions, and round
//! differently.)
//!
//! The number of threads is that of the rayon pool in which a product is called: by default the
//! processors that the process may use, or `RAYON_NUM_THREADS`.

mod lines;
#[doc(hidden)]
pub mod panels;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::real::Real;

/// Fewest terms of a sum for which copying both factors is worth it; where faer reads neither
/// factor down its columns, fewest rows and columns of the result, too.
const WORTH_COPYING: usize = 128;

/// Longest run of terms that are added up before they join the sum: a panel of so many fills half
/// of the first-level cache.
const DEPTH: usize = 256;

/// Multiply-adds that are worth another thread: some ten microseconds.
const WORTH_A_THREAD: usize = 1 << 20;

/// Fewest rows or columns of a result that a thread computes.
const NARROWEST: usize = 64;

/// Up to so many multiply-adds, and for vectors, faer takes ways that add up in another order;
/// products of rows are padded beyond them.
const SMALL: usize = 16 * 16 * 16;

/// A Bᵀ: `[n, k] x [m, k] -> [n, m]`.
///
/// # Panics
/// Inner dimensions that differ, as those of every product of arrays.
pub fn times_transposed<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<F> {
    let mut out = Array2::zeros((a.nrows(), b.nrows()));
    times_transposed_into(a, b, out.view_mut());
    out
}

/// A Bᵀ into `out`: `[n, k] x [m, k] -> [n, m]`; what `out` held is overwritten.
///
/// # Panics
/// Inner dimensions that differ, an `out` of other dimensions.
pub fn times_transposed_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, out: ArrayViewMut2<F>) {
    rows_times_into(a, b.reversed_axes(), out);
}

/// A B: `[n, k] x [k, m] -> [n, m]`.
///
/// # Panics
/// Inner dimensions that differ.
pub fn times<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<F> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    times_into(a, b, out.view_mut());
    out
}

/// A B into `out`: `[n, k] x [k, m] -> [n, m]`; what `out` held is overwritten.
///
/// # Panics
/// Inner dimensions that differ, an `out` of other dimensions.
pub fn times_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, out: ArrayViewMut2<F>) {
    rows_times_into(a, b, out);
}

/// Aᵀ B into `out`: `[n, k] x [n, m] -> [k, m]`; what `out` held is overwritten.
///
/// # Panics
/// Numbers of rows that differ, an `out` of other dimensions.
pub fn transposed_times_into<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    mut out: ArrayViewMut2<F>,
) {
    assert_eq!(a.nrows(), b.nrows(), "rows of both");
    assert_eq!(
        out.dim(),
        (a.ncols(), b.ncols()),
        "dimensions of the product"
    );
    let threads = rayon::current_num_threads();
    if a.nrows() < WORTH_COPYING || !panels::transposed_times(a, b, &mut out, threads) {
        product(a.reversed_axes(), b, out, threads);
    }
}

/// A B into `out`, each of whose rows depends on that row of A and on B alone.
fn rows_times_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>) {
    let ((n, k), m) = (a.dim(), b.ncols());
    let threads = rayon::current_num_threads();
    if n == 0 || k == 0 || m == 0 {
        return product(a, b, out, threads);
    }
    if n.min(k).min(m) >= WORTH_COPYING
        && alike::<F>()
        && panels::transposed_times(a.reversed_axes(), b, &mut out, threads)
    {
        return;
    }
    let columns = m.max(2);
    let shallowest = k / k.div_ceil(DEPTH);
    let rows = n.max(2).max(SMALL / (columns * shallowest) + 1);
    if (rows, columns) == (n, m) {
        // Of the two factors, the shorter is the one to copy.
        let by_columns = b.t().is_standard_layout();
        return match by_columns && n < m.min(WORTH_COPYING) && alike::<F>() {
            true => turned(a, b, out, threads),
            false => product(a, b, out, threads),
        };
    }
    let (a, b) = (padded(a, (rows, k)), padded(b, (k, columns)));
    let mut larger = Array2::zeros((rows, columns));
    product(a.view(), b.view(), larger.view_mut(), threads);
    out.assign(&larger.slice(s![..n, ..m]));
}

/// The same matrix with zeros below and to the right of it.
fn padded<F: Real>(a: ArrayView2<F>, dim: (usize, usize)) -> Array2<F> {
    let mut larger = Array2::zeros(dim);
    larger.slice_mut(s![..a.nrows(), ..a.ncols()]).assign(&a);
    larger
}

/// Whether panels, faer, and faer the other way round give the same bits on this machine, so that
/// it does not matter which way a product goes; asked once, by products of all three.
fn alike<F: Real>() -> bool {
    let values = |rows, columns, step: f64| {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            F::of(((i * columns + j) as f64 * step).sin())
        })
    };
    // On this thread: one that waits for others may be given work that asks, too, and wait for
    // itself.
    let same = |a: ArrayView2<F>, b: ArrayView2<F>| {
        let mut outs = [F::zero(), F::one(), F::one()]
            .map(|other| Array2::from_elem((a.nrows(), b.ncols()), other));
        let [plain, other_way, by_panels] = &mut outs;
        product(a, b, plain.view_mut(), 1);
        turned(a, b, other_way.view_mut(), 1);
        panels::transposed_times(a.reversed_axes(), b, &mut by_panels.view_mut(), 1)
            && outs[0] == outs[1]
            && outs[0] == outs[2]
    };
    *F::alike().get_or_init(|| {
        let (n, k, m) = (WORTH_COPYING + 9, DEPTH + 77, WORTH_COPYING + 5);
        let (a, b) = (values(n, k, 0.37), values(m, k, 0.53));
        same(a.view(), values(k, m, 0.61).view())
            && same(a.view(), b.t())
            && same(a.slice(s![..30, ..]), b.t())
    })
}

/// A B into `out`, by faer as Bᵀ Aᵀ: what it copies is A then, and not B.
fn turned<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>, threads: usize) {
    let mut turned = Array2::zeros((b.ncols(), a.nrows()));
    product(
        b.reversed_axes(),
        a.reversed_axes(),
        turned.view_mut(),
        threads,
    );
    out.assign(&turned.t());
}

/// A B into `out`, by faer.
fn product<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>, threads: usize) {
    let (rows, columns) = (a.nrows(), b.ncols());
    assert_eq!(a.ncols(), b.nrows(), "inner dimensions");
    assert_eq!(out.dim(), (rows, columns), "dimensions of the product");
    let Some(values) = out.as_slice_mut() else {
        let mut whole = Array2::zeros((rows, columns));
        product(a, b, whole.view_mut(), threads);
        return out.assign(&whole);
    };
    let (a, b) = (Values::of(a), Values::of(b));
    let to = MatMut::from_row_major_slice_mut(values, rows, columns);
    shared_out(to, a.matrix(), b.matrix(), threads);
}

/// The values of an array in one slice, row by row or column by column; copied where they lie
/// otherwise.
struct Values<'a, F: Clone> {
    dim: (usize, usize),
    by_rows: bool,
    values: Cow<'a, [F]>,
}

impl<'a, F: Real> Values<'a, F> {
    fn of(array: ArrayView2<'a, F>) -> Self {
        let dim = array.dim();
        let (by_rows, values) = match (array.to_slice(), array.reversed_axes().to_slice()) {
            (Some(values), _) => (true, Cow::Borrowed(values)),
            (None, Some(values)) => (false, Cow::Borrowed(values)),
            (None, None) => (true, Cow::Owned(array.iter().copied().collect())),
        };
        Self {
            dim,
            by_rows,
            values,
        }
    }

    fn matrix(&self) -> MatRef<'_, F> {
        let (rows, columns) = self.dim;
        match self.by_rows {
            true => MatRef::from_row_major_slice(&self.values, rows, columns),
            false => MatRef::from_column_major_slice(&self.values, rows, columns),
        }
    }
}

/// Halves the result along its longer side until each thread has a part.
fn shared_out<F: Real>(out: MatMut<F>, a: MatRef<F>, b: MatRef<F>, threads: usize) {
    let (rows, columns) = (out.nrows(), out.ncols());
    let Some(at) = halving(rows, columns, a.ncols(), threads) else {
        return alone(out, a, b);
    };
    let (left, right) = (threads / 2, threads - threads / 2);
    if rows >= columns {
        let ((out_1, out_2), (a_1, a_2)) = (out.split_at_row_mut(at), a.split_at_row(at));
        rayon::join(
            || shared_out(out_1, a_1, b, left),
            || shared_out(out_2, a_2, b, right),
        );
    } else {
        let ((out_1, out_2), (b_1, b_2)) = (out.split_at_col_mut(at), b.split_at_col(at));
        rayon::join(
            || shared_out(out_1, a, b_1, left),
            || shared_out(out_2, a, b_2, right),
        );
    }
}

/// Where the longer side of a result is cut in two for so many threads, if that is worth it.
fn halving(rows: usize, columns: usize, inner: usize, threads: usize) -> Option<usize> {
    let longer = rows.max(columns);
    let work = rows.saturating_mul(columns).saturating_mul(inner);
    if threads < 2 || work < WORTH_A_THREAD || longer < 2 * NARROWEST || rows.min(columns) < 2 {
        return None;
    }
    Some((longer * (threads / 2) / threads).next_multiple_of(NARROWEST))
}

/// A B into `out` on this thread, block by block of the inner dimension.
fn alone<F: Real>(mut out: MatMut<F>, a: MatRef<F>, b: MatRef<F>) {
    let mut how = Accum::Replace;
    for (start, depth) in depths(a.ncols()) {
        let (a, b) = (a.subcols(start, depth), b.subrows(start, depth));
        F::multiply(out.rb_mut(), how, a, b);
        how = Accum::Add;
    }
    if matches!(how, Accum::Replace) {
        out.fill(F::zero());
    }
}

/// Start and length of each block of an inner dimension: as few as [`DEPTH`] allows, and as even
/// as can be, so that none is so short that it would be added up otherwise.
fn depths(inner: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = inner.div_ceil(DEPTH);
    (0..blocks).map(move |block| {
        let (start, end) = (inner * block / blocks, inner * (block + 1) / blocks);
        (start, end - start)
    })
}
