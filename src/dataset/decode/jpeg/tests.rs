//! Files that are not what their encoder wrote.

use image::Rgb;
use sha2::{Digest, Sha256};

use super::super::DecodeError;
use super::super::tests::{decode, flag, jpeg_bytes};
use super::*;

#[test]
fn only_a_few_bytes_before_the_end_are_harmless() {
    let warning = |count: u32, marker: &str| {
        format!("Corrupt JPEG data: {count} extraneous bytes before marker {marker}")
    };
    assert!(is_harmless(&warning(2, "0xd9")));
    assert!(!is_harmless(&warning(17, "0xd9")));
    assert!(!is_harmless(&warning(2, "0xda")));
    assert!(!is_harmless(
        "Corrupt JPEG data: premature end of data segment"
    ));
}

/// A picture whose coded data are lost in the middle, with every marker in its place.
#[test]
fn a_jpeg_with_a_damaged_middle_is_refused() {
    let image = RgbImage::from_fn(64, 64, |x, y| {
        Rgb([(x * 4) as u8, (y * 4) as u8, ((x * y) % 251) as u8])
    });
    let whole = jpeg_bytes(&image);
    assert!(decode(&whole).is_ok());
    let (from, to) = (whole.len() / 2, whole.len() / 2 + 200);
    let mut lost = whole.clone();
    lost.drain(from..to);
    let mut blank = whole.clone();
    blank[from..to].fill(0);
    for damaged in [lost, blank] {
        assert!(is_whole(&damaged));
        let refusal = decode(&damaged).unwrap_err().to_string();
        assert!(
            refusal.starts_with("is a damaged or unsupported JPEG image: Corrupt JPEG data"),
            "{refusal}"
        );
    }
}

/// Wherever a file ends too soon, down to the last byte of its end marker.
#[test]
fn no_beginning_of_a_jpeg_is_a_picture() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/jpeg");
    let progressive = std::fs::read(format!("{folder}/progressive.jpg")).unwrap();
    for whole in [jpeg_bytes(&flag()), progressive] {
        assert!(decode(&whole).is_ok());
        for length in 3..whole.len() {
            let refusal = decode(&whole[..length]).unwrap_err();
            let said = matches!(refusal, DecodeError::Truncated);
            assert!(said, "{length} of {}: {refusal}", whole.len());
        }
    }
}

#[test]
fn a_few_bytes_before_the_end_marker_do_no_harm() {
    let whole = jpeg_bytes(&flag());
    let with_bytes = |count: usize| {
        let (picture, end) = whole.split_at(whole.len() - 2);
        [picture, &vec![0x55; count], end].concat()
    };
    assert_eq!(decode(&with_bytes(3)).unwrap(), decode(&whole).unwrap());
    let refusal = decode(&with_bytes(300)).unwrap_err().to_string();
    assert!(refusal.contains("extraneous bytes"), "{refusal}");
}

#[test]
fn the_pixels_are_those_of_pillow() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/jpeg");
    let table = include_str!("../../../../tests/golden/jpeg.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut count = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let bytes = std::fs::read(format!("{folder}/{}.jpg", &row[0])).unwrap();
        let pixels = decode(&bytes).unwrap();
        let digest: String = Sha256::digest(pixels.as_raw())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest, row[1], "{}", &row[0]);
        count += 1;
    }
    assert_eq!(count, 14);
}

/// Scans cost time and no bytes to speak of: a small file may hold thousands.
#[test]
fn a_bomb_of_scans_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/jpeg");
    let whole = std::fs::read(format!("{folder}/progressive.jpg")).unwrap();
    let scans: Vec<usize> = (0..whole.len() - 1)
        .filter(|&at| whole[at..at + 2] == [0xFF, 0xDA])
        .collect();
    let (last, end) = (scans[scans.len() - 1], whole.len() - 2);
    let bomb = [
        &whole[..end],
        &whole[last..end].repeat(2 * MAX_SCANS as usize),
        &whole[end..],
    ]
    .concat();
    assert!(is_whole(&bomb));
    let refusal = decode(&bomb).unwrap_err().to_string();
    assert!(refusal.contains("scans"), "{refusal}");
}
