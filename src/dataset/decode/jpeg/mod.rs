//! JPEG files, decoded by libjpeg-turbo: the library that Pillow and most programs that networks
//! were trained with decode by, so the pixels are theirs bit for bit. Where those go on with grey
//! in the place of what is missing, a damaged file is refused here.

mod cmyk;
mod segments;
#[cfg(test)]
mod tests;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

pub(super) use segments::is_whole;

/// Scans of a progressive file. Encoders write about ten; thousands of empty ones are an attack on
/// the reader's time.
const MAX_SCANS: u32 = 100;

/// Bytes that may stand between the picture's data and the end marker: some encoders leave a few.
/// More of them are data that a flipped bit has cut off.
const STRAY_BYTES: u32 = 16;

/// Why there are no pixels.
pub(super) enum Fault {
    /// More pixels than are allowed: width and height.
    TooLarge(u32, u32),
    /// What libjpeg-turbo says.
    Damaged(String),
}

impl From<turbojpeg::Error> for Fault {
    fn from(error: turbojpeg::Error) -> Self {
        Self::Damaged(said(error))
    }
}

/// What libjpeg-turbo said, without the name of its wrapper.
fn said(error: turbojpeg::Error) -> String {
    match error {
        turbojpeg::Error::TurboJpegError(said) => said,
        other => other.to_string(),
    }
}

/// Decodes a file; `allow` is asked about its width and height before anything is allocated. The
/// pixels lie in the memory of `spare`, if it is enough; nothing of what it held is left.
pub(super) fn decode(
    bytes: &[u8],
    allow: impl Fn(u32, u32) -> bool,
    spare: Vec<u8>,
) -> Result<RgbImage, Fault> {
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(MAX_SCANS)?;
    let header = decompressor.read_header(bytes)?;
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (width, height) = (side(header.width), side(header.height));
    if !allow(width, height) {
        return Err(Fault::TooLarge(width, height));
    }
    let format = match header.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => PixelFormat::CMYK,
        _ => PixelFormat::RGB,
    };
    let pitch = header.width * format.size();
    // Every byte is written over, or there is no picture: what was there need not be cleared.
    let mut pixels = spare;
    pixels.resize(header.height * pitch, 0);
    let whole = Image {
        pixels: pixels.as_mut_slice(),
        width: header.width,
        pitch,
        height: header.height,
        format,
    };
    if let Err(error) = decompressor.decompress(bytes, whole) {
        let said = said(error);
        if !is_harmless(&said) {
            return Err(Fault::Damaged(said));
        }
    }
    if format == PixelFormat::CMYK {
        pixels = cmyk::to_rgb(&pixels);
    }
    let image = RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| Fault::Damaged("its size and its pixels do not fit together".into()))?;
    Ok(turned(image, bytes))
}

/// Whether libjpeg's first warning is about the last thing in the file and without consequence.
/// Later warnings are not told, so a warning that others may follow is never harmless.
fn is_harmless(warning: &str) -> bool {
    let count = warning
        .strip_prefix("Corrupt JPEG data: ")
        .and_then(|rest| rest.strip_suffix(" extraneous bytes before marker 0xd9"))
        .and_then(|count| count.parse::<u32>().ok());
    count.is_some_and(|count| count <= STRAY_BYTES)
}

/// A picture as it is to be seen.
fn turned(image: RgbImage, bytes: &[u8]) -> RgbImage {
    let orientation = segments::exif(bytes).and_then(Orientation::from_exif_chunk);
    match orientation {
        None | Some(Orientation::NoTransforms) => image,
        Some(orientation) => {
            let mut image = DynamicImage::ImageRgb8(image);
            image.apply_orientation(orientation);
            image.into_rgb8()
        }
    }
}
