//! Convolution, max-pooling and ReLU, as matrix products.
//!
//! A picture is a row of a matrix: row by row, pixel by pixel, channel by channel. The patches
//! that a kernel of side k sees are laid out as a matrix `[positions, k k channels]` (Chellapilla,
//! Puri & Simard 2006, "im2col"), and the convolution is its product with the weights
//! `[maps, k k channels]`: a [`Linear`] layer over all positions. As in every library of today it
//! is a cross-correlation: the kernel is not turned round.

use ndarray::{Array2, ArrayView2};
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use super::linear::Linear;
use crate::head::config::{CnnConfig, Shape};
use crate::head::real::Real;

/// Pictures whose gradients one thread adds up. Sums are taken piece by piece, so the pieces, and
/// not the threads, decide the order.
const PICTURES: usize = 8;

/// One block: y = max(0, maxpool(conv(x) + b)).
///
/// Pooling comes before the ReLU: the largest of ReLUs is the ReLU of the largest, and there is
/// less to compute.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::head) struct Block<F> {
    /// Weight `[maps, kernel * kernel * channels]`, bias `[1, maps]`.
    pub(in crate::head) linear: Linear<F>,
    pub(in crate::head) kernel: usize,
    pub(in crate::head) pool: usize,
    pub(in crate::head) input: Shape,
    output: Shape,
}

/// The blocks of a convolutional head on rows of `inputs` numbers.
pub(super) fn blocks<F: Real>(
    config: &CnnConfig,
    inputs: usize,
    gain: f64,
    random: &mut impl Rng,
) -> Vec<Block<F>> {
    // Rows that are no pictures were refused before any network was made.
    let shapes = config.shapes(inputs).unwrap_or_default();
    let (kernel, pool) = (config.kernel.get(), config.pool.get());
    let pairs = shapes.iter().zip(shapes.iter().skip(1));
    pairs
        .map(|(&input, &output)| {
            let patch = kernel * kernel * input.channels;
            Block {
                linear: Linear::random(patch, output.channels, true, gain, random),
                kernel,
                pool,
                input,
                output,
            }
        })
        .collect()
}

impl<F: Real> Block<F> {
    /// A block of known weights; `None` where they do not fit `input`, or nothing is left of it.
    pub(in crate::head) fn of(
        linear: Linear<F>,
        (kernel, pool): (usize, usize),
        input: Shape,
    ) -> Option<Self> {
        let output = input.after(kernel, pool, linear.outputs())?;
        let patch = kernel.checked_mul(kernel)?.checked_mul(input.channels)?;
        let fits = kernel > 0 && linear.inputs() == patch;
        fits.then_some(Self {
            linear,
            kernel,
            pool,
            input,
            output,
        })
    }

    /// The shape that it gives to the next.
    pub(in crate::head) fn output(&self) -> Shape {
        self.output
    }

    /// `x` `[n, input.len()]` into `out` `[n, output.len()]`; into `largest`, for each number of
    /// `out`, the position of the convolution that it comes from.
    pub(super) fn forward(&self, x: ArrayView2<F>, out: &mut [F], largest: &mut [u32]) {
        let length = self.output.len().max(1);
        let pictures = out
            .par_chunks_mut(length)
            .zip(largest.par_chunks_mut(length));
        pictures.enumerate().for_each_init(
            || self.no_patches(),
            |patches, (i, (out, largest))| {
                self.fill_patches(x.row(i).as_slice().unwrap_or_default(), patches);
                let y = self.linear.forward(patches.view());
                self.pooled(&y, out, largest);
            },
        );
    }

