//! Models that are trained and judged in one pass over the rows: those of all folds, and of all
//! trials of a search that are side by side.
//!
//! Rows in memory are at hand, and each model gathers its own. Rows that are read are read once for
//! all: what an epoch draws is drawn for all models, and each takes of it what it may see, in the
//! same order and the same batches as if it were alone. So the heads are the same, bit by bit.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::batches;
use super::feed::Feed;
use super::trainer::{EpochSums, Own, Trainer};
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::network::loss::log_softmax;

/// Rows that are handed to all models at once, at most: some ten batches.
const ROWS: usize = 512;

/// Rows that are scored at once, at most, and their bytes.
const SCORED_AT_ONCE: usize = 512;
const SCORED_BYTES: usize = 8 << 20;

/// The next epoch of every model: its sums, or why it has none. What ends the one does not end the
/// others.
pub(super) fn epoch(
    trainers: &mut [&mut Trainer<'_, '_>],
    budget: usize,
    epoch: usize,
) -> Vec<Result<EpochSums, HeadError>> {
    if !trainers.iter().any(|trainer| trainer.is_streamed()) {
        let one = |trainer: &mut &mut Trainer<'_, '_>| trainer.epoch(epoch);
        return trainers.par_iter_mut().map(one).collect();
    }
    let mut sums: Vec<_> = trainers.iter().map(|_| Err(HeadError::NotFinite)).collect();
    let numbered = trainers.iter_mut().zip(&mut sums);
    let (alone, shared): (Vec<_>, Vec<_>) = numbered.partition(|(t, _)| t.is_alone());
    for pair in alone {
        pass(vec![pair], budget, epoch);
    }
    let mut shared = shared.into_iter().peekable();
    while shared.peek().is_some() {
        // The batches that are being collected take half of the memory, or are those of one model.
        let mut room = budget / 2;
        let mut some = Vec::new();
        while let Some((trainer, _)) = shared.peek()
            && (some.is_empty() || trainer.batch_bytes() <= room)
        {
            room = room.saturating_sub(trainer.batch_bytes());
            some.extend(shared.next());
        }
        pass(some, budget / 2, epoch);
    }
    sums
}

/// A model, and the place for its sums.
type Place<'p, 't, 'c, 'e> = (
    &'p mut &'t mut Trainer<'c, 'e>,
    &'p mut Result<EpochSums, HeadError>,
);

/// One pass over the rows that are drawn, for all these models.
fn pass(models: Vec<Place<'_, '_, '_, '_>>, budget: usize, epoch: usize) {
    let Some((first, _)) = models.first() else {
        return;
    };
    let draws = first.draws(epoch);
    let places: Vec<usize> = draws.iter().map(|draw| first.place(*draw)).collect();
    let rows = first.rows();
    let mut takers: Vec<Taker<'_, '_, '_>> = models
        .into_iter()
        .map(|(trainer, to)| Taker::new(trainer, &draws, to))
        .collect();
    let a_row = rows.width().saturating_mul(size_of::<f32>()).max(1);
    let at_once = ROWS.min(budget / 2 / a_row).max(1);
    let mut feed = Feed::new(rows, budget);
    let parts = batches::ranges(places.len(), at_once);
    let fed = feed.each(&places, &parts, &mut |part, x| {
        // One that is asked to end asks all of them.
        takers.par_iter_mut().for_each(|taker| taker.take(&part, x));
        match takers.iter().any(|taker| taker.goes_on()) {
            true => Ok(()),
            false => Err(HeadError::NotFinite),
        }
    });
    if let Err(error) = fed
        && let Some(taker) = takers.iter_mut().find(|taker| taker.goes_on())
    {
        // Rows that cannot be read.
        taker.result = Err(error);
    }
    for taker in takers {
        *taker.to = taker
            .trainer
            .ended(epoch, taker.result.map(|()| taker.sums));
    }
}

