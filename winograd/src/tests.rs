//! The filtering beside direct sums in double precision, and whose its bits are.

use std::sync::PoisonError;

use proptest::prelude::*;
use pulp::{Scalar256b, Scalar512b, WithSimd};

use super::*;
/// `count` values between -1 and 1 that follow from `seed` alone, by splitmix64.
fn values(seed: u64, count: usize) -> Vec<f32> {
    let value = |at: u64| {
        let mut z = (seed << 32)
            .wrapping_add(at)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 * 2.0_f32.powi(-23) - 1.0
    };
    (0..count as u64).map(value).collect()
}

/// The lanes that the layouts are tested for: AVX2's and AVX-512's.
const LANES: [usize; 2] = [8, 16];

/// A convolution and what it is given.
#[derive(Debug, Clone)]
struct Case {
    channels: [usize; 2],
    dims: [usize; 3],
    relu: bool,
    seed: u64,
}

impl Case {
    fn weights(&self) -> Vec<f32> {
        let [outputs, inputs] = self.channels;
        values(self.seed, outputs * inputs * 9)
    }

    fn bias(&self) -> Vec<f32> {
        values(self.seed + 1, self.channels[0])
    }

    fn input(&self) -> Vec<f32> {
        let [images, height, width] = self.dims;
        values(self.seed + 2, images * self.channels[1] * height * width)
    }

    fn convolution(&self, lanes: usize) -> Convolution {
        Convolution::new(
            &self.weights(),
            self.bias(),
            self.channels,
            self.relu,
            lanes,
        )
        .unwrap()
    }

    /// By vectors of so many lanes, whatever the machine has.
    fn filtered(&self, input: &[f32], dims: [usize; 3], lanes: usize, threads: usize) -> Vec<f32> {
        let convolution = self.convolution(lanes);
        let length = dims.iter().product::<usize>() * self.channels[0];
        let mut out = vec![f32::NAN; length];
        let tasks = convolution.tasks(input, dims, &mut out, threads).unwrap();
        // From the last to the first: their order is nobody's.
        for task in tasks.iter().rev() {
            let mut task = task.lock().unwrap_or_else(PoisonError::into_inner);
            match lanes {
                8 => task.with_simd(Scalar256b),
                _ => task.with_simd(Scalar512b),
            }
        }
        drop(tasks);
        out
    }

