//! Reading an image between its pixels, for the ops that move it.

use image::RgbImage;
use pulp::{Arch, Simd, WithSimd};
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
    step: [i64; 2],
    start: impl Fn(f64) -> [f64; 2],
) -> RgbImage {
    moved(image, fill, |y, places: &mut Places| {
        let start = start(f64::from(y)).map(fixed);
        let along = |places: &mut [i64], start: i64, step: i64| {
            for (place, x) in places.iter_mut().zip(0..) {
                *place = start.wrapping_add(step.wrapping_mul(x));
            }
        };
        along(&mut places.x, start[0], step[0]);
        along(&mut places.y, start[1], step[1]);
    })
}

/// Moves an image by any map from a pixel of the result (column, row) to where it comes from,
/// counted from the centre of the first pixel.
pub(super) fn mapped(
    image: &RgbImage,
    fill: Fill,
    from: impl Fn(f64, f64) -> [f64; 2],
) -> RgbImage {
    moved(image, fill, |row, places: &mut Places| {
        let places = places.x.iter_mut().zip(&mut places.y);
        for ((x, y), column) in places.zip(0u32..) {
            [*x, *y] = from(f64::from(column), f64::from(row)).map(fixed);
        }
    })
}

/// Moves an image. `row` says where the pixels of a row of the result come from.
fn moved(image: &RgbImage, fill: Fill, row: impl Fn(u32, &mut Places)) -> RgbImage {
    let mut out = RgbImage::new(image.width(), image.height());
    Arch::new().dispatch(Motion {
        sampler: Sampler::new(image),
        fill,
        row,
        out: &mut out,
    });
    out
}

/// An image on its way to another. Compiled for the vectors that the processor has; all that
/// decides a pixel is integer arithmetic, so that any vectors give the same bytes.
struct Motion<'a, R> {
    sampler: Sampler<'a>,
    fill: Fill,
    row: R,
    out: &'a mut RgbImage,
}

impl<R: Fn(u32, &mut Places)> WithSimd for Motion<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.sampler.width;
        let mut places = Places {
            x: vec![0; width],
            y: vec![0; width],
        };
        let mut around = vec![Around::default(); width];
        let rows = self.out.chunks_exact_mut((3 * width).max(1));
        for (row, y) in rows.zip(0..) {
            (self.row)(y, &mut places);
            self.sampler.look_around(&places, &mut around);
            let (pixels, _) = row.as_chunks_mut();
            blend(&around, &places, pixels);
            if self.fill == Fill::Black {
                self.sampler.blacken(&places, pixels);
            }
        }
    }
}

/// The positions that a row comes from.
struct Places {
    x: Vec<i64>,
    y: Vec<i64>,
}

/// The four pixels around a position: the upper two and the lower two, six bytes each from the
/// lowest on. The bytes above mean nothing.
#[derive(Clone, Copy, Default)]
struct Around {
    upper: u64,
    lower: u64,
}

/// Reads an image between its pixels.
struct Sampler<'a> {
    bytes: &'a [u8],
    pixels: &'a [[u8; 3]],
    width: usize,
    last_x: i64,
    last_y: i64,
}

impl<'a> Sampler<'a> {
    fn new(image: &'a RgbImage) -> Self {
        let (pixels, _) = image.as_raw().as_chunks::<3>();
        Sampler {
            bytes: image.as_raw(),
            pixels,
            width: image.width() as usize,
            last_x: i64::from(image.width()) - 1,
            last_y: i64::from(image.height()) - 1,
        }
    }

    /// What is around each position, with the edge pixels going on for ever.
    #[inline(always)]
    fn look_around(&self, places: &Places, around: &mut [Around]) {
        for (around, (x, y)) in around.iter_mut().zip(places.x.iter().zip(&places.y)) {
            let (x, y) = (x >> POSITION_BITS, y >> POSITION_BITS);
            *around = if (0..self.last_x).contains(&x) && (0..self.last_y).contains(&y) {
                self.inside(x as usize, y as usize)
            } else {
                self.outside(x, y)
            };
        }
    }