/// A model in a pass: collects the rows of its next batch.
struct Taker<'p, 'c, 'e> {
    trainer: &'p mut Trainer<'c, 'e>,
    to: &'p mut Result<EpochSums, HeadError>,
    own: Own,
    /// How many of its draws have come, and of its batches.
    taken: usize,
    batch: usize,
    rows: Array2<f32>,
    sums: EpochSums,
    result: Result<(), HeadError>,
}

impl<'p, 'c, 'e> Taker<'p, 'c, 'e> {
    fn new(
        trainer: &'p mut Trainer<'c, 'e>,
        draws: &[super::sampling::Draw],
        to: &'p mut Result<EpochSums, HeadError>,
    ) -> Self {
        let own = trainer.own(draws);
        let most = own.batches.iter().map(ExactSizeIterator::len).max();
        Self {
            rows: Array2::zeros((most.unwrap_or(0), trainer.rows().width())),
            own,
            trainer,
            to,
            taken: 0,
            batch: 0,
            sums: EpochSums::default(),
            result: Ok(()),
        }
    }

    fn goes_on(&self) -> bool {
        self.result.is_ok()
    }

    /// Takes its own of a part of the draws, and a step with each batch that is whole.
    fn take(&mut self, part: &Range<usize>, x: ArrayView2<'_, f32>) {
        while self.goes_on()
            && let Some(&at) = self.own.at.get(self.taken)
            && at < part.end
            && let Some(batch) = self.own.batches.get(self.batch).cloned()
        {
            let mut row = self.rows.row_mut(self.taken - batch.start);
            row.assign(&x.row(at - part.start));
            self.taken += 1;
            if self.taken == batch.end {
                self.batch += 1;
                let rows = self.rows.slice(s![..batch.len(), ..]);
                let (mut one, _) = self.trainer.apart(&self.own, &mut self.sums);
                self.result = one.take(batch, rows);
            }
        }
    }
}

/// ln p of each class for the plain views of the examples that each model is judged by,
/// `[its examples, classes]`.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn log_probabilities(
    models: &[(&Trainer<'_, '_>, &[usize])],
    examples: &Examples<'_>,
) -> Result<Vec<Array2<f32>>, HeadError> {
    let width = examples.width();
    let a_row = width.saturating_mul(size_of::<f32>());
    let at_once = (SCORED_BYTES / a_row.max(1)).clamp(1, SCORED_AT_ONCE);
    let plain = |examples_of: &[usize]| -> Result<Array2<f32>, HeadError> {
        let places: Vec<usize> = examples_of.iter().map(|e| e * examples.views).collect();
        let mut x = Array2::zeros((places.len(), width));
        examples.features.read(&places, x.view_mut())?;
        Ok(x)
    };
    let zeros = |own: &[usize]| Array2::zeros((own.len(), examples.classes));
    let mut scores: Vec<_> = models.iter().map(|(_, own)| zeros(own)).collect();
    if examples.features.in_memory().is_some() {
        for ((trainer, own), scores) in models.iter().zip(&mut scores) {
            let chunks = scores.axis_chunks_iter_mut(Axis(0), at_once);
            for (chunk, mut scores) in own.chunks(at_once).zip(chunks) {
                let logits = trainer.network().logits(plain(chunk)?.view());
                scores.assign(&log_softmax(logits));
            }
        }
        return Ok(scores);
    }
    let all: Vec<usize> = (0..examples.len()).collect();
    for chunk in all.chunks(at_once) {
        let (x, first) = (plain(chunk)?, chunk.first().copied().unwrap_or_default());
        models
            .par_iter()
            .zip(&mut scores)
            .for_each(|((trainer, own), scores)| {
                // Held-out examples come in their order.
                let from = own.partition_point(|&example| example < first);
                let to = own.partition_point(|&example| example < first + chunk.len());
                let here = own.get(from..to).unwrap_or_default();
                if !here.is_empty() {
                    let rows: Vec<usize> = here.iter().map(|example| example - first).collect();
                    let logits = trainer.network().logits(x.select(Axis(0), &rows).view());
                    scores
                        .slice_mut(s![from..to, ..])
                        .assign(&log_softmax(logits));
                }
            });
    }
    Ok(scores)
}
