//! The seeded views of an image.
//!
//! View 0 is the plain image; views 1, 2, ... are what the ops of an [`AugmentConfig`] make of it.
//! A view is a pure function of the pixels, the ops, the seed, the example's key and the view's
//! number: the same on any thread and any machine, in any order, and view 3 is the same whether
//! 3 or 12 are made. What ends in pixels is integer arithmetic, or exactly rounded floating point.

mod color_jitter;
mod config;
mod draws;
mod hflip;
mod number;
mod op;
mod random_resized_crop;
mod rotate;
#[cfg(test)]
mod tests;

use image::RgbImage;

pub use color_jitter::{ColorJitter, Factor};
pub use config::{AugmentConfig, MAX_VIEWS};
pub use hflip::Hflip;
pub use number::Probability;
pub use op::Op;
pub use random_resized_crop::{RandomResizedCrop, Ratio, Scale};
pub use rotate::{Degrees, Fill, Rotate};

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
    let mut image = pixels.clone();
    if number == 0 || pixels.is_empty() {
        return image;
    }
    for (i, op) in config.ops.iter().enumerate() {
        let nth = config
            .ops
            .iter()
            .take(i)
            .filter(|other| other.name() == op.name())
            .count();
        let mut draws = Draws::new(seed, example, number, op.name(), nth as u32);
        image = op.apply(image, &mut draws);
    }
    image
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
