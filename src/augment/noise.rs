//! `noise`: Gaussian noise.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::bounded;

/// Adds independent Gaussian noise to every value of every pixel, kept within 0 to 255
/// (torchvision's `GaussianNoise`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// The noise's mean as a share of the range of values; 0 unless said.
    pub mean: NoiseMean,
    /// The noise's standard deviation as a share of the range of values; 0.1 unless said.
    pub sigma: NoiseSigma,
}

bounded! {
    /// A share of the range of values, -1 to 1.
    NoiseMean: f64, f64 "f64", -1.0 to 1.0
}

bounded! {
    /// A share of the range of values, 0 to 1.
    NoiseSigma: f64, f64 "f64", 0.0 to 1.0
}

impl Default for Noise {
    fn default() -> Self {
        Noise {
            mean: NoiseMean(0.0),
            sigma: NoiseSigma(0.1),
        }
    }
}

impl Noise {
    pub(super) fn apply(&self, mut image: RgbImage, draws: &mut Draws) -> RgbImage {
        let (mean, sigma) = (255.0 * self.mean.get(), 255.0 * self.sigma.get());
        for pair in image.chunks_mut(2) {
            for (value, normal) in pair.iter_mut().zip(draws.normals()) {
                let noisy = f64::from(*value) + mean + sigma * normal;
                *value = libm::rint(noisy).clamp(0.0, 255.0) as u8;
            }
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(mean: f64, sigma: f64, grey: u8) -> Vec<f64> {
        let op = Noise {
            mean: mean.try_into().unwrap(),
            sigma: sigma.try_into().unwrap(),
        };
        let image = RgbImage::from_pixel(101, 101, image::Rgb([grey; 3]));
        let found = op.apply(image, &mut Draws::new(1, &[0; 32], 1, "noise", 0));
        found.iter().map(|v| f64::from(*v)).collect()
    }

    #[test]
    fn mean_and_deviation_are_those_asked_for() {
        let values = noisy(0.1, 0.05, 100);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        // 5 standard errors; rounding to whole values adds 1/12 to the variance.
        let expected = (0.05f64 * 255.0).powi(2) + 1.0 / 12.0;
        assert!((mean - 125.5).abs() < 5.0 * (expected / n).sqrt(), "{mean}");
        assert!(
            (variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
    }

    #[test]
    fn values_stay_in_their_range_and_no_noise_is_none() {
        assert!(noisy(1.0, 0.0, 200).iter().all(|v| *v == 255.0));
        assert!(noisy(-1.0, 1.0, 0).contains(&0.0));
        assert!(noisy(0.0, 0.0, 77).iter().all(|v| *v == 77.0));
    }
}
