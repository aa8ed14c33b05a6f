//! The matrix products of a head, in one place: faer's kernels on the threads of rayon's pool.
//!
//! All are deterministic. The sums over the inner dimension are cut into blocks whose ends depend
//! on its length alone; within a block one term is added after the other. Threads
//! share out the elements of a result, never the terms of one. So the bits depend neither on the
//! number of threads nor, in a product whose rows are rows of `a`, on how many other rows there
//! are. (Another processor may have other vector instructions, and round differently.)
//!
//! The number of threads is that of the rayon pool in which a product is called: by default the
//! processors that the process may use, or `RAYON_NUM_THREADS`.

use std::borrow::Cow;

use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use super::real::Real;

/// Longest run of terms that are added up before they join the sum.
const DEPTH: usize = 512;

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
pub fn transposed_times_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, out: ArrayViewMut2<F>) {
    product(a.reversed_axes(), b, out);
}

/// A B into `out`, each of whose rows depends on that row of A and on B alone.
fn rows_times_into<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>) {
    let ((n, k), m) = (a.dim(), b.ncols());
    if n == 0 || k == 0 || m == 0 {
        return product(a, b, out);
    }
    let columns = m.max(2);
    let shallowest = k / k.div_ceil(DEPTH);
    let rows = n.max(2).max(SMALL / (columns * shallowest) + 1);
    if (rows, columns) == (n, m) {
        return product(a, b, out);
    }
    let (a, b) = (padded(a, (rows, k)), padded(b, (k, columns)));
    let mut larger = Array2::zeros((rows, columns));
    product(a.view(), b.view(), larger.view_mut());
    out.assign(&larger.slice(s![..n, ..m]));
}

/// The same matrix with zeros below and to the right of it.
fn padded<F: Real>(a: ArrayView2<F>, dim: (usize, usize)) -> Array2<F> {
    let mut larger = Array2::zeros(dim);
    larger.slice_mut(s![..a.nrows(), ..a.ncols()]).assign(&a);
    larger
}

