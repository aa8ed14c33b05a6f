//! `trivial_augment_wide` and `rand_augment`: published policies that need no search.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::magnitude::{Bins, Table, done, draw_step, signed};
use super::number::bounded;
use super::sample::Fill;

/// Applies one op of 14, of a random strength (torchvision's `TrivialAugmentWide`; Müller and
/// Hutter, TrivialAugment, 2021), with bilinear interpolation.
///
/// As in torchvision shifts are up to 32 pixels of the image as it is, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrivialAugmentWide {
    /// The number of strengths there are, 2 to 1000; 31 unless said.
    pub num_magnitude_bins: Bins,
    /// What stands where a moved image does not reach; `edge` unless said.
    pub fill: Fill,
}

impl Default for TrivialAugmentWide {
    fn default() -> Self {
        TrivialAugmentWide {
            num_magnitude_bins: Bins::DEFAULT,
            fill: Fill::Edge,
        }
    }
}

/// Applies `num_ops` random ops of 14, all of the same strength (torchvision's `RandAugment`;
/// Cubuk et al., RandAugment, 2020), with bilinear interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRandAugment")]
pub struct RandAugment {
    /// How many ops are applied, 0 to 100; 2 unless said.
    num_ops: NumOps,
    /// The strength, below `num_magnitude_bins`; 9 unless said.
    magnitude: u16,
    /// The number of strengths there are, 2 to 1000; 31 unless said.
    num_magnitude_bins: Bins,
    /// What stands where a moved image does not reach; `edge` unless said.
    fill: Fill,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRandAugment {
    num_ops: NumOps,
    magnitude: u16,
    num_magnitude_bins: Bins,
    fill: Fill,
}

impl Default for RawRandAugment {
    fn default() -> Self {
        RawRandAugment {
            num_ops: NumOps(2),
            magnitude: 9,
            num_magnitude_bins: Bins::DEFAULT,
            fill: Fill::Edge,
        }
    }
}

impl TryFrom<RawRandAugment> for RandAugment {
    type Error = String;

    fn try_from(raw: RawRandAugment) -> Result<Self, String> {
        let bins = raw.num_magnitude_bins.get();
        if raw.magnitude >= bins {
            let most = bins - 1;
            return Err(format!(
                "`magnitude` must be between 0 and {most}, one below `num_magnitude_bins`, found {}",
                raw.magnitude
            ));
        }
        Ok(RandAugment {
            num_ops: raw.num_ops,
            magnitude: raw.magnitude,
            num_magnitude_bins: raw.num_magnitude_bins,
            fill: raw.fill,
        })
    }
}

bounded! {
    /// A number of ops, 0 to 100.
    NumOps: u8, i64 "i64", 0 to 100
}

impl TrivialAugmentWide {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let bins = self.num_magnitude_bins;
        let step = draw_step(draws);
        let bin = draws.below(u32::from(bins.get())) as u16;
        let strength = Table::TRIVIAL_WIDE.magnitude(step, bin, bins);
        done(image, step, signed(strength, draws), self.fill)
    }
}

impl RandAugment {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        let table = Table::rand(image.width(), image.height());
        for _ in 0..self.num_ops.get() {
            let step = draw_step(draws);
            let strength = table.magnitude(step, self.magnitude, self.num_magnitude_bins);
            image = done(image, step, signed(strength, draws), self.fill);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::picture;
    use std::collections::HashSet;

    #[test]
    fn all_steps_and_both_signs_are_drawn() {
        let op = TrivialAugmentWide::default();
        let mut steps = HashSet::new();
        let mut signs = HashSet::new();
        for n in 0..300 {
            let mut draws = Draws::new(1, &[0; 32], n, "trivial_augment_wide", 0);
            steps.insert(format!("{:?}", draw_step(&mut draws)));
            signs.insert(signed((1.0, true), &mut draws) < 0.0);
            assert_eq!(signed((1.0, false), &mut draws), 1.0);
        }
        assert_eq!((steps.len(), signs.len()), (14, 2));
        let views: HashSet<Vec<u8>> = (0..100)
            .map(|n| {
                let mut draws = Draws::new(1, &[0; 32], n, "trivial_augment_wide", 0);
                op.apply(picture(12, 9), &mut draws).into_raw()
            })
            .collect();
        assert!(views.len() > 60, "{}", views.len());
    }

    #[test]
    fn parameters_are_checked() {
        let parse =
            |text: &str| serde_json::from_str::<RandAugment>(text).map_err(|e| e.to_string());
        let op = parse("{}").unwrap();
        assert_eq!(
            (op.num_ops.get(), op.magnitude, op.num_magnitude_bins.get()),
            (2, 9, 31)
        );
        for (text, part) in [
            (r#"{"magnitude": 31}"#, "between 0 and 30"),
            (
                r#"{"num_magnitude_bins": 1}"#,
                "between 2 and 1000, found 1",
            ),
            (r#"{"num_ops": 101}"#, "between 0 and 100, found 101"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        let none = parse(r#"{"num_ops": 0}"#).unwrap();
        let mut draws = Draws::new(1, &[0; 32], 1, "rand_augment", 0);
        assert_eq!(none.apply(picture(5, 5), &mut draws), picture(5, 5));
    }
}
