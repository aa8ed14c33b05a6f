//! Content keys: what an example's pixels are known by, wherever the example lies.

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::config::Background;
use super::decode;

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
/// the pixels would need every file decoded to find out that nothing is to be done.) A colour
/// behind transparency that is not white is part of it too.
pub(super) fn of_file(bytes: &[u8], background: Background) -> [u8; 32] {
    let behind = if background == Background::default() {
        String::new()
    } else {
        let [r, g, b] = background.0;
        format!(", on {r} {g} {b}")
    };
    Sha256::new()
        .chain_update(b"catpipe example file v1\0")
        .chain_update(decode::decoder(bytes).as_bytes())
        .chain_update(behind)
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
    fn a_file_is_keyed_by_bytes_decoder_and_background() {
        let white = Background::default();
        // Python 3.11: hashlib.sha256(b"catpipe example file v1\0" + b"turbojpeg-sys 1.2.0, "
        //   b"rules 1\0" + b"\xff\xd8\xff\xe0").hexdigest()
        assert_eq!(
            hex(of_file(b"\xff\xd8\xff\xe0", white)),
            "5068e813a30a8742d536e0aac4ee9a120cfd386b6ed0f6ac33ac132b54d4e547"
        );
        let black = of_file(b"\xff\xd8\xff\xe0", Background([0; 3]));
        assert_ne!(black, of_file(b"\xff\xd8\xff\xe0", white));
    }
}
