//! `sharpness`: sharpen or soften.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::blend::Ratio;
use super::draws::Draws;
use super::number::{Probability, bounded};

/// Blends the image with a smoothed version of it, with probability `p` (torchvision's
/// `RandomAdjustSharpness`, Pillow's `ImageEnhance.Sharpness`): 0 gives the smoothed version, 1 the
/// image, 2 twice its sharpness.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharpness {
    /// The factor, 0 to 16.
    pub sharpness_factor: SharpnessFactor,
    /// How likely the image is changed; 0.5 unless said.
    #[serde(default = "Probability::half")]
    pub p: Probability,
}

bounded! {
    /// A factor of sharpness, 0 to 16.
    SharpnessFactor: f64, f64 "f64", 0.0 to 16.0
}

impl Sharpness {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            sharpened(image, Ratio::new(self.sharpness_factor.get()))
        } else {
            image
        }
    }
}

/// `f * image + (1 - f) * smooth`; the outermost pixels stay as they are, as in Pillow.
pub(super) fn sharpened(image: RgbImage, factor: Ratio) -> RgbImage {
    let (w, h) = (image.width() as usize, image.height() as usize);
    if factor == Ratio::ONE || w < 3 || h < 3 {
        return image;
    }
    let mut out = image.clone();
    let (from, stride) = (image.as_raw(), 3 * w);
    for (y, row) in out.chunks_exact_mut(stride).enumerate().take(h - 1).skip(1) {
        let rows = [y - 1, y, y + 1].map(|y| &from[y * stride..(y + 1) * stride]);
        for (x, value) in row.iter_mut().enumerate().take(stride - 3).skip(3) {
            *value = factor.blend(*value, smooth(rows, x));
        }
    }
    out
}

/// The mean of a value and its eight neighbours, itself counted five times (Pillow's `SMOOTH`).
fn smooth(rows: [&[u8]; 3], x: usize) -> u8 {
    let near = |row: &[u8]| -> u32 { [x - 3, x, x + 3].iter().map(|&i| u32::from(row[i])).sum() };
    let sum = rows.iter().map(|row| near(row)).sum::<u32>() + 4 * u32::from(rows[1][x]);
    ((2 * sum + 13) / 26) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

    /// Pillow 13.0.0: `ImageEnhance.Sharpness` on `picture(5, 4)`, with the factor given.
    const PILLOW: [(f64, [u8; 60]); 3] = [
        (
            0.0,
            [
                0, 83, 166, 37, 120, 203, 74, 157, 240, 111, 194, 21, 148, 231, 58, 61, 144, 227,
                105, 149, 94, 129, 153, 98, 154, 99, 123, 237, 64, 147, 122, 205, 32, 153, 79, 103,
                165, 90, 114, 98, 122, 146, 70, 153, 236, 183, 10, 93, 241, 68, 151, 43, 126, 209,
                101, 184, 11, 159, 242, 69,
            ],
        ),
        (
            0.5,
            [
                0, 83, 166, 37, 120, 203, 74, 157, 240, 111, 194, 21, 148, 231, 58, 61, 144, 227,
                105, 168, 54, 139, 192, 78, 173, 59, 113, 237, 64, 147, 122, 205, 32, 163, 39, 93,
                194, 70, 124, 58, 112, 165, 70, 153, 236, 183, 10, 93, 241, 68, 151, 43, 126, 209,
                101, 184, 11, 159, 242, 69,
            ],
        ),
        (
            1.8,
            [
                0, 83, 166, 37, 120, 203, 74, 157, 240, 111, 194, 21, 148, 231, 58, 61, 144, 227,
                105, 219, 0, 165, 255, 27, 224, 0, 87, 237, 64, 147, 122, 205, 32, 189, 0, 67, 255,
                19, 150, 0, 86, 216, 70, 153, 236, 183, 10, 93, 241, 68, 151, 43, 126, 209, 101,
                184, 11, 159, 242, 69,
            ],
        ),
    ];

    #[test]
    fn agrees_with_pillow() {
        for (factor, expected) in PILLOW {
            let found = sharpened(picture(5, 4), Ratio::new(factor));
            assert!(
                largest_difference(&found, &expected) <= 1,
                "{factor}: {found:?}"
            );
        }
    }

    #[test]
    fn small_images_have_no_inner_pixels() {
        for (w, h) in [(1, 1), (2, 9), (9, 2)] {
            assert_eq!(sharpened(picture(w, h), Ratio::new(0.0)), picture(w, h));
        }
    }

    #[test]
    fn parameters_are_checked() {
        let parse = |text: &str| serde_json::from_str::<Sharpness>(text).map_err(|e| e.to_string());
        assert_eq!(
            parse(r#"{"sharpness_factor": 2}"#).unwrap().p,
            Probability::HALF
        );
        assert!(parse("{}").unwrap_err().contains("sharpness_factor"));
        let wrong = parse(r#"{"sharpness_factor": -1}"#).unwrap_err();
        assert!(
            wrong.contains("must be between 0 and 16, found -1"),
            "{wrong}"
        );
    }
}
