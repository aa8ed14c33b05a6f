//! `autocontrast`, `equalize`, `posterize` and `solarize`: each value to another by a table.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{Probability, bounded};

/// Stretches each channel so that its darkest value becomes 0 and its brightest 255, with
/// probability `p` (torchvision's `RandomAutocontrast`, Pillow's `ImageOps.autocontrast`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autocontrast {
    /// How likely the image is changed; 0.5 unless said.
    #[serde(default = "Probability::half")]
    pub p: Probability,
}

/// Makes each channel's histogram as flat as a table can, with probability `p` (torchvision's
/// `RandomEqualize`, Pillow's `ImageOps.equalize`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equalize {
    /// How likely the image is changed; 0.5 unless said.
    #[serde(default = "Probability::half")]
    pub p: Probability,
}

/// Keeps the highest `bits` bits of each value, with probability `p` (torchvision's
/// `RandomPosterize`, Pillow's `ImageOps.posterize`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posterize {
    /// The bits that are kept, 1 to 8.
    pub bits: Bits,
    /// How likely the image is changed; 0.5 unless said.
    #[serde(default = "Probability::half")]
    pub p: Probability,
}

/// Inverts the values from a threshold on, with probability `p` (torchvision's `RandomSolarize`,
/// Pillow's `ImageOps.solarize`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solarize {
    /// The least value that is inverted, 0 to 255.
    pub threshold: Threshold,
    /// How likely the image is changed; 0.5 unless said.
    #[serde(default = "Probability::half")]
    pub p: Probability,
}

bounded! {
    /// Bits of a value, 1 to 8.
    Bits: u8, i64 "i64", 1 to 8
}

bounded! {
    /// A value, 0 to 255.
    Threshold: f64, f64 "f64", 0.0 to 255.0
}

impl Autocontrast {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            autocontrast(&mut image);
        }
        image
    }
}

impl Equalize {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            equalize(&mut image);
        }
        image
    }
}

impl Posterize {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            posterize(&mut image, self.bits.get());
        }
        image
    }
}

impl Solarize {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            solarize(&mut image, self.threshold.get());
        }
        image
    }
}

type Table = [u8; 256];
type Histogram = [u64; 256];

const IDENTITY: Table = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = i as u8;
        i += 1;
    }
    table
};

pub(super) fn autocontrast(image: &mut RgbImage) {
    each_channel(image, |histogram| {
        let low = histogram.iter().position(|&n| n > 0).unwrap_or(0);
        let high = histogram.iter().rposition(|&n| n > 0).unwrap_or(0);
        if high <= low {
            return IDENTITY;
        }
        // Cut off, not rounded, as in Pillow.
        let stretched = |v: usize| v.saturating_sub(low) * 255 / (high - low);
        std::array::from_fn(|v| stretched(v).min(255) as u8)
    });
}

pub(super) fn equalize(image: &mut RgbImage) {
    each_channel(image, |histogram| {
        let count: u64 = histogram.iter().sum();
        let last = histogram.iter().rev().find(|&&n| n > 0).copied();
        let step = count.saturating_sub(last.unwrap_or(0)) / 255;
        if step == 0 {
            return IDENTITY;
        }
        let mut below = step / 2;
        histogram.map(|n| {
            let level = below / step;
            below += n;
            level.min(255) as u8
        })
    });
}

pub(super) fn posterize(image: &mut RgbImage, bits: u8) {
    let mask = 0xFF_u8 << (8 - bits.clamp(1, 8));
    image.iter_mut().for_each(|value| *value &= mask);
}

pub(super) fn solarize(image: &mut RgbImage, threshold: f64) {
    for value in image.iter_mut().filter(|v| f64::from(**v) >= threshold) {
        *value = 255 - *value;
    }
}

