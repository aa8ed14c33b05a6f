//! Convolutions of 3x3 by Winograd's minimal filtering, F(4x4, 3x3), on a processor's vectors.
//!
//! A 3x3 convolution with stride 1 takes 144 multiplications for each 4x4 outputs of a channel;
//! through the transforms of Lavin & Gray 2016 ("Fast Algorithms for Convolutional Neural
//! Networks", arXiv:1509.09308) it takes 36. ONNX Runtime's own kernels do not do that, and half of
//! ResNet50's time is in such convolutions. cuDNN has this way for fp32, too: the result is that of
//! another order of the sums, and differs from the direct one in the last bits.
//!
//! An output is a chain of fused multiply-adds over the input's channels, in their order, so that
//! its bits depend neither on the batch, nor on the number of threads, nor on how wide the machine's
//! vectors are.
//!
//! This is a package of its own because a kernel is to be optimised in every build: tests of the
//! rest run without optimisation, and would spend minutes in here.

mod task;
#[cfg(test)]
mod tests;
mod transform;

use std::ops::Range;
use std::sync::Mutex;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

pub use task::Task;
use transform::KERNELS;

/// Rows and columns of the outputs that are computed together.
const TILE: usize = 4;

/// Rows and columns of the inputs that they depend on.
const SEEN: usize = TILE + 2;

/// The frequencies of a tile.
const FREQUENCIES: usize = SEEN * SEEN;

/// Vectors side by side in a panel of weights.
const ABREAST: usize = 2;

/// Values of a line of the cache.
const LINE: usize = 16;

/// Fewest lanes of a vector for which this is worth it: AVX2's.
const FEWEST_LANES: usize = 8;

/// Tiles that are worth reading the transformed weights for: large layers have 38 MB of them.
const WORTH_A_PASS: usize = 64;

/// The most output channels of a task, so that what it holds stays in a cache.
const CHANNELS: usize = 256;

/// Whether this machine has vectors for it: of [eight values](lanes) at least.
#[must_use]
pub fn is_available() -> bool {
    lanes() >= FEWEST_LANES
}

/// The lanes of this machine's vectors of f32: 8 with AVX2, 16 with AVX-512.
#[must_use]
pub fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// Transforms the weights of a panel's outputs.
struct Transform<'a, 'b> {
    /// `[output, input]`.
    kernels: &'a [[f32; 9]],
    inputs: usize,
    /// `[input, output]` for each frequency.
    places: &'a mut [&'b mut [f32]],
}

impl WithSimd for Transform<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let wide = self.kernels.len() / self.inputs;
        for at in (0..self.kernels.len()).step_by(KERNELS) {
            // Outputs within an input: what is written together lies together.
            let (input, output) = (at / wide, at % wide);
            let mut kernels = [&[0.0; 9]; KERNELS];
            for (k, kernel) in kernels.iter_mut().enumerate() {
                *kernel = &self.kernels[(output + k) * self.inputs + input];
            }
            let values = transform::weights(kernels);
            for (place, values) in self.places.iter_mut().zip(&values) {
                place[at..at + KERNELS].copy_from_slice(values);
            }
        }
    }
}

/// A 3x3 convolution with stride 1 that pads its input by one on each side.
#[derive(Debug)]
pub struct Convolution {
    inputs: usize,
    outputs: usize,
    /// Whether what is negative becomes zero.
    relu: bool,
    /// The width of a panel.
    wide: usize,
    /// The transformed weights, `[frequency, output / wide, input, output % wide]`, from `start`
    /// on, where a line of the cache begins.
    weights: Vec<f32>,
    start: usize,
    bias: Vec<f32>,
}

impl Convolution {
    /// Whether there is a way for so many channels, on a machine of so many lanes: those of the
    /// output fill two vectors, or a multiple, those of the input one.
    #[must_use]
    pub fn takes([outputs, inputs]: [usize; 2], lanes: usize) -> bool {
        let wide = ABREAST * lanes;
        outputs > 0 && inputs > 0 && outputs.is_multiple_of(wide) && inputs.is_multiple_of(lanes)
    }

