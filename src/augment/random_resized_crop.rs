//! `random_resized_crop`: a random part of the image.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::ordered;

/// Cuts out a rectangle of random area, aspect ratio and place (torchvision's
/// `RandomResizedCrop`; the "Inception crop" of Szegedy et al., Going Deeper with Convolutions).
///
/// The crop is not resized here: the backbone's preprocessing does the only resize, from the
/// original pixels. Where it stretches to a square, the result is torchvision's, which squashes
/// the crop to its `size` too; where it keeps the aspect ratio, a further part of the longer side
/// is lost to its own crop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RandomResizedCrop {
    /// The share of the image's area that is kept, `[low, high]`; `[0.08, 1.0]` unless said.
    pub scale: Scale,
    /// Width over height of the crop, `[low, high]`; `[0.75, 1.3333]` unless said.
    pub ratio: Ratio,
}

/// Shares of an area: `0 < low <= high <= 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct Scale([f64; 2]);

impl Default for Scale {
    fn default() -> Self {
        Scale([0.08, 1.0])
    }
}

impl TryFrom<[f64; 2]> for Scale {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        if pair[0] <= 0.0 {
            return Err(format!("must be above 0, found [{}, {}]", pair[0], pair[1]));
        }
        ordered(pair, 0.0, 1.0).map(Scale)
    }
}

/// Aspect ratios, width over height: `0.01 <= low <= high <= 100`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct Ratio([f64; 2]);

impl Default for Ratio {
    fn default() -> Self {
        Ratio([0.75, 1.3333])
    }
}

impl TryFrom<[f64; 2]> for Ratio {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        ordered(pair, 0.01, 100.0).map(Ratio)
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rect {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// How often a rectangle is drawn before the central one is taken.
const TRIES: usize = 10;

impl RandomResizedCrop {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let rect = self.draw(image.width(), image.height(), draws);
        image::imageops::crop_imm(&image, rect.x, rect.y, rect.width, rect.height).to_image()
    }

    /// Draws area and (log-uniform) aspect ratio until the rectangle fits into `w` x `h`.
    fn draw(&self, w: u32, h: u32, draws: &mut Draws) -> Rect {
        let area = f64::from(w) * f64::from(h);
        let log_ratio = self.ratio.0.map(libm::log);
        for _ in 0..TRIES {
            let target = area * draws.between(self.scale.0);
            let ratio = libm::exp(draws.between(log_ratio));
            let width = rounded(libm::sqrt(target * ratio));
            let height = rounded(libm::sqrt(target / ratio));
            if (1..=w).contains(&width) && (1..=h).contains(&height) {
                let y = draws.below(h - height + 1);
                let x = draws.below(w - width + 1);
                return Rect {
                    x,
                    y,
                    width,
                    height,
                };
            }
        }
        self.central(w, h)
    }

    /// The largest central rectangle whose aspect ratio is allowed.
    fn central(&self, w: u32, h: u32) -> Rect {
        let [low, high] = self.ratio.0;
        let ratio = f64::from(w) / f64::from(h);
        let (width, height) = if ratio < low {
            (w, rounded(f64::from(w) / low).clamp(1, h))
        } else if ratio > high {
            (rounded(f64::from(h) * high).clamp(1, w), h)
        } else {
            (w, h)
        };
        Rect {
            x: (w - width) / 2,
            y: (h - height) / 2,
            width,
            height,
        }
    }
}

/// Rounded half to even, as Python does.
fn rounded(x: f64) -> u32 {
    libm::rint(x) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn op(scale: [f64; 2], ratio: [f64; 2]) -> RandomResizedCrop {
        RandomResizedCrop {
            scale: scale.try_into().unwrap(),
            ratio: ratio.try_into().unwrap(),
        }
    }

    fn draws(number: u32) -> Draws {
        Draws::new(1, &[0; 32], number, "random_resized_crop", 0)
    }

    #[test]
    fn crops_have_the_areas_and_ratios_asked_for() {
        let op = op([0.25, 0.5], [0.5, 2.0]);
        let (mut small, mut large) = (1.0f64, 0.0f64);
        for number in 0..500 {
            let rect = op.draw(500, 500, &mut draws(number));
            let share = f64::from(rect.width * rect.height) / 250_000.0;
            let ratio = f64::from(rect.width) / f64::from(rect.height);
            assert!((0.248..=0.502).contains(&share), "{rect:?}");
            assert!((0.49..=2.04).contains(&ratio), "{rect:?}");
            (small, large) = (small.min(share), large.max(share));
        }
        assert!(
            small < 0.26 && large > 0.49,
            "the whole range is drawn: {small} to {large}"
        );
    }

    #[test]
    fn the_fallback_is_the_central_rectangle() {
        // torchvision's definition: w = W, h = round(W / min(ratio)), and its mirror image.
        let op = op([0.9, 1.0], [0.75, 1.3333]);
        let tall = Rect {
            x: 0,
            y: 43,
            width: 10,
            height: 13,
        };
        assert_eq!(op.central(10, 100), tall);
        assert_eq!(op.draw(10, 100, &mut draws(1)), tall);
        assert_eq!(
            op.central(100, 10),
            Rect {
                x: 43,
                y: 0,
                width: 13,
                height: 10
            }
        );
        assert_eq!(
            op.central(30, 30),
            Rect {
                x: 0,
                y: 0,
                width: 30,
                height: 30
            }
        );
    }

    #[test]
    fn the_crop_keeps_its_pixels() {
        let image = RgbImage::from_fn(20, 20, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let crop = op([0.3, 0.3], [1.0, 1.0]).apply(image, &mut draws(4));
        let [x, y, _] = crop.get_pixel(0, 0).0;
        assert_eq!(crop.dimensions(), (11, 11));
        assert_eq!(crop.get_pixel(10, 10).0, [x + 10, y + 10, 0]);
    }

    proptest! {
        #[test]
        fn the_rectangle_lies_in_any_image(
            w in 1u32..40_000, h in 1u32..40_000, number: u32,
            a in 0.001..1.0, b in 0.001..1.0, c in 0.01..100.0, d in 0.01..100.0,
        ) {
            let op = op([f64::min(a, b), f64::max(a, b)], [f64::min(c, d), f64::max(c, d)]);
            let rect = op.draw(w, h, &mut draws(number));
            prop_assert!(rect.width >= 1 && rect.x + rect.width <= w);
            prop_assert!(rect.height >= 1 && rect.y + rect.height <= h);
        }
    }
}
