//! From the bytes of an RGB image to three planes of numbers.

use crate::backbone::manifest::{Color, PreprocessConfig};

/// For each channel of the output: which channel of the image it is, and its value for each of
/// the 256 levels.
#[derive(Debug)]
pub(super) struct Planes {
    channel: [usize; 3],
    value: Box<[[f32; 256]; 3]>,
}

impl Planes {
    /// Each value is `(x * scale - mean) / std` in `f64`, rounded once.
    pub(super) fn new(config: &PreprocessConfig) -> Self {
        let channel = match config.color {
            Color::Rgb => [0, 1, 2],
            Color::Bgr => [2, 1, 0],
        };
        let value = std::array::from_fn(|c| {
            let (scale, mean) = (config.scale.get(), config.mean[c].get());
            let std = config.std[c].get();
            std::array::from_fn(|level| ((level as f64 * scale - mean) / std) as f32)
        });
        Self {
            channel,
            value: Box::new(value),
        }
    }

    /// `pixels` is `[height, width, 3]` bytes, `out` is `[3, height, width]` values.
    pub(super) fn fill(&self, pixels: &[u8], out: &mut [f32]) {
        let plane = (out.len() / 3).max(1);
        for (c, out) in out.chunks_exact_mut(plane).take(3).enumerate() {
            let (channel, value) = (self.channel[c], &self.value[c]);
            for (out, pixel) in out.iter_mut().zip(pixels.chunks_exact(3)) {
                *out = value[usize::from(pixel[channel])];
            }
        }
    }
}
