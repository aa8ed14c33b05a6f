//! A part of a convolution's output, on one thread.

use std::cell::Cell;
use std::ops::Range;

use pulp::bytemuck::{cast, cast_slice};
use pulp::{Arch, Simd, WithSimd};

use super::{ABREAST, Convolution, FREQUENCIES, LINE, SEEN, TILE, transform};

/// The most tiles that are transformed together, a multiple of every height of a product's block.
const TILES: usize = 48;

/// Some channels of the output of some images.
#[derive(Debug)]
pub struct Task<'a> {
    convolution: &'a Convolution,
    /// `[images, inputs, height, width]`
    input: &'a [f32],
    height: usize,
    width: usize,
    channels: Range<usize>,
    /// These channels of each image.
    out: Vec<&'a mut [f32]>,
}

/// What a thread keeps from task to task.
#[derive(Debug, Default)]
struct Buffers {
    /// Rows of the input, channels innermost.
    strip: Vec<f32>,
    /// The transformed input: `[frequency, tile, input channel]`.
    input: Vec<f32>,
    /// The products: `[frequency, tile, output channel]`.
    output: Vec<f32>,
}

/// Tiles that are computed together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    count: usize,
    /// `count`, rounded up to whole blocks of a product.
    rows: usize,
}

impl<'a> Task<'a> {
    pub(super) fn new(
        convolution: &'a Convolution,
        input: &'a [f32],
        [height, width]: [usize; 2],
        channels: Range<usize>,
    ) -> Self {
        Self {
            convolution,
            input,
            height,
            width,
            channels,
            out: Vec::new(),
        }
    }

    /// Takes the place for its channels of the next image.
    pub(super) fn is_to_fill(&mut self, out: &'a mut [f32]) {
        self.out.push(out);
    }

    /// Computes it, by the vectors that the weights are laid out for.
    pub fn run(&mut self) {
        Arch::new().dispatch(self);
    }

    /// The image of a tile, and its place in the grid of the image's tiles.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let across = self.width.div_ceil(TILE);
        let each = across * self.height.div_ceil(TILE);
        (tile / each, tile % each / across, tile % across)
    }
}

impl WithSimd for &mut Task<'_> {
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

