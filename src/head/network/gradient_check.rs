//! Central differences, for the tests of everything that has a gradient.

use ndarray::Array2;

/// A smooth pattern without ties or zeros, different for each phase.
pub(in crate::head) fn wave(rows: usize, columns: usize, phase: f64) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        ((i * columns + j) as f64 * 1.37 + phase).sin() + 0.013
    })
}

/// dL/dp for each element of the array that `part` finds in `whole`:
/// (L(p + h) - L(p - h)) / 2h in f64.
pub(in crate::head) fn derivative<T>(
    whole: &mut T,
    part: impl Fn(&mut T) -> &mut Array2<f64>,
    loss: impl Fn(&T) -> f64,
) -> Array2<f64> {
    const H: f64 = 1e-6;
    let shape = part(whole).dim();
    Array2::from_shape_fn(shape, |at| {
        let value = part(whole)[at];
        let mut loss_at = |p: f64| {
            part(whole)[at] = p;
            loss(whole)
        };
        let slope = (loss_at(value + H) - loss_at(value - H)) / (2.0 * H);
        part(whole)[at] = value;
        slope
    })
}

/// Each pair within 1e-6 of each other, relative to the larger (or to 1e-2 where both are small).
#[track_caller]
pub(in crate::head) fn agree(found: &Array2<f64>, expected: &Array2<f64>) {
    assert_eq!(found.dim(), expected.dim());
    for (at, &a) in found.indexed_iter() {
        let b = expected[at];
        let scale = a.abs().max(b.abs()).max(1e-2);
        assert!((a - b).abs() <= 1e-6 * scale, "at {at:?}: {a} is not {b}");
    }
}
