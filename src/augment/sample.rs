//! Reading an image between its pixels, for the ops that move it.

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// What stands where a moved image does not reach.
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

/// Positions are counted in 2^-32 pixels, weights in 2^-10: integers, so that the sum of many
/// steps is the same everywhere, and fast.
const POSITION_BITS: u32 = 32;
const WEIGHT_BITS: u32 = 10;

/// A position in fixed point; what lies too far away to be counted is at the end of the range.
pub(super) fn fixed(x: f64) -> i64 {
    libm::rint(x * (1i64 << POSITION_BITS) as f64) as i64
}

/// Moves an image by straight lines: the pixel `x` of row `y` of the result comes from
/// `start(y) + x * step`, counted from the centre of the first pixel.
pub(super) fn lines(
    image: &RgbImage,
    fill: Fill,
    [step_x, step_y]: [i64; 2],
    start: impl Fn(f64) -> [f64; 2],
) -> RgbImage {
    let sampler = Sampler::new(image);
    let mut out = RgbImage::new(image.width(), image.height());
    let row_len = (image.width() as usize * 3).max(1);
    for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
        let [mut x, mut y] = start(y as f64).map(fixed);
        let (pixels, _) = row.as_chunks_mut::<3>();
        for pixel in pixels {
            sampler.read(x, y, fill, pixel);
            x = x.saturating_add(step_x);
            y = y.saturating_add(step_y);
        }
    }
    out
}

/// Moves an image by any map from a pixel of the result (column, row) to where it comes from,
/// counted from the centre of the first pixel.
pub(super) fn mapped(
    image: &RgbImage,
    fill: Fill,
    from: impl Fn(f64, f64) -> [f64; 2],
) -> RgbImage {
    let sampler = Sampler::new(image);
    let mut out = RgbImage::new(image.width(), image.height());
    let row_len = (image.width() as usize * 3).max(1);
    for (row, y) in out.chunks_exact_mut(row_len).zip(0u32..) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        for (pixel, x) in pixels.iter_mut().zip(0u32..) {
            let [x, y] = from(f64::from(x), f64::from(y)).map(fixed);
            sampler.read(x, y, fill, pixel);
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

    /// Puts the colour at a position into `pixel`, or leaves it where there is none.
    fn read(&self, x: i64, y: i64, fill: Fill, pixel: &mut [u8; 3]) {
        if fill == Fill::Edge || self.reaches(x, y) {
            *pixel = self.at(x, y);
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
        const ONE: i64 = 1 << WEIGHT_BITS;
        let weight = |at: i64| (at >> (POSITION_BITS - WEIGHT_BITS) & (ONE - 1)) as u32;
        let (fx, fy) = (weight(x), weight(y));
        let (x, y) = (x >> POSITION_BITS, y >> POSITION_BITS);
        if (0..self.last_x).contains(&x) && (0..self.last_y).contains(&y) {
            let top = y as usize * self.width + x as usize;
            let bottom = top + self.width;
            return blend(self.pair(top), self.pair(bottom), fx, fy);
        }
        let (x0, x1) = (
            x.clamp(0, self.last_x) as usize,
            (x + 1).clamp(0, self.last_x) as usize,
        );
        let top = y.clamp(0, self.last_y) as usize * self.width;
        let bottom = (y + 1).clamp(0, self.last_y) as usize * self.width;
        let pair = |row: usize| [self.pixels[row + x0], self.pixels[row + x1]];
        blend(pair(top), pair(bottom), fx, fy)
    }

    /// Two neighbours of a row.
    fn pair(&self, at: usize) -> [[u8; 3]; 2] {
        [self.pixels[at], self.pixels[at + 1]]
    }
}

/// The weighted mean of four pixels, rounded: bilinear interpolation.
fn blend([a, b]: [[u8; 3]; 2], [c, d]: [[u8; 3]; 2], fx: u32, fy: u32) -> [u8; 3] {
    const ONE: u32 = 1 << WEIGHT_BITS;
    let weights = [
        (ONE - fx) * (ONE - fy),
        fx * (ONE - fy),
        (ONE - fx) * fy,
        fx * fy,
    ];
    std::array::from_fn(|i| {
        let four = [a[i], b[i], c[i], d[i]].map(u32::from);
        let sum: u32 = four
            .iter()
            .zip(weights)
            .map(|(value, weight)| value * weight)
            .sum();
        ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
    })
}
