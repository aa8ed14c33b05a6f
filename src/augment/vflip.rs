//! `vflip`: mirror top and bottom.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::Probability;

/// Mirrors the image upside down with probability `p` (torchvision's `RandomVerticalFlip`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vflip {
    /// How likely the image is mirrored; 0.5 unless said.
    pub p: Probability,
}

impl Default for Vflip {
    fn default() -> Self {
        Vflip {
            p: Probability::HALF,
        }
    }
}

impl Vflip {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            image::imageops::flip_vertical_in_place(&mut image);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_is_how_often_and_the_rows_change_places() {
        // Pillow 13.0.0: ImageOps.flip of the same 1x3 image.
        let image = RgbImage::from_raw(1, 3, vec![1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        let flipped = |p: f64, n| {
            let op = Vflip {
                p: p.try_into().unwrap(),
            };
            op.apply(image.clone(), &mut Draws::new(1, &[0; 32], n, "vflip", 0))
        };
        assert_eq!(flipped(1.0, 1).as_raw(), &[7, 8, 9, 4, 5, 6, 1, 2, 3]);
        let count = |p| (0..1000).filter(|&n| flipped(p, n) != image).count();
        assert_eq!((count(0.0), count(1.0)), (0, 1000));
        // 5 standard deviations of a binomial of 1000 draws.
        assert!(count(0.5).abs_diff(500) < 79);
    }
}
