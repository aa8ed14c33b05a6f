//! `affine`: turn, shift, scale and shear.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{Numbers, ordered};
use super::rotate::Degrees;
use super::sample::{Fill, fixed, lines};

/// Turns, shifts, scales and shears the image about its centre, keeping its size (torchvision's
/// `RandomAffine`, with bilinear interpolation instead of its nearest neighbour).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Affine {
    /// The largest angle in degrees to either side, or the angles `[from, to]`, clockwise (as in
    /// torchvision, where `rotate` turns the other way); 0 unless said.
    pub degrees: Degrees,
    /// The largest shifts `[x, y]` as shares of width and height; `[0, 0]` unless said.
    pub translate: Translate,
    /// Factors of size `[low, high]`; `[1, 1]` unless said.
    pub scale: ScaleFactors,
    /// The largest shear along x in degrees to either side, the angles `[from, to]`, or both along
    /// x and along y, `[x from, x to, y from, y to]`; 0 unless said.
    pub shear: Shear,
    /// What stands where the moved image does not reach; `edge` unless said.
    pub fill: Fill,
}

impl Default for Affine {
    fn default() -> Self {
        Affine {
            degrees: Degrees::NONE,
            translate: Translate([0.0, 0.0]),
            scale: ScaleFactors([1.0, 1.0]),
            shear: Shear([0.0; 4]),
            fill: Fill::Edge,
        }
    }
}

/// Shares of width and of height, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct Translate([f64; 2]);

impl TryFrom<[f64; 2]> for Translate {
    type Error = String;

    fn try_from([x, y]: [f64; 2]) -> Result<Self, String> {
        if [x, y].iter().all(|share| (0.0..=1.0).contains(share)) {
            Ok(Translate([x, y]))
        } else {
            Err(format!("must be [x, y] between 0 and 1, found [{x}, {y}]"))
        }
    }
}

/// Factors of size, `0.01 <= low <= high <= 100`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]")]
pub struct ScaleFactors([f64; 2]);

impl TryFrom<[f64; 2]> for ScaleFactors {
    type Error = String;

    fn try_from(pair: [f64; 2]) -> Result<Self, String> {
        ordered(pair, 0.01, 100.0).map(ScaleFactors)
    }
}

/// Angles `[x from, x to, y from, y to]` in degrees, within -85 to 85.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct Shear([f64; 4]);

/// The largest shear in degrees: at 90 nothing is left of the image.
const MOST_SHEAR: f64 = 85.0;

impl TryFrom<Numbers> for Shear {
    type Error = String;

    fn try_from(Numbers(given): Numbers) -> Result<Self, String> {
        let pair = |from, to| ordered([from, to], -MOST_SHEAR, MOST_SHEAR);
        match given[..] {
            [d] if (0.0..=MOST_SHEAR).contains(&d) => Ok(Shear([-d, d, 0.0, 0.0])),
            [d] => Err(format!("must be between 0 and {MOST_SHEAR}, found {d}")),
            [from, to] => pair(from, to).map(|[from, to]| Shear([from, to, 0.0, 0.0])),
            [a, b, c, d] => {
                let ([a, b], [c, d]) = (pair(a, b)?, pair(c, d)?);
                Ok(Shear([a, b, c, d]))
            }
            _ => Err(format!(
                "must be a number, [from, to] or [x from, x to, y from, y to], found {given:?}"
            )),
        }
    }
}

impl Affine {
    /// Every number is drawn whatever the parameters, so that changing one leaves the draws of
    /// the others alone.
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let degrees = draws.between(self.degrees.range());
        let size = [image.width(), image.height()].map(f64::from);
        let mut shift = [0.0; 2];
        for ((shift, share), side) in shift.iter_mut().zip(self.translate.0).zip(size) {
            // Whole pixels, as in torchvision: a shift alone blurs nothing.
            *shift = libm::rint(draws.between([-share * side, share * side]));
        }
        let scale = draws.between(self.scale.0);
        let [a, b, c, d] = self.shear.0;
        let shear = [draws.between([a, b]), draws.between([c, d])];
        let motion = Motion {
            degrees,
            shift,
            scale,
            shear,
            centre: size.map(|side| side / 2.0),
        };
        moved(image, &motion, self.fill)
    }
}

