//! What a file may make its decoder allocate.

use std::num::NonZeroU64;

use super::*;

const ALPHA: &[u8] = include_bytes!("../../../tests/mutations/files/alpha.webp");
const GIF: &[u8] = include_bytes!("../../../tests/mutations/files/palette.gif");

fn small() -> Rules {
    let limits = Limits {
        max_pixels: NonZeroU64::new(1 << 20).unwrap(),
        ..Limits::default()
    };
    Rules {
        limits,
        ..Rules::default()
    }
}

#[test]
fn a_frame_larger_than_its_canvas_counts() {
    let mut bytes = ALPHA.to_vec();
    assert!(decode(&bytes, &small()).is_ok());
    let at = bytes.windows(4).position(|name| name == b"VP8 ").unwrap() + 8 + 6;
    bytes[at..at + 4].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
    let refused = decode(&bytes, &small());
    let Err(DecodeError::TooLarge { width, height, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((width, height), (16_383, 16_383));
}

#[test]
fn a_gif_frame_gets_no_more_than_an_image_within_the_limits() {
    let mut bytes = GIF.to_vec();
    assert!(decode(&bytes, &small()).is_ok());
    // The image descriptor: `,`, left, top, width, height.
    let at = bytes
        .windows(5)
        .position(|start| start == b",\0\0\0\0")
        .unwrap()
        + 5;
    bytes[at..at + 4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    let refused = decode(&bytes, &small());
    assert!(
        matches!(refused, Err(DecodeError::Damaged { .. })),
        "{refused:?}"
    );
}

#[test]
fn room_is_made_for_what_the_limits_allow() {
    let most = |pixels| {
        let limits = Limits {
            max_pixels: NonZeroU64::new(pixels).unwrap(),
            ..Limits::default()
        };
        allocation(&limits).max_alloc.unwrap()
    };
    assert_eq!(most(1 << 20), 24 << 20);
    assert_eq!(most(1 << 30), (16 << 30) + (8 << 20));
    assert_eq!(allocation(&Limits::default()).max_alloc, Some(1 << 30));
}

#[test]
fn a_file_over_the_limit_is_not_decoded() {
    let mut limits = small().limits;
    limits.max_bytes = NonZeroU64::new(GIF.len() as u64).unwrap();
    assert!(decode_image(GIF, &limits, Background::default()).is_ok());
    limits.max_bytes = NonZeroU64::new(GIF.len() as u64 - 1).unwrap();
    let refused = decode_image(GIF, &limits, Background::default());
    assert!(
        matches!(refused, Err(DecodeError::TooLong { .. })),
        "{refused:?}"
    );
}
