//! `perspective`: look at the image from another side.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::{Probability, bounded};
use super::sample::{Fill, mapped};

/// Moves the four corners inwards by random distances, and the image with them, keeping its size
/// (torchvision's `RandomPerspective`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Perspective {
    /// How far a corner may move, as a share of half the side; 0.5 unless said.
    pub distortion_scale: DistortionScale,
    /// How likely the image is distorted; 0.5 unless said.
    pub p: Probability,
    /// What stands where the moved image does not reach; `edge` unless said.
    pub fill: Fill,
}

bounded! {
    /// A share of half the side, 0 to 1.
    DistortionScale: f64, f64 "f64", 0.0 to 1.0
}

impl Default for Perspective {
    fn default() -> Self {
        Perspective {
            distortion_scale: DistortionScale(0.5),
            p: Probability::HALF,
            fill: Fill::Edge,
        }
    }
}

impl Perspective {
    pub(super) fn apply(&self, image: RgbImage, draws: &mut Draws) -> RgbImage {
        let apply = draws.chance(self.p);
        let (w, h) = image.dimensions();
        let ends = self.corners(w, h, draws);
        if apply {
            distorted(image, ends, self.fill)
        } else {
            image
        }
    }

    /// Where the corners go: left top, right top, right bottom, left bottom.
    fn corners(&self, w: u32, h: u32, draws: &mut Draws) -> [[f64; 2]; 4] {
        let reach = |side: u32| (self.distortion_scale.get() * f64::from(side / 2)) as u32;
        let (dx, dy) = (reach(w), reach(h));
        let mut inwards = |most: u32| f64::from(draws.below(most.saturating_add(1)));
        let (right, bottom) = (f64::from(w) - 1.0, f64::from(h) - 1.0);
        [
            [inwards(dx), inwards(dy)],
            [right - inwards(dx), inwards(dy)],
            [right - inwards(dx), bottom - inwards(dy)],
            [inwards(dx), bottom - inwards(dy)],
        ]
    }
}

/// The image with its corners moved to `ends`; the image itself if they do not span an area.
fn distorted(image: RgbImage, ends: [[f64; 2]; 4], fill: Fill) -> RgbImage {
    let (right, bottom) = (
        f64::from(image.width()) - 1.0,
        f64::from(image.height()) - 1.0,
    );
    let starts = [[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]];
    if starts == ends {
        return image;
    }
    let Some([a, b, c, d, e, f, g, h]) = homography(ends, starts) else {
        return image;
    };
    // Half a pixel off, as in torchvision: the corners are numbers of pixels, but the map is
    // taken at the pixels' centres.
    mapped(&image, fill, |x, y| {
        let (x, y) = (x + 0.5, y + 0.5);
        let below = g * x + h * y + 1.0;
        [
            (a * x + b * y + c) / below - 0.5,
            (d * x + e * y + f) / below - 0.5,
        ]
    })
}

