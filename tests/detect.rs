//! `catpipe model detect`: the program on a classifier of colours.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use catpipe::backbone::onnx;
use catpipe::backbone::onnx::palette::{self, Palette};
use image::{Rgb, RgbImage};
use serde_json::Value;

use common::Project;

/// What torchvision's networks expect.
const TORCH: Palette = Palette {
    size: 16,
    nhwc: false,
    bgr: false,
    scale: 1.0 / 255.0,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
};

/// A project with a classifier of colours and `count` pictures of one colour each, some of them in
/// a nested folder, and a file that is no picture.
fn project(count: usize) -> Project {
    let project = Project::new();
    let model = palette::classifier(&TORCH);
    onnx::write(&project.path("classifier.onnx"), &model).expect("a classifier");
    project.write("pictures/notes.txt", "no picture");
    for folder in ["pictures/a/below", "pictures/b"] {
        std::fs::create_dir_all(project.path(folder)).expect("folders");
    }
    for n in 0..count {
        let folder = ["pictures/a/below", "pictures/b"][n % 2];
        let picture = RgbImage::from_pixel(40, 30, Rgb(palette::colour(37 * n)));
        let path = project.path(&format!("{folder}/{n}.png"));
        picture.save(path).expect("a picture");
    }
    project
}

#[test]
fn what_is_found_is_a_backbone_at_once() {
    let project = project(40);
    let detect = ["model", "detect", "classifier.onnx", "--images", "pictures"];
    let ran = project.ok(&[&detect[..], &["-o", "found.yaml"]].concat());
    let best = ran.stdout.lines().nth(4).expect("a row");
    assert!(best.starts_with("torch-imagenet  rgb "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("40 pictures from pictures, 1 file passed over as no picture"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("found-features.onnx: written"),
        "{}",
        ran.stdout
    );
    let manifest = project.read("found.yaml");
    assert!(manifest.contains("preset: torch-imagenet"), "{manifest}");

    project.write(
        "pipeline.yaml",
        "name: colours
dataset:
  train: {folder: pictures, exclude: [\"*.txt\"]}
extract: {backbone: found.yaml}
",
    );
    project.ok(&["run", "pipeline.yaml"]);
    let again = project.run(&[&detect[..], &["-o", "found.yaml"]].concat());
    assert_eq!(again.code, 1);
    assert!(
        again
            .stderr
            .contains("found.yaml: exists already, and is left alone")
    );
}

#[test]
fn other_programs_get_the_figures_and_a_failure_its_code() {
    let project = project(12);
    let detect = [
        "model",
        "detect",
        "classifier.onnx",
        "--images",
        "pictures",
        "--json",
    ];
    let ran = project.run(&[&detect[..], &["-o", "found.yaml"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("can't tell what it expects from 12 pictures: give at least 16"),
        "{}",
        ran.stderr
    );
    let json: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["verdict"]["kind"], "too_few");
    assert_eq!(json["trials"].as_array().map(Vec::len), Some(20));
    assert_eq!(json["trials"][0]["convention"], "torch-imagenet");
    assert_eq!(
        (&json["manifest"], &json["passed_over"]),
        (&Value::Null, &Value::from(1))
    );
    assert!(!project.path("found.yaml").exists());
}

#[test]
fn what_cannot_be_tried_is_said_at_once() {
    let project = project(0);
    let detect = ["model", "detect", "classifier.onnx", "--images"];
    let none = project.run(&[&detect[..], &["pictures"]].concat());
    assert_eq!(none.code, 1);
    let expected = "error: pictures: there is no picture in this folder or below it\n";
    assert_eq!(none.stderr, expected);
    project.write("pictures/broken.png", b"\x89PNG\r\n\x1a\n and no more");
    let broken = project.run(&[&detect[..], &["pictures"]].concat());
    let expected = "no picture in this folder or below it; pictures/broken.png is a damaged";
    assert!(broken.stderr.contains(expected), "{}", broken.stderr);
    let nowhere = project.run(&[&detect[..], &["nowhere"]].concat());
    assert!(
        nowhere
            .stderr
            .starts_with("error: nowhere: cannot be read: "),
        "{}",
        nowhere.stderr
    );
    project.tiny_backbone("tiny");
    let tiny = project.run(&["model", "detect", "tiny.onnx", "--images", "pictures"]);
    assert_eq!(tiny.code, 1);
    assert!(
        tiny.stderr
            .contains("tiny.onnx: no output has the 1000 (or 1001) classes")
    );
}
