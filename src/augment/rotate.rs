//! `rotate`: turn the image about its centre.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{OneOrTwo, ordered};
use super::sample::{Fill, fixed, lines};

/// Turns the image by a random angle about its centre, keeping its size (torchvision's
/// `RandomRotation`, with bilinear interpolation instead of its nearest neighbour).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// The largest angle in degrees to either side, or the angles `[from, to]`, counter-clockwise.
    pub degrees: Degrees,
    /// What stands where the turned image does not reach; `edge` unless said.
    #[serde(default)]
    pub fill: Fill,
}

/// Angles `[from, to]` in degrees, within -360 to 360; a single number `d` is `[-d, d]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OneOrTwo")]
pub struct Degrees([f64; 2]);

impl Degrees {
    /// No turn at all.
    pub(super) const NONE: Degrees = Degrees([0.0, 0.0]);

    pub(super) fn range(self) -> [f64; 2] {
        self.0
    }
}

impl TryFrom<OneOrTwo> for Degrees {
    type Error = String;

    fn try_from(given: OneOrTwo) -> Result<Self, String> {
        match given {
            OneOrTwo::One(d) if (0.0..=360.0).contains(&d) => Ok(Degrees([-d, d])),
            OneOrTwo::One(d) => Err(format!(
                "must be between 0 and 360, found {d}; for one direction give a pair [from, to]"
            )),
            OneOrTwo::Two(pair) => ordered(pair, -360.0, 360.0).map(Degrees),
        }
    }
}

impl TryFrom<[f64; 2]> for Degrees {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        OneOrTwo::Two(pair).try_into()
    }
}

impl Rotate {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let degrees = draws.between(self.degrees.0);
        if degrees == 0.0 {
            image
        } else {
            turned(&image, degrees, self.fill)
        }
    }
}