/// How an image is moved: first sheared, turned clockwise and scaled about the centre, then
/// shifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Motion {
    pub(super) degrees: f64,
    /// To the right and down, in pixels.
    pub(super) shift: [f64; 2],
    pub(super) scale: f64,
    /// Along x and y, in degrees.
    pub(super) shear: [f64; 2],
    /// In pixels from the corner of the image.
    pub(super) centre: [f64; 2],
}

impl Motion {
    /// No motion, about the corner of the image.
    pub(super) const NONE: Motion = Motion {
        degrees: 0.0,
        shift: [0.0; 2],
        scale: 1.0,
        shear: [0.0; 2],
        centre: [0.0; 2],
    };

    /// `[a, b, c, d]`: an offset `(x, y)` from the moved centre comes from
    /// `(a x + b y, c x + d y)`. The inverse of `scale R(degrees) S(shear)` in torchvision's
    /// parametrisation, where the shear along y keeps the area.
    fn backwards(&self) -> [f64; 4] {
        let radians = |degrees: f64| degrees * (std::f64::consts::PI / 180.0);
        let angle = radians(self.degrees);
        let [sx, sy] = self.shear.map(radians);
        let (sin, cos) = (libm::sin(angle - sy), libm::cos(angle - sy));
        let (tan, cos_sy) = (libm::tan(sx), libm::cos(sy));
        let a = cos / cos_sy;
        let b = -cos * tan / cos_sy - libm::sin(angle);
        let c = sin / cos_sy;
        let d = -sin * tan / cos_sy + libm::cos(angle);
        [d, -b, -c, a].map(|v| v / self.scale)
    }
}

