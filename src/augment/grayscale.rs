//! `grayscale`: take the colour away.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::blend::luma;
use super::draws::Draws;
use super::number::Probability;

/// Replaces every pixel by its grey (ITU-R 601 luma) with probability `p` (torchvision's
/// `RandomGrayscale`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grayscale {
    /// How likely the colour is taken away; 0.1 unless said.
    pub p: Probability,
}

impl Default for Grayscale {
    fn default() -> Self {
        Grayscale {
            p: Probability::TENTH,
        }
    }
}

impl Grayscale {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        if draws.chance(self.p) {
            let (pixels, _) = image.as_chunks_mut::<3>();
            for pixel in pixels {
                *pixel = [luma(*pixel); 3];
            }
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::picture;

    #[test]
    fn greys_are_pillows_and_one_in_ten_images_is_grey() {
        let op = |p: f64| Grayscale {
            p: p.try_into().unwrap(),
        };
        let draws = |n| Draws::new(1, &[0; 32], n, "grayscale", 0);
        let grey = op(1.0).apply(picture(4, 3), &mut draws(1));
        // Pillow 13.0.0: picture(4, 3).convert("L")
        let expected = [68, 105, 142, 149, 129, 143, 187, 81, 160, 61, 112, 87];
        assert!(grey.pixels().map(|p| p.0).eq(expected.map(|v| [v; 3])));
        let is_grey = |n: &u32| Grayscale::default().apply(picture(4, 3), &mut draws(*n)) == grey;
        // 5 standard deviations of a binomial of 1000 draws.
        assert!((0..1000).filter(is_grey).count().abs_diff(100) < 48);
    }
}