    /// Given what [`Block::forward`] made of `x` and dL/dout in `dy` (both `[n, output.len()]`):
    /// dL/dweight and dL/dbias into `gradient`, and dL/dx into `dx` `[n, input.len()]`, or nowhere
    /// where that is empty.
    pub(super) fn backward(
        &self,
        x: ArrayView2<F>,
        (out, largest): (&[F], &[u32]),
        dy: &[F],
        gradient: &mut Linear<F>,
        dx: &mut [F],
    ) {
        let wanted = !dx.is_empty();
        let size = PICTURES * self.input.len();
        let pieces = x.nrows().div_ceil(PICTURES);
        let mut slots: Vec<&mut [F]> = dx.chunks_mut(size.max(1)).collect();
        slots.resize_with(pieces, Default::default);
        let length = self.output.len();
        let piece = |(number, dx): (usize, &mut [F])| {
            let first = number * PICTURES;
            let mut work = Backward::of(self);
            for i in first..x.nrows().min(first + PICTURES) {
                let own = i * length..(i + 1) * length;
                let part = |all: &[F]| all.get(own.clone()).unwrap_or_default().to_vec();
                let (out, dy) = (part(out), part(dy));
                let largest = largest.get(own.clone()).unwrap_or_default();
                self.unpooled(&out, largest, &dy, &mut work.dconv);
                let picture = x.row(i);
                self.fill_patches(picture.as_slice().unwrap_or_default(), &mut work.patches);
                work.add(&self.linear);
                if wanted {
                    let place = (i - first) * self.input.len();
                    let dx = dx.get_mut(place..place + self.input.len());
                    work.back_to(self, dx.unwrap_or_default());
                }
            }
            work.sum
        };
        let sums: Vec<Linear<F>> = slots.into_par_iter().enumerate().map(piece).collect();
        gradient.weight.fill(F::zero());
        gradient.bias.iter_mut().for_each(|b| b.fill(F::zero()));
        sums.iter().for_each(|sum| add(gradient, sum));
    }

    /// Rows and columns of the positions that the kernel takes.
    fn positions(&self) -> (usize, usize) {
        let Shape { height, width, .. } = self.input;
        (height + 1 - self.kernel, width + 1 - self.kernel)
    }

    fn no_patches(&self) -> Array2<F> {
        let (rows, columns) = self.positions();
        Array2::zeros((rows * columns, self.linear.inputs()))
    }

    /// Where the `kernel` runs of each patch stand in the picture, patch by patch: each run is
    /// `kernel * channels` numbers that lie side by side.
    fn runs(&self) -> impl Iterator<Item = usize> + use<F> {
        let (rows, columns) = self.positions();
        let (kernel, channels, width) = (self.kernel, self.input.channels, self.input.width);
        let places = (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)));
        places.flat_map(move |(row, column)| {
            (0..kernel).map(move |k| ((row + k) * width + column) * channels)
        })
    }

    fn run(&self) -> usize {
        (self.kernel * self.input.channels).max(1)
    }

    fn fill_patches(&self, x: &[F], patches: &mut Array2<F>) {
        let run = self.run();
        let all = patches.as_slice_mut().unwrap_or_default();
        for (to, from) in all.chunks_exact_mut(run).zip(self.runs()) {
            to.copy_from_slice(&x[from..from + run]);
        }
    }

    /// The transpose of [`Block::fill_patches`]: what each patch has goes back to its pixels,
    /// added up where patches overlap.
    fn add_patches(&self, patches: &Array2<F>, x: &mut [F]) {
        let run = self.run();
        let all = patches.as_slice().unwrap_or_default();
        for (from, to) in all.chunks_exact(run).zip(self.runs()) {
            for (x, &p) in x[to..to + run].iter_mut().zip(from) {
                *x += p;
            }
        }
    }

    /// The largest of each square of `y` `[positions, maps]` (the first of equals), where that is,
    /// and the ReLU.
    fn pooled(&self, y: &Array2<F>, out: &mut [F], largest: &mut [u32]) {
        let (_, columns) = self.positions();
        let (maps, wide) = (self.output.channels.max(1), self.output.width.max(1));
        let y = y.as_slice().unwrap_or_default();
        let cells = out.chunks_mut(maps).zip(largest.chunks_mut(maps));
        for (cell, (best, at)) in cells.enumerate() {
            let (row, column) = (cell / wide * self.pool, cell % wide * self.pool);
            best.fill(F::neg_infinity());
            for square in 0..self.pool * self.pool {
                let place = (row + square / self.pool) * columns + column + square % self.pool;
                let y = &y[place * maps..(place + 1) * maps];
                #[allow(clippy::cast_possible_truncation)] // pictures have fewer pixels
                let mark = place as u32;
                for ((best, at), &y) in best.iter_mut().zip(at.iter_mut()).zip(y) {
                    // What is not a number counts as the largest: it must not get lost.
                    if y > *best || y.is_nan() {
                        (*best, *at) = (y, mark);
                    }
                }
            }
            for y in best {
                *y = if *y < F::zero() { F::zero() } else { *y };
            }
        }
    }

    /// The gradient of one picture's pooled maps where each comes from; zero elsewhere and where
    /// the ReLU is shut.
    fn unpooled(&self, out: &[F], largest: &[u32], dy: &[F], dconv: &mut Array2<F>) {
        dconv.fill(F::zero());
        let maps = self.output.channels;
        let dconv = dconv.as_slice_mut().unwrap_or_default();
        for (j, ((&y, &place), &dy)) in out.iter().zip(largest).zip(dy).enumerate() {
            if y > F::zero() || y.is_nan() {
                dconv[place as usize * maps + j % maps] += dy;
            }
        }
    }
}

