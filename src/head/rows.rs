//! Feature rows, wherever they lie.

use std::fmt;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::error::HeadError;

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
        for (mut to, &place) in into.outer_iter_mut().zip(places) {
            if place >= self.nrows() {
                return Err(HeadError::Rows {
                    reason: format!("row {place} of {} was asked for", self.nrows()),
                });
            }
            to.assign(&self.index_axis(Axis(0), place));
        }
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

/// Rows that are looked at together where all are looked at in turn: 8 MiB of ResNet50's.
const BLOCK: usize = 1024;

/// Hands `look` all rows in order, block by block: the place of the first, and the rows.
///
/// # Errors
/// What reading or `look` fails with.
pub(super) fn blocks(
    rows: &dyn Rows,
    mut look: impl FnMut(usize, ArrayView2<'_, f32>) -> Result<(), HeadError>,
) -> Result<(), HeadError> {
    if let Some(all) = rows.in_memory() {
        return (0..)
            .step_by(BLOCK)
            .zip(all.axis_chunks_iter(Axis(0), BLOCK))
            .try_for_each(|(start, block)| look(start, block));
    }
    let count = rows.count();
    let mut buffer = Array2::zeros((BLOCK.min(count), rows.width()));
    for start in (0..count).step_by(BLOCK) {
        let places: Vec<usize> = (start..count.min(start + BLOCK)).collect();
        let mut block = buffer.slice_mut(ndarray::s![..places.len(), ..]);
        rows.read(&places, block.view_mut())?;
        look(start, block.view())?;
    }
    Ok(())
}
