//! Products by packed panels: both factors are copied, block by block, into runs that the innermost
//! loop reads from end to end (Goto & van de Geijn 2008, "Anatomy of high-performance matrix
//! multiplication"; Van Zee & van de Geijn 2015, "BLIS").
//!
//! Rows of 2,048 features are a power of two of bytes apart, so that whoever walks down a column
//! meets the same few lines of the cache again and again; a library's kernel that reads the factors
//! where they lie, as faer's does, then gets half to three quarters of the speed. For few rows or
//! few columns the copies cost more than that. The vectors of the machine come from pulp.
//!
//! An element of the result is a chain of fused multiply-adds from 0 over a block of terms, in their
//! order, and the blocks' sums are added in their order. Nothing of it depends on where the element
//! lies, or in which part of the result.

use std::ops::Range;
use std::sync::OnceLock;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use pulp::bytemuck::{Pod, cast, cast_slice};
use pulp::{Arch, Simd, WithSimd};

use super::lines::{LINE, Lines, stride};
use super::{depths, halving};
use crate::head::real::Real;

/// Rows of the result that are computed with one copy of Aᵀ: with 256 of depth it fills a part of
/// the second-level cache.
const ROWS: usize = 72;

/// Columns of the result that are computed with one copy of B, which the third level holds.
const COLUMNS: usize = 1024;

/// Vectors side by side in a panel of B.
const ABREAST: usize = 2;

/// What a type's vectors can do.
#[doc(hidden)]
pub trait Lanes: Pod {
    /// A vector.
    type Vector<S: Simd>: Pod;

    /// The same value in each place.
    fn fill<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;

    /// a b + c, rounded once where the machine can.
    fn multiply_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;

    /// Values as vectors, as far as they are whole.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];

    /// [[a0, a1], [b0, b1]] to [[a0, b0], [a1, b1]].
    fn transpose(pairs: [[Self; 2]; 2]) -> [[Self; 2]; 2];

    /// The answer that [`super::alike`] keeps.
    fn alike() -> &'static OnceLock<bool>;

    /// Lends this thread's two buffers, as long as they were left.
    fn with_buffers<R>(work: impl FnOnce(&mut Vec<Self>, &mut Vec<Self>) -> R) -> R;
}

macro_rules! lanes {
    ($type:ty, $vector:ident, $fill:ident, $multiply_add:ident, $vectors:ident, $transpose:ident) => {
        impl Lanes for $type {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn fill<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$fill(value)
            }

            #[inline(always)]
            fn multiply_add<S: Simd>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                simd.$multiply_add(a, b, c)
            }

            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> &[S::$vector] {
                S::$vectors(values).0
            }

            #[inline(always)]
            fn transpose(pairs: [[Self; 2]; 2]) -> [[Self; 2]; 2] {
                $transpose(pairs)
            }

            fn alike() -> &'static OnceLock<bool> {
                static KEPT: OnceLock<bool> = OnceLock::new();
                &KEPT
            }

            fn with_buffers<R>(work: impl FnOnce(&mut Vec<Self>, &mut Vec<Self>) -> R) -> R {
                use std::cell::Cell;
                thread_local! {
                    static KEPT: Cell<(Vec<$type>, Vec<$type>)> = const {
                        Cell::new((Vec::new(), Vec::new()))
                    };
                }
                let (mut a, mut b) = KEPT.take();
                let result = work(&mut a, &mut b);
                KEPT.set((a, b));
                result
            }
        }
    };
}

lanes!(
    f32,
    f32s,
    splat_f32s,
    mul_add_e_f32s,
    as_simd_f32s,
    transpose_as_words
);
lanes!(
    f64,
    f64s,
    splat_f64s,
    mul_add_e_f64s,
    as_simd_f64s,
    transpose
);

#[inline(always)]
fn transpose<F: Copy>([a, b]: [[F; 2]; 2]) -> [[F; 2]; 2] {
    [[a[0], b[0]], [a[1], b[1]]]
}

/// The same with one load and one store for two values, in half of the time.
#[inline(always)]
fn transpose_as_words(pairs: [[f32; 2]; 2]) -> [[f32; 2]; 2] {
    let word = |pair: [f32; 2]| u64::from_le_bytes(cast(pair));
    let pair = |word: u64| cast::<[u8; 8], [f32; 2]>(word.to_le_bytes());
    let (a, b) = (word(pairs[0]), word(pairs[1]));
    let (lower, upper) = (u64::from(u32::MAX), u64::from(u32::MAX) << 32);
    [pair(a & lower | b << 32), pair(a >> 32 | b & upper)]
}

/// Aᵀ B into `out`, halved along its longer side until each thread has a part; false, and nothing
/// done, where neither the rows nor the columns of one of them are slices.
pub(super) fn transposed_times<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    out: &mut ArrayViewMut2<F>,
    threads: usize,
) -> bool {
    let (rows, columns) = out.dim();
    let Some(at) = halving(rows, columns, a.nrows(), threads) else {
        return alone(a, b, out);
    };
    let (left, right) = (threads / 2, threads - threads / 2);
    let out = out.view_mut();
    let done = if rows >= columns {
        let (mut out_1, mut out_2) = out.split_at(Axis(0), at);
        let (a_1, a_2) = a.split_at(Axis(1), at);
        rayon::join(
            || transposed_times(a_1, b, &mut out_1, left),
            || transposed_times(a_2, b, &mut out_2, right),
        )
    } else {
        let (mut out_1, mut out_2) = out.split_at(Axis(1), at);
        let (b_1, b_2) = b.split_at(Axis(1), at);
        rayon::join(
            || transposed_times(a, b_1, &mut out_1, left),
            || transposed_times(a, b_2, &mut out_2, right),
        )
    };
    // What holds of a factor holds of its parts.
    done.0 && done.1
}

