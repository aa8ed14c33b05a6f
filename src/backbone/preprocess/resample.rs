//! Resizing, bit for bit as Pillow 13 does it: weights of 22 bits, each pass rounded to bytes.
//!
//! Most networks were trained on pictures that Pillow (or something after its model) made small.
//! A resizer that is off by one grey level here and there moves the features of a photograph by a
//! cosine of up to 0.0003.

use crate::backbone::manifest::{Filter, ResizeConfig};

use super::place::Placement;

/// Fraction bits of a weight: a sum of them times 255 still fits 32 bits with room for overshoot.
const BITS: u32 = 22;

/// Rows that go through the first pass side by side.
const ROWS: usize = 4;

/// Resizes picture after picture, with buffers of its own.
#[derive(Debug, Default)]
pub(super) struct Resampler {
    across: Axis,
    down: Axis,
    /// The picture after the first pass.
    between: Vec<u8>,
    /// [`ROWS`] rows, pixel by pixel, each pixel with a fourth byte.
    strip: Vec<[u8; 4 * ROWS]>,
}

impl Resampler {
    /// The part of the picture (`size` pixels of three bytes) that is wanted, at its new size.
    pub(super) fn resize(
        &mut self,
        pixels: &[u8],
        size: (u32, u32),
        placement: &Placement,
        config: ResizeConfig,
        out: &mut Vec<u8>,
    ) {
        let filter = Kernel {
            filter: config.filter,
            antialias: config.antialias,
        };
        let (whole, at, wanted) = (placement.whole, placement.offset, placement.size);
        self.across.set(filter, size.0, whole.0, at.0, wanted.0);
        self.down.set(filter, size.1, whole.1, at.1, wanted.1);
        let (width, wide) = (3 * size.0 as usize, 3 * wanted.0 as usize);
        if goes_down_first(size, whole) {
            down(pixels, width, 0, &self.down, &mut self.between);
            across(&self.between, width, &self.across, &mut self.strip, out);
        } else {
            // Rows that the second pass does not look at are left out of the first.
            let (start, end) = self.down.span;
            let pixels = &pixels[start * width..end * width];
            across(
                pixels,
                width,
                &self.across,
                &mut self.strip,
                &mut self.between,
            );
            down(&self.between, wide, start, &self.down, out);
        }
    }
}

/// Pillow 13 goes down before across where the picture loses more than twice as many rows as
/// columns. (Each pass rounds, so the order shows.)
fn goes_down_first(size: (u32, u32), whole: (u32, u32)) -> bool {
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    whole.1 < size.1 && 2 * lost(size.0, whole.0) < lost(size.1, whole.1)
}

/// How a pixel is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kernel {
    filter: Filter,
    antialias: bool,
}