/// The eight numbers of the perspective map
///
/// ```text
/// (x, y) -> ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1))
/// ```
///
/// that takes four points to four others, by Gaussian elimination with partial pivoting; None
/// where there is no such map.
fn homography(from: [[f64; 2]; 4], to: [[f64; 2]; 4]) -> Option<[f64; 8]> {
    let mut rows = [[0.0; 9]; 8];
    for (i, ([x, y], [u, v])) in from.into_iter().zip(to).enumerate() {
        rows[2 * i] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
        rows[2 * i + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
    }
    for column in 0..8 {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..8).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        if size(&pivot) < 1e-9 {
            return None;
        }
        rows.swap(column, pivot);
        let top = rows[column];
        for row in &mut rows[column + 1..] {
            let factor = row[column] / top[column];
            for (value, above) in row.iter_mut().zip(top) {
                *value -= factor * above;
            }
        }
    }
    let mut found = [0.0; 8];
    for column in (0..8).rev() {
        let row = &rows[column];
        let known: f64 = (column + 1..8).map(|k| row[k] * found[k]).sum();
        found[column] = (row[8] - known) / row[column];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::{largest_difference, picture};
    use proptest::prelude::*;

    /// Pillow 13.0.0: `picture(7, 5)` by `Image.transform(PERSPECTIVE, BILINEAR)`, the coefficients
    /// from `numpy.linalg.solve`.
    const PILLOW_BLACK: [u8; 105] = [
        0, 0, 0, 22, 105, 174, 59, 142, 225, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 117, 200, 45, 127,
        120, 77, 162, 148, 72, 183, 31, 105, 153, 100, 135, 182, 75, 158, 0, 0, 0, 182, 12, 92,
        211, 52, 121, 141, 81, 164, 66, 125, 124, 88, 167, 195, 134, 217, 76, 0, 0, 0, 230, 61,
        144, 125, 106, 189, 97, 154, 125, 121, 121, 66, 173, 189, 83, 191, 55, 137, 36, 119, 172,
        0, 0, 0, 58, 134, 217, 104, 187, 67, 162, 69, 72, 226, 53, 136, 108, 122, 205, 107, 187,
        64,
    ];

    /// numpy 2.4.6, float64: bilinear with clipped indices by the same map, rounded half up.
    const NUMPY_EDGE: [u8; 105] = [
        35, 118, 201, 22, 105, 175, 59, 142, 225, 115, 198, 25, 180, 43, 90, 222, 49, 132, 222, 49,
        132, 118, 201, 46, 127, 120, 78, 162, 149, 72, 183, 32, 105, 153, 101, 136, 183, 76, 159,
        222, 49, 132, 182, 13, 92, 211, 53, 121, 142, 81, 164, 67, 126, 124, 88, 168, 195, 134,
        217, 76, 127, 210, 148, 231, 62, 145, 125, 107, 190, 97, 154, 125, 121, 122, 67, 174, 190,
        84, 192, 56, 137, 37, 120, 173, 204, 84, 167, 59, 134, 217, 105, 188, 67, 163, 69, 73, 226,
        53, 136, 108, 123, 206, 107, 187, 65,
    ];

    #[test]
    fn agrees_with_pillow_and_with_the_formula() {
        let ends = [[1.0, 0.0], [5.0, 1.0], [6.0, 4.0], [0.0, 3.0]];
        let black = distorted(picture(7, 5), ends, Fill::Black);
        assert!(largest_difference(&black, &PILLOW_BLACK) <= 1, "{black:?}");
        let edge = distorted(picture(7, 5), ends, Fill::Edge);
        assert!(largest_difference(&edge, &NUMPY_EDGE) <= 1, "{edge:?}");
    }

    #[test]
    fn the_map_takes_points_to_points() {
        let from = [[3.0, 1.0], [90.0, 7.0], [80.0, 66.0], [5.0, 60.0]];
        let to = [[0.0, 0.0], [99.0, 0.0], [99.0, 74.0], [0.0, 74.0]];
        let [a, b, c, d, e, f, g, h] = homography(from, to).unwrap();
        for ([x, y], [u, v]) in from.into_iter().zip(to) {
            let below = g * x + h * y + 1.0;
            assert!(((a * x + b * y + c) / below - u).abs() < 1e-9);
            assert!(((d * x + e * y + f) / below - v).abs() < 1e-9);
        }
        assert!(homography([[1.0, 1.0]; 4], to).is_none());
    }

    #[test]
    fn corners_move_inwards_up_to_the_scale() {
        let op = Perspective {
            distortion_scale: 0.4.try_into().unwrap(),
            ..Perspective::default()
        };
        let mut largest = 0.0f64;
        for n in 0..300 {
            let mut draws = Draws::new(1, &[0; 32], n, "perspective", 0);
            let [[x0, y0], [x1, _], [_, y2], _] = op.corners(101, 81, &mut draws);
            assert!((0.0..=20.0).contains(&x0) && (0.0..=16.0).contains(&y0));
            assert!((80.0..=100.0).contains(&x1) && (64.0..=80.0).contains(&y2));
            largest = largest.max(x0);
        }
        assert_eq!(largest, 20.0);
    }

    proptest! {
        #[test]
        fn any_size_and_scale(w in 1u32..20, h in 1u32..20, n: u32, scale in 0.0..=1.0f64) {
            let op = Perspective {
                distortion_scale: f64::try_into(scale).unwrap(),
                p: 1.0.try_into().unwrap(),
                fill: Fill::Edge,
            };
            let grey = RgbImage::from_pixel(w, h, image::Rgb([9, 99, 199]));
            let mut draws = Draws::new(1, &[0; 32], n, "perspective", 0);
            prop_assert_eq!(&op.apply(grey.clone(), &mut draws), &grey);
        }
    }
}
