//! `rotate`: turn the image about its centre.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{OneOrTwo, ordered};

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

/// What stands in the corners of a turned image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The nearest pixel of the image: no new colour and no hard edge, which a backbone trained on
    /// photographs would see as things.
    #[default]
    Edge,
    /// Black, torchvision's default.
    Black,
}

impl Rotate {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let degrees = draws.between(self.degrees.0);
        if degrees == 0.0 { image } else { turned(&image, degrees, self.fill) }
    }
}

/// Positions are counted in 2^-32 pixels, weights in 2^-10: integers, so that the sum of many
/// steps is the same everywhere, and fast.
const POSITION_BITS: u32 = 32;
const WEIGHT_BITS: u32 = 10;

fn fixed(x: f64) -> i64 {
    libm::rint(x * (1i64 << POSITION_BITS) as f64) as i64
}

/// The image turned counter-clockwise. For each pixel of the result at `(x, y)`:
///
///     (x', y') = R (x + 1/2 - w/2, y + 1/2 - h/2) + (w/2 - 1/2, h/2 - 1/2),
///     R = (cos a, -sin a; sin a, cos a)
///
/// is where it comes from, read with bilinear weights; beyond the outermost pixel centres the
/// nearest pixels count (with `Fill::Black` only for the half pixel up to the image's border).
fn turned(image: &RgbImage, degrees: f64, fill: Fill) -> RgbImage {
    let (w, h) = image.dimensions();
    let angle = degrees * (std::f64::consts::PI / 180.0);
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let (half_w, half_h) = (f64::from(w) / 2.0, f64::from(h) / 2.0);
    let (step_x, step_y) = (fixed(cos), fixed(sin));
    let sampler = Sampler::new(image);
    let mut out = RgbImage::new(w, h);
    let row_len = (w as usize * 3).max(1);
    for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
        let (dx, dy) = (0.5 - half_w, y as f64 + 0.5 - half_h);
        let mut from_x = fixed(cos * dx - sin * dy + half_w - 0.5);
        let mut from_y = fixed(sin * dx + cos * dy + half_h - 0.5);
        let (pixels, _) = row.as_chunks_mut::<3>();
        for pixel in pixels {
            if fill == Fill::Edge || sampler.reaches(from_x, from_y) {
                *pixel = sampler.at(from_x, from_y);
            }
            from_x += step_x;
            from_y += step_y;
        }
    }
    out
}

/// Reads an image between its pixels.
struct Sampler<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    last_x: i64,
    last_y: i64,
}

impl<'a> Sampler<'a> {
    fn new(image: &'a RgbImage) -> Self {
        let (pixels, _) = image.as_raw().as_chunks::<3>();
        Sampler {
            pixels,
            width: image.width() as usize,
            last_x: i64::from(image.width()) - 1,
            last_y: i64::from(image.height()) - 1,
        }
    }

    /// Whether a position lies on the image, up to the borders of its outermost pixels.
    fn reaches(&self, x: i64, y: i64) -> bool {
        const HALF: i64 = 1 << (POSITION_BITS - 1);
        let on = |at: i64, last: i64| -HALF <= at && at < (last << POSITION_BITS) + HALF;
        on(x, self.last_x) && on(y, self.last_y)
    }

    /// The colour at a position, with the edge pixels going on for ever.
    fn at(&self, x: i64, y: i64) -> [u8; 3] {
        const ONE: u32 = 1 << WEIGHT_BITS;
        let weight = |at: i64| (at >> (POSITION_BITS - WEIGHT_BITS)) as u32 & (ONE - 1);
        let (fx, fy) = (weight(x), weight(y));
        let (x, y) = (x >> POSITION_BITS, y >> POSITION_BITS);
        let (x0, x1) = (x.clamp(0, self.last_x) as usize, (x + 1).clamp(0, self.last_x) as usize);
        let top = y.clamp(0, self.last_y) as usize * self.width;
        let bottom = (y + 1).clamp(0, self.last_y) as usize * self.width;
        let (a, b) = (self.pixels[top + x0], self.pixels[top + x1]);
        let (c, d) = (self.pixels[bottom + x0], self.pixels[bottom + x1]);
        std::array::from_fn(|i| {
            let upper = u32::from(a[i]) * (ONE - fx) + u32::from(b[i]) * fx;
            let lower = u32::from(c[i]) * (ONE - fx) + u32::from(d[i]) * fx;
            let sum = upper * (ONE - fy) + lower * fy;
            ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
        })
    }
}
