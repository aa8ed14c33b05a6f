//! Feature rows, wherever they lie.

use std::fmt;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::error::HeadError;

/// Rows that a thread copies at once.
const AT_ONCE: usize = 32;

/// Feature rows that a head learns from: an array, or rows that are too many for memory and are
/// read when they are wanted.
pub trait Rows: fmt::Debug + Sync {
    /// How many rows there are.
    fn count(&self) -> usize;

    /// Features of a row.
    fn width(&self) -> usize;

    /// Copies the rows at these places, in this order, into `into` `[places.len(), width]`.
    ///
    /// # Errors
    /// [`HeadError::Rows`] where a row cannot be read, or a place is not below [`Rows::count`].
    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError>;

    /// All rows `[count, width]`, where they lie in memory anyway.
    fn in_memory(&self) -> Option<ArrayView2<'_, f32>>;
}

impl Rows for ArrayView2<'_, f32> {
    fn count(&self) -> usize {
        self.nrows()
    }

    fn width(&self) -> usize {
        self.ncols()
    }

    fn read(&self, places: &[usize], mut into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        if let Some(place) = places.iter().find(|place| **place >= self.nrows()) {
            return Err(HeadError::Rows {
                reason: format!("row {place} of {} was asked for", self.nrows()),
            });
        }
        into.axis_chunks_iter_mut(Axis(0), AT_ONCE)
            .into_par_iter()
            .zip(places.par_chunks(AT_ONCE))
            .for_each(|(mut into, places)| {
                for (mut to, &place) in into.outer_iter_mut().zip(places) {
                    to.assign(&self.index_axis(Axis(0), place));
                }
            });
        Ok(())
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        Some(self.view())
    }
}

impl Rows for Array2<f32> {
    fn count(&self) -> usize {
        self.nrows()
    }

    fn width(&self) -> usize {
        self.ncols()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        self.view().read(places, into)
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        Some(self.view())
    }
}

/// Bytes of the rows that are looked at together where all are looked at in turn.
const BLOCK: usize = 8 << 20;

/// Hands `look` all rows in order, block by block: the place of the first, and the rows.
///
/// # Errors
/// What reading or `look` fails with.
pub(super) fn blocks(
    rows: &dyn Rows,
    mut look: impl FnMut(usize, ArrayView2<'_, f32>) -> Result<(), HeadError>,
) -> Result<(), HeadError> {
    let length = (BLOCK / rows.width().saturating_mul(size_of::<f32>()).max(1)).max(1);
    if let Some(all) = rows.in_memory() {
        return (0..)
            .step_by(length)
            .zip(all.axis_chunks_iter(Axis(0), length))
            .try_for_each(|(start, block)| look(start, block));
    }
    let count = rows.count();
    let mut buffer = Array2::zeros((length.min(count), rows.width()));
    for start in (0..count).step_by(length) {
        let places: Vec<usize> = (start..count.min(start + length)).collect();
        let mut block = buffer.slice_mut(ndarray::s![..places.len(), ..]);
        rows.read(&places, block.view_mut())?;
        look(start, block.view())?;
    }
    Ok(())
}
