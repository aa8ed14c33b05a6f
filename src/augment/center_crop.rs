//! `center_crop`: the middle of the image.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::number::Numbers;
use super::pad::{PaddingMode, window};

/// Cuts out the middle; an image that is smaller gets black borders (torchvision's `CenterCrop`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// `[height, width]` in pixels, or one number for both.
    pub size: CropSize,
}

/// Height and width in pixels, 1 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct CropSize([u32; 2]);

impl TryFrom<Numbers> for CropSize {
    type Error = String;

    fn try_from(Numbers(given): Numbers) -> Result<Self, String> {
        let size = match given[..] {
            [both] => [both; 2],
            [height, width] => [height, width],
            _ => {
                return Err(format!(
                    "must be a number or [height, width], found {given:?}"
                ));
            }
        };
        if size
            .iter()
            .any(|v| !(1.0..=4096.0).contains(v) || v.fract() != 0.0)
        {
            return Err(format!(
                "must be of whole numbers between 1 and 4096, found {given:?}"
            ));
        }
        Ok(CropSize(size.map(|v| v as u32)))
    }
}

impl CenterCrop {
    pub(super) fn apply(&self, image: RgbImage, _: &mut Draws) -> RgbImage {
        let [height, width] = self.size.0;
        let origin = [start(image.width(), width), start(image.height(), height)];
        window(
            &image,
            origin,
            (width, height),
            PaddingMode::Constant,
            [0; 3],
        )
    }
}

/// Where the crop begins: torchvision pads by `(crop - side) // 2` before the image, and cuts off
/// `round((side - crop) / 2)`, half to even.
fn start(side: u32, crop: u32) -> i64 {
    if crop > side {
        -i64::from((crop - side) / 2)
    } else {
        libm::rint(f64::from(side - crop) / 2.0) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::tests::picture;

    fn cropped(size: &str, w: u32, h: u32) -> RgbImage {
        let op: CenterCrop = serde_json::from_str(&format!(r#"{{"size": {size}}}"#)).unwrap();
        op.apply(
            picture(w, h),
            &mut Draws::new(1, &[0; 32], 1, "center_crop", 0),
        )
    }

    #[test]
    fn the_middle_is_cut_out() {
        let crop = cropped("[3, 5]", 11, 8);
        assert_eq!(crop.dimensions(), (5, 3));
        // round(2.5) is 2 in Python.
        assert_eq!(crop.get_pixel(0, 0), picture(11, 8).get_pixel(3, 2));
        assert_eq!(cropped("6", 6, 6), picture(6, 6));
    }

    #[test]
    fn what_is_missing_is_black() {
        let crop = cropped("4", 9, 1);
        assert_eq!(crop.dimensions(), (4, 4));
        assert_eq!(crop.get_pixel(0, 1), picture(9, 1).get_pixel(2, 0));
        assert_eq!(
            crop.rows()
                .filter(|row| row.clone().all(|p| p.0 == [0; 3]))
                .count(),
            3
        );
    }

    #[test]
    fn sizes_are_checked() {
        for size in ["0", "1.5", "5000", "[1, 2, 3]", "-3", "[]"] {
            let text = format!(r#"{{"size": {size}}}"#);
            let message = serde_json::from_str::<CenterCrop>(&text)
                .unwrap_err()
                .to_string();
            assert!(message.contains("must be"), "{size}: {message}");
        }
    }
}
