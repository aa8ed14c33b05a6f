//! From the bytes of an RGB image to numbers, in planes or pixel by pixel.

use crate::backbone::manifest::{Color, Layout, PreprocessConfig};

/// For each channel of the output: which channel of the image it is, and its value for each of
/// the 256 levels.
#[derive(Debug)]
pub(super) struct Planes {
    layout: Layout,
    channel: [usize; 3],
    value: Box<[[f32; 256]; 3]>,
}

impl Planes {
    /// Each value is `(x * scale - mean) / std` in `f64`, rounded once.
    pub(super) fn new(config: &PreprocessConfig, layout: Layout) -> Self {
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
            layout,
            channel,
            value: Box::new(value),
        }
    }

    /// `pixels` is `[height, width, 3]` bytes; `out` is `[3, height, width]` values for `nchw`,
    /// `[height, width, 3]` for `nhwc`.
    pub(super) fn fill(&self, pixels: &[u8], out: &mut [f32]) {
        if self.layout == Layout::Nhwc {
            for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
                for (c, out) in out.iter_mut().enumerate() {
                    *out = self.value[c][usize::from(pixel[self.channel[c]])];
                }
            }
            return;
        }
        let plane = (out.len() / 3).max(1);
        for (c, out) in out.chunks_exact_mut(plane).take(3).enumerate() {
            let (channel, value) = (self.channel[c], &self.value[c]);
            for (out, pixel) in out.iter_mut().zip(pixels.chunks_exact(3)) {
                *out = value[usize::from(pixel[channel])];
            }
        }
    }
}