/// The image moved.
pub(super) fn moved(image: RgbImage, motion: &Motion, fill: Fill) -> RgbImage {
    let [a, b, c, d] = motion.backwards();
    if [a, b, c, d] == [1.0, 0.0, 0.0, 1.0] && motion.shift == [0.0, 0.0] {
        return image;
    }
    let [cx, cy] = motion.centre;
    let [tx, ty] = motion.shift;
    lines(&image, fill, [fixed(a), fixed(c)], |y| {
        let (dx, dy) = (0.5 - cx - tx, y + 0.5 - cy - ty);
        [a * dx + b * dy + cx - 0.5, c * dx + d * dy + cy - 0.5]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

    /// Pillow 13.0.0: `picture(7, 5)` by `Image.transform(AFFINE, BILINEAR)` with numpy's inverse of
    /// torchvision's documented matrix `T C RSS(20, 1.3, (12, -7)) C^-1`, `T` by (1, -1).
    const PILLOW_BLACK: [u8; 105] = [
        165, 65, 75, 178, 63, 88, 187, 15, 98, 195, 109, 105, 152, 98, 109, 199, 37, 109, 197, 125,
        107, 190, 59, 142, 220, 75, 157, 133, 87, 170, 120, 96, 147, 19, 102, 184, 111, 104, 187,
        147, 104, 164, 87, 124, 207, 99, 148, 142, 79, 150, 126, 90, 165, 58, 98, 181, 87, 103,
        181, 172, 105, 187, 92, 0, 0, 0, 109, 192, 51, 152, 100, 62, 171, 67, 81, 181, 167, 91,
        185, 148, 98, 172, 102, 102, 0, 0, 0, 0, 0, 0, 0, 0, 0, 220, 47, 130, 204, 89, 172, 116,
        114, 188, 104, 111, 144,
    ];

    /// numpy 2.4.6, float64: bilinear with clipped indices by the same matrix, rounded half up.
    const NUMPY_EDGE: [u8; 105] = [
        166, 65, 76, 179, 63, 89, 188, 16, 99, 196, 109, 106, 153, 99, 109, 200, 38, 110, 197, 125,
        107, 190, 60, 143, 220, 75, 157, 133, 87, 170, 121, 96, 148, 19, 102, 185, 112, 105, 188,
        148, 104, 165, 88, 124, 207, 100, 148, 142, 79, 151, 127, 91, 165, 59, 99, 182, 88, 103,
        181, 173, 106, 188, 92, 68, 151, 176, 110, 193, 52, 152, 101, 62, 172, 67, 82, 182, 167,
        92, 185, 148, 99, 172, 102, 102, 94, 177, 97, 137, 146, 47, 179, 23, 89, 221, 48, 131, 204,
        90, 173, 117, 114, 188, 105, 111, 145,
    ];

    #[test]
    fn agrees_with_pillow_and_with_the_formula() {
        let motion = Motion {
            degrees: 20.0,
            shift: [1.0, -1.0],
            scale: 1.3,
            shear: [12.0, -7.0],
            centre: [3.5, 2.5],
        };
        let black = moved(picture(7, 5), &motion, Fill::Black);
        assert!(largest_difference(&black, &PILLOW_BLACK) <= 1, "{black:?}");
        let edge = moved(picture(7, 5), &motion, Fill::Edge);
        assert!(largest_difference(&edge, &NUMPY_EDGE) <= 1, "{edge:?}");
    }

    #[test]
    fn whole_shifts_move_pixels_only_and_turns_are_clockwise() {
        let image = picture(8, 8);
        let shifted = Motion {
            shift: [2.0, -3.0],
            ..Motion::NONE
        };
        let found = moved(image.clone(), &shifted, Fill::Black);
        assert_eq!(found.get_pixel(2, 0), image.get_pixel(0, 3));
        assert_eq!(found.get_pixel(1, 0).0, [0; 3]);
        let turned = Motion {
            degrees: 90.0,
            centre: [4.0, 4.0],
            ..Motion::NONE
        };
        assert_eq!(
            moved(image.clone(), &turned, Fill::Edge),
            image::imageops::rotate90(&image)
        );
        assert_eq!(moved(image.clone(), &Motion::NONE, Fill::Black), image);
    }

    #[test]
    fn parameters_are_read_and_checked() {
        let parse = |text: &str| serde_json::from_str::<Affine>(text).map_err(|e| e.to_string());
        assert_eq!(parse("{}").unwrap(), Affine::default());
        assert_eq!(
            parse(r#"{"shear": 5}"#).unwrap().shear,
            Shear([-5.0, 5.0, 0.0, 0.0])
        );
        assert_eq!(
            parse(r#"{"shear": [1, 2, 3, 4]}"#).unwrap().shear,
            Shear([1.0, 2.0, 3.0, 4.0])
        );
        for (text, part) in [
            (r#"{"shear": 86}"#, "must be between 0 and 85, found 86"),
            (r#"{"shear": [1, 2, 3]}"#, "[x from, x to, y from, y to]"),
            (r#"{"shear": [1, 2, 3, 4, 5]}"#, "up to four"),
            (r#"{"shear": [0, 1, 5, 4]}"#, "low <= high"),
            (r#"{"translate": [0.5, 1.1]}"#, "[x, y] between 0 and 1"),
            (r#"{"scale": [0, 1]}"#, "must lie between 0.01 and 100"),
            (r#"{"degrees": 400}"#, "between 0 and 360"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn a_zero_range_is_the_image_itself() {
        let image = picture(9, 7);
        let mut draws = Draws::new(1, &[0; 32], 1, "affine", 0);
        assert_eq!(Affine::default().apply(image.clone(), &mut draws), image);
    }
}
