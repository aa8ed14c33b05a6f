//! The segments of a JPEG file: whether they are all there, and the one with EXIF data.

/// True if the file's segments can be walked from its first marker to its end-of-image marker.
///
/// A JPEG is a row of segments `FF marker length payload`; a scan (`FF DA`) is followed by coded
/// data in which `FF` is always followed by `00` or a restart marker (ITU-T T.81, B.1.1). Looking
/// for the end marker anywhere would find that of an embedded thumbnail.
pub(in crate::dataset::decode) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(marker_at) = next_marker(bytes, at) {
        let Some(&marker) = bytes.get(marker_at + 1) else {
            return false;
        };
        at = match marker {
            0xD9 => return true,
            // Markers without a length: TEM, RSTn, SOI.
            0x01 | 0xD0..=0xD8 => marker_at + 2,
            _ => {
                let Some(&[hi, lo]) = bytes.get(marker_at + 2..marker_at + 4) else {
                    return false;
                };
                marker_at + 2 + usize::from(u16::from_be_bytes([hi, lo])).max(2)
            }
        };
    }
    false
}

/// The EXIF data (a TIFF header and what follows) of the first segment that has any, before the
/// first scan (EXIF 2.3, 4.5.4).
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let marker_at = next_marker(bytes, at)?;
        let marker = *bytes.get(marker_at + 1)?;
        if matches!(marker, 0xD9 | 0xDA) {
            return None;
        }
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            at = marker_at + 2;
            continue;
        }
        let length = <[u8; 2]>::try_from(bytes.get(marker_at + 2..marker_at + 4)?).ok()?;
        at = marker_at + 2 + usize::from(u16::from_be_bytes(length)).max(2);
        let content = bytes.get(marker_at + 4..at)?;
        if marker == 0xE1
            && let Some(data) = content.strip_prefix(b"Exif\0\0")
        {
            return Some(data);
        }
    }
}

/// The place of the next `FF` that begins a marker: coded data and fill bytes are passed over.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(0xFF, bytes.get(at..)?)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use proptest::prelude::*;

    fn jpeg() -> Vec<u8> {
        let image = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, (x * y) as u8])
        });
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&image)
            .unwrap();
        bytes
    }

    #[test]
    fn a_whole_file_is_whole_and_none_of_its_beginnings() {
        let bytes = jpeg();
        assert!(is_whole(&bytes));
        for len in 0..bytes.len() {
            assert!(!is_whole(&bytes[..len]), "{len} of {}", bytes.len());
        }
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_the_image() {
        let bytes = jpeg();
        let mut with_thumbnail = bytes[..2].to_vec();
        with_thumbnail.extend([0xFF, 0xE1]);
        with_thumbnail.extend((bytes.len() as u16 + 2).to_be_bytes());
        with_thumbnail.extend(&bytes);
        let main = with_thumbnail.len();
        with_thumbnail.extend(&bytes[2..]);
        assert!(is_whole(&with_thumbnail));
        assert!(!is_whole(&with_thumbnail[..main + 200]));
    }

    #[test]
    fn bytes_after_the_end_do_no_harm() {
        let mut bytes = jpeg();
        bytes.extend([0; 100]);
        assert!(is_whole(&bytes));
    }

    #[test]
    fn exif_data_are_found_behind_other_segments_and_not_behind_the_first_scan() {
        let plain = jpeg();
        assert_eq!(exif(&plain), None);
        let segment = [b"\xff\xe1\0\x0cExif\0\0data".as_slice()].concat();
        let scan = plain.windows(2).position(|pair| pair == [0xFF, 0xDA]);
        let at = |place: usize| [&plain[..place], &segment, &plain[place..]].concat();
        assert_eq!(exif(&at(2)), Some(b"data".as_slice()));
        assert_eq!(exif(&at(scan.unwrap())), Some(b"data".as_slice()));
        assert_eq!(exif(&at(plain.len() - 2)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            is_whole(&bytes);
            exif(&bytes);
        }
    }
}
