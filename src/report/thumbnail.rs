//! Small pictures.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageResult, RgbImage};

use super::data::Picture;

/// Quality of the JPEG files, 1 to 100.
const QUALITY: u8 = 78;

/// The picture fitted into a square of `side` pixels, its aspect ratio kept; one that is smaller
/// stays as it is.
#[must_use]
pub fn thumbnail(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= side || picture.is_empty() {
        return picture.clone();
    }
    let fitted = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    imageops::resize(picture, fitted(width), fitted(height), FilterType::Triangle)
}

/// The picture as a JPEG file.
///
/// # Errors
/// A picture without pixels.
pub fn jpeg(picture: &RgbImage) -> ImageResult<Picture> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(picture)?;
    Ok(Picture {
        jpeg,
        width: picture.width(),
        height: picture.height(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_fit_and_are_pictures_again() {
        for (w, h, expected) in [(300, 200, (90, 60)), (64, 64, (64, 64)), (1, 900, (1, 90))] {
            let small = thumbnail(&RgbImage::new(w, h), 90);
            assert_eq!(small.dimensions(), expected);
            let file = jpeg(&small).unwrap();
            let back = image::load_from_memory(&file.jpeg).unwrap();
            assert_eq!((back.width(), back.height()), (file.width, file.height));
        }
        assert!(jpeg(&RgbImage::new(0, 0)).is_err());
    }
}
