//! The products against their definition, and against themselves in parts.

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
    for (n, k, m) in [
        (1, 1, 1),
        (256, 300, 64),
        (33, 1030, 257),
        (700, 513, 10),
        (301, 530, 270),
    ] {
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
        rows_stand_alone::<f64>(300, 515, 200, start, end);
    }
}

fn by_panels<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>) -> Array2<F> {
    let mut out = Array2::from_elem((a.ncols(), b.ncols()), F::nan());
    assert!(panels::transposed_times(a, b, &mut out.view_mut(), 2));
    out
}

/// The same matrix with its columns one behind the other.
fn by_columns<F: Real>(matrix: &Array2<F>) -> Array2<F> {
    let turned = matrix.t().as_standard_layout().into_owned();
    turned.reversed_axes()
}

fn panels_stand_alone<F: Real>(
    (n, k, m): (usize, usize, usize),
    (from, to): (f64, f64),
    tolerance: f64,
) {
    let (a, b) = (wave::<F>(n, k, 0.9), wave::<F>(n, m, 0.4));
    let whole = by_panels(a.view(), b.view());
    agrees(&whole, &plainly(a.t(), b.view()), tolerance * n as f64);
    let within = |length: usize| {
        let ends = [from, to].map(|end| (length as f64 * end) as usize);
        ends[0].min(ends[1])..ends[0].max(ends[1]) + 1
    };
    let (rows, columns) = (within(k), within(m));
    let part = by_panels(
        a.slice(s![.., rows.clone()]),
        b.slice(s![.., columns.clone()]),
    );
    assert_eq!(part, whole.slice(s![rows, columns]));
    let (a_turned, b_turned) = (by_columns(&a), by_columns(&b));
    assert_eq!(by_panels(a_turned.view(), b.view()), whole);
    assert_eq!(by_panels(a.view(), b_turned.view()), whole);
    assert_eq!(by_panels(a_turned.view(), b_turned.view()), whole);
    let mut columns_apart = Array2::zeros((k, 2 * m));
    let mut apart = columns_apart.slice_mut(s![.., ..;2]);
    assert!(!panels::transposed_times(a.view(), b.view(), &mut apart, 1) || m == 1);
}

/// What stands where [`alike`] says that it may.
fn every_way_rounds_as_the_library<F: Real>(n: usize, k: usize, m: usize) {
    let (a, b) = (wave::<F>(n, k, 0.8), wave::<F>(k, m, 0.6));
    for b in [b.clone(), by_columns(&b)] {
        let mut by_library = Array2::zeros((n, m));
        product(a.view(), b.view(), by_library.view_mut(), 2);
        let mut other_way = Array2::zeros((n, m));
        turned(a.view(), b.view(), other_way.view_mut(), 2);
        let same = by_panels(a.t(), b.view()) == by_library && other_way == by_library;
        assert!(same || !alike::<F>(), "[{n}, {k}] x [{k}, {m}]");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Aᵀ B by panels: right, the same in every part, and what comes back from a longer
    /// product before it stands in no sum.
    #[test]
    fn panels_give_each_part_what_they_give_the_whole(
        n in 1..1100_usize, k in 1..160_usize, m in 1..90_usize, from in 0.0..1.0, to in 0.0..1.0,
    ) {
        panels_stand_alone::<f32>((n, k, m), (from, to), 1e-6);
        panels_stand_alone::<f64>((n, k, m), (from, to), 2e-15);
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it_whatever_their_number(
        n in 1..70_usize, k in 1..1100_usize, m in 1..80_usize, cut in 0.0..1.0, len in 1..70_usize,
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn a_product_has_the_same_bits_whichever_way_it_goes(
        n in WORTH_COPYING..300, k in WORTH_COPYING..900, m in WORTH_COPYING..300,
    ) {
        every_way_rounds_as_the_library::<f32>(n, k, m);
        every_way_rounds_as_the_library::<f64>(n, k, m);
    }
}

/// So it was found to be; other processors may say otherwise, and are slower then.
#[cfg(target_arch = "x86_64")]
#[test]
fn all_ways_are_alike_with_avx2() {
    if is_x86_feature_detected!("fma") && !is_x86_feature_detected!("avx512f") {
        assert!(alike::<f32>() && alike::<f64>());
    }
}
