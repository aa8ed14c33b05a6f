//! `gaussian_blur`: blur.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{Numbers, OneOrTwo, ordered};
use super::pad::reflected;

/// Blurs with a Gaussian kernel of random width, mirroring the image at its outermost pixels
/// (torchvision's `GaussianBlur`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlur {
    /// Width and height of the kernel in pixels, odd: `[width, height]` or one number for both.
    pub kernel_size: KernelSize,
    /// The kernel's standard deviation in pixels, `[low, high]` or one number; `[0.1, 2.0]` unless
    /// said.
    #[serde(default)]
    pub sigma: Sigma,
}

/// Odd numbers of pixels, 1 to 255: width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct KernelSize([u8; 2]);

impl TryFrom<Numbers> for KernelSize {
    type Error = String;

    fn try_from(Numbers(given): Numbers) -> Result<Self, String> {
        let size = match given[..] {
            [both] => [both; 2],
            [width, height] => [width, height],
            _ => {
                return Err(format!(
                    "must be a number or [width, height], found {given:?}"
                ));
            }
        };
        let is_odd = |v: &f64| (1.0..=255.0).contains(v) && v % 2.0 == 1.0;
        if !size.iter().all(is_odd) {
            return Err(format!("must be odd, between 1 and 255, found {given:?}"));
        }
        Ok(KernelSize(size.map(|v| v as u8)))
    }
}

/// Standard deviations in pixels, `0.001 <= low <= high <= 1000`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OneOrTwo")]
pub struct Sigma([f64; 2]);

impl Default for Sigma {
    fn default() -> Self {
        Sigma([0.1, 2.0])
    }
}

impl TryFrom<OneOrTwo> for Sigma {
    type Error = String;

    fn try_from(given: OneOrTwo) -> Result<Self, String> {
        let pair = match given {
            OneOrTwo::One(sigma) => [sigma; 2],
            OneOrTwo::Two(pair) => pair,
        };
        ordered(pair, 0.001, 1000.0).map(Sigma)
    }
}

impl GaussianBlur {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let sigma = draws.between(self.sigma.0);
        let [across, down] = self.kernel_size.0.map(|size| kernel(size, sigma));
        blurred(&image, &across, &down)
    }
}

/// The weights of a kernel in 2^-16, one centre and two equal sides: what rounding leaves is the
/// centre's.
fn kernel(size: u8, sigma: f64) -> Vec<u64> {
    let half = i32::from(size / 2);
    let bell: Vec<f64> = (-half..=half)
        .map(|x| libm::exp(-0.5 * (f64::from(x) / sigma) * (f64::from(x) / sigma)))
        .collect();
    let sum: f64 = bell.iter().sum();
    let mut weights: Vec<u64> = bell
        .iter()
        .map(|v| libm::rint(v / sum * 65_536.0) as u64)
        .collect();
    let rest: u64 = weights.iter().sum();
    if let Some(centre) = weights.get_mut(half as usize) {
        *centre = (*centre + 65_536).saturating_sub(rest);
    }
    weights
}

/// Blurred across, kept in 2^-8 grey levels, then down: integers throughout.
fn blurred(image: &RgbImage, across: &[u64], down: &[u64]) -> RgbImage {
    let (w, h) = (image.width() as usize, image.height() as usize);
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let mut middle = vec![[0u16; 3]; pixels.len()];
    let columns = neighbours(w, across.len());
    for (from, to) in pixels
        .chunks_exact(w.max(1))
        .zip(middle.chunks_exact_mut(w.max(1)))
    {
        for (near, pixel) in columns.iter().zip(to) {
            *pixel = weighted(near.iter().map(|&x| from[x].map(u64::from)), across, 8);
        }
    }
    let mut out = RgbImage::new(image.width(), image.height());
    let (result, _) = out.as_chunks_mut::<3>();
    let rows = neighbours(h, down.len());
    for (near, line) in rows.iter().zip(result.chunks_exact_mut(w.max(1))) {
        for (x, pixel) in line.iter_mut().enumerate() {
            let column = near.iter().map(|&y| middle[y * w + x].map(u64::from));
            *pixel = weighted(column, down, 24).map(|v| v as u8);
        }
    }
    out
}

