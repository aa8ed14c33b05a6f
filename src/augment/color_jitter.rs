//! `color_jitter`: random brightness, contrast, saturation and hue.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::blend::{Ratio, brighten, saturate, stretch_contrast};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

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
