//! The steps that policies choose from, and how strong they are: torchvision's tables.

use image::RgbImage;

use super::affine::{Motion, moved};
use super::blend::{Ratio, brighten, saturate, stretch_contrast};
use super::draws::Draws;
use super::number::bounded;
use super::rotate::turned;
use super::sample::Fill;
use super::sharpness::sharpened;
use super::tone::{autocontrast, equalize, posterize, solarize};

bounded! {
    /// A number of strengths, 2 to 1000.
    Bins: u16, i64 "i64", 2 to 1000
}

impl Bins {
    /// What both policies have.
    pub(super) const DEFAULT: Bins = Bins(31);
}

/// What a policy chooses from, in torchvision's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const STEPS: [Step; 14] = [
    Step::Identity,
    Step::ShearX,
    Step::ShearY,
    Step::TranslateX,
    Step::TranslateY,
    Step::Rotate,
    Step::Brightness,
    Step::Color,
    Step::Contrast,
    Step::Sharpness,
    Step::Posterize,
    Step::Solarize,
    Step::AutoContrast,
    Step::Equalize,
];

/// The strengths of a policy at the highest bin; at the lowest, nothing happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Pixels to the side for each pixel up.
    shear: f64,
    /// Pixels along x and y.
    translate: [f64; 2],
    degrees: f64,
    /// What is added to a factor of 1 for brightness, colour, contrast and sharpness.
    enhance: f64,
    /// Bits that are taken from 8.
    bits: f64,
}

impl Table {
    /// `TrivialAugmentWide._augmentation_space` of torchvision.
    pub(super) const TRIVIAL_WIDE: Table = Table {
        shear: 0.99,
        translate: [32.0; 2],
        degrees: 135.0,
        enhance: 0.99,
        bits: 6.0,
    };

    /// `RandAugment._augmentation_space` of torchvision, for an image of this size.
    pub(super) fn rand(w: u32, h: u32) -> Table {
        Table {
            shear: 0.3,
            translate: [w, h].map(|side| 150.0 / 331.0 * f64::from(side)),
            degrees: 30.0,
            enhance: 0.9,
            bits: 4.0,
        }
    }

    /// The strength of a step at bin `bin` of `bins`, and whether its sign is random.
    pub(super) fn magnitude(&self, step: Step, bin: u16, bins: Bins) -> (f64, bool) {
        let last = f64::from(bins.get() - 1);
        let bin = f64::from(bin);
        let up_to = |most: f64| most * bin / last;
        match step {
            Step::Identity | Step::AutoContrast | Step::Equalize => (0.0, false),
            Step::ShearX | Step::ShearY => (up_to(self.shear), true),
            Step::TranslateX => (up_to(self.translate[0]), true),
            Step::TranslateY => (up_to(self.translate[1]), true),
            Step::Rotate => (up_to(self.degrees), true),
            Step::Brightness | Step::Color | Step::Contrast | Step::Sharpness => {
                (up_to(self.enhance), true)
            }
            Step::Posterize => (8.0 - libm::rint(bin / (last / self.bits)), false),
            Step::Solarize => (255.0 - up_to(255.0), false),
        }
    }
}

/// Draws one of the steps.
pub(super) fn draw_step(draws: &mut Draws) -> Step {
    let drawn = draws.below(STEPS.len() as u32) as usize;
    STEPS.get(drawn).copied().unwrap_or(Step::Identity)
}

/// Draws the sign, for every step so that all take the same number of draws.
pub(super) fn signed((magnitude, has_sign): (f64, bool), draws: &mut Draws) -> f64 {
    let minus = draws.below(2) == 1;
    if has_sign && minus {
        -magnitude
    } else {
        magnitude
    }
}