impl Task<'_> {
    #[inline(always)]
    fn all<S: Simd, const HIGH: usize>(&mut self, simd: S) {
        thread_local! {
            static KEPT: Cell<Buffers> = Cell::default();
        }
        let mut buffers = KEPT.take();
        let each = self.width.div_ceil(TILE) * self.height.div_ceil(TILE);
        let tiles = self.out.len() * each;
        // Blocks of like size.
        let step = tiles.div_ceil(tiles.div_ceil(TILES)).next_multiple_of(HIGH);
        for first in (0..tiles).step_by(step) {
            let count = step.min(tiles - first);
            let rows = count.next_multiple_of(HIGH);
            let block = Block { first, count, rows };
            self.take(simd, block, &mut buffers);
            self.multiply::<S, HIGH>(simd, block, &mut buffers);
            self.give(simd, block, &mut buffers);
        }
        KEPT.set(buffers);
    }

    /// Transforms the inputs of a block.
    #[inline(always)]
    fn take<S: Simd>(&self, simd: S, block: Block, buffers: &mut Buffers) {
        let inputs = self.convolution.inputs;
        let across = self.width.div_ceil(TILE);
        let length = TILE * across + 2;
        let strip = aligned(&mut buffers.strip, SEEN * length * S::F32_LANES);
        let stride = stride(block.rows, inputs);
        let transformed = aligned(&mut buffers.input, FREQUENCIES * stride);
        let zero = simd.splat_f32s(0.0);
        let mut tile = 0;
        while tile < block.count {
            let (image, row, column) = self.place(block.first + tile);
            let run = (across - column).min(block.count - tile);
            for group in 0..inputs / S::F32_LANES {
                let first = image * inputs + group * S::F32_LANES;
                let place = (first, TILE * row, TILE * column);
                self.gather(place, TILE * run + 2, length, S::F32_LANES, strip);
                let strip = S::as_simd_f32s(strip).0;
                for at in 0..run {
                    let mut seen = [[zero; SEEN]; SEEN];
                    for (i, row) in seen.iter_mut().enumerate() {
                        row.copy_from_slice(&strip[i * length + TILE * at..][..SEEN]);
                    }
                    let to = (tile + at) * inputs + group * S::F32_LANES;
                    let seen = transform::inputs(simd, seen);
                    for i in 0..SEEN {
                        for j in 0..SEEN {
                            let to = &mut transformed[(i * SEEN + j) * stride + to..];
                            S::as_mut_simd_f32s(&mut to[..S::F32_LANES]).0[0] = seen[i][j];
                        }
                    }
                }
            }
            tile += run;
        }
    }

    /// Copies six rows of `count` pixels of some channels, of which `first` is the first, to rows
    /// of `length` pixels, channels innermost. The pixels are those around the outputs from
    /// `top`, `left` on; zeros stand for what is outside.
    #[inline(always)]
    fn gather(
        &self,
        (first, top, left): (usize, usize, usize),
        count: usize,
        length: usize,
        lanes: usize,
        strip: &mut [f32],
    ) {
        let pixels = self.height * self.width;
        // The first pixel of a row is the one before `left`.
        let before = usize::from(left == 0);
        let from = left.saturating_sub(1);
        let inside = (count - before).min(self.width - from);
        for (i, row) in strip.chunks_exact_mut(length * lanes).enumerate() {
            let row = &mut row[..count * lanes];
            let y = (top + i).wrapping_sub(1);
            if y >= self.height {
                row.fill(0.0);
                continue;
            }
            row[..before * lanes].fill(0.0);
            row[(before + inside) * lanes..].fill(0.0);
            let row = &mut row[before * lanes..(before + inside) * lanes];
            for lane in (0..lanes).step_by(2) {
                let at = (first + lane) * pixels + y * self.width + from;
                let (one, next) = (&self.input[at..], &self.input[at + pixels..]);
                interleave(&one[..inside], &next[..inside], lanes, &mut row[lane..]);
            }
        }
    }

    /// The products of a block: for each frequency, tiles by output channels.
    #[inline(always)]
    fn multiply<S: Simd, const HIGH: usize>(&self, simd: S, block: Block, buffers: &mut Buffers) {
        let &Convolution { inputs, wide, .. } = self.convolution;
        let width = self.channels.len();
        let (of_input, of_output) = (stride(block.rows, inputs), stride(block.rows, width));
        let transformed = aligned(&mut buffers.input, FREQUENCIES * of_input);
        let products = aligned(&mut buffers.output, FREQUENCIES * of_output);
        for frequency in 0..FREQUENCIES {
            let transformed = &transformed[frequency * of_input..][..block.rows * inputs];
            let products = &mut products[frequency * of_output..][..block.rows * width];
            let panels = self.convolution.panels(frequency, self.channels.clone());
            for (at, panel) in panels.chunks_exact(inputs * wide).enumerate() {
                let (panel, _) = S::as_simd_f32s(panel).0.as_chunks::<ABREAST>();
                let rows = transformed.chunks_exact(HIGH * inputs);
                for (rows, to) in rows.zip(products.chunks_exact_mut(HIGH * width)) {
                    let sums = product::<S, HIGH>(simd, rows, panel);
                    for (to, sums) in to.chunks_exact_mut(width).zip(sums) {
                        let to = &mut to[at * wide..][..wide];
                        S::as_mut_simd_f32s(to).0.copy_from_slice(&sums);
                    }
                }
            }
        }
    }

    /// Transforms the products of a block into outputs.
    #[inline(always)]
    fn give<S: Simd>(&mut self, simd: S, block: Block, buffers: &mut Buffers) {
        let width = self.channels.len();
        let stride = stride(block.rows, width);
        let products = aligned(&mut buffers.output, FREQUENCIES * stride);
        let zero = simd.splat_f32s(0.0);
        let mut values = [zero; TILE * TILE];
        for tile in 0..block.count {
            for channel in (0..width).step_by(S::F32_LANES) {
                let from = tile * width + channel;
                let mut sums = [[zero; SEEN]; SEEN];
                for i in 0..SEEN {
                    for j in 0..SEEN {
                        let from = &products[(i * SEEN + j) * stride + from..];
                        sums[i][j] = S::as_simd_f32s(&from[..S::F32_LANES]).0[0];
                    }
                }
                let bias = &self.convolution.bias[self.channels.start + channel..];
                let bias = S::as_simd_f32s(&bias[..S::F32_LANES]).0[0];
                let sums = transform::outputs(simd, sums);
                for i in 0..TILE {
                    for j in 0..TILE {
                        let sum = simd.add_f32s(sums[i][j], bias);
                        values[i * TILE + j] = match self.convolution.relu {
                            // What is no number stays none, as it would not by `max`.
                            true => simd.select_f32s(simd.less_than_f32s(sum, zero), zero, sum),
                            false => sum,
                        };
                    }
                }
                let values: &[f32] = cast_slice(&values);
                self.scatter(
                    self.place(block.first + tile),
                    channel,
                    S::F32_LANES,
                    values,
                );
            }
        }
    }

    /// Writes the 16 outputs of a tile, for some channels from `channel` on, which are innermost.
    #[inline(always)]
    fn scatter(
        &mut self,
        (image, row, column): (usize, usize, usize),
        channel: usize,
        lanes: usize,
        values: &[f32],
    ) {
        let (width, pixels) = (self.width, self.height * self.width);
        let (top, left) = (TILE * row, TILE * column);
        let (rows, columns) = (TILE.min(self.height - top), TILE.min(width - left));
        let out = &mut self.out[image][channel * pixels..][..lanes * pixels];
        for (pair, planes) in out.chunks_exact_mut(2 * pixels).enumerate() {
            let (first, second) = planes.split_at_mut(pixels);
            for i in 0..rows {
                let at = (top + i) * width + left;
                let to = [&mut first[at..at + columns], &mut second[at..at + columns]];
                separate(&values[i * TILE * lanes + 2 * pair..], lanes, to);
            }
        }
    }
}