    /// Around a position behind this pixel, which is none of the last column or row.
    #[inline(always)]
    fn inside(&self, x: usize, y: usize) -> Around {
        let upper = 3 * (y * self.width + x);
        // Eight bytes are read for the six of two pixels. There are none behind the image's last
        // pixel, so the lower ones are read from two bytes further ahead.
        let lower = upper + 3 * self.width - 2;
        let eight = |at: usize| {
            let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        Around {
            upper: eight(upper),
            lower: eight(lower) >> 16,
        }
    }

    /// Around a position that has no pixels on some of its sides.
    #[cold]
    fn outside(&self, x: i64, y: i64) -> Around {
        let [left, right] = [x, x + 1].map(|x| x.clamp(0, self.last_x) as usize);
        let pair = |y: i64| {
            let row = y.clamp(0, self.last_y) as usize * self.width;
            let ([a, b, c], [d, e, f]) = (self.pixels[row + left], self.pixels[row + right]);
            u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
        };
        Around {
            upper: pair(y),
            lower: pair(y + 1),
        }
    }

    /// Takes away the pixels whose positions do not lie on the image, up to the borders of its
    /// outermost pixels.
    #[inline(always)]
    fn blacken(&self, places: &Places, pixels: &mut [[u8; 3]]) {
        const HALF: i64 = 1 << (POSITION_BITS - 1);
        let on = |at: i64, last: i64| -HALF <= at && at < (last << POSITION_BITS) + HALF;
        for (pixel, (x, y)) in pixels.iter_mut().zip(places.x.iter().zip(&places.y)) {
            if !(on(*x, self.last_x) && on(*y, self.last_y)) {
                *pixel = [0; 3];
            }
        }
    }
}

/// The weighted means of four pixels each, rounded: bilinear interpolation.
#[inline(always)]
fn blend(around: &[Around], places: &Places, pixels: &mut [[u8; 3]]) {
    const ONE: u32 = 1 << WEIGHT_BITS;
    let weight = |at: i64| (at as u64 >> (POSITION_BITS - WEIGHT_BITS)) as u32 & (ONE - 1);
    let places = places.x.iter().zip(&places.y);
    for ((pixel, Around { upper, lower }), (x, y)) in pixels.iter_mut().zip(around).zip(places) {
        let (across, down) = (weight(*x), weight(*y));
        let mean = |bits: u32| {
            let level = |pair: u64, bits: u32| (pair >> bits) as u32 & 0xFF;
            let between =
                |pair: u64| level(pair, bits) * (ONE - across) + level(pair, bits + 24) * across;
            let sum = between(*upper) * (ONE - down) + between(*lower) * down;
            ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
        };
        *pixel = [mean(0), mean(8), mean(16)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::synth;
    use proptest::prelude::*;

    /// A pixel by the definition: where there is none, None.
    fn pixel(image: &RgbImage, [x, y]: [i64; 2], fill: Fill) -> Option<[u8; 3]> {
        let half = 1 << 31;
        let on = |at: i64, side: u32| -half <= at && at < (i64::from(side) << 32) - half;
        if fill == Fill::Black && !(on(x, image.width()) && on(y, image.height())) {
            return None;
        }
        let at = |column: i64, row: i64| {
            let within = |at: i64, side: u32| at.clamp(0, i64::from(side) - 1) as u32;
            let (x, y) = (within(column, image.width()), within(row, image.height()));
            image.get_pixel(x, y).0
        };
        let (column, row) = (x >> 32, y >> 32);
        let [across, down] = [x, y].map(|at| ((at & 0xFFFF_FFFF) >> 22) as u64);
        let (a, b) = (at(column, row), at(column + 1, row));
        let (c, d) = (at(column, row + 1), at(column + 1, row + 1));
        Some([0, 1, 2].map(|i| {
            let [a, b, c, d] = [a, b, c, d].map(|pixel| u64::from(pixel[i]));
            let upper = a * (1024 - across) + b * across;
            let lower = c * (1024 - across) + d * across;
            ((upper * (1024 - down) + lower * down + (1 << 19)) >> 20) as u8
        }))
    }

    proptest! {
        #[test]
        fn pixels_side_by_side_are_pixels_one_by_one(
            w in 1u32..40, h in 1u32..12, seed: u64,
            step in [-2.0..2.0, -2.0..2.0],
            start in [-50.0..50.0, -20.0..20.0],
            across in [-2.0..2.0, -2.0..2.0],
        ) {
            let image = synth::image(seed, 0, 0, w, h);
            let from = |y: f64| [start[0] + y * across[0], start[1] + y * across[1]];
            let step: [i64; 2] = step.map(fixed);
            for fill in [Fill::Edge, Fill::Black] {
                let found = lines(&image, fill, step, from);
                for (x, y, found) in found.enumerate_pixels() {
                    let [a, b] = from(f64::from(y)).map(fixed);
                    let place = [a + step[0] * i64::from(x), b + step[1] * i64::from(x)];
                    prop_assert_eq!(found.0, pixel(&image, place, fill).unwrap_or_default());
                }
                let map = |x: f64, y: f64| {
                    let below = 1.0 + 0.01 * x - 0.02 * y;
                    [from(y)[0] + x / below, from(x)[1] - y / below]
                };
                let found = mapped(&image, fill, map);
                for (x, y, found) in found.enumerate_pixels() {
                    let place = map(f64::from(x), f64::from(y)).map(fixed);
                    prop_assert_eq!(found.0, pixel(&image, place, fill).unwrap_or_default());
                }
            }
        }

        #[test]
        fn nowhere_is_too_far(x: f64, y: f64, step_x: i64, step_y: i64) {
            let image = synth::image(1, 0, 0, 9, 4);
            for fill in [Fill::Edge, Fill::Black] {
                let found = lines(&image, fill, [step_x, step_y], |_| [x, y]);
                prop_assert_eq!(found.dimensions(), (9, 4));
            }
        }
    }
}
