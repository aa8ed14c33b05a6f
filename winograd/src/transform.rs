//! The transforms of F(4x4, 3x3), with the points 0, 1, -1, 2, -2 and infinity.
//!
//! Loops and no closures: what `map` and `from_fn` call would not be compiled for the vectors of
//! the function around it.

use pulp::Simd;

use super::{FREQUENCIES, SEEN, TILE};

/// What a row or a column of weights is multiplied by: G.
const OF_WEIGHTS: [[f64; 3]; SEEN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Kernels that are transformed side by side.
pub(super) const KERNELS: usize = 8;

/// G g Gᵀ of each of some kernels g, in double precision and rounded once: a row of values for each
/// frequency.
#[inline(always)]
pub(super) fn weights(kernels: [&[f32; 9]; KERNELS]) -> [[f32; KERNELS]; FREQUENCIES] {
    // Loops that are compiled for the vectors of the function around them, as closures are not.
    let mut all = [[0.0; KERNELS]; 9];
    for (k, kernel) in kernels.iter().enumerate() {
        for (values, value) in all.iter_mut().zip(*kernel) {
            values[k] = f64::from(*value);
        }
    }
    let mut out = [[0.0; KERNELS]; FREQUENCIES];
    for (g, out) in OF_WEIGHTS.iter().zip(out.chunks_exact_mut(SEEN)) {
        let mut half = [[0.0; KERNELS]; 3];
        for (j, half) in half.iter_mut().enumerate() {
            *half = dot(g, [&all[j], &all[3 + j], &all[6 + j]]);
        }
        let [a, b, c] = &half;
        for (g, out) in OF_WEIGHTS.iter().zip(out) {
            for (out, value) in out.iter_mut().zip(dot(g, [a, b, c])) {
                *out = value as f32;
            }
        }
    }
    out
}

#[inline(always)]
fn dot(g: &[f64; 3], [a, b, c]: [&[f64; KERNELS]; 3]) -> [f64; KERNELS] {
    let mut sums = [0.0; KERNELS];
    for k in 0..KERNELS {
        sums[k] = g[0] * a[k] + g[1] * b[k] + g[2] * c[k];
    }
    sums
}

/// Bᵀ d Bᵀᵀ of six rows of six inputs d.
#[inline(always)]
pub(super) fn inputs<S: Simd>(simd: S, tile: [[S::f32s; SEEN]; SEEN]) -> [[S::f32s; SEEN]; SEEN] {
    let [a, b, c, d, e, f] = tile;
    let mut all = tile;
    for j in 0..SEEN {
        let column = input(simd, [a[j], b[j], c[j], d[j], e[j], f[j]]);
        for i in 0..SEEN {
            all[i][j] = column[i];
        }
    }
    for row in &mut all {
        *row = input(simd, *row);
    }
    all
}

/// Bᵀ d of one row or column, by its rows
/// `4 0 -5 0 1 0`, `0 -4 -4 1 1 0`, `0 4 -4 -1 1 0`, `0 -2 -1 2 1 0`, `0 2 -1 -2 1 0`, `0 4 0 -5 0 1`.
#[inline(always)]
fn input<S: Simd>(simd: S, d: [S::f32s; SEEN]) -> [S::f32s; SEEN] {
    let (minus_5, minus_4) = (simd.splat_f32s(-5.0), simd.splat_f32s(-4.0));
    let (minus_2, two, four) = (
        simd.splat_f32s(-2.0),
        simd.splat_f32s(2.0),
        simd.splat_f32s(4.0),
    );
    let even = simd.mul_add_e_f32s(minus_4, d[2], d[4]);
    let odd = simd.mul_add_e_f32s(minus_4, d[1], d[3]);
    let (across, along) = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
    let first = simd.mul_add_e_f32s(minus_5, d[2], d[4]);
    let last = simd.mul_add_e_f32s(minus_5, d[3], d[5]);
    [
        simd.mul_add_e_f32s(four, d[0], first),
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.mul_add_e_f32s(two, along, across),
        simd.mul_add_e_f32s(minus_2, along, across),
        simd.mul_add_e_f32s(four, d[1], last),
    ]
}

/// Aᵀ m A of the 36 frequencies m: four rows of four outputs.
#[inline(always)]
pub(super) fn outputs<S: Simd>(simd: S, tile: [[S::f32s; SEEN]; SEEN]) -> [[S::f32s; TILE]; TILE] {
    let [a, b, c, d, e, f] = tile;
    let mut half = [[simd.splat_f32s(0.0); SEEN]; TILE];
    for j in 0..SEEN {
        let column = output(simd, [a[j], b[j], c[j], d[j], e[j], f[j]]);
        for i in 0..TILE {
            half[i][j] = column[i];
        }
    }
    let mut all = [[simd.splat_f32s(0.0); TILE]; TILE];
    for i in 0..TILE {
        all[i] = output(simd, half[i]);
    }
    all
}

/// Aᵀ m of one row or column, by its rows
/// `1 1 1 1 1 0`, `0 1 -1 2 -2 0`, `0 1 1 4 4 0`, `0 1 -1 8 -8 1`.
#[inline(always)]
fn output<S: Simd>(simd: S, m: [S::f32s; SEEN]) -> [S::f32s; TILE] {
    let (two, four, eight) = (
        simd.splat_f32s(2.0),
        simd.splat_f32s(4.0),
        simd.splat_f32s(8.0),
    );
    let (even_1, odd_1) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (even_2, odd_2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(simd.add_f32s(m[0], even_1), even_2),
        simd.mul_add_e_f32s(two, odd_2, odd_1),
        simd.mul_add_e_f32s(four, even_2, even_1),
        simd.add_f32s(simd.mul_add_e_f32s(eight, odd_2, odd_1), m[5]),
    ]
}
