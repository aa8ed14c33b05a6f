//! `jpeg`: the marks of compression.

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, ExtendedColorType, RgbImage};
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{OneOrTwo, ordered};

/// Compresses the image as a baseline JPEG of random quality and decompresses it (torchvision's
/// `JPEG`). Colours are kept at full resolution; an image wider or higher than a JPEG can be,
/// 65535 pixels, stays as it is.
///
/// Encoder and decoder are the `image` crate's, with integer or exactly rounded arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jpeg {
    /// The quality, 1 to 100: `[low, high]`, or one number.
    pub quality: Quality,
}

/// Qualities `[low, high]`: `1 <= low <= high <= 100`, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrTwo")]
pub struct Quality([u8; 2]);

impl TryFrom<OneOrTwo> for Quality {
    type Error = String;

    fn try_from(given: OneOrTwo) -> Result<Self, String> {
        let pair = match given {
            OneOrTwo::One(quality) => [quality; 2],
            OneOrTwo::Two(pair) => pair,
        };
        let [low, high] = ordered(pair, 1.0, 100.0)?;
        if low.fract() != 0.0 || high.fract() != 0.0 {
            return Err(format!("must be of whole numbers, found [{low}, {high}]"));
        }
        Ok(Quality([low as u8, high as u8]))
    }
}

impl Jpeg {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let [low, high] = self.quality.0;
        let quality = low + draws.below(u32::from(high - low) + 1) as u8;
        recompressed(&image, quality).unwrap_or(image)
    }
}

/// None where there is no such JPEG.
fn recompressed(image: &RgbImage, quality: u8) -> Option<RgbImage> {
    let (w, h) = image.dimensions();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(image, w, h, ExtendedColorType::Rgb8)
        .ok()?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).ok()?;
    let decoded = DynamicImage::from_decoder(decoder).ok()?.into_rgb8();
    (decoded.dimensions() == (w, h)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{hash, largest_difference};

    /// Soft colours with an edge, as photographs have them.
    fn photo(w: u32, h: u32) -> RgbImage {
        RgbImage::from_fn(w, h, |x, y| {
            let light = if x * 3 > y * 2 + 20 { 90 } else { 0 };
            image::Rgb([(x * 2 + light) as u8, (y * 3) as u8, (60 + light + x) as u8])
        })
    }

    fn error(quality: u8) -> f64 {
        let image = photo(40, 30);
        let found = recompressed(&image, quality).unwrap();
        let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
        image.iter().zip(found.iter()).map(square).sum::<f64>() / 3600.0
    }

    #[test]
    fn lower_quality_is_further_from_the_image() {
        let errors = [100, 75, 30, 5].map(error);
        assert!(
            errors.is_sorted() && errors[0] < 1.0 && errors[3] > 30.0,
            "{errors:?}"
        );
    }

    #[test]
    fn the_marks_are_those_of_other_encoders() {
        // Pillow 13.0.0 (libjpeg-turbo), quality 30 without subsampling: the mean square error.
        assert!(
            (error(30) / PILLOW_ERROR_30 - 1.0).abs() < 0.1,
            "{}",
            error(30)
        );
    }

    const PILLOW_ERROR_30: f64 = 60.3175;

    #[test]
    fn encoder_and_decoder_have_not_changed() {
        // If this fails, the image crate compresses otherwise than before: raise VERSION.
        let found = recompressed(&photo(40, 30), 30).unwrap();
        assert_eq!(hash(&found), "671c47732cc43e80");
    }

    #[test]
    fn any_size_and_quality() {
        for (w, h) in [(1, 1), (1, 17), (9, 8), (16, 16)] {
            for quality in [1, 50, 100] {
                let found = recompressed(&photo(w, h), quality).unwrap();
                assert_eq!(found.dimensions(), (w, h));
            }
            let close = recompressed(&photo(w, h), 100).unwrap();
            assert!(largest_difference(&close, photo(w, h).as_raw()) <= 10);
        }
        assert!(recompressed(&RgbImage::new(65_536, 1), 50).is_none());
    }

    #[test]
    fn qualities_are_checked() {
        let parse = |text: &str| serde_json::from_str::<Quality>(text).map_err(|e| e.to_string());
        assert_eq!(parse("50").unwrap(), Quality([50, 50]));
        assert_eq!(parse("[5, 50]").unwrap(), Quality([5, 50]));
        assert!(parse("0").unwrap_err().contains("between 1 and 100"));
        assert!(parse("[5, 50.5]").unwrap_err().contains("whole"));
    }
}
