//! Four inks to RGB, as Pillow's `convert("RGB")` does it.

/// RGB of pixels as they stand in a JPEG: Adobe's convention, by which 255 is no ink. Pillow takes
/// every JPEG of four components for one of these.
pub(super) fn to_rgb(inverted: &[u8]) -> Vec<u8> {
    let (pixels, _) = inverted.as_chunks::<4>();
    let rgb = |&[c, m, y, k]: &[u8; 4]| [c, m, y].map(|ink| k - product(255 - ink, k));
    pixels.iter().flat_map(rgb).collect()
}

/// `a * b / 255`, to the nearest; never more than `b`.
fn product(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 128;
    // At most (255 * 255 + 128 + 254) / 256 = 255.
    (((product >> 8) + product) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_ink_is_white_and_black_ink_is_black() {
        let pixels = [255, 255, 255, 255, 0, 100, 255, 0, 255, 0, 128, 255];
        assert_eq!(to_rgb(&pixels), [255, 255, 255, 0, 0, 0, 255, 0, 128]);
    }

    proptest! {
        #[test]
        fn a_product_is_the_nearest_byte(a: u8, b: u8) {
            let exact = f64::from(a) * f64::from(b) / 255.0;
            prop_assert_eq!(product(a, b), exact.round() as u8);
            prop_assert!(product(a, b) <= b);
        }
    }
}
