//! `catpipe model quantize`: an int8 backbone of a float one, used like any other.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

const PIPELINE: &str = "
name: shapes
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
extract: {backbone: tiny.yaml, batch: 4}
train: {head: logistic, epochs: 3}
evaluate: {}
";

/// Generated shapes, 24 to train on, and a small random network.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let sizes = ["--train", "8", "--test", "3", "--size", "40x32"];
    project.ok(&[&["synth", "shapes", "--classes", "3"], &sizes[..]].concat());
    project.write("p.yaml", PIPELINE);
    project
}

fn quantize<'a>(calibrate: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let args = ["model", "quantize", "tiny.yaml", "--calibrate", calibrate];
    [&args[..], more].concat()
}

const EASY: [&str; 6] = ["-o", "tiny8.onnx", "--bar", "0.98", "--bar-min", "0.95"];

#[test]
fn a_quantized_backbone_is_used_like_any_other() {
    let project = project();
    let ran = project.ok(&quantize("p.yaml", &[&EASY[..], &["--json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["file"], "tiny8.onnx");
    assert_eq!(json["manifest"], "tiny8.yaml");
    assert_eq!(json["report"]["convolutions"], 3);
    assert_eq!(json["report"]["calibration_images"], 18);
    assert_eq!(json["report"]["held_out_images"], 6);
    assert!(json["report"]["cosine"]["mean"].as_f64().expect("a number") > 0.98);

    let manifest = project.read("tiny8.yaml");
    for part in [
        "# tiny in int8, made by `catpipe model quantize`.\n# Made of tiny.onnx (sha256 ",
        "# by 24 images of p.yaml (sha256 ",
        "# ranges by percentile 99.999, weights rounded GPTQ, seed 1.\n",
        "\n# cosine mean ",
        "\nname: tiny-int8\n",
        "\nfile: tiny8.onnx\n",
    ] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }
    let float = project.ok(&["run", "p.yaml"]);
    assert!(float.stdout.contains("shapes"), "{}", float.stdout);
    let checked = ["check", "p.yaml", "--set", "extract.backbone=tiny8.yaml"];
    project.ok(&checked);
    let integer = ["run", "p.yaml", "--set", "extract.backbone=tiny8.yaml"];
    let integer = project.ok(&integer);
    // Other rows than the float ones: none is taken from there.
    assert!(!integer.stderr.contains("cached"), "{}", integer.stderr);
}

#[test]
fn the_same_command_writes_the_same_bytes_and_a_folder_is_as_good() {
    let project = project();
    let mut files = Vec::new();
    for name in ["a.onnx", "b.onnx"] {
        let args = [
            "-o",
            name,
            "--bar",
            "0.9",
            "--bar-min",
            "0.9",
            "--images",
            "8",
        ];
        let ran = project.ok(&quantize("shapes/train", &args));
        assert!(
            ran.stdout.contains("3 of 3 convolutions in int8"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains("features of 2 calibration images"),
            "{}",
            ran.stdout
        );
        files.push(std::fs::read(project.path(name)).expect("a file"));
    }
    assert_eq!(files[0], files[1]);
    let manifest = project.read("b.yaml");
    assert!(
        manifest.contains("by 8 images of shapes/train"),
        "{manifest}"
    );
}

#[test]
fn a_folder_may_hold_other_files() {
    let project = project();
    project.write("shapes/train/notes.txt", "not an image");
    project.write("shapes/.hidden/x.png", "not an image");
    // Begins like an image and ends too early.
    project.write("shapes/cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0");
    project.ok(&quantize("shapes", &EASY));
}

#[test]
fn layers_that_went_back_to_float_stand_in_a_table() {
    let project = project();
    let first = project.ok(&quantize("p.yaml", &[&EASY[..], &["--json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&first.stdout).expect("JSON");
    let mean = json["report"]["cosine"]["mean"].as_f64().expect("a number");
    let bar = format!("{:.9}", mean + 0.05 * (1.0 - mean));
    let args = ["-o", "t.onnx", "--bar", &bar, "--bar-min", "0"];
    let text = project.ok(&quantize("p.yaml", &args)).stdout;
    for part in [
        "with all convolutions in int8: cosine",
        "mean cosine gained in float",
        "float\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let manifest = project.read("t.yaml");
    assert!(manifest.contains(" in float\n"), "{manifest}");
}

#[test]
fn what_cannot_be_done_is_refused_and_writes_nothing() {
    let project = project();
    std::fs::create_dir(project.path("empty")).expect("a folder");
    let refusals: [(&str, &[&str], i32, &str); 8] = [
        (
            "empty",
            &EASY,
            2,
            "empty: no image lies in this folder or below it",
        ),
        ("none.yaml", &EASY, 2, "none.yaml"),
        (
            "p.yaml",
            &["-o", "tiny.onnx"],
            2,
            "would be written over tiny.yaml",
        ),
        (
            "p.yaml",
            &["-o", "x.bin"],
            2,
            "--output must end with .onnx",
        ),
        (
            "p.yaml",
            &["-o", "t.onnx", "--images", "3"],
            2,
            "3 is not in 4..=4096",
        ),
        (
            "p.yaml",
            &["-o", "t.onnx", "--percentile", "1"],
            2,
            "must be between 50 and 100",
        ),
        (
            "p.yaml",
            &["-o", "t.onnx", "--bar", "1", "--bar-min", "1"],
            1,
            "Nothing has been written",
        ),
        (
            "p.yaml",
            &["-o", "no/t.onnx", "--bar", "0.9", "--bar-min", "0.9"],
            1,
            "no/t.onnx",
        ),
    ];
    for (calibrate, more, code, message) in refusals {
        let ran = project.run(&quantize(calibrate, more));
        assert_eq!(ran.code, code, "{more:?} {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{message}: {}", ran.stderr);
        assert!(!project.path("t.onnx").exists() && !project.path("t.yaml").exists());
    }
    project.ok(&quantize("p.yaml", &EASY));
    let again = [
        "model",
        "quantize",
        "tiny8.yaml",
        "--calibrate",
        "p.yaml",
        "-o",
        "t.onnx",
    ];
    let again = project.run(&again);
    assert_eq!(again.code, 1);
    assert!(
        again.stderr.contains("is quantized already"),
        "{}",
        again.stderr
    );
}
