//! The real EfficientNet-Lite0: imported natively from its state dict, run by the real ONNX
//! Runtime, compared with what PyTorch computes.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::io::Write;

use catpipe::assets::{cache_dir, runtime_dir};
use catpipe::backbone::onnx::{self, Summary};
use catpipe::backbone::{Manifest, Runtime, Search, Session, SessionOptions};
use ndarray::ArrayView1;

use common::{Project, checkout};

fn text() -> String {
    std::fs::read_to_string(checkout("onnx/efficientnet_lite0.yaml")).expect("the manifest")
}

fn manifest(text: &str) -> Manifest {
    let document = catpipe::yaml::Document::parse("efficientnet_lite0.yaml".as_ref(), text);
    Manifest::from_document(document.expect("YAML")).expect("a manifest")
}

/// A session for an output; the manifest's checksum is checked when it opens.
fn session(output: &str, width: usize) -> Session {
    let text = text()
        .replace("name: features", &format!("name: {output}"))
        .replace("width: 1280", &format!("width: {width}"));
    let cache = cache_dir().expect("a cache folder");
    let runtime = Runtime::locate(&Search::from_env(None, runtime_dir(&cache)));
    let runtime = runtime.expect("ONNX Runtime: `make test` gets it");
    let options = SessionOptions::default();
    Session::open(&manifest(&text), &checkout(""), &runtime, &options).expect("a session")
}

/// A disc on a ramp of colours, as the network takes it: (x - 127) / 128.
fn picture() -> Vec<f32> {
    let level = |channel: usize, y: usize, x: usize| {
        let disc = x.abs_diff(112).pow(2) + y.abs_diff(90).pow(2) < 3600;
        match (disc, channel) {
            (true, _) => [200, 120, 40][channel],
            (false, 0) => x * 255 / 223,
            (false, 1) => y * 255 / 223,
            (false, _) => 128,
        }
    };
    (0..3 * 224 * 224)
        .map(|place| level(place / 50_176, place / 224 % 224, place % 224))
        .map(|level| (level as f32 - 127.0) / 128.0)
        .collect()
}

/// Some of the 1280 features of [`picture`], the length of the whole row, and the best class with
/// its logit: made with PyTorch 2.15.0 and `efficientnet_lite_pytorch` 0.1.0 from the same file.
const GOLDEN: [(usize, f32); 12] = [
    (0, 0.0),
    (113, 4.79936),
    (153, 0.00315),
    (500, 0.0),
    (647, 0.90255),
    (834, 2.44784),
    (835, 2.2756),
    (897, 3.91845),
    (1000, 0.0),
    (1157, 3.12376),
    (1231, 2.09273),
    (1279, 0.0),
];
const GOLDEN_LENGTH: f64 = 13.745_833_7;
const GOLDEN_LOGIT: (usize, f32) = (722, 7.91280);

#[test]
fn features_and_classes_are_those_that_pytorch_gives() {
    let mut row = vec![0.0; 1280];
    let ran = session("features", 1280).run(&picture(), 1, &mut row);
    ran.expect("features");
    for (index, expected) in GOLDEN {
        let found = row[index];
        let close = (found - expected).abs() <= 1e-4;
        assert!(close, "feature {index}: {found}, expected {expected}");
    }
    let length = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    assert!((length.sqrt() / GOLDEN_LENGTH - 1.0).abs() < 1e-5);
    let mut logits = vec![0.0; 1000];
    let ran = session("logits", 1000).run(&picture(), 1, &mut logits);
    ran.expect("logits");
    let (class, logit) = GOLDEN_LOGIT;
    let logits = ArrayView1::from(&logits);
    assert!((logits[class] - logit).abs() <= 1e-3, "{}", logits[class]);
    assert!(logits.iter().all(|other| *other <= logits[class]));
}

#[test]
fn the_graph_is_what_was_promised() {
    let model = onnx::read(&checkout("onnx/efficientnet_lite0.onnx")).expect("`make test` has it");
    let summary = Summary::of(&model);
    let ports = summary.inputs.iter().chain(&summary.outputs);
    let ports: Vec<String> = ports.map(ToString::to_string).collect();
    assert_eq!(
        ports,
        [
            "input: float32 [N, 3, 224, 224]",
            "features: float32 [N, 1280]",
            "feature_map: float32 [N, 1280, 7, 7]",
            "logits: float32 [N, 1000]",
        ]
    );
    let flops = onnx::Shapes::of(&model).flops().expect("a count");
    assert!((760_000_000..820_000_000).contains(&flops), "{flops}");
    let logits = onnx::prune(&model, &["logits"]).expect("an output");
    let (_, chosen) = onnx::features(&logits, None).expect("features");
    assert_eq!(chosen.dims, Some(vec![1, 1280]));
}

/// The pipeline's own preprocessing, from files to a score.
#[test]
fn one_line_of_a_pipeline_names_it() {
    let project = Project::new();
    project.ok(&[
        "synth",
        "shapes",
        "--classes",
        "2",
        "--train",
        "4",
        "--test",
        "2",
    ]);
    project.write("onnx/efficientnet_lite0.yaml", text());
    let graph = project.path("onnx/efficientnet_lite0.onnx");
    std::fs::copy(checkout("onnx/efficientnet_lite0.onnx"), graph).expect("a copy");
    project.write("p.yaml", PIPELINE);
    project.ok(&["run", "p.yaml"]);
    let metrics = project.json("runs/shapes/metrics.json");
    assert_eq!(metrics["test"]["total"], 4);
    let head = std::fs::read(project.path("runs/shapes/head.safetensors")).expect("a head");
    assert!(
        String::from_utf8_lossy(&head).contains("1280"),
        "as wide as the features"
    );
}

const PIPELINE: &str = "
name: shapes
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
extract: {backbone: onnx/efficientnet_lite0.yaml}
train: {head: logistic, epochs: 3}
evaluate: {}
";

/// Ants and bees are classes 310 and 309 of ImageNet: with the manifest's preprocessing the
/// network knows more of them than with any other; figures stand there.
#[test]
fn the_preprocessing_gives_right_answers() {
    let photographs = checkout("../shared/mirror/hymenoptera_data/val");
    if !photographs.exists() {
        // Straight to stderr: the test harness would keep a print to itself.
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "NOT TESTED: {} is not on this machine",
            photographs.display()
        );
        return;
    }
    let mut session = session("logits", 1000);
    let mut worker = manifest(&text()).preprocess().worker();
    let (mut right, mut total) = (0, 0);
    for (folder, class) in [("ants", 310), ("bees", 309)] {
        let files = std::fs::read_dir(photographs.join(folder)).expect("a folder");
        let mut files: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
        files.sort();
        for path in files.iter().step_by(4) {
            let image = image::open(path).expect("a picture").to_rgb8();
            let mut input = vec![0.0; session.input_len()];
            worker
                .apply("a photograph", &image, &mut input)
                .expect("an input");
            let mut logits = vec![0.0; 1000];
            session.run(&input, 1, &mut logits).expect("logits");
            right += usize::from(logits.iter().all(|other| *other <= logits[class]));
            total += 1;
        }
    }
    assert!(right * 100 >= total * 80, "{right} of {total}");
}
