//! The real ResNet50: imported natively, run by the real ONNX Runtime, compared with features that
//! others have computed.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::io::Write;
use std::path::PathBuf;

use catpipe::assets::{cache_dir, runtime_dir};
use catpipe::backbone::onnx::{self, Dim, Summary};
use catpipe::backbone::{Manifest, Runtime, Search, Session, SessionOptions};
use catpipe::dataset::synth;
use image::RgbImage;
use ndarray::{Array2, Array4, ArrayView1, Axis};
use ndarray_npy::ReadNpyExt;

use common::checkout;

fn manifest() -> Manifest {
    Manifest::read(&checkout("onnx/resnet50.yaml")).expect("the manifest")
}

/// A session for another output of the same graph.
fn session(output: &str, width: usize) -> Session {
    let text = std::fs::read_to_string(checkout("onnx/resnet50.yaml")).expect("the manifest");
    let text = text
        .replace("name: features", &format!("name: {output}"))
        .replace("width: 2048", &format!("width: {width}"));
    let document = catpipe::yaml::Document::parse("resnet50.yaml".as_ref(), &text);
    let manifest = Manifest::from_document(document.expect("YAML")).expect("a manifest");
    let cache = cache_dir().expect("a cache folder");
    let runtime = Runtime::locate(&Search::from_env(None, runtime_dir(&cache)));
    let runtime = runtime.expect("ONNX Runtime: `make test` gets it");
    let options = SessionOptions::default();
    Session::open(&manifest, &checkout(""), &runtime, &options).expect("a session")
}

/// The chosen output for each image, one row an image.
fn run(session: &mut Session, images: &[RgbImage]) -> Array2<f32> {
    let mut worker = manifest().preprocess().worker();
    let mut input = vec![0.0; images.len() * session.input_len()];
    for (image, input) in images.iter().zip(input.chunks_mut(session.input_len())) {
        worker.apply("an image", image, input).expect("an input");
    }
    let mut rows = Array2::zeros((images.len(), session.width()));
    let out = rows.as_slice_mut().expect("in order");
    session.run(&input, images.len(), out).expect("features");
    rows
}

fn cosine(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    let dot = |x: ArrayView1<f32>, y: ArrayView1<f32>| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn top(row: ArrayView1<f32>) -> usize {
    (0..row.len())
        .max_by(|a, b| row[*a].total_cmp(&row[*b]))
        .expect("a class")
}

#[test]
fn the_graph_is_what_was_promised() {
    manifest()
        .check_graph(&checkout(""))
        .expect("`make test` builds it");
    let model = onnx::read(&checkout("onnx/resnet50.onnx")).expect("a graph");
    let summary = Summary::of(&model);
    assert!(summary.opset >= Some(17), "{:?}", summary.opset);
    let ports: Vec<String> = summary
        .inputs
        .iter()
        .chain(&summary.outputs)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        ports,
        [
            "input: float32 [N, 3, 224, 224]",
            "features: float32 [N, 2048]",
            "feature_map: float32 [N, 2048, 7, 7]",
            "probabilities: float32 [N, 1000]",
        ]
    );
    let graph = model.graph.expect("a graph");
    assert!(
        graph
            .node
            .iter()
            .all(|node| node.op_type() != "BatchNormalization"),
        "folded"
    );
    let dims = summary.inputs[0].dims.clone().expect("dims");
    assert!(matches!(dims[0], Dim::Symbol(_)), "dynamic batch");
}

/// Twelve of the 2048 features, and the length of the whole row, of a generated picture. Made with
/// Pillow 13.0.0 (resize BILINEAR to 224x224), NumPy 2.4.6 and the `onnxruntime` 1.31.0 Python
/// package on the imported file.
#[test]
fn features_of_a_generated_picture_are_those_that_python_gives() {
    let image = synth::image(1, 0, 0, 96, 96);
    let rows = run(&mut session("features", 2048), &[image]);
    let row = rows.row(0);
    for (index, expected) in GOLDEN {
        let found = row[index];
        // Our resize may differ from Pillow's by a grey level or two when it enlarges.
        let close = (found - expected).abs() <= 0.05 + 0.02 * expected.abs();
        assert!(close, "feature {index}: {found}, expected {expected}");
    }
    let length = row
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt();
    assert!((length / GOLDEN_LENGTH - 1.0).abs() < 2e-3, "{length}");
}

