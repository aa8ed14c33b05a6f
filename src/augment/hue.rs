//! Turning the hue of a picture.

use image::RgbImage;

/// Turns the hue of every pixel by `turn` full circles, keeping value and saturation: the hexcone
/// model of Smith, Color Gamut Transform Pairs (1978), in float64 and rounded once, where
/// torchvision goes through Pillow's 8-bit hues.
pub(super) fn turn_hue(image: &mut RgbImage, turn: f64) {
    if turn == 0.0 {
        return;
    }
    let (pixels, _) = image.as_chunks_mut::<3>();
    for pixel in pixels {
        *pixel = turned(*pixel, turn);
    }
}

fn turned([r, g, b]: [u8; 3], turn: f64) -> [u8; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max == min {
        return [r, g, b];
    }
    let delta = f64::from(max - min);
    let ahead = |a: u8, b: u8| (f64::from(a) - f64::from(b)) / delta;
    let sextant = if r == max {
        ahead(g, b)
    } else if g == max {
        2.0 + ahead(b, r)
    } else {
        4.0 + ahead(r, g)
    };
    let hue = sextant / 6.0 + turn;
    let at = (hue - hue.floor()) * 6.0;
    let share = at - at.floor();
    let byte = |v: f64| (v + 0.5) as u8;
    let falling = byte(f64::from(max) - delta * share);
    let rising = byte(f64::from(max) - delta * (1.0 - share));
    match at as u8 % 6 {
        0 => [max, rising, min],
        1 => [falling, max, min],
        2 => [min, max, rising],
        3 => [min, falling, max],
        4 => [rising, min, max],
        _ => [max, min, falling],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};

    /// CPython 3.11.7: `colorsys` on `picture(4, 3)`, the hue turned by the number given.
    const COLORSYS: [(f64, [u8; 36]); 3] = [
        (
            0.1,
            [
                17, 0, 166, 54, 37, 203, 91, 74, 240, 21, 194, 35, 78, 61, 227, 15, 188, 29, 59,
                232, 73, 193, 41, 20, 32, 205, 46, 173, 21, 0, 224, 72, 51, 36, 19, 185,
            ],
        ),
        (
            -0.35,
            [
                100, 166, 0, 137, 203, 37, 174, 240, 74, 194, 21, 128, 161, 227, 61, 188, 15, 122,
                232, 59, 166, 20, 120, 193, 205, 32, 139, 0, 100, 173, 51, 151, 224, 119, 185, 19,
            ],
        ),
        (
            0.5,
            [
                166, 83, 0, 203, 120, 37, 240, 157, 74, 104, 21, 194, 227, 144, 61, 98, 15, 188,
                142, 59, 232, 20, 193, 110, 115, 32, 205, 0, 173, 90, 51, 224, 141, 185, 102, 19,
            ],
        ),
    ];

    #[test]
    fn agrees_with_colorsys() {
        for (turn, expected) in COLORSYS {
            let mut image = picture(4, 3);
            turn_hue(&mut image, turn);
            assert!(
                largest_difference(&image, &expected) <= 1,
                "{turn}: {image:?}"
            );
        }
    }

    #[test]
    fn a_third_of_a_circle_moves_the_channels_and_greys_have_no_hue() {
        assert_eq!(turned([200, 10, 90], 1.0 / 3.0), [90, 200, 10]);
        assert_eq!(turned([200, 10, 90], -1.0 / 3.0), [10, 90, 200]);
        assert_eq!(turned([77, 77, 77], 0.3), [77, 77, 77]);
        for r in (0..=255u8).step_by(15) {
            for turn in [-0.5, -0.1, 1e-9, 0.5] {
                let [a, b, c] = turned([r, 100, 200], turn);
                assert_eq!(a.max(b).max(c), r.max(200));
                assert_eq!(a.min(b).min(c), r.min(100));
            }
        }
    }
}
