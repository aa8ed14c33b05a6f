//! Blends of an image with greys: brightness, contrast and saturation.

use image::RgbImage;
use pulp::{Arch, Simd, WithSimd};

/// A factor in 2^-16: blends are integer arithmetic, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio(i32);

impl Ratio {
    pub(super) const ONE: Ratio = Ratio(1 << 16);

    pub(super) fn new(factor: f64) -> Self {
        Ratio(libm::rint(factor * 65_536.0) as i32)
    }

    /// `f * value + (1 - f) * other`, rounded and kept within 0 to 255.
    #[inline(always)]
    pub(super) fn blend(self, value: u8, other: u8) -> u8 {
        let (value, other) = (i32::from(value), i32::from(other));
        let sum = (other << 16) + self.0 * (value - other);
        ((sum + (1 << 15)) >> 16).clamp(0, 255) as u8
    }
}

pub(super) fn brighten(image: &mut RgbImage, factor: Ratio) {
    towards(image, 0, factor);
}

pub(super) fn stretch_contrast(image: &mut RgbImage, factor: Ratio) {
    if factor != Ratio::ONE {
        towards(image, mean_luma(image), factor);
    }
}

/// Blends every value with one grey.
fn towards(image: &mut RgbImage, grey: u8, factor: Ratio) {
    if factor != Ratio::ONE {
        Arch::new().dispatch(Towards {
            image,
            grey,
            factor,
        });
    }
}

struct Towards<'a> {
    image: &'a mut RgbImage,
    grey: u8,
    factor: Ratio,
}

impl WithSimd for Towards<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.image.iter_mut() {
            *value = self.factor.blend(*value, self.grey);
        }
    }
}

/// Blends every pixel with its own grey.
pub(super) fn saturate(image: &mut RgbImage, factor: Ratio) {
    if factor != Ratio::ONE {
        Arch::new().dispatch(Saturate { image, factor });
    }
}

struct Saturate<'a> {
    image: &'a mut RgbImage,
    factor: Ratio,
}

impl WithSimd for Saturate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (pixels, _) = self.image.as_chunks_mut::<3>();
        for pixel in pixels {
            let [r, g, b] = *pixel;
            let grey = luma([r, g, b]);
            let blend = |value| self.factor.blend(value, grey);
            *pixel = [blend(r), blend(g), blend(b)];
        }
    }
}

/// ITU-R 601 luma, `0.299 R + 0.587 G + 0.114 B`, rounded, in the 16-bit weights that Pillow uses.
#[inline(always)]
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// The mean luma, rounded.
fn mean_luma(image: &RgbImage) -> u8 {
    let sum = Arch::new().dispatch(Lumas(image));
    let count = (image.as_raw().len() as u64 / 3).max(1);
    ((sum + count / 2) / count) as u8
}

/// Sums up the lumas of an image.
struct Lumas<'a>(&'a RgbImage);

