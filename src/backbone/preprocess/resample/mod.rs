//! Resizing, bit for bit as Pillow 13 does it: weights of 22 bits, each pass rounded to bytes.
//!
//! Most networks were trained on pictures that Pillow (or something after its model) made small.
//! A resizer that is off by one grey level here and there moves the features of a photograph by a
//! cosine of up to 0.0003.

mod axis;
mod passes;

use crate::backbone::manifest::ResizeConfig;

use super::place::Placement;
use axis::{Axis, Kernel};
use passes::{Strip, Vectors, across, down};

/// Fraction bits of a weight: a sum of them times 255 still fits 32 bits with room for overshoot.
const BITS: u32 = 22;

/// Resizes picture after picture, with buffers of its own.
#[derive(Debug, Default)]
pub(super) struct Resampler {
    across: Axis,
    down: Axis,
    /// The picture after the first pass.
    between: Vec<u8>,
    /// The picture after the second, each pixel with a fourth byte.
    last: Vec<u8>,
    strip: Strip,
}

impl Resampler {
    /// The part of the picture (`size` pixels of three bytes) that is wanted, at its new size: R, G,
    /// B and a byte that says nothing for each pixel.
    pub(super) fn resize(
        &mut self,
        pixels: &[u8],
        size: (u32, u32),
        placement: &Placement,
        config: ResizeConfig,
    ) -> &[u8] {
        let filter = Kernel {
            filter: config.filter,
            antialias: config.antialias,
        };
        let (whole, at, wanted) = (placement.whole, placement.offset, placement.size);
        self.across.set(filter, size.0, whole.0, at.0, wanted.0);
        self.down.set(filter, size.1, whole.1, at.1, wanted.1);
        let width = 3 * size.0 as usize;
        let vectors = Vectors::best();
        if goes_down_first(size, whole) {
            down(vectors, pixels, width, 0, &self.down, &mut self.between);
            across(
                vectors,
                &self.between,
                width,
                &self.across,
                &mut self.strip,
                &mut self.last,
            );
        } else {
            // Rows that the second pass does not look at are left out of the first.
            let (start, end) = self.down.span;
            let pixels = &pixels[start * width..end * width];
            across(
                vectors,
                pixels,
                width,
                &self.across,
                &mut self.strip,
                &mut self.between,
            );
            let wide = 4 * wanted.0 as usize;
            down(
                vectors,
                &self.between,
                wide,
                start,
                &self.down,
                &mut self.last,
            );
        }
        &self.last
    }
}

/// Pillow 13 goes down before across where the picture loses more than twice as many rows as
/// columns. (Each pass rounds, so the order shows.)
fn goes_down_first(size: (u32, u32), whole: (u32, u32)) -> bool {
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    whole.1 < size.1 && 2 * lost(size.0, whole.0) < lost(size.1, whole.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::manifest::{Filter, Fit};
    use crate::dataset::synth;

    /// Vector instructions are chosen by processor; they must not choose the pixels.
    #[test]
    fn vectors_make_no_difference() {
        for (width, height, to) in [(64, 64, 224), (500, 375, 224), (7, 90, 33), (301, 2, 64)] {
            let image = synth::image(3, 0, 0, width, height);
            let (pixels, row) = (image.as_raw().as_slice(), 3 * width as usize);
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let kernel = Kernel {
                    filter,
                    antialias: true,
                };
                let (mut wide, mut high) = (Axis::default(), Axis::default());
                wide.set(kernel, width, to, 0, to);
                high.set(kernel, height, to, 0, to);
                let passes = |vectors| {
                    let (mut strip, mut first, mut second) = (Strip::new(), vec![], vec![]);
                    across(vectors, pixels, row, &wide, &mut strip, &mut first);
                    down(vectors, pixels, row, 0, &high, &mut second);
                    (first, second)
                };
                let plain = passes(Vectors::Plain);
                for vectors in Vectors::here() {
                    let same = passes(vectors) == plain;
                    assert!(same, "{vectors:?} {width}x{height} {filter:?}");
                }
            }
        }
    }

    #[test]
    fn a_part_is_cut_out_of_the_whole() {
        let image = synth::image(4, 0, 0, 120, 90);
        let config = ResizeConfig {
            fit: Fit::Stretch,
            filter: Filter::Lanczos,
            antialias: true,
        };
        let resized = |whole, offset, size| {
            let placement = Placement::part(whole, offset, size);
            let mut worker = Resampler::default();
            let pixels = worker.resize(image.as_raw(), (120, 90), &placement, config);
            image::RgbaImage::from_raw(size.0, size.1, pixels.to_vec()).unwrap()
        };
        let whole = resized((80, 60), (0, 0), (80, 60));
        let part = resized((80, 60), (13, 21), (40, 30));
        let cut = image::imageops::crop_imm(&whole, 13, 21, 40, 30).to_image();
        let rgb = |image| image::DynamicImage::ImageRgba8(image).into_rgb8();
        assert!(rgb(cut) == rgb(part));
    }
}
