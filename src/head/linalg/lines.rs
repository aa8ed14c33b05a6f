//! A factor of a product by [panels](super::panels): where its values lie, and how they are copied.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::head::real::Real;

/// Bytes between two panels, so that they do not start at the same place of the cache: a line. All
/// panels start with a line, too.
pub(super) const LINE: usize = 64;

/// Values from the start of a panel to that of the next.
#[inline(always)]
pub(super) const fn stride<F>(depth: usize, width: usize) -> usize {
    (depth * width * size_of::<F>()).next_multiple_of(LINE) / size_of::<F>() + LINE / size_of::<F>()
}

/// A matrix `[terms, places]`: places are the rows or the columns of the result.
pub(super) enum Lines<'v, F> {
    /// A slice for each term.
    ByTerm(Vec<&'v [F]>),
    /// A slice for each place.
    ByPlace(Vec<&'v [F]>),
}

impl<'v, F: Real> Lines<'v, F> {
    pub(super) fn of(matrix: ArrayView2<'v, F>) -> Option<Self> {
        let columns = || rows(matrix.reversed_axes()).map(Self::ByPlace);
        rows(matrix).map(Self::ByTerm).or_else(columns)
    }

    /// Copies some places into panels of `width` of them, term by term; the last is filled up with
    /// zeros.
    #[inline(always)]
    pub(super) fn pack(
        &self,
        terms: &Range<usize>,
        places: Range<usize>,
        width: usize,
        to: &mut [F],
    ) {
        match self {
            Self::ByTerm(lines) => copy(&lines[terms.clone()], places, width, to),
            Self::ByPlace(lines) => turn(&lines[places], terms, width, to),
        }
    }
}

fn rows<F>(matrix: ArrayView2<'_, F>) -> Option<Vec<&[F]>> {
    (0..matrix.nrows())
        .map(|i| matrix.slice_move(ndarray::s![i, ..]).to_slice())
        .collect()
}

/// Lines of one term each.
#[inline(always)]
fn copy<F: Real>(lines: &[&[F]], places: Range<usize>, width: usize, to: &mut [F]) {
    let stride = stride::<F>(lines.len(), width);
    for (term, line) in lines.iter().enumerate() {
        let parts = line[places.clone()].chunks_exact(width);
        let rest = parts.remainder();
        let mut panels = to.chunks_exact_mut(stride);
        for (part, panel) in parts.zip(&mut panels) {
            panel[term * width..][..width].copy_from_slice(part);
        }
        if let (false, Some(panel)) = (rest.is_empty(), panels.next()) {
            let (filled, empty) = panel[term * width..][..width].split_at_mut(rest.len());
            filled.copy_from_slice(rest);
            empty.fill(F::zero());
        }
    }
}

/// Lines of one place each.
#[inline(always)]
fn turn<F: Real>(lines: &[&[F]], terms: &Range<usize>, width: usize, to: &mut [F]) {
    let panels = to.chunks_exact_mut(stride::<F>(terms.len(), width));
    for (lines, panel) in lines.chunks(width).zip(panels) {
        let panel = &mut panel[..terms.len() * width];
        if lines.len() < width {
            turn_some(lines, terms, width, panel);
            continue;
        }
        match width {
            6 => turn_whole::<F, 6, 6>(lines, terms, panel),
            8 => turn_whole::<F, 8, 8>(lines, terms, panel),
            12 => turn_whole::<F, 12, 6>(lines, terms, panel),
            16 => turn_whole::<F, 16, 8>(lines, terms, panel),
            32 => turn_whole::<F, 32, 8>(lines, terms, panel),
            _ => turn_some(lines, terms, width, panel),
        }
    }
}

/// A whole panel in blocks of two terms of two lines. Some lines at a time: those that are a power
/// of two apart meet in the first-level cache, which holds eight.
#[inline(always)]
fn turn_whole<F: Real, const WIDTH: usize, const SOME: usize>(
    lines: &[&[F]],
    terms: &Range<usize>,
    panel: &mut [F],
) {
    let rows = panel.as_chunks_mut::<WIDTH>().0;
    for (group, lines) in lines.as_chunks::<SOME>().0.iter().enumerate() {
        let lines = lines.map(|line| &line[terms.clone()]);
        let (pairs, last) = rows.as_chunks_mut::<2>();
        for (pair, [upper, lower]) in pairs.iter_mut().enumerate() {
            let two = |place: usize| lines[place].as_chunks::<2>().0[pair];
            for place in (0..SOME).step_by(2) {
                let turned = F::transpose([two(place), two(place + 1)]);
                let at = group * SOME + place;
                upper[at..at + 2].copy_from_slice(&turned[0]);
                lower[at..at + 2].copy_from_slice(&turned[1]);
            }
        }
        if let [last] = last {
            for (to, line) in last[group * SOME..].iter_mut().zip(lines) {
                *to = line[terms.len() - 1];
            }
        }
    }
}

/// Fewer lines than a panel has, or of another machine's vectors.
#[inline(always)]
fn turn_some<F: Real>(lines: &[&[F]], terms: &Range<usize>, width: usize, panel: &mut [F]) {
    panel.fill(F::zero());
    for (place, line) in lines.iter().enumerate() {
        let to = panel[place..].iter_mut().step_by(width);
        to.zip(&line[terms.clone()])
            .for_each(|(to, &value)| *to = value);
    }
}