/// The image turned counter-clockwise. For each pixel of the result at `(x, y)`:
///
/// ```text
/// (x', y') = R (x + 1/2 - w/2, y + 1/2 - h/2) + (w/2 - 1/2, h/2 - 1/2),
/// R = (cos a, -sin a; sin a, cos a)
/// ```
///
/// is where it comes from, read with bilinear weights; beyond the outermost pixel centres the
/// nearest pixels count (with `Fill::Black` only for the half pixel up to the image's border).
pub(super) fn turned(image: &RgbImage, degrees: f64, fill: Fill) -> RgbImage {
    let angle = degrees * (std::f64::consts::PI / 180.0);
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let half_w = f64::from(image.width()) / 2.0;
    let half_h = f64::from(image.height()) / 2.0;
    lines(image, fill, [fixed(cos), fixed(sin)], |y| {
        let (dx, dy) = (0.5 - half_w, y + 0.5 - half_h);
        [
            cos * dx - sin * dy + half_w - 0.5,
            sin * dx + cos * dy + half_h - 0.5,
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};
    use proptest::prelude::*;

    /// Pillow 13.0.0: `picture(7, 5).rotate(30, Image.BILINEAR)` (which cuts off instead of
    /// rounding, hence a difference of 1).
    const PILLOW_BLACK_30: [u8; 105] = [
        0, 0, 0, 0, 0, 0, 115, 198, 25, 171, 186, 81, 82, 88, 163, 84, 167, 181, 0, 0, 0, 33, 116,
        199, 75, 158, 206, 147, 127, 92, 192, 53, 136, 114, 138, 161, 137, 194, 55, 75, 158, 147,
        46, 129, 161, 116, 199, 26, 175, 130, 102, 19, 102, 185, 107, 190, 145, 201, 97, 111, 97,
        128, 135, 83, 166, 155, 152, 65, 70, 172, 58, 141, 78, 144, 116, 153, 142, 63, 199, 104,
        160, 63, 146, 204, 0, 0, 0, 181, 58, 91, 179, 91, 166, 97, 180, 76, 174, 35, 84, 0, 0, 0,
        0, 0, 0,
    ];

    /// numpy 2.4.6, float64: the formula of `turned` with clipped indices, rounded half up.
    const NUMPY_EDGE_30: [u8; 105] = [
        52, 135, 218, 84, 167, 181, 116, 199, 26, 172, 186, 82, 83, 88, 163, 84, 167, 182, 148,
        231, 118, 33, 116, 199, 75, 158, 207, 148, 128, 92, 192, 53, 136, 115, 138, 162, 138, 195,
        56, 75, 158, 147, 47, 130, 161, 117, 200, 27, 176, 131, 103, 19, 102, 185, 107, 190, 145,
        201, 97, 111, 97, 129, 135, 83, 166, 156, 152, 65, 70, 172, 59, 142, 79, 144, 117, 153,
        142, 63, 199, 104, 161, 63, 146, 204, 136, 160, 46, 182, 59, 92, 179, 92, 167, 98, 181, 76,
        174, 36, 84, 231, 58, 141, 134, 114, 197,
    ];

    #[test]
    fn agrees_with_pillow_and_with_the_formula() {
        let image = picture(7, 5);
        let black = turned(&image, 30.0, Fill::Black);
        assert!(
            largest_difference(&black, &PILLOW_BLACK_30) <= 1,
            "{black:?}"
        );
        let edge = turned(&image, 30.0, Fill::Edge);
        assert!(largest_difference(&edge, &NUMPY_EDGE_30) <= 1, "{edge:?}");
        let equal = edge
            .iter()
            .zip(NUMPY_EDGE_30)
            .filter(|(a, b)| **a == *b)
            .count();
        assert!(equal >= 100, "{equal} of 105 values are the formula's");
    }

    #[test]
    fn quarter_turns_move_pixels_only() {
        let image = picture(8, 8);
        for fill in [Fill::Edge, Fill::Black] {
            assert_eq!(
                turned(&image, 90.0, fill),
                image::imageops::rotate270(&image)
            );
            assert_eq!(
                turned(&image, -90.0, fill),
                image::imageops::rotate90(&image)
            );
            assert_eq!(
                turned(&image, 180.0, fill),
                image::imageops::rotate180(&image)
            );
            assert_eq!(turned(&image, 360.0, fill), image);
        }
    }

    #[test]
    fn a_number_is_both_directions_and_a_pair_is_itself() {
        let parse = |text: &str| serde_json::from_str::<Rotate>(text).map_err(|e| e.to_string());
        let op = parse(r#"{"degrees": 15}"#).unwrap();
        assert_eq!((op.degrees, op.fill), (Degrees([-15.0, 15.0]), Fill::Edge));
        let op = parse(r#"{"degrees": [0, 90], "fill": "black"}"#).unwrap();
        assert_eq!((op.degrees, op.fill), (Degrees([0.0, 90.0]), Fill::Black));
        for (text, part) in [
            (r#"{"degrees": -5}"#, "must be between 0 and 360, found -5"),
            (r#"{"degrees": [5, 1]}"#, "low <= high, found [5, 1]"),
            (r#"{"degrees": [0, 400]}"#, "must lie between -360 and 360"),
            (r#"{"degrees": "x"}"#, "a number or a pair"),
            (r#"{"degrees": [1]}"#, "a number or a pair"),
            (r#"{"degrees": [1, 2, 3]}"#, "a number or a pair"),
            (r#"{}"#, "missing field `degrees`"),
            (
                r#"{"degrees": 5, "fill": "white"}"#,
                "unknown variant `white`",
            ),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn any_size_and_angle(w in 1u32..40, h in 1u32..40, degrees in -360.0..360.0) {
            let grey = RgbImage::from_pixel(w, h, image::Rgb([9, 99, 199]));
            prop_assert_eq!(&turned(&grey, degrees, Fill::Edge), &grey);
            prop_assert_eq!(turned(&grey, degrees, Fill::Black).dimensions(), (w, h));
        }
    }
}
