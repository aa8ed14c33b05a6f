//! From a file's bytes to RGB pixels.
//!
//! The format is told by the content, never by the name. What comes out is what a person sees:
//! EXIF orientation applied, transparency laid on a colour (white unless the pipeline says
//! otherwise), 16 bits rounded to 8, grey as RGB, CMYK as Pillow converts it, the first frame of
//! an animation and the first page of a TIFF. Colour profiles and gamma chunks are not applied,
//! as in most training pipelines.

mod flatten;
mod format;
mod jpeg;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod tests;
mod tiff;
mod webp;

use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage,
};

use super::config::{Background, Limits};
pub(super) use format::{HEAD, decoder, decoders, name, sniff};
use jpeg::Fault;

/// How files are made into pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rules {
    /// What is too large to be decoded.
    pub(super) limits: Limits,
    /// The colour that transparency is laid on.
    pub(super) background: Background,
}

impl Rules {
    fn too_large(&self, width: u32, height: u32) -> DecodeError {
        DecodeError::TooLarge {
            width,
            height,
            limits: self.limits,
        }
    }
}

/// The most bytes that decoding one image may ask for beside its pixels, at the default limits.
const MAX_ALLOC: u64 = 1 << 30;

/// What decoders need whatever the size of the image.
const TABLES: u64 = 8 << 20;

/// The most bytes of a decoded pixel: four components of 32 bits.
const PIXEL_BYTES: u64 = 16;

/// Bytes that cannot be made into pixels.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file is empty.
    #[error("is an empty file")]
    Empty,
    /// The content is of another format.
    #[error(
        "is not a JPEG, PNG, WebP, GIF, BMP or TIFF image, its content looks like {found}: move \
         it elsewhere or `exclude` it"
    )]
    Format {
        /// What the first bytes look like.
        found: String,
    },
    /// The file has more bytes than are accepted.
    #[error(
        "has {bytes} bytes: at most {most} are accepted (`dataset.limits.max_bytes` raises that)"
    )]
    TooLong {
        /// The file's size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// The image declares more pixels than are accepted.
    #[error(
        "declares {width}x{height} pixels: at most {} a side and {} in all are accepted \
         (`dataset.limits.max_side` and `max_pixels` raise that)",
        limits.max_side, limits.max_pixels
    )]
    TooLarge {
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// What is accepted.
        limits: Limits,
    },
    /// The file ends before the image does.
    #[error("is a truncated JPEG: it ends before its end-of-image marker")]
    Truncated,
    /// The pixels are floating point numbers, of which nobody knows what is black and white.
    #[error("has floating point pixels: convert it to 8 or 16 bits")]
    Float,
    /// The decoder refuses the content.
    #[error("is a damaged or unsupported {format} image: {reason}")]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// The decoder's reason.
        reason: String,
    },
}

/// The pixels of an image file's `bytes` as a pipeline reads them, whatever the file is called:
/// 8-bit RGB with EXIF's orientation applied and transparency laid on `background`; of an
/// animation the first frame.
///
/// ```
/// use catpipe::dataset::{Background, DecodeError, Limits, decode_image};
/// let refused = decode_image(b"text", &Limits::default(), Background::default());
/// assert!(matches!(refused, Err(DecodeError::Format { .. })));
/// ```
///
/// # Errors
/// Bytes of another format, damaged ones, and whatever is over the `limits`; nothing that the
/// bytes declare is allocated before it is compared with them.
pub fn decode_image(
    bytes: &[u8],
    limits: &Limits,
    background: Background,
) -> Result<RgbImage, DecodeError> {
    let (size, most) = (bytes.len() as u64, limits.max_bytes.get());
    if size > most {
        return Err(DecodeError::TooLong { bytes: size, most });
    }
    let limits = *limits;
    decode(bytes, &Rules { limits, background })
}

/// Decodes a whole file.
pub(super) fn decode(bytes: &[u8], rules: &Rules) -> Result<RgbImage, DecodeError> {
    decode_into(bytes, rules, Vec::new())
}

/// Decodes a whole file; the pixels of a JPEG lie in the memory of `spare`, if it is enough.
pub(super) fn decode_into(
    bytes: &[u8],
    rules: &Rules,
    spare: Vec<u8>,
) -> Result<RgbImage, DecodeError> {
    match sniff(bytes)? {
        ImageFormat::Jpeg => decode_jpeg(bytes, rules, spare),
        other => decode_other(bytes, other, rules),
    }
}

fn decode_jpeg(bytes: &[u8], rules: &Rules, spare: Vec<u8>) -> Result<RgbImage, DecodeError> {
    let allow = |width, height| rules.limits.allow(width, height);
    jpeg::decode(bytes, allow, spare).map_err(|fault| match fault {
        Fault::TooLarge(width, height) => rules.too_large(width, height),
        // libjpeg refuses every file that ends too soon; this only says it better.
        Fault::Damaged(_) if !jpeg::is_whole(bytes) => DecodeError::Truncated,
        Fault::Damaged(reason) => DecodeError::Damaged {
            format: name(ImageFormat::Jpeg),
            reason,
        },
    })
}

/// What the `image` crate decodes.
fn decode_other(bytes: &[u8], format: ImageFormat, rules: &Rules) -> Result<RgbImage, DecodeError> {
    let impossible = (format == ImageFormat::Tiff).then(|| tiff::impossible(bytes));
    if let Some(tag) = impossible.flatten() {
        return Err(DecodeError::Damaged {
            format: name(format),
            reason: format!("the values of its tag {tag} are longer than the file"),
        });
    }
    let damaged = |error: ImageError| DecodeError::Damaged {
        format: name(format),
        reason: error.to_string(),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allocation(&rules.limits));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    // The frames within may declare more than the whole does.
    let within = (format == ImageFormat::WebP).then(|| webp::largest(bytes));
    for (width, height) in within.flatten().into_iter().chain([decoder.dimensions()]) {
        if !rules.limits.allow(width, height) {
            return Err(rules.too_large(width, height));
        }
    }
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(DecodeError::Float);
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(flatten::to_rgb(image, rules.background.0))
}

/// What decoders may allocate beside the pixels: enough for every image within the limits, and no
/// more.
fn allocation(limits: &Limits) -> image::Limits {
    let mut allowed = image::Limits::default();
    let pixels = limits.max_pixels.get().saturating_mul(PIXEL_BYTES);
    let most = pixels.saturating_add(TABLES);
    allowed.max_alloc = Some(if *limits == Limits::default() {
        most.min(MAX_ALLOC)
    } else {
        most
    });
    allowed
}
