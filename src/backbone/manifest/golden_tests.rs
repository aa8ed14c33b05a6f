//! What a manifest says comes out as the real programs have it: `tests/golden/preprocess.json`,
//! made by `tests/golden/preprocess.py` with timm 1.0.31, transformers 5.23.0, torchvision 0.29.2
//! and keras-applications 1.0.8. The script's essence:
//!
//! ```python
//! timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=said))(image)
//! getattr(transformers, name)(**said)(image, return_tensors="np")["pixel_values"][0]
//! transformers.CLIPImageProcessor()(image, return_tensors="np")["pixel_values"][0]  # preset: clip
//! transforms.Compose([Resize(256), CenterCrop(224), ToTensor(), Normalize(mean, std)])(image)
//! ```

use std::fs;

use image::{Rgb, RgbImage};
use serde::Deserialize;
use serde_json::Value;

use super::Manifest;
use super::tests::with_preprocess;

#[derive(Deserialize)]
struct Case {
    kind: String,
    said: Value,
    /// Width and height.
    picture: [u32; 2],
    /// Height and width.
    size: [usize; 2],
    values: Vec<f32>,
}

/// Triangular waves, so steep that a shift of one pixel is eight grey levels.
fn picture([width, height]: [u32; 2]) -> RgbImage {
    let wave = |t: u32| (t % 510).abs_diff(255) as u8;
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([wave(8 * x), wave(8 * y), wave(4 * x + 4 * y)])
    })
}

/// What the manifest of a case makes of its picture, at the places of the script.
fn made(case: &Case) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("said.json"), case.said.to_string()).unwrap();
    let said = match case.kind.as_str() {
        "preset" => case.said.as_str().unwrap(),
        _ => "said.json",
    };
    let [height, width] = case.size;
    let text = with_preprocess(&format!("{{{}: {said}}}", case.kind));
    let text = text.replace("size: [32, 32]", &format!("size: [{height}, {width}]"));
    let path = folder.path().join("m.yaml");
    fs::write(&path, text).unwrap();
    let manifest = Manifest::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let preprocess = manifest.preprocess();
    let mut out = vec![0.0; preprocess.input_len()];
    let picture = picture(case.picture);
    preprocess
        .worker()
        .apply("a picture", &picture, &mut out)
        .unwrap();
    let (bottom, right) = (height - 1, width - 1);
    let corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)];
    let places = corners.into_iter().chain([(height / 2, width / 3)]);
    let channels = |(y, x)| (0..3).map(move |c| (c * height + y) * width + x);
    places.flat_map(channels).map(|at| out[at]).collect()
}

/// What a grey level is at most in the values of a case.
fn level(case: &Case) -> f32 {
    let std = match (case.kind.as_str(), &case.said) {
        ("preset", Value::String(name)) if name == "keras-caffe" => return 1.0,
        ("preset", Value::String(name)) if name == "keras-tf" => 0.5,
        ("preset", Value::String(name)) if name == "clip" => 0.261,
        ("huggingface", said) if said["do_normalize"] == false => 1.0,
        ("huggingface", _) => 0.5,
        _ => 0.224,
    };
    1.0 / 255.0 / std
}

#[test]
fn the_values_are_those_of_the_real_programs() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../tests/golden/preprocess.json")).unwrap();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for case in &cases {
        let found = made(case);
        // Two levels for another program's rounding, and a little for four printed digits.
        let most = 2.1 * level(case) + 1e-4;
        let apart = found.iter().zip(&case.values).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        if apart > most || found.len() != case.values.len() {
            let levels = apart / level(case);
            wrong.push(format!(
                "{} {} {:?}: {levels:.1} levels",
                case.kind, case.said, case.picture
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
