//! The real MobileNet: imported natively from its public files, run by the real ONNX Runtime,
//! compared with features that others have computed.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

use std::io::Write;
use std::path::{Path, PathBuf};

use catpipe::assets::{cache_dir, runtime_dir};
use catpipe::backbone::onnx::{self, tfjs};
use catpipe::backbone::{Manifest, Runtime, Search, Session, SessionOptions};
use image::RgbImage;
use ndarray::{Array2, Array4, ArrayView1, Axis};
use ndarray_npy::ReadNpyExt;

/// A file of this checkout.
fn checkout(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A file beside the checkout, or a line that says what could not be tested.
fn shared(relative: &str) -> Option<PathBuf> {
    let path = checkout("../shared").join(relative);
    if path.exists() {
        return Some(path);
    }
    // Straight to stderr: the test harness would keep a print to itself.
    let mut stderr = std::io::stderr();
    let _ = writeln!(
        stderr,
        "NOT TESTED: {} is not on this machine",
        path.display()
    );
    None
}

fn cosine(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    let dot = |x: ArrayView1<f32>, y: ArrayView1<f32>| -> f64 {
        let terms = x.iter().zip(y);
        terms.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn parity_with_keras_features() {
    let (Some(model), Some(pixels), Some(features)) = (
        shared("mirror/mobilenet_v1_0.75_224/model.json"),
        shared("reference/cats_test_0_16_resized.npy"),
        shared("reference/cats_test_0_16_mobilenet075_features.npy"),
    ) else {
        return;
    };
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(root.path().join("onnx")).expect("a folder");
    let manifest = Manifest::read(&checkout("onnx/mobilenet_v1_075.yaml")).expect("a manifest");
    let imported = tfjs::import(&model).expect("an import");
    // The manifest's checksum is checked when the session opens.
    onnx::write(&manifest.graph_path(root.path()), &imported.model).expect("a file");
    let cache = cache_dir().expect("a cache folder");
    let runtime = Runtime::locate(&Search::from_env(None, runtime_dir(&cache)));
    let runtime = runtime.expect("ONNX Runtime: `make test` gets it");
    let options = SessionOptions::default();
    let session = Session::open(&manifest, root.path(), &runtime, &options);
    let mut session = session.expect("a session");

    let open = |path| std::fs::File::open(path).expect("a readable file");
    let pixels = Array4::<u8>::read_npy(open(pixels)).expect("an array");
    let expected = Array2::<f32>::read_npy(open(features)).expect("an array");
    let mut worker = manifest.preprocess().worker();
    for (pixels, expected) in pixels.axis_iter(Axis(0)).zip(expected.rows()) {
        let image = RgbImage::from_raw(224, 224, pixels.iter().copied().collect());
        let mut input = vec![0.0; session.input_len()];
        let image = image.expect("pixels");
        worker.apply("a cat", &image, &mut input).expect("an input");
        let mut row = vec![0.0; manifest.width()];
        session.run(&input, 1, &mut row).expect("features");
        let found = cosine(ArrayView1::from(&row), expected);
        assert!(found >= 0.99999, "{found}");
    }
}