    /// Transforms weights `[outputs, inputs, 3, 3]`, for vectors of so many lanes, a multiple of 4;
    /// nothing where [`Convolution::takes`] says no or the numbers of weights or of biases are
    /// others.
    #[must_use]
    pub fn new(
        weights: &[f32],
        bias: Vec<f32>,
        [outputs, inputs]: [usize; 2],
        relu: bool,
        lanes: usize,
    ) -> Option<Self> {
        let (kernels, []) = weights.as_chunks::<9>() else {
            return None;
        };
        let fits = Self::takes([outputs, inputs], lanes)
            && (ABREAST * lanes).is_multiple_of(KERNELS)
            && outputs.checked_mul(inputs) == Some(kernels.len())
            && bias.len() == outputs;
        if !fits {
            return None;
        }
        let wide = ABREAST * lanes;
        let panel = inputs * wide;
        let count = FREQUENCIES * outputs * inputs;
        let mut transformed = vec![0.0; count + LINE];
        let start = task::line(&transformed);
        // A panel of all frequencies has its places far apart, so each thread is handed them.
        let mut panels: Vec<Vec<&mut [f32]>> = Vec::new();
        panels.resize_with(outputs / wide, || Vec::with_capacity(FREQUENCIES));
        for (at, place) in transformed[start..start + count]
            .chunks_mut(panel)
            .enumerate()
        {
            panels[at % (outputs / wide)].push(place);
        }
        (panels.par_iter_mut().zip(kernels.par_chunks(panel))).for_each(|(places, kernels)| {
            Arch::new().dispatch(Transform {
                kernels,
                inputs,
                places,
            });
        });
        Some(Self {
            inputs,
            outputs,
            relu,
            wide,
            weights: transformed,
            start,
            bias,
        })
    }

    /// The panels of some outputs, whole panels of them, at a frequency.
    #[inline(always)]
    fn panels(&self, frequency: usize, outputs: Range<usize>) -> &[f32] {
        let from = self.start + (frequency * self.outputs + outputs.start) * self.inputs;
        &self.weights[from..from + outputs.len() * self.inputs]
    }

    /// The channels of its input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The channels of its output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Whether what is negative becomes zero.
    #[must_use]
    pub fn has_relu(&self) -> bool {
        self.relu
    }

    /// The tasks that together compute `out` (`[images, outputs, height, width]`) from `input`
    /// (`[images, inputs, height, width]`), on any threads and in any order; at least one for each
    /// of `threads`, where there is so much. Nothing where a slice has another length than that.
    #[must_use]
    pub fn tasks<'a>(
        &'a self,
        input: &'a [f32],
        [images, height, width]: [usize; 3],
        out: &'a mut [f32],
        threads: usize,
    ) -> Option<Vec<Mutex<Task<'a>>>> {
        let pixels = height.checked_mul(width)?;
        let of = |channels: usize| images.checked_mul(channels)?.checked_mul(pixels);
        if of(self.inputs)? != input.len() || of(self.outputs)? != out.len() {
            return None;
        }
        if out.is_empty() {
            return Some(Vec::new());
        }
        let tiles = height.div_ceil(TILE) * width.div_ceil(TILE);
        let together = WORTH_A_PASS.div_ceil(tiles).min(images);
        let mut part = self.outputs.min(CHANNELS).next_multiple_of(self.wide);
        let groups = images.div_ceil(together);
        while groups * self.outputs.div_ceil(part) < threads && part > self.wide {
            part = (part / 2).next_multiple_of(self.wide);
        }
        let mut tasks = Vec::with_capacity(groups * self.outputs.div_ceil(part));
        let inputs = input.chunks(together * self.inputs * pixels);
        for (input, out) in inputs.zip(out.chunks_mut(together * self.outputs * pixels)) {
            let first = tasks.len();
            for start in (0..self.outputs).step_by(part) {
                let channels: Range<usize> = start..self.outputs.min(start + part);
                tasks.push(Task::new(self, input, [height, width], channels));
            }
            for image in out.chunks_mut(self.outputs * pixels) {
                for (task, out) in tasks[first..]
                    .iter_mut()
                    .zip(image.chunks_mut(part * pixels))
                {
                    task.is_to_fill(out);
                }
            }
        }
        Some(tasks.into_iter().map(Mutex::new).collect())
    }
}