/// For each position of a side, the positions below the kernel around it.
fn neighbours(side: usize, kernel: usize) -> Vec<Vec<usize>> {
    let half = (kernel / 2) as i64;
    let last = side as i64 - 1;
    (0..side as i64)
        .map(|at| {
            (at - half..=at + half)
                .map(|k| reflected(k, last) as usize)
                .collect()
        })
        .collect()
}

/// The weighted sum of pixels, rounded to `bits` bits less.
fn weighted(pixels: impl Iterator<Item = [u64; 3]>, weights: &[u64], bits: u32) -> [u16; 3] {
    let mut sum = [0u64; 3];
    for (pixel, weight) in pixels.zip(weights) {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += value * weight;
        }
    }
    sum.map(|v| ((v + (1 << (bits - 1))) >> bits) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

    /// numpy 2.4.6, float64: `picture(5, 4)` padded by `reflect` and summed with the outer product of
    /// `exp(-x^2 / (2 * 1.2^2))` over 5 columns and 3 rows, normalised; rounded half up.
    const NUMPY: [u8; 60] = [
        70, 153, 137, 84, 154, 127, 118, 152, 112, 152, 134, 97, 166, 125, 94, 97, 131, 119, 106,
        130, 117, 124, 129, 118, 135, 122, 120, 138, 121, 123, 151, 103, 100, 148, 103, 104, 139,
        110, 116, 126, 118, 126, 121, 124, 132, 174, 70, 102, 163, 74, 111, 135, 95, 130, 102, 127,
        138, 88, 145, 140,
    ];

    #[test]
    fn agrees_with_the_formula() {
        let found = blurred(&picture(5, 4), &kernel(5, 1.2), &kernel(3, 1.2));
        assert!(largest_difference(&found, &NUMPY) <= 1, "{found:?}");
        let equal = found.iter().zip(NUMPY).filter(|(a, b)| **a == *b).count();
        assert!(equal >= 58, "{equal} of 60 values are the formula's");
    }

    #[test]
    fn weights_sum_to_one_and_are_even() {
        for size in [1, 3, 21, 255] {
            for sigma in [0.001, 0.1, 0.5, 2.0, 30.0, 1000.0] {
                let weights = kernel(size, sigma);
                assert_eq!(weights.iter().sum::<u64>(), 65_536, "{size} {sigma}");
                assert!(weights.iter().eq(weights.iter().rev()));
            }
        }
    }

    #[test]
    fn a_flat_image_stays_and_a_narrow_kernel_changes_nothing() {
        let flat = RgbImage::from_pixel(9, 1, image::Rgb([255, 3, 0]));
        assert_eq!(blurred(&flat, &kernel(255, 9.0), &kernel(5, 9.0)), flat);
        let image = picture(6, 7);
        assert_eq!(blurred(&image, &kernel(7, 0.01), &kernel(7, 0.01)), image);
        assert_eq!(blurred(&image, &kernel(1, 5.0), &kernel(1, 5.0)), image);
    }

    #[test]
    fn parameters_are_checked() {
        let parse = |text: &str| serde_json::from_str::<GaussianBlur>(text);
        let op = parse(r#"{"kernel_size": [3, 5]}"#).unwrap();
        assert_eq!(
            (op.kernel_size, op.sigma),
            (KernelSize([3, 5]), Sigma([0.1, 2.0]))
        );
        for (text, part) in [
            ("{}", "kernel_size"),
            (
                r#"{"kernel_size": 4}"#,
                "must be odd, between 1 and 255, found [4.0]",
            ),
            (r#"{"kernel_size": 257}"#, "must be odd"),
            (r#"{"kernel_size": [3, 3, 3]}"#, "[width, height]"),
            (
                r#"{"kernel_size": 3, "sigma": 0}"#,
                "between 0.001 and 1000",
            ),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
