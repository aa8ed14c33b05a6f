//! `color_jitter`: random brightness, contrast and saturation.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{OneOrTwo, ordered};

/// Changes brightness, contrast and saturation by random factors, in random order (torchvision's
/// `ColorJitter` without hue).
///
/// Each is a blend `f * image + (1 - f) * other` of the image with, in turn, black, its mean grey,
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

impl ColorJitter {
    /// Every number is drawn whatever the parameters, so that changing one factor leaves the
    /// draws of the others alone; the fourth place in the order is hue's, which is not there yet.
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        let mut order = [0, 1, 2, 3];
        for last in (1..order.len()).rev() {
            order.swap(last, draws.below(last as u32 + 1) as usize);
        }
        let mut factor = |range: Factor| Ratio::new(draws.between(range.0));
        let brightness = factor(self.brightness);
        let contrast = factor(self.contrast);
        let saturation = factor(self.saturation);
        for step in order {
            match step {
                0 => brighten(&mut image, brightness),
                1 => stretch_contrast(&mut image, contrast),
                2 => saturate(&mut image, saturation),
                _ => {}
            }
        }
        image
    }
}

/// A factor in 2^-16: blends are integer arithmetic, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ratio(i32);

impl Ratio {
    const ONE: Ratio = Ratio(1 << 16);

    fn new(factor: f64) -> Self {
        Ratio(libm::rint(factor * 65_536.0) as i32)
    }

    /// `f * value + (1 - f) * other`, rounded and kept within 0 to 255.
    fn blend(self, value: u8, other: u8) -> u8 {
        let (value, other) = (i32::from(value), i32::from(other));
        let sum = (other << 16) + self.0 * (value - other);
        ((sum + (1 << 15)) >> 16).clamp(0, 255) as u8
    }
}

fn brighten(image: &mut RgbImage, factor: Ratio) {
    towards(image, 0, factor);
}

fn stretch_contrast(image: &mut RgbImage, factor: Ratio) {
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
fn saturate(image: &mut RgbImage, factor: Ratio) {
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
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// The mean luma, rounded.
fn mean_luma(image: &RgbImage) -> u8 {
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(luma(pixel))).sum();
    let count = (pixels.len() as u64).max(1);
    ((sum + count / 2) / count) as u8
}