/// The sums of rows of inputs with a panel of weights. All of them stay in registers.
#[inline(always)]
fn product<S: Simd, const HIGH: usize>(
    simd: S,
    rows: &[f32],
    panel: &[[S::f32s; ABREAST]],
) -> [[S::f32s; ABREAST]; HIGH] {
    let inputs = panel.len();
    let mut of_row = [rows; HIGH];
    for (row, values) in of_row.iter_mut().zip(rows.chunks_exact(inputs)) {
        *row = &values[..inputs];
    }
    let mut sums = [[simd.splat_f32s(0.0); ABREAST]; HIGH];
    for k in 0..inputs {
        for i in 0..HIGH {
            let value = simd.splat_f32s(of_row[i][k]);
            for j in 0..ABREAST {
                sums[i][j] = simd.mul_add_e_f32s(value, panel[k][j], sums[i][j]);
            }
        }
    }
    sums
}

/// Pixels of two channels to neighbours in rows of `lanes` channels, two by two.
#[inline(always)]
fn interleave(first: &[f32], second: &[f32], lanes: usize, to: &mut [f32]) {
    let ((firsts, first), (seconds, second)) = (first.as_chunks::<2>(), second.as_chunks::<2>());
    let mut at = 0;
    for (first, second) in firsts.iter().zip(seconds) {
        let [one, next] = transpose([*first, *second]);
        to[at..at + 2].copy_from_slice(&one);
        to[at + lanes..at + lanes + 2].copy_from_slice(&next);
        at += 2 * lanes;
    }
    if let ([first], [second]) = (first, second) {
        to[at..at + 2].copy_from_slice(&[*first, *second]);
    }
}

/// The first two channels of each of some pixels, at most four, to a row of each channel.
#[inline(always)]
fn separate(from: &[f32], lanes: usize, [first, second]: [&mut [f32]; 2]) {
    if let (Ok(first), Ok(second)) = (
        <&mut [f32; TILE]>::try_from(&mut *first),
        <&mut [f32; TILE]>::try_from(&mut *second),
    ) {
        for at in [0, 2] {
            let pair = |pixel: usize| [from[pixel * lanes], from[pixel * lanes + 1]];
            let [one, other] = transpose([pair(at), pair(at + 1)]);
            first[at..at + 2].copy_from_slice(&one);
            second[at..at + 2].copy_from_slice(&other);
        }
        return;
    }
    for (at, (first, second)) in first.iter_mut().zip(second).enumerate() {
        (*first, *second) = (from[at * lanes], from[at * lanes + 1]);
    }
}

/// [[a0, a1], [b0, b1]] to [[a0, b0], [a1, b1]], in words of two: one load and one store for both.
#[inline(always)]
fn transpose([a, b]: [[f32; 2]; 2]) -> [[f32; 2]; 2] {
    let word = |pair: [f32; 2]| u64::from_le_bytes(cast(pair));
    let pair = |word: u64| cast::<[u8; 8], [f32; 2]>(word.to_le_bytes());
    let (a, b) = (word(a), word(b));
    let (lower, upper) = (u64::from(u32::MAX), u64::from(u32::MAX) << 32);
    [pair(a & lower | b << 32), pair(a >> 32 | b & upper)]
}

/// Values from one frequency to the next: a line more than there are, since powers of two of bytes
/// share few places of a cache.
fn stride(rows: usize, channels: usize) -> usize {
    rows * channels + LINE
}

/// So many values of a buffer, from the start of a line; what they were is left.
#[inline(always)]
fn aligned(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length + LINE {
        buffer.resize(length + LINE, 0.0);
    }
    let start = line(buffer);
    &mut buffer[start..start + length]
}

/// The first value that a line of the cache begins with; there is one among the first
/// [`LINE`].
#[inline(always)]
pub(super) fn line(values: &[f32]) -> usize {
    let bytes = LINE * size_of::<f32>();
    values.as_ptr().align_offset(bytes).min(LINE)
}
