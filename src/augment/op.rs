//! The ops that there are.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::color_jitter::ColorJitter;
use super::draws::Draws;
use super::hflip::Hflip;
use super::random_resized_crop::RandomResizedCrop;
use super::rotate::Rotate;

/// One step of augmentation, named and meant as in torchvision. In YAML: `- hflip: {p: 0.5}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Mirror left and right.
    Hflip(Hflip),
    /// Cut out a random part.
    RandomResizedCrop(RandomResizedCrop),
    /// Turn about the centre.
    Rotate(Rotate),
    /// Change brightness, contrast and saturation.
    ColorJitter(ColorJitter),
}

impl Op {
    /// The name of the op in a pipeline.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Hflip(_) => "hflip",
            Op::RandomResizedCrop(_) => "random_resized_crop",
            Op::Rotate(_) => "rotate",
            Op::ColorJitter(_) => "color_jitter",
        }
    }

    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        match self {
            Op::Hflip(op) => op.apply(image, draws),
            Op::RandomResizedCrop(op) => op.apply(image, draws),
            Op::Rotate(op) => op.apply(image, draws),
            Op::ColorJitter(op) => op.apply(image, draws),
        }
    }
}