const GOLDEN: [(usize, f32); 12] = [
    (0, 0.6932),
    (153, 1.4789),
    (500, 0.1346),
    (647, 2.2580),
    (1000, 1.6856),
    (1067, 4.7851),
    (1158, 7.2387),
    (1175, 5.9062),
    (1288, 3.6471),
    (1651, 9.8453),
    (1681, 6.0777),
    (2047, 0.1457),
];
const GOLDEN_LENGTH: f64 = 35.08122;

#[test]
fn rows_do_not_depend_on_the_batch() {
    let mut session = session("features", 2048);
    let images: Vec<RgbImage> = (0..5).map(|i| synth::image(1, 0, i, 64, 64)).collect();
    let together = run(&mut session, &images);
    for (image, row) in images.iter().zip(together.rows()) {
        let alone = run(&mut session, std::slice::from_ref(image));
        assert_eq!(alone.row(0), row, "bit by bit");
    }
}

#[test]
fn the_features_are_found_where_only_classes_are_offered() {
    let whole = onnx::read(&checkout("onnx/resnet50.onnx")).expect("`make test` builds it");
    let classes = onnx::prune(&whole, &["probabilities"]).expect("an output");
    let (cut, chosen) = onnx::features(&classes, None).expect("features");
    assert_eq!(chosen.dims, Some(vec![1, 2048]));
    let expected = onnx::prune(&whole, &["features", "feature_map"]).expect("outputs");
    assert_eq!(Summary::of(&cut).outputs, Summary::of(&expected).outputs);
    assert_eq!(
        Summary::of(&cut).parameters,
        Summary::of(&expected).parameters
    );
    // He et al. count 3.8e9 multiplications.
    let flops = onnx::Shapes::of(&whole).flops().expect("a count");
    assert!((7_500_000_000..7_900_000_000).contains(&flops), "{flops}");
}

/// Reads a reference array, or says that this machine does not have it.
fn reference<A: ReadNpyExt>(name: &str) -> Option<A> {
    let path: PathBuf = checkout("../shared/reference").join(name);
    if !path.exists() {
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "NOT TESTED: {} is not on this machine",
            path.display()
        );
        return None;
    }
    let file = std::fs::File::open(&path).expect("a readable file");
    Some(A::read_npy(file).expect("an array"))
}

#[test]
fn parity_with_keras_features() {
    let (Some(pixels), Some(features), Some(probabilities)) = (
        reference::<Array4<u8>>("cats_test_0_16_resized.npy"),
        reference::<Array2<f32>>("cats_test_0_16_features.npy"),
        reference::<Array2<f32>>("cats_test_0_16_probabilities.npy"),
    ) else {
        return;
    };
    let images: Vec<RgbImage> = pixels
        .axis_iter(Axis(0))
        .map(|image| RgbImage::from_raw(224, 224, image.iter().copied().collect()).expect("pixels"))
        .collect();
    let found = run(&mut session("features", 2048), &images);
    for (row, expected) in found.rows().into_iter().zip(features.rows()) {
        assert!(
            cosine(row, expected) >= 0.99999,
            "{}",
            cosine(row, expected)
        );
    }
    let difference = (&found - &features)
        .mapv(f32::abs)
        .fold(0.0_f32, |a, b| a.max(*b));
    assert!(difference <= 1e-3, "{difference}");
    let classes = run(&mut session("probabilities", 1000), &images);
    for (row, expected) in classes.rows().into_iter().zip(probabilities.rows()) {
        assert_eq!(top(row), top(expected), "the most probable class");
    }
}