impl WithSimd for Lumas<'_> {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u64 {
        let (pixels, _) = self.0.as_raw().as_chunks::<3>();
        let mut sum = 0;
        // In parts, so that the sum of one fits into the words of a vector.
        for part in pixels.chunks(1 << 16) {
            let mut of_part = 0;
            for pixel in part {
                of_part += u32::from(luma(*pixel));
            }
            sum += u64::from(of_part);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};
    use crate::dataset::synth;
    use proptest::prelude::*;

    type Case = (fn(&mut RgbImage, Ratio), f64, [u8; 36]);

    /// Pillow 13.0.0 on `picture(4, 3)`: `ImageEnhance.Brightness`, `.Contrast` and `.Color`, each
    /// with the factor given (Pillow cuts off instead of rounding, hence a difference of 1).
    const PILLOW: [Case; 6] = [
        (
            brighten,
            1.3,
            [
                0, 107, 215, 48, 156, 255, 96, 204, 255, 144, 252, 27, 79, 187, 255, 136, 244, 19,
                193, 255, 76, 250, 26, 133, 158, 255, 41, 224, 0, 107, 255, 66, 174, 24, 132, 240,
            ],
        ),
        (
            brighten,
            0.6,
            [
                0, 49, 99, 22, 72, 121, 44, 94, 144, 66, 116, 12, 36, 86, 136, 63, 112, 9, 89, 139,
                35, 115, 12, 61, 73, 123, 19, 103, 0, 49, 134, 30, 80, 11, 61, 111,
            ],
        ),
        (
            stretch_contrast,
            1.4,
            [
                0, 68, 184, 4, 120, 236, 56, 172, 255, 107, 224, 0, 37, 154, 255, 99, 215, 0, 161,
                255, 35, 222, 0, 96, 123, 239, 0, 194, 0, 68, 255, 23, 140, 0, 95, 211,
            ],
        ),
        (
            stretch_contrast,
            0.5,
            [
                59, 101, 142, 78, 119, 161, 96, 138, 179, 115, 156, 70, 90, 131, 173, 112, 153, 67,
                134, 175, 89, 156, 69, 111, 120, 162, 75, 146, 59, 101, 171, 85, 126, 69, 110, 152,
            ],
        ),
        (
            saturate,
            1.7,
            [
                0, 93, 234, 0, 130, 255, 26, 167, 255, 84, 225, 0, 13, 154, 255, 78, 219, 0, 122,
                255, 0, 255, 0, 118, 95, 236, 0, 251, 0, 98, 255, 8, 149, 0, 112, 253,
            ],
        ),
        (
            saturate,
            0.25,
            [
                51, 71, 92, 88, 108, 129, 125, 145, 166, 139, 160, 117, 112, 132, 153, 133, 154,
                111, 177, 198, 155, 109, 65, 86, 150, 171, 128, 89, 45, 66, 140, 96, 117, 70, 90,
                111,
            ],
        ),
    ];

    #[test]
    fn each_step_agrees_with_pillow() {
        for (i, (step, factor, expected)) in PILLOW.iter().enumerate() {
            let mut image = picture(4, 3);
            step(&mut image, Ratio::new(*factor));
            assert!(
                largest_difference(&image, expected) <= 1,
                "step {i}: {image:?}"
            );
        }
    }

    #[test]
    fn grey_is_pillows() {
        // Pillow 13.0.0: picture(4, 3).convert("L")
        let expected = [68, 105, 142, 149, 129, 143, 187, 81, 160, 61, 112, 87];
        let found: Vec<u8> = picture(4, 3).pixels().map(|pixel| luma(pixel.0)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_factor_of_one_changes_nothing_and_zero_takes_all() {
        let image = picture(9, 8);
        for step in [brighten, stretch_contrast, saturate] {
            let mut same = image.clone();
            step(&mut same, Ratio::ONE);
            assert_eq!(same, image);
        }
        let mut black = image.clone();
        brighten(&mut black, Ratio::new(0.0));
        assert!(black.iter().all(|&v| v == 0));
        let mut flat = image.clone();
        stretch_contrast(&mut flat, Ratio::new(0.0));
        assert!(flat.iter().all(|&v| v == mean_luma(&image)));
        let mut grey = image;
        saturate(&mut grey, Ratio::new(0.0));
        assert!(grey.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
    }

    #[test]
    fn a_blend_is_rounded_and_stays_a_byte() {
        for factor in [0.0, 0.3, 1.0, 2.5, 16.0] {
            for value in 0..=255u8 {
                for other in [0u8, 1, 127, 255] {
                    let exact = factor * f64::from(value) + (1.0 - factor) * f64::from(other);
                    let found = f64::from(Ratio::new(factor).blend(value, other));
                    assert!(
                        (found - exact.clamp(0.0, 255.0)).abs() <= 0.51,
                        "{factor} {value}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pixels_side_by_side_are_pixels_one_by_one(
            w in 1u32..40, h in 1u32..8, factor in 0.0..16.0, seed: u64,
        ) {
            let image = synth::image(seed, 0, 0, w, h);
            let factor = Ratio::new(factor);
            let one_by_one = |grey: &dyn Fn([u8; 3]) -> u8| {
                let mut image = image.clone();
                for pixel in image.pixels_mut() {
                    pixel.0 = pixel.0.map(|value| factor.blend(value, grey(pixel.0)));
                }
                image
            };
            let lumas = image.pixels().map(|pixel| u64::from(luma(pixel.0)));
            let count = u64::from(w * h);
            let mean = ((lumas.sum::<u64>() + count / 2) / count) as u8;
            let done = |step: fn(&mut RgbImage, Ratio)| {
                let mut image = image.clone();
                step(&mut image, factor);
                image
            };
            prop_assert_eq!(done(brighten), one_by_one(&|_| 0));
            prop_assert_eq!(done(stretch_contrast), one_by_one(&|_| mean));
            prop_assert_eq!(done(saturate), one_by_one(&luma));
        }
    }
}
