//! `color_jitter`: random brightness, contrast, saturation and hue.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::hue::turn_hue;
use super::number::{OneOrTwo, ordered};

/// Changes brightness, contrast and saturation by random factors and turns the hue by a random
/// angle, in random order (torchvision's `ColorJitter`).
///
/// Each of the first three is a blend `f * image + (1 - f) * other` of the image with, in turn, black, its mean grey,
/// and its own grey version; grey is ITU-R 601 luma.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Factors of brightness; none unless said.
    pub brightness: Factor,
    /// Factors of contrast; none unless said.
    pub contrast: Factor,
    /// Factors of saturation; none unless said.
    pub saturation: Factor,
    /// Turns of the hue; none unless said.
    #[serde(skip_serializing_if = "Hue::is_none")]
    pub hue: Hue,
}

/// Turns of the hue `[low, high]` in shares of the full circle, within -0.5 to 0.5; a single
/// number `v` is `[-v, v]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "OneOrTwo")]
pub struct Hue([f64; 2]);

impl Hue {
    fn is_none(&self) -> bool {
        self.0 == [0.0, 0.0]
    }
}

impl TryFrom<OneOrTwo> for Hue {
    type Error = String;

    fn try_from(given: OneOrTwo) -> Result<Self, String> {
        match given {
            OneOrTwo::One(v) if (0.0..=0.5).contains(&v) => Ok(Hue([-v, v])),
            OneOrTwo::One(v) => Err(format!("must be between 0 and 0.5, found {v}")),
            OneOrTwo::Two(pair) => ordered(pair, -0.5, 0.5).map(Hue),
        }
    }
}

/// Factors `[low, high]`, at least 0 and at most 16; a single number `v` is `[max(0, 1 - v), 1 + v]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OneOrTwo")]
pub struct Factor([f64; 2]);

/// The largest factor: 16 takes every visible colour to black, white or full saturation.
const MOST: f64 = 16.0;

impl Default for Factor {
    fn default() -> Self {
        Factor([1.0, 1.0])
    }
}

impl TryFrom<OneOrTwo> for Factor {
    type Error = String;

    fn try_from(given: OneOrTwo) -> Result<Self, String> {
        match given {
            OneOrTwo::One(v) if (0.0..=MOST - 1.0).contains(&v) => {
                Ok(Factor([f64::max(0.0, 1.0 - v), 1.0 + v]))
            }
            OneOrTwo::One(v) => Err(format!("must be between 0 and {}, found {v}", MOST - 1.0)),
            OneOrTwo::Two(pair) => ordered(pair, 0.0, MOST).map(Factor),
        }
    }
}

impl TryFrom<[f64; 2]> for Factor {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        OneOrTwo::Two(pair).try_into()
    }
}

impl ColorJitter {
    /// Every number is drawn whatever the parameters, so that changing one factor leaves the
    /// draws of the others alone.
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        let mut order = [0, 1, 2, 3];
        for last in (1..order.len()).rev() {
            order.swap(last, draws.below(last as u32 + 1) as usize);
        }
        let mut factor = |range: Factor| Ratio::new(draws.between(range.0));
        let brightness = factor(self.brightness);
        let contrast = factor(self.contrast);
        let saturation = factor(self.saturation);
        let turn = draws.between(self.hue.0);
        for step in order {
            match step {
                0 => brighten(&mut image, brightness),
                1 => stretch_contrast(&mut image, contrast),
                2 => saturate(&mut image, saturation),
                _ => turn_hue(&mut image, turn),
            }
        }
        image
    }
}

/// A factor in 2^-16: blends are integer arithmetic, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio(i32);

impl Ratio {
    pub(super) const ONE: Ratio = Ratio(1 << 16);

    pub(super) fn new(factor: f64) -> Self {
        Ratio(libm::rint(factor * 65_536.0) as i32)
    }

    /// `f * value + (1 - f) * other`, rounded and kept within 0 to 255.
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
    if factor == Ratio::ONE {
        return;
    }
    let table: [u8; 256] = std::array::from_fn(|value| factor.blend(value as u8, grey));
    for value in image.iter_mut() {
        *value = table[usize::from(*value)];
    }
}

/// Blends every pixel with its own grey.
pub(super) fn saturate(image: &mut RgbImage, factor: Ratio) {
    if factor == Ratio::ONE {
        return;
    }
    let (pixels, _) = image.as_chunks_mut::<3>();
    for pixel in pixels {
        let grey = luma(*pixel);
        *pixel = pixel.map(|value| factor.blend(value, grey));
    }
}

/// ITU-R 601 luma, `0.299 R + 0.587 G + 0.114 B`, rounded, in the 16-bit weights that Pillow uses.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// The mean luma, rounded.
fn mean_luma(image: &RgbImage) -> u8 {
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(luma(pixel))).sum();
    let count = (pixels.len() as u64).max(1);
    ((sum + count / 2) / count) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

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
        for factor in [0.0, 0.3, 1.0, 2.5, MOST] {
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

    #[test]
    fn factors_are_checked() {
        let parse = |text: &str| serde_json::from_str::<Factor>(text).map_err(|e| e.to_string());
        assert_eq!(parse("0.25").unwrap(), Factor([0.75, 1.25]));
        assert_eq!(parse("2").unwrap(), Factor([0.0, 3.0]));
        assert_eq!(parse("[0.5, 2]").unwrap(), Factor([0.5, 2.0]));
        assert!(
            parse("-0.1")
                .unwrap_err()
                .contains("must be between 0 and 15, found -0.1")
        );
        assert!(
            parse("[-1, 2]")
                .unwrap_err()
                .contains("must lie between 0 and 16")
        );
        assert!(parse("[2, 1]").unwrap_err().contains("low <= high"));
    }

    #[test]
    fn one_factor_does_not_move_the_draws_of_the_others() {
        let image = picture(6, 6);
        let jitter = |contrast: f64| ColorJitter {
            brightness: [0.5, 1.5].try_into().unwrap(),
            contrast: [contrast, contrast].try_into().unwrap(),
            ..ColorJitter::default()
        };
        let apply =
            |op: ColorJitter| op.apply(image.clone(), &mut Draws::new(1, &[2; 32], 3, "", 0));
        // A factor of a hair from 1 must leave the picture within a grey level of factor 1.
        let difference = largest_difference(&apply(jitter(1.0)), apply(jitter(1.00002)).as_raw());
        assert!(difference <= 1, "{difference}");
    }
}
