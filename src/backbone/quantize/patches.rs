//! What a convolution's weights are multiplied with: patches of its input, and the sums of their
//! products.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, s};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::capture::Tensor;
use super::plan::Conv;

/// Patches of one image.
const PATCHES: usize = 32;
/// Columns of one matrix product: nothing below the diagonal is computed but within a strip.
const STRIP: usize = 512;

/// The sums of products of a convolution's inputs, one matrix for each of its groups, of which the
/// triangle on and above the diagonal counts.
#[derive(Debug)]
pub(super) struct Grams {
    pub(super) of: Vec<Array2<f32>>,
}

/// Bytes of a convolution's [`Grams`].
pub(super) fn bytes(conv: &Conv) -> usize {
    let fan_in = conv.fan_in();
    fan_in * fan_in * conv.groups * size_of::<f32>()
}

impl Grams {
    pub(super) fn new(conv: &Conv) -> Self {
        let size = conv.fan_in();
        let of = (0..conv.groups).map(|_| Array2::zeros((size, size)));
        Self { of: of.collect() }
    }

    /// Adds patches of a batch of the convolution's inputs, drawn by the seed, the convolution's
    /// name and the image's number. Gives `false` where the input is not of the shape that the
    /// weights take.
    pub(super) fn add(
        &mut self,
        conv: &Conv,
        input: &Tensor<'_>,
        before: usize,
        seed: u64,
    ) -> bool {
        let [batch, channels, height, width] = input.dims[..] else {
            return false;
        };
        let Some(windows) = conv.geometry.windows([height, width]) else {
            return false;
        };
        if channels != conv.shape[1] * conv.groups
            || input.values.len() != batch * channels * height * width
        {
            return false;
        }
        let [high, wide] = windows.count;
        let drawn: Vec<Vec<usize>> = (0..batch)
            .map(|image| draw(conv, before + image, seed, high * wide))
            .collect();
        let rows: usize = drawn.iter().map(Vec::len).sum();
        for (group, gram) in self.of.iter_mut().enumerate() {
            let mut patches = Array2::<f32>::zeros((rows, conv.fan_in()));
            let places = (drawn.iter().enumerate())
                .flat_map(|(image, drawn)| drawn.iter().map(move |place| (image, *place)));
            for (mut row, (image, place)) in patches.rows_mut().into_iter().zip(places) {
                let [high, wide] = conv.geometry.kernel;
                let at = [
                    place / wide_of(windows.count),
                    place % wide_of(windows.count),
                ];
                for y in 0..high {
                    let seen = conv.geometry.sees(&windows, 0, [at[0], y], height);
                    for x in 0..wide {
                        let also = conv.geometry.sees(&windows, 1, [at[1], x], width);
                        let (Some(line), Some(column)) = (seen, also) else {
                            continue;
                        };
                        for channel in 0..conv.shape[1] {
                            let plane = image * channels + group * conv.shape[1] + channel;
                            row[(channel * high + y) * wide + x] =
                                input.values[(plane * height + line) * width + column];
                        }
                    }
                }
            }
            accumulate(&patches, gram);
        }
        true
    }
}

/// Windows of one line.
fn wide_of(count: [usize; 2]) -> usize {
    count[1].max(1)
}

/// Adds `patchesᵀ patches`, the triangle on and above the diagonal.
fn accumulate(patches: &Array2<f32>, gram: &mut Array2<f32>) {
    let size = gram.ncols();
    for left in (0..size).step_by(STRIP) {
        let right = (left + STRIP).min(size);
        let rows = patches.slice(s![.., ..right]);
        let columns = patches.slice(s![.., left..right]);
        let mut sums = gram.slice_mut(s![..right, left..right]);
        general_mat_mul(1.0, &rows.t(), &columns, 1.0, &mut sums);
    }
}

/// Some of `count` windows, each once; all where there are few.
fn draw(conv: &Conv, image: usize, seed: u64, count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    if count <= PATCHES {
        return places;
    }
    let key = Sha256::new()
        .chain_update(b"catpipe/quantize/patches\0")
        .chain_update(seed.to_le_bytes())
        .chain_update((image as u64).to_le_bytes())
        .chain_update(conv.name.as_bytes())
        .finalize();
    let mut random = ChaCha8Rng::from_seed(key.into());
    for place in 0..PATCHES {
        // Of thousands of windows, a 64-bit remainder favours none that one could notice.
        let left = (count - place) as u64;
        let other = place + (random.next_u64() % left) as usize;
        places.swap(place, other);
    }
    places.truncate(PATCHES);
    places
}
