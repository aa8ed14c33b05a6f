//! The resizer against Pillow 13.0.0: `tests/golden/pillow_resize.csv` has the checksums of what
//! Pillow makes of generated pictures, and ours has to make the same. A slow resampler that works
//! as Pillow's does stands here for what no outside program is at hand for.

use image::RgbImage;

use crate::backbone::testing::{TINY_MANIFEST, manifest};
use crate::dataset::synth;

struct Case {
    image: RgbImage,
    to: (u32, u32),
    filter: String,
    digest: String,
}

fn cases() -> Vec<Case> {
    let table = include_str!("../../../tests/golden/pillow_resize.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let number = |column: usize| row[column].parse::<u32>().unwrap();
        Case {
            image: synth::image(u64::from(number(0)), 0, 0, number(1), number(2)),
            to: (number(3), number(4)),
            filter: row[5].to_owned(),
            digest: row[6].to_owned(),
        }
    });
    rows.collect()
}

fn weight(filter: &str, x: f64) -> f64 {
    let x = x.abs();
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI)
        }
    };
    match filter {
        "bilinear" => (1.0 - x).max(0.0),
        "bicubic" if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
        "bicubic" if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
        "lanczos" if x < 3.0 => sinc(x) * sinc(x / 3.0),
        _ => 0.0,
    }
}

/// For each place of a side: the first pixel that counts, and the weights in units of 2^-22.
fn weights(filter: &str, antialias: bool, from: u32, to: u32) -> Vec<(usize, Vec<i64>)> {
    let scale = f64::from(from) / f64::from(to);
    let wider = if antialias { scale.max(1.0) } else { 1.0 };
    let reach = wider
        * match filter {
            "bilinear" => 1.0,
            "bicubic" => 2.0,
            _ => 3.0,
        };
    let of = |place: u32| {
        let centre = (f64::from(place) + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let last = ((centre + reach + 0.5) as usize).min(from as usize);
        let raw: Vec<f64> = (first..last)
            .map(|x| weight(filter, (x as f64 - centre + 0.5) * (1.0 / wider)))
            .collect();
        let sum: f64 = raw.iter().sum();
        let unit = f64::from(1 << 22);
        (
            first,
            raw.iter()
                .map(|w| (w / sum * unit).round() as i64)
                .collect(),
        )
    };
    (0..to).map(of).collect()
}

/// Across, then down, each rounded to bytes. Pillow 13 goes down first where more than twice as
/// many rows as columns are lost; the checksums hold it to that.
fn slow(image: &RgbImage, (width, height): (u32, u32), filter: &str, antialias: bool) -> Vec<u8> {
    let (w, h) = image.dimensions();
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let across = weights(filter, antialias, w, width);
    let down = weights(filter, antialias, h, height);
    let pixels = image.as_raw();
    if height < h && 2 * lost(w, width) < lost(h, height) {
        go_across(
            &go_down(pixels, 3 * w as usize, &down),
            3 * w as usize,
            &across,
        )
    } else {
        let wide = go_across(pixels, 3 * w as usize, &across);
        go_down(&wide, 3 * width as usize, &down)
    }
}

fn level(sum: i64) -> u8 {
    ((sum + (1 << 21)) >> 22).clamp(0, 255) as u8
}

fn go_across(pixels: &[u8], row: usize, weights: &[(usize, Vec<i64>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for row in pixels.chunks_exact(row) {
        for (first, weights) in weights {
            for c in 0..3 {
                let terms = weights.iter().enumerate();
                let terms = terms.map(|(i, w)| w * i64::from(row[3 * (first + i) + c]));
                out.push(level(terms.sum()));
            }
        }
    }
    out
}

fn go_down(pixels: &[u8], row: usize, weights: &[(usize, Vec<i64>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (first, weights) in weights {
        for x in 0..row {
            let terms = weights.iter().enumerate();
            let terms = terms.map(|(i, w)| w * i64::from(pixels[(first + i) * row + x]));
            out.push(level(terms.sum()));
        }
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fast(image: &RgbImage, to: (u32, u32), filter: &str, antialias: bool) -> Vec<u8> {
    let text = TINY_MANIFEST
        .replace(
            "filter: bilinear, antialias: true",
            &format!("filter: {filter}, antialias: {antialias}"),
        )
        .replace("127.5, 127.5, 127.5", "1.0, 1.0, 1.0")
        .replace("mean: [1.0, 1.0, 1.0]", "mean: [0.0, 0.0, 0.0]")
        .replace("nchw", "nhwc")
        .replace("size: [32, 32]", &format!("size: [{}, {}]", to.1, to.0));
    let recipe = manifest(&text).unwrap().preprocess();
    let mut out = vec![0.0; recipe.input_len()];
    recipe.worker().apply("x", image, &mut out).unwrap();
    out.into_iter().map(|value| value as u8).collect()
}

#[test]
fn every_pixel_is_pillows() {
    let mut off = Vec::new();
    for case in cases() {
        let Case {
            image,
            to,
            filter,
            digest,
        } = &case;
        let size = format!("{}x{} to {}x{}", image.width(), image.height(), to.0, to.1);
        if !hex(&fast(image, *to, filter, true)).starts_with(digest.as_str()) {
            off.push(format!("{size} {filter}"));
        }
        if !hex(&slow(image, *to, filter, true)).starts_with(digest.as_str()) {
            off.push(format!("{size} {filter}, the slow one"));
        }
    }
    assert!(off.is_empty(), "{off:#?}");
}

/// Without antialias no outside program is at hand; the same arithmetic with a filter that does
/// not grow has to come out the same.
#[test]
fn without_antialias_the_filter_does_not_grow() {
    let image = synth::image(1, 0, 0, 300, 200);
    for filter in ["bilinear", "bicubic", "lanczos"] {
        for to in [(64, 64), (299, 224)] {
            let (fast, slow) = (
                fast(&image, to, filter, false),
                slow(&image, to, filter, false),
            );
            assert!(fast == slow, "{filter} {to:?}");
        }
    }
}

/// Pillow's `NEAREST` takes the pixel under the middle of the new one.
#[test]
fn the_nearest_pixel_is_the_one_under_the_middle() {
    let image = synth::image(2, 0, 0, 75, 50);
    for (width, height) in [(32, 24), (100, 120), (75, 10)] {
        let expected = RgbImage::from_fn(width, height, |x, y| {
            let under = |at: u32, from: u32, to: u32| (2 * at + 1) * from / (2 * to);
            *image.get_pixel(under(x, 75, width), under(y, 50, height))
        });
        let found = fast(&image, (width, height), "nearest", false);
        assert!(found == *expected.as_raw(), "{width}x{height}");
    }
}
