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

/// Everything that the key of an encoded file depends on, beside its bytes.
pub(super) fn rules(background: Background) -> String {
    let decoders = decode::decoders().join("; ");
    format!("catpipe example file v1; {decoders}; on {:?}", background.0)
}

/// A key as text.
pub(super) fn to_hex(key: &[u8; 32]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key that [`to_hex`] wrote.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    (to_hex(&key) == text).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: [u8; 32]) -> String {
        to_hex(&key)
    }

    #[test]
    fn a_key_is_read_back_from_its_text() {
        let key = std::array::from_fn(|i| 7 * i as u8);
        assert_eq!(from_hex(&to_hex(&key)), Some(key));
        let long = to_hex(&key) + "0";
        for text in [
            "",
            "zz",
            &to_hex(&key)[1..],
            &to_hex(&key).to_uppercase(),
            &long,
        ] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn the_rules_name_every_decoder_and_the_background() {
        let rules = rules(Background([1, 2, 3]));
        assert!(
            rules.contains("turbojpeg-sys") && rules.contains("tiff 0."),
            "{rules}"
        );
        assert!(rules.ends_with("on [1, 2, 3]"), "{rules}");
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
