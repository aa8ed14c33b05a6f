//! From pixels to values: known values, sizes, and refusals.

use image::Rgb;
use proptest::prelude::*;

use super::*;
use crate::backbone::testing::{TINY_MANIFEST, manifest};

fn recipe(changes: &[(&str, &str)]) -> Preprocess {
    let mut text = TINY_MANIFEST.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    manifest(&text).unwrap().preprocess()
}

fn applied(recipe: &Preprocess, image: &RgbImage) -> Vec<f32> {
    let mut out = vec![f32::NAN; recipe.input_len()];
    recipe.worker().apply("x", image, &mut out).unwrap();
    out
}

/// Red 10, green 20, blue 30 plus the pixel's number.
fn counted(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let n = ((y * width + x) % 200) as u8;
        Rgb([10 + n, 20 + n, 30 + n])
    })
}

#[test]
fn channels_become_planes_in_the_order_of_color() {
    let size = ("size: [32, 32]", "size: [1, 2]");
    let mean = ("mean: [127.5, 127.5, 127.5]", "mean: [1.0, 2.0, 3.0]");
    let std = ("std: [127.5, 127.5, 127.5]", "std: [1.0, 2.0, 4.0]");
    let scale = ("scale: 1.0", "scale: 0.5");
    let image = counted(2, 1);
    let rgb = recipe(&[size, mean, std, scale]);
    // (x * 0.5 - mean) / std by hand, plane after plane.
    assert_eq!(applied(&rgb, &image), [4.0, 4.5, 4.0, 4.25, 3.0, 3.125]);
    let bgr = recipe(&[size, mean, std, scale, ("color: rgb", "color: bgr")]);
    assert_eq!(applied(&bgr, &image), [14.0, 14.5, 4.0, 4.25, 0.5, 0.625]);
}

#[test]
fn an_image_of_the_right_size_keeps_its_pixels() {
    let identity = recipe(&[
        ("mean: [127.5, 127.5, 127.5]", "mean: [0.0, 0.0, 0.0]"),
        ("std: [127.5, 127.5, 127.5]", "std: [1.0, 1.0, 1.0]"),
    ]);
    let image = RgbImage::from_fn(32, 32, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
    let out = applied(&identity, &image);
    for (c, plane) in out.chunks(32 * 32).enumerate() {
        let channel: Vec<_> = image.pixels().map(|pixel| f32::from(pixel[c])).collect();
        assert_eq!(plane, channel);
    }
}

#[test]
fn height_and_width_are_not_confused() {
    let wide = recipe(&[("size: [32, 32]", "size: [2, 5]")]);
    let image = RgbImage::from_fn(
        10,
        4,
        |_, y| if y < 2 { Rgb([0; 3]) } else { Rgb([255; 3]) },
    );
    let out = applied(&wide, &image);
    assert_eq!(out.len(), 30);
    assert!(out[0] < -0.5 && out[9] > 0.5, "{out:?}");
}

#[test]
fn a_worker_may_be_used_again_for_any_size() {
    let recipe = recipe(&[]);
    let mut worker = recipe.worker();
    let images = [
        counted(3, 5),
        counted(64, 2),
        counted(32, 32),
        counted(3, 5),
    ];
    for image in &images {
        let mut out = vec![0.0; recipe.input_len()];
        worker.apply("x", image, &mut out).unwrap();
        assert_eq!(out, applied(&recipe, image));
    }
}

#[test]
fn pixels_are_the_image_in_zero_to_one() {
    let recipe = Preprocess::pixels(2, 1);
    let image = RgbImage::from_raw(2, 1, vec![0, 51, 255, 102, 153, 204]).unwrap();
    assert_eq!(applied(&recipe, &image), [0.0, 0.2, 1.0, 0.4, 0.6, 0.8]);
    assert_eq!(recipe.key(), "pixels 2x1 rgb hwc x/255");
}

#[test]
fn pixels_of_another_size_name_the_image() {
    let recipe = Preprocess::pixels(2, 1);
    let error = recipe
        .worker()
        .apply("test/17", &counted(3, 1), &mut [0.0; 6])
        .expect_err("size");
    assert_eq!(
        error.to_string(),
        "image test/17 is 3x1 pixels and the first is 2x1: `backbone: pixels` needs images of one \
         size (a backbone with a network resizes them)"
    );
}

#[test]
fn an_image_without_pixels_is_refused() {
    let recipe = recipe(&[]);
    let mut out = vec![0.0; recipe.input_len()];
    for (width, height) in [(0, 0), (0, 5), (5, 0)] {
        let image = RgbImage::new(width, height);
        let error = recipe
            .worker()
            .apply("a.png", &image, &mut out)
            .expect_err("no pixels");
        let expected =
            format!("image a.png ({width}x{height} pixels) cannot be resized: it has no pixels");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_output_of_another_length_is_refused() {
    let error = recipe(&[])
        .worker()
        .apply("x", &counted(2, 2), &mut [0.0; 5])
        .expect_err("length");
    assert_eq!(
        error.to_string(),
        "one image's input must hold 3072 values, and holds 5"
    );
}

#[test]
fn the_key_changes_with_each_setting_and_with_nothing_else() {
    let plain = recipe(&[]).key();
    let changes = [
        ("color: rgb", "color: bgr"),
        ("scale: 1.0", "scale: 2.0"),
        ("mean: [127.5", "mean: [127.25"),
        ("std: [127.5", "std: [127.25"),
        ("size: [32, 32]", "size: [32, 33]"),
    ];
    let mut keys: Vec<_> = changes
        .iter()
        .map(|change| recipe(&[*change]).key())
        .collect();
    keys.push(plain.clone());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), changes.len() + 1);
    assert_eq!(
        recipe(&[("name: tiny", "name: other"), ("width: 8", "width: 9")]).key(),
        plain
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A weighted mean lies between the least and the greatest.
    #[test]
    fn resizing_stays_within_the_image(
        width in 1_u32..80, height in 1_u32..80, low in 0_u8..200, span in 1_u8..55, seed: u32,
    ) {
        let image = RgbImage::from_fn(width, height, |x, y| {
            let n = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ seed;
            Rgb([low + (n % u32::from(span)) as u8; 3])
        });
        let out = applied(&recipe(&[]), &image);
        let value = |level: u8| (f32::from(level) - 127.5) / 127.5;
        // One grey level for the resizer's rounding.
        let (least, most) = (value(low.saturating_sub(1)), value(low + span));
        prop_assert!(out.iter().all(|value| (least..=most).contains(value)));
    }
}
