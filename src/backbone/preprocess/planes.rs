//! From the bytes of an RGB image to numbers, in planes or pixel by pixel.

use crate::backbone::manifest::{Color, Layout, PreprocessConfig};

/// The bytes of a picture, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pixels<'a> {
    /// Three bytes a pixel.
    Rgb(&'a [u8]),
    /// Four, of which the last says nothing.
    Rgbx(&'a [u8]),
}

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

    /// `pixels` is [height, width]; `out` is `[3, height, width]` values for `nchw`,
    /// `[height, width, 3]` for `nhwc`.
    pub(super) fn fill(&self, pixels: Pixels<'_>, out: &mut [f32]) {
        // The size of a pixel is known when this is compiled: half the time.
        match pixels {
            Pixels::Rgb(bytes) => self.fill_from(bytes.as_chunks::<3>().0, out),
            Pixels::Rgbx(bytes) => self.fill_from(bytes.as_chunks::<4>().0, out),
        }
    }

    fn fill_from<const BYTES: usize>(&self, pixels: &[[u8; BYTES]], out: &mut [f32]) {
        let value =
            |c: usize, pixel: &[u8; BYTES]| self.value[c][usize::from(pixel[self.channel[c]])];
        if self.layout == Layout::Nhwc {
            for (out, pixel) in out.chunks_exact_mut(3).zip(pixels) {
                for (c, out) in out.iter_mut().enumerate() {
                    *out = value(c, pixel);
                }
            }
            return;
        }
        let plane = (out.len() / 3).max(1);
        for (c, out) in out.chunks_exact_mut(plane).take(3).enumerate() {
            let (channel, values) = (self.channel[c], &self.value[c]);
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = values[usize::from(pixel[channel])];
            }
        }
    }
}
