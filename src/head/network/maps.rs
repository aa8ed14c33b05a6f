//! The convolutional part of a network: its blocks one after another, then dropout.

use ndarray::{Array2, ArrayView2, s};

use super::convolution::Block;
use super::dropout::Dropout;
use super::linear::Linear;
use super::pieces::{first_rows, first_rows_mut};
use crate::head::real::Real;

/// The arrays that a step needs of the blocks, for batches of up to so many rows.
#[derive(Debug)]
pub(super) struct Maps<F> {
    blocks: Vec<Trace<F>>,
    /// What the last block gives, with dropout's factors; without rows where nothing is dropped.
    dropped: Array2<F>,
    mask: Array2<F>,
}

/// What a block's backward pass needs of its forward pass, `[most rows, output.len()]` each.
#[derive(Debug)]
struct Trace<F> {
    output: Array2<F>,
    largest: Array2<u32>,
    /// dL/doutput.
    delta: Array2<F>,
}

/// `[n, pixels] -> [n, features]` as trained: without dropout. `None` where there are no blocks.
pub(super) fn features<F: Real>(blocks: &[Block<F>], x: ArrayView2<F>) -> Option<Array2<F>> {
    let mut h: Option<Array2<F>> = None;
    for block in blocks {
        let input = h.as_ref().map_or(x, |h| h.view());
        let mut trace = Trace::new(block, x.nrows());
        trace.forward(block, input);
        h = Some(trace.output);
    }
    h
}

impl<F: Real> Trace<F> {
    fn new(block: &Block<F>, rows: usize) -> Self {
        let shape = (rows, block.output().len());
        Self {
            output: Array2::zeros(shape),
            largest: Array2::zeros(shape),
            delta: Array2::zeros((0, shape.1)),
        }
    }

    fn forward(&mut self, block: &Block<F>, x: ArrayView2<F>) {
        let n = x.nrows();
        let largest = first_rows_mut(&mut self.largest, n);
        block.forward(x, first_rows_mut(&mut self.output, n), largest);
    }
}

impl<F: Real> Maps<F> {
    /// For batches of up to `most` rows, with or without dropout.
    pub(super) fn of(blocks: &[Block<F>], most: usize, dropout: bool) -> Self {
        let trace = |block: &Block<F>| Trace {
            delta: Array2::zeros((most, block.output().len())),
            ..Trace::new(block, most)
        };
        let last = blocks.last().map_or(0, |block| block.output().len());
        let rows = if dropout && last > 0 { most } else { 0 };
        Self {
            blocks: blocks.iter().map(trace).collect(),
            dropped: Array2::zeros((rows, last)),
            mask: Array2::zeros((rows, last)),
        }
    }

    /// What the dense layers see of a batch `x`: without blocks the batch itself. `layer` is the
    /// number that dropout knows this part by.
    pub(super) fn forward<'a>(
        &'a mut self,
        blocks: &[Block<F>],
        x: ArrayView2<'a, F>,
        dropout: Option<(&Dropout, usize)>,
    ) -> ArrayView2<'a, F> {
        let n = x.nrows();
        for (i, block) in blocks.iter().enumerate() {
            let (below, rest) = self.blocks.split_at_mut(i);
            let input = below
                .last()
                .map_or(x, |trace| trace.output.slice(s![..n, ..]));
            if let Some(trace) = rest.first_mut() {
                trace.forward(block, input);
            }
        }
        let Some(last) = self.blocks.last() else {
            return x;
        };
        let Some((dropout, layer)) = dropout else {
            return last.output.slice(s![..n, ..]);
        };
        let mask = first_rows_mut(&mut self.mask, n);
        dropout.fill(layer, last.output.ncols(), mask);
        let output = first_rows(&last.output, n).iter();
        let dropped = first_rows_mut(&mut self.dropped, n).iter_mut();
        for ((y, &x), &m) in dropped.zip(output).zip(mask.iter()) {
            *y = x * m;
        }
        self.dropped.slice(s![..n, ..])
    }

    /// Where dL/d of what the dense layers saw belongs, `[n, features]`; `None` without blocks.
    pub(super) fn delta(&mut self, n: usize) -> Option<ndarray::ArrayViewMut2<'_, F>> {
        let last = self.blocks.last_mut()?;
        Some(last.delta.slice_mut(s![..n, ..]))
    }

    /// The gradient of each block, given [`Maps::delta`].
    pub(super) fn backward(
        &mut self,
        blocks: &[Block<F>],
        x: ArrayView2<F>,
        gradients: &mut [Linear<F>],
        dropout: bool,
    ) {
        let n = x.nrows();
        if let (true, Some(last)) = (dropout, self.blocks.last_mut()) {
            let mask = first_rows(&self.mask, n);
            let delta = first_rows_mut(&mut last.delta, n);
            delta.iter_mut().zip(mask).for_each(|(dy, &m)| *dy *= m);
        }
        for (i, (block, gradient)) in blocks.iter().zip(gradients).enumerate().rev() {
            let (below, rest) = self.blocks.split_at_mut(i);
            let Some(trace) = rest.first() else {
                return;
            };
            let (input, dx) = match below.last_mut() {
                Some(Trace { output, delta, .. }) => {
                    (output.slice(s![..n, ..]), first_rows_mut(delta, n))
                }
                None => (x, Default::default()),
            };
            let made = (first_rows(&trace.output, n), first_rows(&trace.largest, n));
            block.backward(input, made, first_rows(&trace.delta, n), gradient, dx);
        }
    }
}
