//! Aᵀ B by packed panels: both factors are copied, block by block, into runs that the innermost
//! loop reads from end to end (Goto & van de Geijn 2008, "Anatomy of high-performance matrix
//! multiplication"; Van Zee & van de Geijn 2015, "BLIS").
//!
//! This product alone, a gradient's, sums over the rows of both factors. Rows of 2,048 features are
//! a power of two of bytes apart, so that whoever walks down a column meets the same few lines of
//! the cache again and again; a library's kernel that reads the factors where they lie, as faer's
//! does, then gets half of the speed. The vectors of the machine come from pulp.
//!
//! An element of the result is a chain of fused multiply-adds from 0 over a block of rows, in their
//! order, and the blocks' sums are added in their order. Nothing of it depends on where the element
//! lies, or in which part of the result.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use pulp::bytemuck::{Pod, cast_slice};
use pulp::{Arch, Simd, WithSimd};

use super::depths;
use crate::head::real::Real;

/// Rows of the result that are computed with one copy of Aᵀ: with 512 of depth it fills a part of
/// the second-level cache.
const ROWS: usize = 72;

/// Columns of the result that are computed with one copy of B, which the third level holds.
const COLUMNS: usize = 1024;

/// Bytes between two panels, so that they do not start at the same place of the cache: a line. All
/// panels start with a line, too.
const LINE: usize = 64;

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

    /// Lends this thread's two buffers, as long as they were left.
    fn with_buffers<R>(work: impl FnOnce(&mut Vec<Self>, &mut Vec<Self>) -> R) -> R;
}

macro_rules! lanes {
    ($type:ty, $vector:ident, $fill:ident, $multiply_add:ident, $vectors:ident) => {
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

lanes!(f32, f32s, splat_f32s, mul_add_e_f32s, as_simd_f32s);
lanes!(f64, f64s, splat_f64s, mul_add_e_f64s, as_simd_f64s);

/// Aᵀ B into `out`, on this thread; false, and nothing done, where the rows of one of them are no
/// slices.
pub(super) fn transposed_times<F: Real>(
    a: ArrayView2<F>,
    b: ArrayView2<F>,
    out: &mut ArrayViewMut2<F>,
) -> bool {
    let (Some(a), Some(b)) = (rows(a), rows(b)) else {
        return false;
    };
    let out: Option<Vec<&mut [F]>> = (out.axis_iter_mut(Axis(0)))
        .map(|row| row.into_slice())
        .collect();
    let Some(mut out) = out else {
        return false;
    };
    F::with_buffers(|panel_a, panels_b| {
        for (start, depth) in depths(a.len()) {
            let rows = start..start + depth;
            Arch::new().dispatch(Block {
                a: &a[rows.clone()],
                b: &b[rows],
                out: &mut out,
                add: start > 0,
                panel_a,
                panels_b,
            });
        }
    });
    true
}

fn rows<F>(array: ArrayView2<'_, F>) -> Option<Vec<&[F]>> {
    (0..array.nrows())
        .map(|i| array.slice_move(ndarray::s![i, ..]).to_slice())
        .collect()
}

/// A block of the rows that are summed over.
struct Block<'b, 'v, F> {
    a: &'b [&'v [F]],
    b: &'b [&'v [F]],
    out: &'b mut [&'v mut [F]],
    /// Whether to add to what is there.
    add: bool,
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
        let depth = self.a.len();
        let wide = ABREAST * size_of::<F::Vector<S>>() / size_of::<F>();
        let (height, width) = (self.out.len(), self.b.first().map_or(0, |row| row.len()));
        let of_a = panels::<F>(self.panel_a, depth, HIGH, ROWS.min(height));
        let of_b = panels::<F>(self.panels_b, depth, wide, COLUMNS.min(width));
        for left in (0..width).step_by(COLUMNS) {
            let right = width.min(left + COLUMNS);
            pack(self.b, left, right, wide, of_b);
            for top in (0..height).step_by(ROWS) {
                let bottom = height.min(top + ROWS);
                pack(self.a, top, bottom, HIGH, of_a);
                for (start, of_b) in (left..right)
                    .step_by(wide)
                    .zip(of_b.chunks(stride::<F>(depth, wide)))
                {
                    let columns = start..right.min(start + wide);
                    let of_b = F::vectors::<S>(&of_b[..depth * wide]);
                    let out = self.out[top..bottom].chunks_mut(HIGH);
                    for (out, of_a) in out.zip(of_a.chunks(stride::<F>(depth, HIGH))) {
                        let tile = tile::<S, F, HIGH>(simd, &of_a[..depth * HIGH], of_b);
                        for (row, tile) in out.iter_mut().zip(&tile) {
                            write(&mut row[columns.clone()], cast_slice(tile), self.add);
                        }
                    }
                }
            }
        }
    }
}

/// Values from the start of a panel to that of the next.
#[inline(always)]
const fn stride<F>(depth: usize, width: usize) -> usize {
    (depth * width * size_of::<F>()).next_multiple_of(LINE) / size_of::<F>() + LINE / size_of::<F>()
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

/// Copies columns of `rows` into panels of `width` columns, row by row; the last is filled up with
/// zeros.
#[inline(always)]
fn pack<F: Real>(rows: &[&[F]], start: usize, end: usize, width: usize, to: &mut [F]) {
    let stride = stride::<F>(rows.len(), width);
    for (k, row) in rows.iter().enumerate() {
        let parts = row[start..end].chunks(width);
        for (part, panel) in parts.zip(to.chunks_mut(stride)) {
            let to = &mut panel[k * width..][..width];
            if part.len() == width {
                to.copy_from_slice(part);
            } else {
                to[..part.len()].copy_from_slice(part);
                to[part.len()..].fill(F::zero());
            }
        }
    }
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

/// Sums into their place; what is beyond its end belongs to no column.
#[inline(always)]
fn write<F: Real>(to: &mut [F], sums: &[F], add: bool) {
    for (to, &sum) in to.iter_mut().zip(sums) {
        *to = if add { *to + sum } else { sum };
    }
}
