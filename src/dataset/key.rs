//! Content keys: what an example's pixels are known by, wherever the example lies.

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::decode::DECODER;

/// The key of pixels that are stored as they are: of their size and RGB values.
pub(super) fn of_pixels(image: &RgbImage) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"catpipe example pixels v1\0")
        .chain_update(image.width().to_le_bytes())
        .chain_update(image.height().to_le_bytes())
        .chain_update(image.as_raw())
        .finalize()
        .into()
}

/// The key of an encoded file: of its bytes and of the decoder that makes pixels of them. (Keying
/// the pixels would need every file decoded to find out that nothing is to be done.)
pub(super) fn of_file(bytes: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"catpipe example file v1\0")
        .chain_update(DECODER.as_bytes())
        .chain_update(b"\0")
        .chain_update(bytes)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: [u8; 32]) -> String {
        key.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn pixels_of_another_shape_have_another_key() {
        let wide = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let high = RgbImage::from_raw(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_ne!(of_pixels(&wide), of_pixels(&high));
        // Python 3.11: hashlib.sha256(b"catpipe example pixels v1\0" + struct.pack("<II", 2, 1)
        //   + bytes([1, 2, 3, 4, 5, 6])).hexdigest()
        assert_eq!(
            hex(of_pixels(&wide)),
            "be955cfe96aa949a87193b034fda2c3c87ff4e57cc2aabffb29f96d9aff2d314"
        );
    }

    #[test]
    fn the_decoder_named_in_the_key_is_the_one_built_in() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
        for part in DECODER
            .split(", ")
            .filter(|part| !part.starts_with("rules"))
        {
            let (name, version) = part.split_once(' ').unwrap();
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"");
            assert!(
                lock.contains(&entry),
                "Cargo.lock has no {part}: bump it in DECODER"
            );
        }
    }
}