/// Aᵀ B into `out`, on this thread; false as above.
fn alone<F: Real>(a: ArrayView2<F>, b: ArrayView2<F>, out: &mut ArrayViewMut2<F>) -> bool {
    let inner = a.nrows();
    let (Some(a), Some(b)) = (Lines::of(a), Lines::of(b)) else {
        return false;
    };
    let out: Option<Vec<&mut [F]>> = (out.axis_iter_mut(Axis(0)))
        .map(|row| row.into_slice())
        .collect();
    let Some(mut out) = out else {
        return false;
    };
    F::with_buffers(|panel_a, panels_b| {
        for (start, depth) in depths(inner) {
            Arch::new().dispatch(Block {
                a: &a,
                b: &b,
                terms: start..start + depth,
                out: &mut out,
                panel_a,
                panels_b,
            });
        }
    });
    true
}

/// A block of the terms of all sums.
struct Block<'b, 'v, F> {
    a: &'b Lines<'v, F>,
    b: &'b Lines<'v, F>,
    terms: Range<usize>,
    out: &'b mut [&'v mut [F]],
    panel_a: &'b mut Vec<F>,
    panels_b: &'b mut Vec<F>,
}

impl<F: Real> WithSimd for Block<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many rows of vectors as the registers hold beside what is multiplied.
        if S::REGISTER_COUNT >= 32 {
            self.all::<S, 12>(simd);
        } else {
            self.all::<S, 6>(simd);
        }
    }
}

impl<F: Real> Block<'_, '_, F> {
    #[inline(always)]
    fn all<S: Simd, const HIGH: usize>(self, simd: S) {
        let depth = self.terms.len();
        let wide = ABREAST * size_of::<F::Vector<S>>() / size_of::<F>();
        let height = self.out.len();
        let width = self.out.first().map_or(0, |row| row.len());
        let of_a = panels::<F>(self.panel_a, depth, HIGH, ROWS.min(height));
        let of_b = panels::<F>(self.panels_b, depth, wide, COLUMNS.min(width));
        for left in (0..width).step_by(COLUMNS) {
            let right = width.min(left + COLUMNS);
            self.b.pack(&self.terms, left..right, wide, of_b);
            for top in (0..height).step_by(ROWS) {
                let bottom = height.min(top + ROWS);
                self.a.pack(&self.terms, top..bottom, HIGH, of_a);
                for (start, of_b) in (left..right)
                    .step_by(wide)
                    .zip(of_b.chunks(stride::<F>(depth, wide)))
                {
                    let columns = start..right.min(start + wide);
                    let of_b = F::vectors::<S>(&of_b[..depth * wide]);
                    let out = self.out[top..bottom].chunks_mut(HIGH);
                    for (out, of_a) in out.zip(of_a.chunks(stride::<F>(depth, HIGH))) {
                        // The result is too large for a cache: it is on its way while the sums
                        // are made.
                        for row in out.iter() {
                            prefetch(&row[columns.clone()]);
                        }
                        let tile = tile::<S, F, HIGH>(simd, &of_a[..depth * HIGH], of_b);
                        let add = self.terms.start > 0;
                        for (row, tile) in out.iter_mut().zip(&tile) {
                            write(&mut row[columns.clone()], cast_slice(tile), add);
                        }
                    }
                }
            }
        }
    }
}

/// Room for the panels of `count` columns, from the start of a line.
#[inline(always)]
fn panels<F: Real>(buffer: &mut Vec<F>, depth: usize, width: usize, count: usize) -> &mut [F] {
    let length = count.div_ceil(width) * stride::<F>(depth, width);
    let lines = LINE / size_of::<F>();
    if buffer.len() < length + lines {
        buffer.resize(length + lines, F::zero());
    }
    let start = buffer.as_ptr().align_offset(LINE).min(lines);
    &mut buffer[start..start + length]
}

/// The sums of a panel of Aᵀ with one of B. All of them stay in registers.
#[inline(always)]
fn tile<S: Simd, F: Real, const HIGH: usize>(
    simd: S,
    a: &[F],
    b: &[F::Vector<S>],
) -> [[F::Vector<S>; ABREAST]; HIGH] {
    let mut sums = [[F::fill(simd, F::zero()); ABREAST]; HIGH];
    let (a, _) = a.as_chunks::<HIGH>();
    let (b, _) = b.as_chunks::<ABREAST>();
    for (a, b) in a.iter().zip(b) {
        for (sums, &a) in sums.iter_mut().zip(a) {
            let a = F::fill(simd, a);
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum = F::multiply_add(simd, a, b, *sum);
            }
        }
    }
    sums
}

/// Asks for values that will soon be needed.
#[inline(always)]
fn prefetch<F>(values: &[F]) {
    #[cfg(target_arch = "x86_64")]
    if let [first, .., last] = values {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // Safety: a prefetch changes nothing and may be of any address.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(first).cast());
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(last).cast());
        }
    }
}

/// Sums into their place; what is beyond its end belongs to no column.
#[inline(always)]
fn write<F: Real>(to: &mut [F], sums: &[F], add: bool) {
    for (to, &sum) in to.iter_mut().zip(sums) {
        *to = if add { *to + sum } else { sum };
    }
}
