//! The rows that an objective sums over, block by block.

use ndarray::{Array2, ArrayView2, Axis, Zip, s};

use crate::head::error::HeadError;
use crate::head::real::Real;
use crate::head::rows::{self, Rows};

/// Rows of a block: few enough that both products of a pass find them in a near cache.
const BLOCK: usize = 512;

/// What is done with a block: the place of its first row, and the rows.
pub(super) type Look<'l, F> = dyn FnMut(usize, ArrayView2<'_, F>) -> Result<(), HeadError> + 'l;

/// Rows in a fixed order, wherever they lie.
pub(super) trait Blocks<F>: Sync {
    /// Features of a row.
    fn width(&self) -> usize;

    /// Hands over all rows in order, always in the same blocks.
    ///
    /// # Errors
    /// What reading or `look` fails with.
    fn each(&self, look: &mut Look<'_, F>) -> Result<(), HeadError>;
}

/// Rows in memory.
impl<F: Real> Blocks<F> for Array2<F> {
    fn width(&self) -> usize {
        self.ncols()
    }

    fn each(&self, look: &mut Look<'_, F>) -> Result<(), HeadError> {
        (0..)
            .step_by(BLOCK)
            .zip(self.axis_chunks_iter(Axis(0), BLOCK))
            .try_for_each(|(start, block)| look(start, block))
    }
}

/// Feature rows less their mean, so that the intercept has nothing to do with the weights: as a
/// block is looked at.
pub(super) struct Centred<'a> {
    pub(super) rows: &'a dyn Rows,
    pub(super) mean: &'a [f64],
}

impl<F: Real> Blocks<F> for Centred<'_> {
    fn width(&self) -> usize {
        self.rows.width()
    }

    fn each(&self, look: &mut Look<'_, F>) -> Result<(), HeadError> {
        let mut centred = Array2::zeros((0, 0));
        rows::blocks(self.rows, |first, rows| {
            let parts = (first..)
                .step_by(BLOCK)
                .zip(rows.axis_chunks_iter(Axis(0), BLOCK));
            for (start, part) in parts {
                if centred.dim() != part.dim() {
                    centred = Array2::zeros(part.dim());
                }
                Zip::from(centred.rows_mut())
                    .and(part.rows())
                    .par_for_each(|mut to, from| {
                        for ((to, &x), mean) in to.iter_mut().zip(from).zip(self.mean) {
                            *to = F::of(f64::from(x) - mean);
                        }
                    });
                look(start, centred.view())?;
            }
            Ok(())
        })
    }
}

/// All rows, in memory.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn collected<F: Real>(
    blocks: &dyn Blocks<F>,
    count: usize,
) -> Result<Array2<F>, HeadError> {
    let mut all = Array2::zeros((count, blocks.width()));
    blocks.each(&mut |start, block| {
        let mut to = all.slice_mut(s![start..start + block.nrows(), ..]);
        to.assign(&block);
        Ok(())
    })?;
    Ok(all)
}

/// The mean of each feature.
pub(super) fn mean(rows: &dyn Rows) -> Result<Vec<f64>, HeadError> {
    let mut sums = vec![0.0; rows.width()];
    rows::blocks(rows, |_, block| {
        for row in block.outer_iter() {
            for (sum, &x) in sums.iter_mut().zip(row) {
                *sum += f64::from(x);
            }
        }
        Ok(())
    })?;
    #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
    let count = rows.count().max(1) as f64;
    sums.iter_mut().for_each(|sum| *sum /= count);
    Ok(sums)
}