/// Makes a table for each channel from its histogram, and applies it.
fn each_channel(image: &mut RgbImage, table: impl Fn(&Histogram) -> Table) {
    let mut histograms = [[0; 256]; 3];
    let (pixels, _) = image.as_chunks_mut::<3>();
    for pixel in &*pixels {
        for (histogram, value) in histograms.iter_mut().zip(pixel) {
            histogram[usize::from(*value)] += 1;
        }
    }
    let tables = histograms.map(|histogram| table(&histogram));
    for pixel in pixels {
        for (table, value) in tables.iter().zip(pixel) {
            *value = table[usize::from(*value)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

    /// Pillow 13.0.0: `ImageOps.autocontrast` of `dull(4, 3)`.
    const PILLOW_AUTOCONTRAST: [u8; 36] = [
        0, 90, 171, 40, 131, 212, 84, 171, 255, 125, 213, 6, 68, 158, 239, 118, 206, 0, 168, 255,
        49, 218, 21, 99, 138, 224, 20, 195, 0, 76, 255, 54, 135, 20, 112, 191,
    ];

    /// Pillow 13.0.0: the first 12 pixels of `ImageOps.equalize` of `dull(40, 30)`, and `summed`.
    const PILLOW_EQUALIZE: [u8; 36] = [
        0, 93, 191, 46, 141, 237, 88, 180, 255, 128, 223, 19, 173, 255, 64, 216, 12, 107, 255, 55,
        154, 3, 97, 194, 51, 145, 242, 90, 185, 255, 134, 225, 25, 175, 255, 66,
    ];
    const PILLOW_EQUALIZE_SUM: u64 = 64650460;

    /// Pillow 13.0.0: `ImageOps.posterize` of `picture(4, 3)` to 3 bits.
    const PILLOW_POSTERIZE: [u8; 36] = [
        0, 64, 160, 32, 96, 192, 64, 128, 224, 96, 192, 0, 32, 128, 224, 96, 160, 0, 128, 224, 32,
        192, 0, 96, 96, 192, 32, 160, 0, 64, 224, 32, 128, 0, 96, 160,
    ];

    /// Pillow 13.0.0: `ImageOps.solarize` of `picture(4, 3)` with threshold 100.
    const PILLOW_SOLARIZE: [u8; 36] = [
        0, 83, 89, 37, 135, 52, 74, 98, 15, 144, 61, 21, 61, 111, 28, 150, 67, 15, 106, 23, 59, 62,
        20, 152, 133, 50, 32, 82, 0, 83, 31, 51, 121, 19, 153, 70,
    ];

    /// `picture(w, h)` with its values between 60 and 187.
    fn dull(w: u32, h: u32) -> RgbImage {
        let mut image = picture(w, h);
        image.iter_mut().for_each(|v| *v = *v / 2 + 60);
        image
    }

    fn summed(image: &RgbImage) -> u64 {
        image
            .iter()
            .zip(1u64..)
            .map(|(v, i)| u64::from(*v) * (i % 251))
            .sum()
    }

    #[test]
    fn each_agrees_with_pillow() {
        let mut image = dull(4, 3);
        autocontrast(&mut image);
        assert!(
            largest_difference(&image, &PILLOW_AUTOCONTRAST) <= 1,
            "{image:?}"
        );
        let mut image = dull(40, 30);
        equalize(&mut image);
        assert_eq!(image.as_raw()[..36], PILLOW_EQUALIZE);
        assert_eq!(summed(&image), PILLOW_EQUALIZE_SUM);
        let mut image = picture(4, 3);
        posterize(&mut image, 3);
        assert_eq!(image.as_raw(), &PILLOW_POSTERIZE);
        let mut image = picture(4, 3);
        solarize(&mut image, 100.0);
        assert_eq!(image.as_raw(), &PILLOW_SOLARIZE);
    }

    #[test]
    fn what_has_one_value_only_stays() {
        let flat = RgbImage::from_pixel(40, 40, image::Rgb([7, 0, 255]));
        let mut image = flat.clone();
        autocontrast(&mut image);
        equalize(&mut image);
        posterize(&mut image, 8);
        assert_eq!(image, flat);
    }

    #[test]
    fn parameters_are_checked() {
        let posterize = |text: &str| serde_json::from_str::<Posterize>(text).unwrap_err();
        let found = posterize(r#"{"bits": 9}"#).to_string();
        assert!(
            found.contains("must be between 1 and 8, found 9"),
            "{found}"
        );
        assert!(posterize("{}").to_string().contains("missing field `bits`"));
        let solarize = |text: &str| serde_json::from_str::<Solarize>(text);
        let found = solarize(r#"{"threshold": -1}"#).unwrap_err().to_string();
        assert!(
            found.contains("must be between 0 and 255, found -1"),
            "{found}"
        );
        assert_eq!(
            solarize(r#"{"threshold": 9}"#).unwrap().p,
            Probability::HALF
        );
    }
}
