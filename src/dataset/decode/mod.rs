//! From a file's bytes to RGB pixels.
//!
//! The format is told by the content, never by the name. What comes out is what a person sees:
//! EXIF orientation applied, transparency laid on white, 16 bits rounded to 8, grey as RGB.
//! Colour profiles and gamma chunks are not applied, as in most training pipelines.

mod jpeg;
#[cfg(test)]
mod tests;

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

/// What decoded pixels depend on besides the file's bytes: it is part of an example's content
/// key, so that rows of another decoder are not taken for rows of this one.
pub(crate) const DECODER: &str = "image 0.25.10, png 0.18.1, zune-jpeg 0.5.15, rules 1";

/// The longest side of an image that is decoded.
pub const MAX_SIDE: u32 = 32_768;

/// The most pixels of an image that is decoded: a file of a few bytes can declare any size.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The most bytes that decoding one image may ask for beside its pixels.
const MAX_ALLOC: u64 = 1 << 30;

/// The formats that are decoded.
const FORMATS: [ImageFormat; 2] = [ImageFormat::Jpeg, ImageFormat::Png];

/// Bytes that cannot be made into pixels.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file is empty.
    #[error("is an empty file")]
    Empty,
    /// The content is of another format.
    #[error("is not a JPEG or PNG image, its content looks like {found}")]
    Format {
        /// What the first bytes look like.
        found: String,
    },
    /// The image declares more pixels than are accepted.
    #[error(
        "declares {width}x{height} pixels: at most {MAX_SIDE} a side and {MAX_PIXELS} in all are \
         accepted"
    )]
    TooLarge {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
    },
    /// The file ends before the image does.
    #[error("is a truncated JPEG: it ends before its end-of-image marker")]
    Truncated,
    /// The decoder refuses the content.
    #[error("is a damaged or unsupported {format} image: {reason}")]
    Damaged {
        /// JPEG or PNG.
        format: &'static str,
        /// The decoder's reason.
        reason: String,
    },
}

/// Tells the format from a file's first bytes (16 are enough).
pub(in crate::dataset) fn sniff(head: &[u8]) -> Result<ImageFormat, DecodeError> {
    if head.is_empty() {
        return Err(DecodeError::Empty);
    }
    match image::guess_format(head) {
        Ok(format) if FORMATS.contains(&format) => Ok(format),
        Ok(other) => Err(DecodeError::Format {
            found: format!("{other:?}"),
        }),
        Err(_) => Err(DecodeError::Format {
            found: "no image format".into(),
        }),
    }
}

/// Decodes a whole file.
pub(in crate::dataset) fn decode(bytes: &[u8]) -> Result<RgbImage, DecodeError> {
    let format = sniff(bytes)?;
    // The JPEG decoder fills what is missing with grey and says nothing.
    if format == ImageFormat::Jpeg && !jpeg::is_whole(bytes) {
        return Err(DecodeError::Truncated);
    }
    let damaged = |error: ImageError| DecodeError::Damaged {
        format: if format == ImageFormat::Png {
            "PNG"
        } else {
            "JPEG"
        },
        reason: error.to_string(),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(to_rgb(image))
}

fn to_rgb(image: DynamicImage) -> RgbImage {
    match image {
        DynamicImage::ImageRgb8(rgb) => rgb,
        alpha if alpha.color().has_alpha() => on_white(&alpha),
        opaque => opaque.into_rgb8(),
    }
}

/// Lays a transparent image on white, rounding once: a 16-bit image keeps its bits until the end.
fn on_white(image: &DynamicImage) -> RgbImage {
    let mut out = RgbImage::new(image.width(), image.height());
    match image {
        DynamicImage::ImageRgba8(_) | DynamicImage::ImageLumaA8(_) => {
            for (to, from) in out.pixels_mut().zip(image.to_rgba8().pixels()) {
                to.0 = lay(from.0.map(u64::from), 255);
            }
        }
        _ => {
            for (to, from) in out.pixels_mut().zip(image.to_rgba16().pixels()) {
                to.0 = lay(from.0.map(u64::from), 65_535);
            }
        }
    }
    out
}

/// `colour * alpha + white * (1 - alpha)` as 8 bits, of components that count to `full`.
fn lay([r, g, b, a]: [u64; 4], full: u64) -> [u8; 3] {
    let square = full * full;
    [r, g, b].map(|c| ((255 * (c * a + full * (full - a)) + square / 2) / square) as u8)
}