impl Kernel {
    /// How far it reaches, in pixels of the larger of the two pictures.
    fn reach(self) -> f64 {
        match self.filter {
            Filter::Nearest => 0.5,
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self.filter {
            Filter::Nearest => 1.0,
            Filter::Bilinear => (1.0 - x).max(0.0),
            // Catmull and Rom's cubic: a = -0.5.
            Filter::Bicubic if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Filter::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { libm::sin(x) / x }
}

/// For each pixel of a side: which pixels it is made of, and their weights.
#[derive(Debug, Default)]
struct Axis {
    /// What it was made for.
    made_for: Option<(Kernel, [u32; 4])>,
    /// First pixel and where its weights begin and end.
    taps: Vec<(usize, usize, usize)>,
    weights: Vec<i32>,
    /// The first pixel that any looks at, and the one after the last.
    span: (usize, usize),
}

impl Axis {
    /// A side of `from` pixels, scaled to `to`, of which `count` from `offset` on are wanted.
    fn set(&mut self, kernel: Kernel, from: u32, to: u32, offset: u32, count: u32) {
        let wanted = Some((kernel, [from, to, offset, count]));
        if self.made_for == wanted {
            return;
        }
        self.made_for = wanted;
        self.taps.clear();
        self.weights.clear();
        for place in offset..offset + count {
            let first = if kernel.filter == Filter::Nearest {
                self.weights.push(1 << BITS);
                let under = (2 * u64::from(place) + 1) * u64::from(from) / (2 * u64::from(to));
                under as usize
            } else {
                self.push(kernel, from, to, place)
            };
            let start = self.taps.last().map_or(0, |tap| tap.2);
            self.taps.push((first, start, self.weights.len()));
        }
        let ends = self.taps.iter().map(|(first, a, b)| first + b - a);
        let start = self.taps.iter().map(|(first, ..)| *first).min();
        self.span = (start.unwrap_or(0), ends.max().unwrap_or(0));
    }

    /// The weights of one pixel, and the first pixel that they are for.
    fn push(&mut self, kernel: Kernel, from: u32, to: u32, place: u32) -> usize {
        let scale = f64::from(from) / f64::from(to);
        let wider = if kernel.antialias {
            scale.max(1.0)
        } else {
            1.0
        };
        let reach = kernel.reach() * wider;
        let centre = (f64::from(place) + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let last = ((centre + reach + 0.5) as usize).min(from as usize);
        let weight = |x: usize| kernel.weight((x as f64 - centre + 0.5) * (1.0 / wider));
        let sum: f64 = (first..last).map(weight).sum();
        let unit = f64::from(1_u32 << BITS);
        let rounded = |x| (weight(x) / sum * unit).round() as i32;
        self.weights.extend((first..last).map(rounded));
        first
    }

    fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let weights = |(first, a, b): &(usize, usize, usize)| (*first, &self.weights[*a..*b]);
        self.taps.iter().map(weights)
    }
}

#[inline(always)]
fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Scales rows of `row` bytes each.
fn across(pixels: &[u8], row: usize, axis: &Axis, strip: &mut Strip, out: &mut Vec<u8>) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        #[allow(unsafe_code)]
        return unsafe { across_avx2(pixels, row, axis, strip, out) };
    }
    across_with(pixels, row, axis, strip, out);
}

type Strip = Vec<[u8; 4 * ROWS]>;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn across_avx2(pixels: &[u8], row: usize, axis: &Axis, strip: &mut Strip, out: &mut Vec<u8>) {
    across_with(pixels, row, axis, strip, out);
}

#[inline(always)]
fn across_with(pixels: &[u8], row: usize, axis: &Axis, strip: &mut Strip, out: &mut Vec<u8>) {
    let wide = 3 * axis.taps.len();
    let rows = pixels.len() / row.max(1);
    strip.resize(row / 3, [0; 4 * ROWS]);
    out.resize(wide * rows, 0);
    for (four, out) in pixels.chunks(ROWS * row).zip(out.chunks_mut(ROWS * wide)) {
        interleave(four, row, strip);
        for (x, (first, weights)) in axis.taps().enumerate() {
            let mut sums = [1_i32 << (BITS - 1); 4 * ROWS];
            for (weight, pixels) in weights.iter().zip(&strip[first..]) {
                for (sum, level) in sums.iter_mut().zip(pixels) {
                    *sum += weight * i32::from(*level);
                }
            }
            // A plain loop: `map` would be compiled without the wider vectors.
            let mut levels = [0; 4 * ROWS];
            for (out, sum) in levels.iter_mut().zip(&sums) {
                *out = level(*sum);
            }
            for (out, pixel) in out.chunks_exact_mut(wide).zip(levels.chunks_exact(4)) {
                out[3 * x..3 * x + 3].copy_from_slice(&pixel[..3]);
            }
        }
    }
}

/// Puts the pixels of [`ROWS`] rows of `row` bytes side by side. Where there are fewer rows, the
/// last stands in for those that are missing.
#[inline(always)]
fn interleave(rows: &[u8], row: usize, strip: &mut Strip) {
    let last = (rows.len() / row).max(1) - 1;
    let of = |r: usize| &rows[r.min(last) * row..][..row];
    // Four bytes at once where there are so many: the fourth is not looked at.
    let pixels = |r: usize| of(r).windows(4).step_by(3);
    let four = pixels(0).zip(pixels(1)).zip(pixels(2).zip(pixels(3)));
    for (place, ((a, b), (c, d))) in strip.iter_mut().zip(four) {
        place[..4].copy_from_slice(a);
        place[4..8].copy_from_slice(b);
        place[8..12].copy_from_slice(c);
        place[12..].copy_from_slice(d);
    }
    if let Some(place) = strip.last_mut() {
        for (r, place) in place.chunks_exact_mut(4).enumerate() {
            place[..3].copy_from_slice(&of(r)[row - 3..]);
        }
    }
}

/// Scales columns; `row` is the number of bytes of a row, `start` the number of the first one.
fn down(pixels: &[u8], row: usize, start: usize, axis: &Axis, out: &mut Vec<u8>) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        #[allow(unsafe_code)]
        return unsafe { down_avx2(pixels, row, start, axis, out) };
    }
    down_with(pixels, row, start, axis, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn down_avx2(pixels: &[u8], row: usize, start: usize, axis: &Axis, out: &mut Vec<u8>) {
    down_with(pixels, row, start, axis, out);
}

#[inline(always)]
fn down_with(pixels: &[u8], row: usize, start: usize, axis: &Axis, out: &mut Vec<u8>) {
    /// Bytes that go through side by side.
    const WIDE: usize = 32;
    out.resize(row * axis.taps.len(), 0);
    for ((first, weights), out) in axis.taps().zip(out.chunks_exact_mut(row)) {
        let rows = &pixels[(first - start) * row..(first - start + weights.len()) * row];
        let mut chunks = out.chunks_exact_mut(WIDE);
        let mut at = 0;
        for out in &mut chunks {
            let mut sums = [1_i32 << (BITS - 1); WIDE];
            for (weight, row) in weights.iter().zip(rows.chunks_exact(row)) {
                for (sum, level) in sums.iter_mut().zip(&row[at..at + WIDE]) {
                    *sum += weight * i32::from(*level);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = level(sum);
            }
            at += WIDE;
        }
        for (i, out) in chunks.into_remainder().iter_mut().enumerate() {
            let levels = rows.iter().skip(at + i).step_by(row);
            let terms = weights
                .iter()
                .zip(levels)
                .map(|(w, level)| w * i32::from(*level));
            *out = level((1 << (BITS - 1)) + terms.sum::<i32>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::synth;

    /// Vector instructions are chosen by processor; they must not choose the pixels.
    #[test]
    fn vectors_make_no_difference() {
        for (width, height, to) in [(64, 64, 224), (500, 375, 224), (7, 90, 33), (301, 2, 64)] {
            let image = synth::image(3, 0, 0, width, height);
            let (pixels, row) = (image.as_raw().as_slice(), 3 * width as usize);
            for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
                let kernel = Kernel {
                    filter,
                    antialias: true,
                };
                let (mut axis, mut strip) = (Axis::default(), Strip::new());
                let (mut plain, mut fast) = (Vec::new(), Vec::new());
                axis.set(kernel, width, to, 0, to);
                across(pixels, row, &axis, &mut strip, &mut fast);
                across_with(pixels, row, &axis, &mut strip, &mut plain);
                assert!(plain == fast, "across {width}x{height} {filter:?}");
                axis.set(kernel, height, to, 0, to);
                down(pixels, row, 0, &axis, &mut fast);
                down_with(pixels, row, 0, &axis, &mut plain);
                assert!(plain == fast, "down {width}x{height} {filter:?}");
            }
        }
    }

    #[test]
    fn a_part_is_cut_out_of_the_whole() {
        let image = synth::image(4, 0, 0, 120, 90);
        let config = ResizeConfig {
            fit: crate::backbone::manifest::Fit::Stretch,
            filter: Filter::Lanczos,
            antialias: true,
        };
        let resized = |whole, offset, size| {
            let placement = Placement::part(whole, offset, size);
            let (mut worker, mut out) = (Resampler::default(), Vec::new());
            worker.resize(image.as_raw(), (120, 90), &placement, config, &mut out);
            image::RgbImage::from_raw(size.0, size.1, out).unwrap()
        };
        let whole = resized((80, 60), (0, 0), (80, 60));
        let part = resized((80, 60), (13, 21), (40, 30));
        let cut = image::imageops::crop_imm(&whole, 13, 21, 40, 30).to_image();
        assert!(cut == part);
    }
}
