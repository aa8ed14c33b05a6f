//! `hflip`: mirror left and right.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::Probability;

/// Mirrors the image with probability `p` (torchvision's `RandomHorizontalFlip`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hflip {
    /// How likely the image is mirrored; 0.5 unless said.
    pub p: Probability,
}

impl Default for Hflip {
    fn default() -> Self {
        Hflip {
            p: Probability::HALF,
        }
    }
}

impl Hflip {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            mirror(&mut image);
        }
        image
    }
}

fn mirror(image: &mut RgbImage) {
    let row_len = (image.width() as usize * 3).max(1);
    for row in image.chunks_exact_mut(row_len) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_every_row_and_back() {
        let image = RgbImage::from_raw(3, 2, (0..18).collect()).unwrap();
        let mut flipped = image.clone();
        mirror(&mut flipped);
        // Pillow 13.0.0: ImageOps.mirror of the same 3x2 image.
        assert_eq!(
            flipped.as_raw(),
            &[6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11]
        );
        mirror(&mut flipped);
        assert_eq!(flipped, image);
    }

    #[test]
    fn p_is_how_often() {
        let image = RgbImage::from_raw(2, 1, vec![1, 1, 1, 2, 2, 2]).unwrap();
        let count = |p: f64| {
            let op = Hflip {
                p: p.try_into().unwrap(),
            };
            let flipped = |n| op.apply(image.clone(), &mut Draws::new(1, &[0; 32], n, "hflip", 0));
            (0..1000).filter(|&n| flipped(n) != image).count()
        };
        assert_eq!(count(0.0), 0);
        assert_eq!(count(1.0), 1000);
        // 5 standard deviations of a binomial of 1000 draws.
        assert!(count(0.5).abs_diff(500) < 79 && count(0.1).abs_diff(100) < 48);
    }
}
