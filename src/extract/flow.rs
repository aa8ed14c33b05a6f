//! Batches through the network in order: one after the other, or the next taken in while one is
//! computed.

use std::collections::VecDeque;
use std::time::Instant;

use super::engine::{ExtractError, Infer, Shape, Times};

/// Batches on their way through the network.
pub(super) struct Flow<'a> {
    infer: &'a mut dyn Infer,
    shape: Shape,
    features: Vec<f32>,
    /// How many batches may be under way at once; 0 where each is computed as it comes.
    depth: usize,
    /// The rows of the batches that are under way, or of the one that is done.
    rows: VecDeque<usize>,
    /// The first row of the next batch that comes out.
    first: usize,
}

impl<'a> Flow<'a> {
    pub(super) fn new(infer: &'a mut dyn Infer, shape: Shape) -> Self {
        let depth = infer.ahead().map_or(0, |ahead| ahead.depth());
        Self {
            infer,
            shape,
            features: vec![0.0; shape.batch * shape.width],
            depth,
            rows: VecDeque::with_capacity(depth.max(1)),
            first: 0,
        }
    }

    /// Takes in a batch; `input` is free when this returns.
    pub(super) fn give(
        &mut self,
        input: &[f32],
        rows: usize,
        times: &mut Times,
    ) -> Result<(), ExtractError> {
        let start = Instant::now();
        let given = match self.infer.ahead() {
            Some(ahead) => ahead.start(input, rows),
            None => {
                let features = &mut self.features[..rows * self.shape.width];
                self.infer.infer(input, rows, features)
            }
        };
        given.map_err(ExtractError::Infer)?;
        times.infer += start.elapsed();
        self.rows.push_back(rows);
        Ok(())
    }

    /// The features of the next batch with the index of its first row: where all that can be is
    /// under way, or no more batches come and `all` are waited for.
    pub(super) fn take(
        &mut self,
        all: bool,
        times: &mut Times,
    ) -> Result<Option<(usize, &[f32])>, ExtractError> {
        if self.rows.is_empty() || (!all && self.rows.len() < self.depth) {
            return Ok(None);
        }
        let start = Instant::now();
        if let Some(ahead) = self.infer.ahead() {
            let features = &mut self.features;
            ahead.finish(features).map_err(ExtractError::Infer)?;
        }
        times.infer += start.elapsed();
        let first = self.first;
        let rows = self.rows.pop_front().unwrap_or(0);
        self.first += rows;
        Ok(Some((first, &self.features[..rows * self.shape.width])))
    }
}
