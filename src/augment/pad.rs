//! `pad`: a border around the image.

use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{Colour, Numbers};

/// Adds a border (torchvision's `Pad`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// Pixels on all sides, `[left and right, top and bottom]`, or `[left, top, right, bottom]`.
    pub padding: Padding,
    /// The colour of a `constant` border, `[r, g, b]` or a grey; black unless said.
    #[serde(default)]
    pub fill: Colour,
    /// What the border shows; `constant` unless said.
    #[serde(default)]
    pub padding_mode: PaddingMode,
}

/// Pixels added at `[left, top, right, bottom]`, 0 to 4096 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct Padding([u32; 4]);

/// The widest border.
const MOST: f64 = 4096.0;

impl TryFrom<Numbers> for Padding {
    type Error = String;

    fn try_from(Numbers(given): Numbers) -> Result<Self, String> {
        let sides = match given[..] {
            [all] => [all; 4],
            [x, y] => [x, y, x, y],
            [left, top, right, bottom] => [left, top, right, bottom],
            _ => {
                return Err(format!(
                    "must be a number, [x, y] or [left, top, right, bottom], found {given:?}"
                ));
            }
        };
        if sides
            .iter()
            .any(|v| !(0.0..=MOST).contains(v) || v.fract() != 0.0)
        {
            return Err(format!(
                "must be of whole numbers between 0 and {MOST}, found {given:?}"
            ));
        }
        Ok(Padding(sides.map(|v| v as u32)))
    }
}

/// What a border shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaddingMode {
    /// One colour.
    #[default]
    Constant,
    /// The outermost pixels.
    Edge,
    /// The image mirrored at its outermost pixels.
    Reflect,
    /// The image mirrored at its borders.
    Symmetric,
}

impl Pad {
    pub(super) fn apply(&self, image: RgbImage, _: &mut Draws) -> RgbImage {
        let [left, top, right, bottom] = self.padding.0;
        let Some(size) = grown(image.width(), left, right).zip(grown(image.height(), top, bottom))
        else {
            return image;
        };
        let origin = [-i64::from(left), -i64::from(top)];
        window(&image, origin, size, self.padding_mode, self.fill.rgb())
    }
}

/// The side with its border; None where it cannot be counted.
fn grown(side: u32, before: u32, after: u32) -> Option<u32> {
    side.checked_add(before)?.checked_add(after)
}

/// The part of a bordered image that begins at `origin`, in pixels from the image's corner.
pub(super) fn window(
    image: &RgbImage,
    origin: [i64; 2],
    (w, h): (u32, u32),
    mode: PaddingMode,
    colour: [u8; 3],
) -> RgbImage {
    let columns = sources(origin[0], w, image.width(), mode);
    let rows = sources(origin[1], h, image.height(), mode);
    RgbImage::from_fn(w, h, |x, y| match (columns[x as usize], rows[y as usize]) {
        (Some(x), Some(y)) => *image.get_pixel(x, y),
        _ => Rgb(colour),
    })
}

/// For each position from `first` on, the position of the side that it shows.
fn sources(first: i64, count: u32, side: u32, mode: PaddingMode) -> Vec<Option<u32>> {
    let last = i64::from(side) - 1;
    let source = |at: i64| match mode {
        PaddingMode::Constant => (0..=last).contains(&at).then_some(at),
        PaddingMode::Edge => Some(at.clamp(0, last)),
        PaddingMode::Reflect => Some(reflected(at, last)),
        PaddingMode::Symmetric => {
            let at = at.rem_euclid(2 * (last + 1));
            Some(at.min(2 * last + 1 - at))
        }
    };
    (0..i64::from(count))
        .map(|i| source(first + i).map(|at| at as u32))
        .collect()
}

/// A position mirrored at 0 and `last`, as often as needed.
pub(super) fn reflected(at: i64, last: i64) -> i64 {
    let at = at.rem_euclid((2 * last).max(1));
    at.min(2 * last - at).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pad, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    /// One row of the picture 10, 20, 30 padded by `{padding: [n, 0]}`.
    fn row(n: u32, mode: &str) -> Vec<u8> {
        let image = RgbImage::from_fn(3, 1, |x, _| Rgb([10 * (x as u8 + 1); 3]));
        let text = format!(r#"{{"padding": [{n}, 0], "fill": 7, "padding_mode": "{mode}"}}"#);
        let mut draws = Draws::new(1, &[0; 32], 1, "pad", 0);
        let padded = parse(&text).unwrap().apply(image, &mut draws);
        padded.pixels().map(|p| p.0[0]).collect()
    }

    #[test]
    fn borders_are_numpys() {
        // numpy 2.4.6: np.pad([10, 20, 30], 4 or 2, mode).
        assert_eq!(row(2, "constant"), [7, 7, 10, 20, 30, 7, 7]);
        assert_eq!(row(2, "edge"), [10, 10, 10, 20, 30, 30, 30]);
        assert_eq!(
            row(4, "reflect"),
            [10, 20, 30, 20, 10, 20, 30, 20, 10, 20, 30]
        );
        assert_eq!(
            row(4, "symmetric"),
            [30, 30, 20, 10, 10, 20, 30, 30, 20, 10, 10]
        );
        assert_eq!(reflected(-5, 0), 0);
    }

    #[test]
    fn sides_are_left_top_right_bottom() {
        let pad = parse(r#"{"padding": [1, 2, 3, 4], "fill": [9, 8, 7]}"#).unwrap();
        let image = RgbImage::from_pixel(2, 1, Rgb([50; 3]));
        let padded = pad.apply(image, &mut Draws::new(1, &[0; 32], 1, "pad", 0));
        assert_eq!(padded.dimensions(), (6, 7));
        let inside = |(x, y): (u32, u32)| (1..3).contains(&x) && y == 2;
        for (x, y, pixel) in padded.enumerate_pixels() {
            let expected = if inside((x, y)) { [50; 3] } else { [9, 8, 7] };
            assert_eq!(pixel.0, expected, "{x} {y}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (text, part) in [
            ("{}", "padding"),
            (r#"{"padding": 5000}"#, "between 0 and 4096"),
            (r#"{"padding": 1.5}"#, "whole numbers"),
            (r#"{"padding": [1, 2, 3]}"#, "[left, top, right, bottom]"),
            (r#"{"padding": 1, "fill": 256}"#, "between 0 and 255"),
            (r#"{"padding": 1, "fill": [1, 2]}"#, "[r, g, b]"),
            (r#"{"padding": 1, "padding_mode": "wrap"}"#, "wrap"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
