//! Heat maps on pictures.

use image::{Rgb, RgbImage};
use ndarray::Array2;

/// Matplotlib's `inferno` at seventeen even steps (`matplotlib.colormaps['inferno'](i / 16)` of
/// 3.11.2): its lightness rises evenly, so that more looks like more, also in grey and to the
/// colour-blind.
const INFERNO: [[u8; 3]; 17] = [
    [0, 0, 4],
    [11, 7, 36],
    [33, 12, 74],
    [61, 9, 101],
    [87, 16, 110],
    [113, 25, 110],
    [138, 34, 106],
    [163, 44, 97],
    [188, 55, 84],
    [210, 70, 68],
    [228, 90, 49],
    [241, 115, 29],
    [249, 142, 9],
    [252, 172, 17],
    [249, 203, 53],
    [242, 234, 105],
    [252, 255, 164],
];

/// How much of the strongest heat's colour covers the picture.
const COVER: f32 = 0.75;

/// How bright the picture without its colours is under the heat.
const DIM: f32 = 0.8;

/// The picture in grey with the heat of a class activation map `[h, w]` on it: the brighter, the
/// more a place speaks for the class; what speaks against it (below 0) stays as it is. The
/// strongest place of each picture has the strongest colour. `region` is the part of the picture
/// that the map is of, as shares of its sides: left, top, right, bottom (see
/// [`Preprocess::region`](crate::backbone::Preprocess::region)); what lies outside gets no heat.
#[must_use]
pub fn heat_map(picture: &RgbImage, map: &Array2<f32>, region: [f32; 4]) -> RgbImage {
    let most = map.iter().fold(0.0_f32, |most, &value| most.max(value));
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let grey = grey(picture.get_pixel(x, y));
        let [left, top, right, bottom] = region;
        let u = ((x as f32 + 0.5) / width as f32 - left) / (right - left);
        let v = ((y as f32 + 0.5) / height as f32 - top) / (bottom - top);
        let inside = (0.0..=1.0).contains(&u) && (0.0..=1.0).contains(&v);
        let heat = match inside && most > 0.0 {
            true => (at(map, u, v) / most).clamp(0.0, 1.0),
            false => 0.0,
        };
        let colour = inferno(heat);
        let cover = COVER * heat.sqrt();
        let mix = |colour: f32| (colour * cover + grey * DIM * (1.0 - cover)).round();
        Rgb(colour.map(|c| mix(c).clamp(0.0, 255.0) as u8))
    })
}

/// Rec. 601's luma.
fn grey(pixel: &Rgb<u8>) -> f32 {
    let [r, g, b] = pixel.0.map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// The map between the middles of its places, bilinear; `u` and `v` are shares of width and height.
fn at(map: &Array2<f32>, u: f32, v: f32) -> f32 {
    let (height, width) = map.dim();
    let place = |share: f32, length: usize| {
        let last = length.saturating_sub(1);
        let x = (share * length as f32 - 0.5).clamp(0.0, last as f32);
        let low = (x.floor() as usize).min(last);
        (low, (low + 1).min(last), x - low as f32)
    };
    let ((x0, x1, fx), (y0, y1, fy)) = (place(u, width), place(v, height));
    let value = |y: usize, x: usize| map.get([y, x]).copied().unwrap_or(0.0);
    let across = |y: usize| value(y, x0) * (1.0 - fx) + value(y, x1) * fx;
    across(y0) * (1.0 - fy) + across(y1) * fy
}

/// The colour of a heat of 0 to 1, between the steps in proportion.
fn inferno(heat: f32) -> [f32; 3] {
    let steps = INFERNO.len() - 1;
    let x = heat.clamp(0.0, 1.0) * steps as f32;
    let low = (x.floor() as usize).min(steps - 1);
    let share = x - low as f32;
    [0, 1, 2].map(|c| {
        let [from, to] = [INFERNO[low][c], INFERNO[low + 1][c]].map(f32::from);
        from + share * (to - from)
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_strongest_place_is_the_brightest_and_what_speaks_against_stays_grey() {
        let picture = RgbImage::from_pixel(40, 20, Rgb([100, 100, 100]));
        let map = array![[-3.0, 0.0], [0.0, 2.0]];
        let drawn = heat_map(&picture, &map, [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(drawn.dimensions(), (40, 20));
        assert_eq!(drawn.get_pixel(0, 0).0, [80; 3]);
        let [r, g, b] = drawn.get_pixel(39, 19).0;
        assert!(r > 200 && g > 200 && b > 100, "{r} {g} {b}");
        assert!(drawn.get_pixel(25, 12).0[0] < r);
    }

    #[test]
    fn outside_the_region_there_is_no_heat() {
        let picture = RgbImage::from_pixel(30, 10, Rgb([200, 0, 0]));
        let map = array![[1.0]];
        let drawn = heat_map(&picture, &map, [1.0 / 3.0, 0.0, 2.0 / 3.0, 1.0]);
        let grey = drawn.get_pixel(0, 0).0;
        assert_eq!(grey, [48; 3]);
        assert_eq!(drawn.get_pixel(29, 9).0, grey);
        assert_ne!(drawn.get_pixel(15, 5).0, grey);
    }

    #[test]
    fn a_map_of_nothing_leaves_the_picture_grey() {
        let picture = RgbImage::from_pixel(3, 3, Rgb([10, 10, 10]));
        for map in [array![[0.0, -1.0]], array![[f32::NAN, -1.0]]] {
            let drawn = heat_map(&picture, &map, [0.0, 0.0, 1.0, 1.0]);
            assert!(drawn.pixels().all(|pixel| pixel.0 == [8; 3]));
        }
        assert_eq!(inferno(0.5), [188.0, 55.0, 84.0]);
    }
}
