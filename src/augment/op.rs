//! The ops that there are.

use std::fmt;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::affine::Affine;
use super::center_crop::CenterCrop;
use super::choice::{OneOf, RandomApply};
use super::color_jitter::ColorJitter;
use super::draws::Draws;
use super::gaussian_blur::GaussianBlur;
use super::grayscale::Grayscale;
use super::hflip::Hflip;
use super::jpeg::Jpeg;
use super::noise::Noise;
use super::pad::Pad;
use super::perspective::Perspective;
use super::policy::{RandAugment, TrivialAugmentWide};
use super::random_erasing::RandomErasing;
use super::random_resized_crop::RandomResizedCrop;
use super::rotate::Rotate;
use super::sharpness::Sharpness;
use super::tone::{Autocontrast, Equalize, Posterize, Solarize};
use super::vflip::Vflip;

/// Declares the enum of all ops, each called in a pipeline by the name given.
macro_rules! ops {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// One step of augmentation, named and meant as in torchvision. In YAML:
        /// `- hflip: {p: 0.5}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Op {
            $($(#[$doc])* #[serde(rename = $name)] $variant($variant),)*
        }

        impl Op {
            /// The name of the op in a pipeline.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Op::$variant(_) => $name,)*
                }
            }

            pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
                match self {
                    $(Op::$variant(op) => op.apply(image, draws),)*
                }
            }

            /// All names, in the order of the enum.
            #[cfg(test)]
            pub(super) const NAMES: &[&str] = &[$($name),*];
        }
    };
}

ops! {
    /// Mirror left and right.
    Hflip "hflip",
    /// Mirror top and bottom.
    Vflip "vflip",
    /// Cut out a random part.
    RandomResizedCrop "random_resized_crop",
    /// Cut out the middle.
    CenterCrop "center_crop",
    /// Add a border.
    Pad "pad",
    /// Turn about the centre.
    Rotate "rotate",
    /// Turn, shift, scale and shear.
    Affine "affine",
    /// Look at it from another side.
    Perspective "perspective",
    /// Change brightness, contrast, saturation and hue.
    ColorJitter "color_jitter",
    /// Take the colour away.
    Grayscale "grayscale",
    /// Stretch each channel to the whole range.
    Autocontrast "autocontrast",
    /// Flatten each channel's histogram.
    Equalize "equalize",
    /// Keep the highest bits of each value.
    Posterize "posterize",
    /// Invert what is bright.
    Solarize "solarize",
    /// Blur.
    GaussianBlur "gaussian_blur",
    /// Sharpen or soften.
    Sharpness "sharpness",
    /// Compress as JPEG and decompress.
    Jpeg "jpeg",
    /// Add Gaussian noise.
    Noise "noise",
    /// Cover a random rectangle.
    RandomErasing "random_erasing",
    /// Apply one of several ops.
    OneOf "one_of",
    /// Apply several ops or none.
    RandomApply "random_apply",
    /// One random op of random strength.
    TrivialAugmentWide "trivial_augment_wide",
    /// Some random ops of given strength.
    RandAugment "rand_augment",
}

impl fmt::Display for Op {
    /// The op's name, with the ops that it chooses among: `one_of(hflip | vflip)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Op::OneOf(op) => write!(f, "({})", joined(op.ops(), " | ")),
            Op::RandomApply(op) => write!(f, "({})", joined(op.ops(), ", ")),
            _ => Ok(()),
        }
    }
}

fn joined(ops: &[Op], between: &str) -> String {
    let names: Vec<String> = ops.iter().map(Op::to_string).collect();
    names.join(between)
}

/// Applies ops one after another; `stream` makes the random numbers of the nth op of a name.
pub(super) fn apply_all(
    ops: &[Op],
    mut image: RgbImage,
    stream: impl Fn(&'static str, u32) -> Draws,
) -> RgbImage {
    for (i, op) in ops.iter().enumerate() {
        image = op.apply(image, &mut stream(op.name(), nth(ops, i)));
    }
    image
}

/// How many ops of its name come before op `i` of the list.
pub(super) fn nth(ops: &[Op], i: usize) -> u32 {
    let same = |op: &&Op| ops.get(i).is_some_and(|this| this.name() == op.name());
    ops.iter().take(i).filter(same).count() as u32
}
