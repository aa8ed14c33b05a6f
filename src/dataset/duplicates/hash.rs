//! A perceptual hash: pictures that look alike have hashes that differ in few bits.
//!
//! The method is pHash (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
//! Functions", 2010): the picture as 32x32 greys, their discrete cosine transform, and of its
//! lowest frequencies whether each is above their median. It survives resizing, another JPEG
//! quality and small changes of colour; it does not survive cropping or mirroring.

use image::RgbImage;

/// The side of the picture that is transformed.
const SIDE: usize = 32;

/// The frequencies that are kept along each axis.
const KEPT: usize = 8;

/// The least spread (standard deviation, of 255) of the 32x32 greys. Below it there is nothing to
/// see, and every hash would be of noise.
const LEAST_SPREAD: f64 = 2.0;

/// The hash of a picture, or None of one that is all but one colour. The same on any machine.
pub(super) fn of(image: &RgbImage) -> Option<u64> {
    let greys = greys(image)?;
    let mean = greys.iter().flatten().sum::<f64>() / (SIDE * SIDE) as f64;
    let squares: f64 = greys
        .iter()
        .flatten()
        .map(|g| (g - mean) * (g - mean))
        .sum();
    if squares / ((SIDE * SIDE) as f64) < LEAST_SPREAD * LEAST_SPREAD {
        return None;
    }
    // All but the constant one: the mean grey says nothing.
    let frequencies: Vec<f64> = transform(&greys).into_iter().skip(1).collect();
    let mut sorted = frequencies.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let bits = frequencies.iter().map(|f| u64::from(*f > median));
    Some(bits.fold(0, |hash, bit| hash << 1 | bit))
}

/// The mean grey (ITU-R BT.601) of each cell of a 32x32 grid laid over the picture; a picture
/// without pixels has none.
fn greys(image: &RgbImage) -> Option<[[f64; SIDE]; SIDE]> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width == 0 || height == 0 {
        return None;
    }
    let raw = image.as_raw();
    let cell = |i: usize, size: usize| {
        let first = i * size / SIDE;
        first..((i + 1) * size / SIDE).max(first + 1)
    };
    let mut greys = [[0.0; SIDE]; SIDE];
    for (row, line) in greys.iter_mut().enumerate() {
        for (column, grey) in line.iter_mut().enumerate() {
            let (mut sum, mut count) = (0u64, 0u64);
            for y in cell(row, height) {
                let columns = cell(column, width);
                let pixels =
                    raw.get((y * width + columns.start) * 3..(y * width + columns.end) * 3)?;
                for rgb in pixels.chunks_exact(3) {
                    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u64::from);
                    sum += 299 * r + 587 * g + 114 * b;
                    count += 1;
                }
            }
            *grey = sum as f64 / (1000 * count.max(1)) as f64;
        }
    }
    Some(greys)
}

/// The lowest frequencies of the two-dimensional DCT-II, row by row.
fn transform(greys: &[[f64; SIDE]; SIDE]) -> Vec<f64> {
    let wave = |frequency: usize, place: usize| {
        let angle = std::f64::consts::PI * frequency as f64 * (place as f64 + 0.5) / SIDE as f64;
        libm::cos(angle)
    };
    let waves: [[f64; SIDE]; KEPT] =
        std::array::from_fn(|f| std::array::from_fn(|place| wave(f, place)));
    let rows: Vec<[f64; KEPT]> = greys
        .iter()
        .map(|line| std::array::from_fn(|f| line.iter().zip(&waves[f]).map(|(g, w)| g * w).sum()))
        .collect();
    let mut low = Vec::with_capacity(KEPT * KEPT);
    for vertical in &waves {
        for horizontal in 0..KEPT {
            low.push(
                rows.iter()
                    .zip(vertical)
                    .map(|(r, w)| r[horizontal] * w)
                    .sum(),
            );
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use image::imageops::{FilterType, resize};
    use image::{Rgb, RgbImage};

    use super::of;

    /// A few soft blobs, another picture for another seed.
    fn picture(seed: u32, side: u32) -> RgbImage {
        let small = RgbImage::from_fn(6, 6, |x, y| {
            let mixed = (x + 6 * y + 36 * seed + 1).wrapping_mul(2_654_435_761);
            let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b);
            let mixed = mixed ^ (mixed >> 13);
            Rgb([(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8])
        });
        resize(&small, side, side, FilterType::CatmullRom)
    }

    fn distance(a: &RgbImage, b: &RgbImage) -> u32 {
        (of(a).unwrap() ^ of(b).unwrap()).count_ones()
    }

    #[test]
    fn a_picture_is_near_to_its_copies_and_far_from_others() {
        for seed in 0..20 {
            let image = picture(seed, 200);
            let smaller = resize(&image, 90, 120, FilterType::Triangle);
            assert!(distance(&image, &smaller) <= 6, "{seed}");
            let mut lighter = image.clone();
            lighter.iter_mut().for_each(|v| *v = (*v / 10 * 8) + 30);
            assert!(distance(&image, &lighter) <= 6, "{seed}");
            for other in seed + 1..20 {
                assert!(
                    distance(&image, &picture(other, 200)) > 10,
                    "{seed} {other}"
                );
            }
        }
    }

    #[test]
    fn what_is_all_one_colour_has_no_hash() {
        assert_eq!(of(&RgbImage::from_pixel(50, 20, Rgb([9, 8, 7]))), None);
        assert_eq!(of(&RgbImage::new(0, 0)), None);
    }

    #[test]
    fn any_size_has_a_hash() {
        for (width, height) in [(1, 2), (33, 1), (31, 63), (7, 500)] {
            let image =
                RgbImage::from_fn(width, height, |x, y| Rgb([((x + y) % 2 * 250) as u8; 3]));
            let _ = of(&image);
        }
    }
}