/// The image after a step of that strength.
pub(super) fn done(mut image: RgbImage, step: Step, magnitude: f64, fill: Fill) -> RgbImage {
    let move_by = |image, motion: Motion| moved(image, &motion, fill);
    let shear = libm::atan(magnitude) * (180.0 / std::f64::consts::PI);
    let factor = Ratio::new(1.0 + magnitude);
    match step {
        Step::Identity => {}
        Step::ShearX => {
            return move_by(
                image,
                Motion {
                    shear: [shear, 0.0],
                    ..Motion::NONE
                },
            );
        }
        Step::ShearY => {
            return move_by(
                image,
                Motion {
                    shear: [0.0, shear],
                    ..Motion::NONE
                },
            );
        }
        Step::TranslateX => {
            let shift = [magnitude.trunc(), 0.0];
            return move_by(
                image,
                Motion {
                    shift,
                    ..Motion::NONE
                },
            );
        }
        Step::TranslateY => {
            let shift = [0.0, magnitude.trunc()];
            return move_by(
                image,
                Motion {
                    shift,
                    ..Motion::NONE
                },
            );
        }
        Step::Rotate if magnitude != 0.0 => return turned(&image, magnitude, fill),
        Step::Rotate => {}
        Step::Brightness => brighten(&mut image, factor),
        Step::Color => saturate(&mut image, factor),
        Step::Contrast => stretch_contrast(&mut image, factor),
        Step::Sharpness => return sharpened(image, factor),
        Step::Posterize => posterize(&mut image, magnitude as u8),
        Step::Solarize => solarize(&mut image, magnitude),
        Step::AutoContrast => autocontrast(&mut image),
        Step::Equalize => equalize(&mut image),
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::picture;

    fn bins() -> Bins {
        Bins(31)
    }

    /// numpy 2.4.6: `linspace` and `round` as torchvision's `TrivialAugmentWide` has them, 31 bins,
    /// bins 0, 9, 17 and 30 of the steps below.
    const TRIVIAL: [[f64; 4]; 7] = [
        [0.0, 0.297, 0.561, 0.99],
        [0.0, 9.6, 18.13333, 32.0],
        [0.0, 9.6, 18.13333, 32.0],
        [0.0, 40.5, 76.5, 135.0],
        [0.0, 0.297, 0.561, 0.99],
        [8.0, 6.0, 5.0, 2.0],
        [255.0, 178.5, 110.5, 0.0],
    ];

    /// The same for `RandAugment` on an image of 331 x 662.
    const RAND: [[f64; 4]; 7] = [
        [0.0, 0.09, 0.17, 0.3],
        [0.0, 45.0, 85.0, 150.0],
        [0.0, 90.0, 170.0, 300.0],
        [0.0, 9.0, 17.0, 30.0],
        [0.0, 0.27, 0.51, 0.9],
        [8.0, 7.0, 6.0, 4.0],
        [255.0, 178.5, 110.5, 0.0],
    ];

    #[test]
    fn magnitudes_are_torchvisions() {
        let of = |table: &Table, step| -> Vec<f64> {
            [0, 9, 17, 30]
                .map(|bin| table.magnitude(step, bin, bins()).0)
                .to_vec()
        };
        let steps = [
            Step::ShearX,
            Step::TranslateX,
            Step::TranslateY,
            Step::Rotate,
            Step::Brightness,
            Step::Posterize,
            Step::Solarize,
        ];
        let near = |found: Vec<f64>, expected: [f64; 4]| {
            found
                .iter()
                .zip(expected)
                .all(|(f, e)| (f - e).abs() < 1e-4)
        };
        for (i, step) in steps.into_iter().enumerate() {
            let found = of(&Table::TRIVIAL_WIDE, step);
            assert!(near(found, TRIVIAL[i]), "{step:?}");
            let found = of(&Table::rand(331, 662), step);
            assert!(near(found, RAND[i]), "{step:?}");
        }
    }

    #[test]
    fn every_step_does_what_its_name_says() {
        let image = picture(12, 9);
        let after = |step, magnitude| done(image.clone(), step, magnitude, Fill::Black);
        assert_eq!(after(Step::Identity, 0.0), image);
        for step in [Step::ShearX, Step::TranslateY, Step::Rotate, Step::Color] {
            assert_eq!(after(step, 0.0), image, "{step:?}");
        }
        assert_eq!(after(Step::Posterize, 8.0), image);
        assert_eq!(after(Step::Solarize, 0.0).get_pixel(0, 0).0, [255, 172, 89]);
        let right = after(Step::TranslateX, 2.9);
        assert_eq!(right.get_pixel(2, 4), image.get_pixel(0, 4));
        let down = after(Step::TranslateY, 3.0);
        assert_eq!(down.get_pixel(2, 4), image.get_pixel(2, 1));
        // Sheared by 45 degrees about the corner: a row moves to the left by its distance from the
        // top, so the centre of (2, 3) comes from between (5, 3) and (6, 3).
        let sheared = after(Step::ShearX, 1.0).get_pixel(2, 3).0[0];
        let [left, right] = [5, 6].map(|x| u32::from(image.get_pixel(x, 3).0[0]));
        assert!(u32::from(sheared).abs_diff((left + right) / 2) <= 1);
        assert!(after(Step::Brightness, -0.99).iter().all(|v| *v <= 3));
        let grey = after(Step::Color, -1.0);
        assert!(grey.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
    }
}
