//! The seeded views of an image.
//!
//! View 0 is the plain image; views 1, 2, ... are what the ops of an [`AugmentConfig`] make of it.
//! A view is a pure function of the pixels, the ops, the seed, the example's key and the view's
//! number: the same on any thread and any machine, in any order, and view 3 is the same whether
//! 3 or 12 are made. What ends in pixels is integer arithmetic, or exactly rounded floating point.
//!
//! # The ops
//!
//! Named and meant as in torchvision; `op: {}` takes every default, a parameter without one must
//! be given. Where the image is moved, pixels are read with bilinear interpolation and `fill: edge`
//! lets the outermost pixels go on; `fill: black` is torchvision's default. A range is
//! `[low, high]`, drawn from evenly.
//!
//! | op | parameters, with their defaults | what it does |
//! | --- | --- | --- |
//! | `hflip` | `p: 0.5` | mirrors left and right |
//! | `vflip` | `p: 0.5` | mirrors top and bottom |
//! | `random_resized_crop` | `scale: [0.08, 1.0]`, `ratio: [0.75, 1.3333]` | cuts out a part of that share of the area and that width over height |
//! | `center_crop` | `size` (a number or `[height, width]`) | cuts out the middle; what is missing is black |
//! | `pad` | `padding` (a number, `[x, y]` or `[left, top, right, bottom]`), `fill: 0`, `padding_mode: constant` (or `edge`, `reflect`, `symmetric`) | adds a border |
//! | `rotate` | `degrees` (a number for both directions, or a range), `fill: edge` | turns counter-clockwise about the centre |
//! | `affine` | `degrees: 0`, `translate: [0, 0]` (shares of width and height), `scale: [1, 1]`, `shear: 0` (a number, a range along x, or `[x from, x to, y from, y to]`), `fill: edge` | turns clockwise, shifts, scales, shears |
//! | `perspective` | `distortion_scale: 0.5`, `p: 0.5`, `fill: edge` | moves the corners inwards |
//! | `color_jitter` | `brightness`, `contrast`, `saturation` (a number `v` for `[1 - v, 1 + v]`, or a range of factors), `hue` (a number to 0.5, or a range); none of them unless said | in random order |
//! | `grayscale` | `p: 0.1` | takes the colour away |
//! | `autocontrast` | `p: 0.5` | stretches each channel to 0 to 255 |
//! | `equalize` | `p: 0.5` | flattens each channel's histogram |
//! | `posterize` | `bits` (1 to 8), `p: 0.5` | keeps the highest bits |
//! | `solarize` | `threshold` (0 to 255), `p: 0.5` | inverts values from the threshold on |
//! | `gaussian_blur` | `kernel_size` (odd: a number or `[width, height]`), `sigma: [0.1, 2.0]` | blurs |
//! | `sharpness` | `sharpness_factor` (0 to 16), `p: 0.5` | 0 smooths, 2 sharpens |
//! | `jpeg` | `quality` (1 to 100: a number or a range) | compresses and decompresses |
//! | `noise` | `mean: 0`, `sigma: 0.1` (shares of the range of values) | adds Gaussian noise |
//! | `random_erasing` | `p: 0.5`, `scale: [0.02, 0.33]`, `ratio: [0.3, 3.3]`, `value: 0` (a grey, `[r, g, b]` or `random`) | covers a rectangle |
//! | `one_of` | `ops`, `weights` (equal unless said) | applies one of the ops |
//! | `random_apply` | `p: 0.5`, `ops` | applies all of the ops, or none |
//! | `trivial_augment_wide` | `num_magnitude_bins: 31`, `fill: edge` | one random op of random strength (Müller and Hutter 2021) |
//! | `rand_augment` | `num_ops: 2`, `magnitude: 9`, `num_magnitude_bins: 31`, `fill: edge` | random ops of one strength (Cubuk et al. 2020) |

mod affine;
mod blend;
mod center_crop;
mod choice;
mod color_jitter;
mod config;
mod draws;
mod gaussian_blur;
mod grayscale;
mod hflip;
mod hue;
mod jpeg;
mod magnitude;
mod noise;
mod number;
mod op;
mod pad;
mod perspective;
mod policy;
mod random_erasing;
mod random_resized_crop;
mod rotate;
mod sample;
mod sharpness;
#[cfg(test)]
mod tests;
mod tone;
mod vflip;

use image::RgbImage;

pub use affine::{Affine, ScaleFactors, Shear, Translate};
pub use center_crop::{CenterCrop, CropSize};
pub use choice::{OneOf, RandomApply};
pub use color_jitter::{ColorJitter, Factor, Hue};
pub use config::{AugmentConfig, MAX_VIEWS};
pub use gaussian_blur::{GaussianBlur, KernelSize, Sigma};
pub use grayscale::Grayscale;
pub use hflip::Hflip;
pub use jpeg::{Jpeg, Quality};
pub use magnitude::Bins;
pub use noise::{Noise, NoiseMean, NoiseSigma};
pub use number::{Colour, Probability};
pub use op::Op;
pub use pad::{Pad, Padding, PaddingMode};
pub use perspective::{DistortionScale, Perspective};
pub use policy::{NumOps, RandAugment, TrivialAugmentWide};
pub use random_erasing::{ErasedRatio, ErasedScale, ErasedValue, RandomErasing};
pub use random_resized_crop::{RandomResizedCrop, Ratio, Scale};
pub use rotate::{Degrees, Rotate};
pub use sample::Fill;
pub use sharpness::{Sharpness, SharpnessFactor};
pub use tone::{Autocontrast, Bits, Equalize, Posterize, Solarize, Threshold};
pub use vflip::Vflip;

use draws::Draws;

/// The version of what the ops mean. Whatever changes a pixel of any view raises it, so that rows
/// of the old meaning are not taken for rows of the new one.
pub const VERSION: u32 = 1;

/// Makes view `number` of an image. `example` is the example's content key.
///
/// The number may be larger than `config.views`: the view is then one more of the same kind. An
/// image without pixels is its own view.
pub fn view(
    pixels: &RgbImage,
    config: &AugmentConfig,
    seed: u64,
    example: &[u8; 32],
    number: u32,
) -> RgbImage {
    let image = pixels.clone();
    if number == 0 || pixels.is_empty() {
        return image;
    }
    op::apply_all(&config.ops, image, |name, nth| {
        Draws::new(seed, example, number, name, nth)
    })
}

impl AugmentConfig {
    /// What a view depends on beside its image, as text: `plain` for view 0, otherwise version,
    /// seed, number and the ops with all their parameters. Equal keys mean equal views.
    pub fn view_key(&self, seed: u64, number: u32) -> String {
        if number == 0 {
            return "plain".into();
        }
        // Ops hold finite numbers only and always become JSON; the other form is as canonical.
        let ops = serde_json::to_string(&self.ops).unwrap_or_else(|_| format!("{:?}", self.ops));
        format!("view v{VERSION} seed={seed} number={number} ops={ops}")
    }
}
