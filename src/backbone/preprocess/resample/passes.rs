//! The two passes, once in plain Rust and compiled for the vector instructions that processors may
//! have. All give the same bytes.

use super::BITS;
use super::axis::Axis;

/// Rows that go through the first pass side by side.
const ROWS: usize = 4;

/// [`ROWS`] rows, pixel by pixel, each pixel with a fourth byte.
pub(super) type Strip = Vec<[u8; 4 * ROWS]>;

/// Vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Those that every processor of this kind has.
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// All that this processor has, the best last.
    pub(super) fn here() -> impl Iterator<Item = Self> {
        let plain = [(Self::Plain, true)];
        #[cfg(target_arch = "x86_64")]
        let more = [
            (Self::Avx2, is_x86_feature_detected!("avx2")),
            (Self::Avx512, has_avx512()),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let more = [];
        let all = plain.into_iter().chain(more);
        all.filter(|(_, has)| *has).map(|(vectors, _)| vectors)
    }

    /// The best that this processor has.
    pub(super) fn best() -> Self {
        Self::here().last().unwrap_or(Self::Plain)
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

/// Scales rows of `row` bytes each. Pixels have three bytes before and four after: whole words are
/// stored much faster. `vectors` is one of [`Vectors::here`].
pub(super) fn across(
    vectors: Vectors,
    pixels: &[u8],
    row: usize,
    axis: &Axis,
    strip: &mut Strip,
    out: &mut Vec<u8>,
) {
    #[allow(unsafe_code)]
    match vectors {
        Vectors::Plain => across_with(pixels, row, axis, strip, out),
        // SAFETY: the processor has what the function is compiled for.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2 => unsafe { x86::across_avx2(pixels, row, axis, strip, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512 => unsafe { x86::across_avx512(pixels, row, axis, strip, out) },
    }
}

/// Scales columns; `row` is the number of bytes of a row, `start` the number of the first one, and
/// `vectors` one of [`Vectors::here`].
pub(super) fn down(
    vectors: Vectors,
    pixels: &[u8],
    row: usize,
    start: usize,
    axis: &Axis,
    out: &mut Vec<u8>,
) {
    #[allow(unsafe_code)]
    match vectors {
        Vectors::Plain => down_with(pixels, row, start, axis, out),
        // SAFETY: the processor has what the function is compiled for.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2 => unsafe { x86::down_avx2(pixels, row, start, axis, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512 => unsafe { x86::down_avx512(pixels, row, start, axis, out) },
    }
}

#[inline(always)]
fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

#[inline(always)]
fn across_with(pixels: &[u8], row: usize, axis: &Axis, strip: &mut Strip, out: &mut Vec<u8>) {
    let wide = 4 * axis.len();
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
                out[4 * x..4 * x + 4].copy_from_slice(pixel);
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

#[inline(always)]
fn down_with(pixels: &[u8], row: usize, start: usize, axis: &Axis, out: &mut Vec<u8>) {
    /// Bytes that go through side by side.
    const WIDE: usize = 32;
    out.resize(row * axis.len(), 0);
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

/// What is compiled for processors that have more than every x86-64 has.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm_cvtsi128_si64, _mm_set_epi64x, _mm_unpackhi_epi64, _mm512_add_epi32,
        _mm512_cvtepu8_epi32, _mm512_cvtusepi32_epi8, _mm512_max_epi32, _mm512_mullo_epi32,
        _mm512_set1_epi32, _mm512_setzero_si512, _mm512_srai_epi32,
    };

    use super::{Axis, BITS, ROWS, Strip, across_with, down_with, interleave};

    #[target_feature(enable = "avx2")]
    pub(super) fn across_avx2(
        pixels: &[u8],
        row: usize,
        axis: &Axis,
        strip: &mut Strip,
        out: &mut Vec<u8>,
    ) {
        across_with(pixels, row, axis, strip, out);
    }

    /// By hand: compiled for AVX-512, the plain loops become slow scattered stores.
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    pub(super) fn across_avx512(
        pixels: &[u8],
        row: usize,
        axis: &Axis,
        strip: &mut Strip,
        out: &mut Vec<u8>,
    ) {
        let wide = 4 * axis.len();
        let rows = pixels.len() / row.max(1);
        strip.resize(row / 3, [0; 4 * ROWS]);
        out.resize(wide * rows.next_multiple_of(ROWS), 0);
        let strips = pixels.chunks(ROWS * row);
        for (four, out) in strips.zip(out.chunks_exact_mut((ROWS * wide).max(1))) {
            interleave_avx2(four, row, strip);
            let (above, below) = out.split_at_mut(2 * wide);
            let (a, b) = halves(above);
            let (c, d) = halves(below);
            let places = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
            for ((first, weights), ((a, b), (c, d))) in axis.taps().zip(places) {
                let [low, high] = levels(weights, &strip[first..first + weights.len()]);
                *a = (low as u32).to_le_bytes();
                *b = ((low >> 32) as u32).to_le_bytes();
                *c = (high as u32).to_le_bytes();
                *d = ((high >> 32) as u32).to_le_bytes();
            }
        }
        out.truncate(wide * rows);
    }

    /// Two rows of pixels.
    fn halves(rows: &mut [u8]) -> (&mut [[u8; 4]], &mut [[u8; 4]]) {
        let (pixels, _) = rows.as_chunks_mut();
        pixels.split_at_mut(pixels.len() / 2)
    }

    /// A pixel of each of [`ROWS`] rows, first pixel first.
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    fn levels(weights: &[i32], pixels: &[[u8; 4 * ROWS]]) -> [u64; 2] {
        let mut sums = _mm512_set1_epi32(1 << (BITS - 1));
        for (weight, pixel) in weights.iter().zip(pixels) {
            let pixel = u128::from_le_bytes(*pixel);
            let pixel = _mm_set_epi64x((pixel >> 64) as i64, pixel as i64);
            let term = _mm512_mullo_epi32(_mm512_cvtepu8_epi32(pixel), _mm512_set1_epi32(*weight));
            sums = _mm512_add_epi32(sums, term);
        }
        let levels = _mm512_srai_epi32::<BITS>(sums);
        // The conversion takes what is above 255 for 255, and signs for large numbers.
        let levels = _mm512_cvtusepi32_epi8(_mm512_max_epi32(levels, _mm512_setzero_si512()));
        let high = _mm_unpackhi_epi64(levels, levels);
        [levels, high].map(|half| _mm_cvtsi128_si64(half) as u64)
    }

    #[target_feature(enable = "avx2")]
    fn interleave_avx2(rows: &[u8], row: usize, strip: &mut Strip) {
        interleave(rows, row, strip);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn down_avx2(
        pixels: &[u8],
        row: usize,
        start: usize,
        axis: &Axis,
        out: &mut Vec<u8>,
    ) {
        down_with(pixels, row, start, axis, out);
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
    pub(super) fn down_avx512(
        pixels: &[u8],
        row: usize,
        start: usize,
        axis: &Axis,
        out: &mut Vec<u8>,
    ) {
        down_with(pixels, row, start, axis, out);
    }
}