/// The arrays of a backward pass through one block, picture by picture.
struct Backward<F> {
    patches: Array2<F>,
    /// dL/d of the convolution, `[positions, maps]`.
    dconv: Array2<F>,
    dpatches: Array2<F>,
    /// The gradient of one picture.
    own: Linear<F>,
    /// That of the pictures so far.
    sum: Linear<F>,
}

impl<F: Real> Backward<F> {
    fn of(block: &Block<F>) -> Self {
        let patches = block.no_patches();
        let zeros = Linear::zeros(block.linear.inputs(), block.linear.outputs(), true);
        Self {
            dconv: Array2::zeros((patches.nrows(), block.output.channels)),
            dpatches: patches.clone(),
            patches,
            own: zeros.clone(),
            sum: zeros,
        }
    }

    fn add(&mut self, linear: &Linear<F>) {
        linear.backward(self.patches.view(), self.dconv.view(), &mut self.own);
        add(&mut self.sum, &self.own);
    }

    fn back_to(&mut self, block: &Block<F>, dx: &mut [F]) {
        let dpatches = self.dpatches.view_mut();
        block.linear.input_gradient(self.dconv.view(), dpatches);
        dx.fill(F::zero());
        block.add_patches(&self.dpatches, dx);
    }
}

fn add<F: Real>(sum: &mut Linear<F>, own: &Linear<F>) {
    sum.weight += &own.weight;
    if let (Some(sum), Some(own)) = (&mut sum.bias, &own.bias) {
        *sum += own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use crate::head::random::stream;

    fn block(yaml: &str, inputs: usize) -> Block<f64> {
        let config: CnnConfig = serde_saphyr::from_str(yaml).unwrap();
        let mut block = blocks(&config, inputs, 2.0, &mut stream("init", 4, &[])).remove(0);
        block.linear.bias = Some(wave(1, block.output.channels, 0.4) * 0.1);
        block
    }

    fn through(block: &Block<f64>, x: &Array2<f64>) -> (Vec<f64>, Vec<u32>) {
        let count = x.nrows() * block.output.len();
        let (mut out, mut largest) = (vec![f64::NAN; count], vec![0; count]);
        block.forward(x.view(), &mut out, &mut largest);
        (out, largest)
    }

    /// Golden values: PyTorch 2.15.0,
    ///
    /// ```python
    /// wave = lambda r, c, p: torch.tensor([[math.sin((i*c + j)*1.37 + p) + 0.013 for j in range(c)] for i in range(r)], dtype=torch.float64)
    /// x = wave(2, 60, 0.5).reshape(2, 5, 6, 2).permute(0, 3, 1, 2)
    /// w = wave(3, 8, 0.1).reshape(3, 2, 2, 2).permute(0, 3, 1, 2); b = wave(1, 3, 0.4)[0]*0.1
    /// y = F.relu(F.max_pool2d(F.conv2d(x, w, b), 2))
    /// y.permute(0, 2, 3, 1).reshape(2, -1)[:, :6]
    /// ```
    #[test]
    fn a_block_is_that_of_other_libraries() {
        let mut block = block("{filters: [3], kernel: 2, image: [5, 6, 2]}", 60);
        block.linear.weight = wave(3, 8, 0.1);
        let (out, _) = through(&block, &wave(2, 60, 0.5));
        assert_eq!(
            block.output(),
            Shape {
                height: 2,
                width: 2,
                channels: 3
            }
        );
        let golden = [
            [
                2.8571837216234837,
                1.1047913424414126,
                2.562722073929737,
                1.8618437966606614,
                2.6441619068323434,
                2.5632531515970687,
            ],
            [
                2.8439839734596157,
                2.2219512732392146,
                2.722213810994266,
                2.6901250227011904,
                1.784599033674915,
                2.7663486511264517,
            ],
        ];
        for (picture, golden) in golden.iter().enumerate() {
            for (i, golden) in golden.iter().enumerate() {
                let found = out[picture * 12 + i];
                assert!(
                    (found - golden).abs() < 1e-12,
                    "{picture} {i}: {found} is not {golden}"
                );
            }
        }
    }

    /// Weights, biases and pixels; more pictures than one thread's piece, squares that do not
    /// fill the picture.
    #[test]
    fn gradients_agree_with_differences() {
        let mut block = block("{filters: [3], kernel: 2, pool: 2, image: [4, 6, 2]}", 48);
        let mut x = wave(PICTURES + 2, 48, 0.3);
        let dy = wave(x.nrows(), block.output.len(), 2.1);
        let loss = |block: &Block<f64>, x: &Array2<f64>| -> f64 {
            let (out, _) = through(block, x);
            out.iter().zip(&dy).map(|(y, dy)| y * dy).sum()
        };
        let (out, largest) = through(&block, &x);
        let mut gradient = Linear::zeros(8, 3, true);
        let mut dx = Array2::from_elem(x.dim(), f64::NAN);
        let (flat, dx_flat) = (dy.as_slice().unwrap(), dx.as_slice_mut().unwrap());
        block.backward(x.view(), (&out, &largest), flat, &mut gradient, dx_flat);

        let weight = derivative(&mut block, |b| &mut b.linear.weight, |b| loss(b, &x));
        agree(&gradient.weight, &weight);
        let bias = derivative(
            &mut block,
            |b| b.linear.bias.as_mut().unwrap(),
            |b| loss(b, &x),
        );
        agree(gradient.bias.as_ref().unwrap(), &bias);
        agree(&dx, &derivative(&mut x, |x| x, |x| loss(&block, x)));

        // Without the pixels' gradient, the others are the same.
        let mut alone = Linear::zeros(8, 3, true);
        block.backward(x.view(), (&out, &largest), flat, &mut alone, &mut []);
        assert_eq!(alone, gradient);
    }

    #[test]
    fn threads_change_no_bit() {
        let block = block("{filters: [4], kernel: 3, image: [9, 9, 3]}", 243);
        let x = wave(3 * PICTURES, 243, 0.3);
        let all = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                let (out, largest) = through(&block, &x);
                let mut gradient = Linear::zeros(27, 4, true);
                let mut dx = vec![0.0; x.len()];
                block.backward(x.view(), (&out, &largest), &out, &mut gradient, &mut dx);
                (out, gradient, dx)
            })
        };
        assert_eq!(all(1), all(3));
    }

    #[test]
    fn what_is_not_a_number_is_not_lost() {
        let block = block("{filters: [1], kernel: 1, image: [2, 2, 3]}", 12);
        let mut x = wave(1, 12, 0.3);
        x[[0, 0]] = f64::NAN;
        assert!(through(&block, &x).0[0].is_nan());
    }
}