    /// The sums in double precision, and those of the magnitudes, by which errors are measured.
    fn direct(&self) -> Vec<(f64, f64)> {
        let ([outputs, inputs], [images, height, width]) = (self.channels, self.dims);
        let (weights, bias, input) = (self.weights(), self.bias(), self.input());
        let mut all = Vec::new();
        for image in 0..images {
            for output in 0..outputs {
                for at in 0..height * width {
                    let (mut sum, mut size) = (f64::from(bias[output]), 0.0);
                    for place in 0..inputs * 9 {
                        let (channel, row, column) = (place / 9, place % 9 / 3, place % 3);
                        let (y, x) = (at / width + row, at % width + column);
                        if (1..=height).contains(&y) && (1..=width).contains(&x) {
                            let plane = (image * inputs + channel) * height;
                            let value = f64::from(input[(plane + y - 1) * width + x - 1]);
                            let product = value * f64::from(weights[output * inputs * 9 + place]);
                            sum += product;
                            size += product.abs();
                        }
                    }
                    all.push((if self.relu { sum.max(0.0) } else { sum }, size));
                }
            }
        }
        all
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn cases() -> impl Strategy<Value = Case> {
    let dims = (1..4_usize, 1..15_usize, 1..15_usize);
    let shape = (1..3_usize, 1..3_usize, any::<bool>(), 0..1000_u64);
    (dims, shape).prop_map(
        |((images, height, width), (outputs, inputs, relu, seed))| Case {
            channels: [32 * outputs, 16 * inputs],
            dims: [images, height, width],
            relu,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_are_those_of_the_direct_way(case in cases()) {
        let direct = case.direct();
        for lanes in LANES {
            let filtered = case.filtered(&case.input(), case.dims, lanes, 1);
            for (at, (found, (sum, size))) in filtered.iter().zip(&direct).enumerate() {
                let error = (f64::from(*found) - sum).abs();
                // Rounding, enlarged by the transforms.
                prop_assert!(error <= 1e-5 * size, "{at}: {found}, not {sum}");
            }
        }
    }

    #[test]
    fn bits_depend_on_the_image_alone(case in cases(), threads in 1..9_usize) {
        let [images, height, width] = case.dims;
        let input = case.input();
        let expected = bits(&case.filtered(&input, case.dims, 8, 1));
        for lanes in LANES {
            let found = case.filtered(&input, case.dims, lanes, threads);
            prop_assert_eq!(bits(&found), &expected[..], "{} lanes", lanes);
        }
        let each = expected.len() / images;
        let one = input.chunks(input.len() / images);
        for (input, expected) in one.zip(expected.chunks(each)) {
            let found = case.filtered(input, [1, height, width], 8, threads);
            prop_assert_eq!(bits(&found), expected);
        }
    }
}

/// Enough tiles for several blocks, of images that are and are not multiples of a tile.
fn large() -> Case {
    Case {
        channels: [64, 32],
        dims: [3, 30, 37],
        relu: true,
        seed: 5,
    }
}

#[test]
fn the_machines_own_vectors_give_these_bits() {
    if !is_available() {
        println!("NOT TESTED: this machine has no AVX2");
        return;
    }
    let case = large();
    let convolution = case.convolution(lanes());
    let input = case.input();
    let mut out = vec![f32::NAN; 3 * 64 * 30 * 37];
    let tasks = convolution.tasks(&input, case.dims, &mut out, 2).unwrap();
    tasks
        .into_par_iter()
        .for_each(|task| task.into_inner().unwrap().run());
    let expected = case.filtered(&input, case.dims, 8, 1);
    assert_eq!(bits(&out), bits(&expected));
}

#[test]
fn what_is_no_number_shows() {
    let case = large();
    let mut input = case.input();
    input[0] = f32::NAN;
    let found = case.filtered(&input, case.dims, 8, 1);
    let pixels = 30 * 37;
    for (at, channel) in found[..64 * pixels].chunks(pixels).enumerate() {
        assert!(channel[0].is_nan(), "channel {at}");
        assert!(channel[pixels - 1].is_finite(), "channel {at}");
    }
    assert!(found[64 * pixels..].iter().all(|value| value.is_finite()));
}

#[test]
fn other_lengths_are_refused() {
    let case = large();
    let (weights, [outputs, inputs]) = (case.weights(), case.channels);
    let new = |weights: &[f32], bias: usize, channels, lanes| {
        Convolution::new(weights, vec![0.0; bias], channels, false, lanes)
    };
    assert!(new(&weights, outputs, [outputs, inputs], 8).is_some());
    assert!(new(&weights[9..], outputs, [outputs, inputs], 8).is_none());
    assert!(new(&weights[1..], outputs, [outputs, inputs], 8).is_none());
    assert!(new(&weights, outputs - 1, [outputs, inputs], 8).is_none());
    assert!(new(&weights, 32, [32, 64], 64).is_none());
    assert!(new(&[], 0, [0, 0], 8).is_none());
    let (convolution, input) = (case.convolution(8), case.input());
    let mut out = vec![0.0; 64 * 3 * 30 * 37];
    for dims in [[3, 30, 36], [2, 30, 37], [usize::MAX, 2, 1], [0, 30, 37]] {
        assert!(convolution.tasks(&input, dims, &mut out, 1).is_none());
    }
    for dims in [[0, 4, 4], [2, 0, 4]] {
        let tasks = convolution.tasks(&[], dims, &mut [], 1);
        assert_eq!(tasks.map(|tasks| tasks.len()), Some(0));
    }
}