/// A B into `out`, on all threads of the pool.
fn product<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, mut out: ArrayViewMut2<F>) {
    let (rows, columns) = (a.nrows(), b.ncols());
    assert_eq!(a.ncols(), b.nrows(), "inner dimensions");
    assert_eq!(out.dim(), (rows, columns), "dimensions of the product");
    let Some(values) = out.as_slice_mut() else {
        let mut whole = Array2::zeros((rows, columns));
        product(a, b, whole.view_mut());
        return out.assign(&whole);
    };
    let (a, b) = (Values::of(a), Values::of(b));
    let to = MatMut::from_row_major_slice_mut(values, rows, columns);
    shared_out(to, a.matrix(), b.matrix(), rayon::current_num_threads());
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
    let (rows, columns, inner) = (out.nrows(), out.ncols(), a.ncols());
    let longer = rows.max(columns);
    let work = rows.saturating_mul(columns).saturating_mul(inner);
    if threads < 2 || work < WORTH_A_THREAD || longer < 2 * NARROWEST || rows.min(columns) < 2 {
        return alone(out, a, b);
    }
    let left = threads / 2;
    let at = (longer * left / threads).next_multiple_of(NARROWEST);
    let right = threads - left;
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn products_by_hand() {
        let a = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let b = array![[1.0, -1.0], [0.5, 2.0]];
        assert_eq!(
            times_transposed(a.view(), b.view()),
            array![[-1.0, 4.5], [-1.0, 9.5], [-1.0, 14.5]]
        );
        assert_eq!(
            times(a.view(), b.view()),
            array![[2.0, 3.0], [5.0, 5.0], [8.0, 7.0]]
        );
        let mut out = array![[f64::NAN, 9.0], [9.0, 9.0]];
        transposed_times_into(a.view(), a.view(), out.view_mut());
        assert_eq!(out, array![[35.0, 44.0], [44.0, 56.0]]);
    }

    #[test]
    fn products_of_nothing_are_nothing() {
        let a = Array2::<f32>::zeros((3, 0));
        let nothing = Array2::<f32>::zeros((3, 3));
        assert_eq!(times_transposed(a.view(), a.view()), nothing);
        let mut out = array![[f32::NAN]];
        let b = Array2::zeros((0, 1));
        transposed_times_into(b.view(), b.view(), out.view_mut());
        assert_eq!(out, array![[0.0]]);
    }

    fn wave<F: Real>(rows: usize, columns: usize, phase: f64) -> Array2<F> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            F::of(((i * columns + j) as f64 * 0.37 + phase).sin())
        })
    }

    /// The product by its definition, in f64.
    fn plainly<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<f64> {
        let value = |x: F| x.to_f64().unwrap();
        Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| {
            let terms = a.row(i).into_iter().zip(b.column(j));
            terms.map(|(&x, &y)| value(x) * value(y)).sum()
        })
    }

    fn agrees<F: Real>(found: &Array2<F>, expected: &Array2<f64>, tolerance: f64) {
        assert_eq!(found.dim(), expected.dim());
        for (found, expected) in found.iter().zip(expected) {
            let off = (found.to_f64().unwrap() - expected).abs();
            assert!(off <= tolerance, "{found} is not {expected}");
        }
    }

    fn pool(threads: usize) -> rayon::ThreadPool {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().unwrap()
    }

    /// All three products with 1, 2 and 3 threads: the same bits, and right.
    fn every_product<F: Real>(n: usize, k: usize, m: usize, tolerance: f64) {
        let (a, b, c) = (wave::<F>(n, k, 0.3), wave(m, k, 1.2), wave(n, m, 2.1));
        let all = || {
            let mut out = Array2::zeros((m, k));
            transposed_times_into(c.view(), a.view(), out.view_mut());
            let by_rows = times_transposed(a.view(), b.view());
            [by_rows, times(c.view(), b.view()), out]
        };
        let found = pool(1).install(all);
        for threads in [2, 3] {
            assert_eq!(pool(threads).install(all), found, "{threads} threads");
        }
        agrees(&found[0], &plainly(a.view(), b.t()), tolerance * k as f64);
        agrees(
            &found[1],
            &plainly(c.view(), b.view()),
            tolerance * m as f64,
        );
        agrees(&found[2], &plainly(c.t(), a.view()), tolerance * n as f64);
    }

    #[test]
    fn products_are_right_and_the_same_on_any_number_of_threads() {
        for (n, k, m) in [(1, 1, 1), (256, 300, 64), (33, 1030, 257), (700, 513, 10)] {
            every_product::<f32>(n, k, m, 1e-6);
            every_product::<f64>(n, k, m, 2e-15);
        }
    }

    /// Rows `start..end` alone and in company.
    fn rows_stand_alone<F: Real>(n: usize, k: usize, m: usize, start: usize, end: usize) {
        let (a, b) = (wave::<F>(n, k, 0.7), wave::<F>(m, k, 0.2));
        let some = s![start..end, ..];
        let whole = times_transposed(a.view(), b.view());
        assert_eq!(
            times_transposed(a.slice(some), b.view()),
            whole.slice(some),
            "rows {start}..{end} of [{n}, {k}] x [{m}, {k}]"
        );
        assert_eq!(times(a.slice(some), b.t()), whole.slice(some));
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it() {
        for (start, end) in [(0, 1), (1, 3), (5, 22), (36, 37)] {
            rows_stand_alone::<f32>(37, 301, 53, start, end);
            rows_stand_alone::<f32>(2050, 515, 130, start, end);
            rows_stand_alone::<f64>(37, 2048, 10, start, end);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_row_does_not_depend_on_the_rows_beside_it_whatever_their_number(
            n in 1..70_usize, k in 1..1100_usize, m in 1..40_usize, cut in 0.0..1.0, len in 1..70_usize,
        ) {
            let start = (n as f64 * cut) as usize;
            let end = n.min(start + len);
            rows_stand_alone::<f32>(n, k, m, start, end);
            rows_stand_alone::<f64>(n, k, m, start, end);
        }

        #[test]
        fn blocks_cover_the_inner_dimension_evenly(inner in 0..5000_usize) {
            let blocks: Vec<_> = depths(inner).collect();
            let mut next = 0;
            for (start, depth) in &blocks {
                prop_assert_eq!(*start, next);
                prop_assert!(*depth <= DEPTH && *depth + 1 >= blocks[0].1.min(DEPTH));
                next += depth;
            }
            prop_assert_eq!(next, inner);
        }
    }

    /// Views that are no slices: columns left out, rows backwards.
    #[test]
    fn any_view_will_do() {
        let (a, b) = (wave::<f64>(40, 90, 0.1), wave::<f64>(20, 30, 0.4));
        let views = [
            a.slice(s![..;2, ..30]),
            a.slice(s![..;-1, ..;3]),
            a.slice(s![5..6, 60..]),
        ];
        for view in views {
            let found = times_transposed(view, b.view());
            agrees(&found, &plainly(view, b.t()), 1e-13);
        }
    }
}
