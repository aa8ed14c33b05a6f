//! Which format a file has, told by its first bytes.

use image::ImageFormat;

use super::DecodeError;

/// How many first bytes tell the format.
pub(in crate::dataset) const HEAD: u64 = 16;

/// The formats that are decoded, with their names and the decoder of each. What a row's key says
/// of its image's decoder is the format's own: a new WebP decoder makes no JPEG's rows new.
const FORMATS: [(ImageFormat, &str, &str); 6] = [
    (ImageFormat::Jpeg, "JPEG", JPEG),
    (ImageFormat::Png, "PNG", PNG),
    (
        ImageFormat::WebP,
        "WebP",
        "image 0.25.10, image-webp 0.2.4, rules 1",
    ),
    (
        ImageFormat::Gif,
        "GIF",
        "image 0.25.10, gif 0.14.2, rules 1",
    ),
    (ImageFormat::Bmp, "BMP", "image 0.25.10, rules 1"),
    (
        ImageFormat::Tiff,
        "TIFF",
        "image 0.25.10, tiff 0.11.3, rules 1",
    ),
];

/// The bindings name the version of libjpeg-turbo that they carry.
const JPEG: &str = "turbojpeg-sys 1.2.0, rules 1";

/// Names the JPEG decoder for no reason but that rows are known by this name.
const PNG: &str = "image 0.25.10, png 0.18.1, zune-jpeg 0.5.15, rules 1";

/// Tells the format from a file's first bytes.
pub(in crate::dataset) fn sniff(head: &[u8]) -> Result<ImageFormat, DecodeError> {
    if head.is_empty() {
        return Err(DecodeError::Empty);
    }
    match image::guess_format(head) {
        Ok(format) if FORMATS.iter().any(|(known, ..)| *known == format) => Ok(format),
        Ok(other) => Err(DecodeError::Format {
            found: format!("{other:?}"),
        }),
        Err(_) => Err(DecodeError::Format {
            found: "no image format".into(),
        }),
    }
}

/// The format's name as people write it.
pub(in crate::dataset) fn name(format: ImageFormat) -> &'static str {
    let found = FORMATS.iter().find(|(known, ..)| *known == format);
    found.map_or("image", |(_, name, _)| name)
}

/// What makes pixels of a file with these first bytes: its decoder's name and version. Part of an
/// example's content key, so that rows of another decoder are not taken for rows of this one.
pub(in crate::dataset) fn decoder(head: &[u8]) -> &'static str {
    let format = sniff(head).ok();
    let found = FORMATS.iter().find(|(known, ..)| Some(*known) == format);
    // No pixels ever come of anything else; its key only has to be one.
    found.map_or(PNG, |(.., decoder)| decoder)
}

/// Every decoder, as keys name them.
pub(in crate::dataset) fn decoders() -> [&'static str; 6] {
    FORMATS.map(|(.., decoder)| decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoders_named_in_keys_are_the_ones_built_in() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
        let parts = FORMATS.iter().flat_map(|(.., decoder)| decoder.split(", "));
        for part in parts.filter(|part| !part.starts_with("rules")) {
            let (name, version) = part.split_once(' ').unwrap();
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"");
            assert!(
                lock.contains(&entry),
                "Cargo.lock has no {part}: bump it in FORMATS"
            );
        }
    }

    #[test]
    fn each_format_has_a_decoder_and_only_its_own() {
        assert_eq!(decoder(b"GIF89a"), "image 0.25.10, gif 0.14.2, rules 1");
        assert_eq!(decoder(b"BM......"), "image 0.25.10, rules 1");
        assert_eq!(decoder(b"\xff\xd8\xff\xe0"), JPEG);
        assert_eq!(name(ImageFormat::WebP), "WebP");
    }
}
