//! The network that is built computes what its definition says.

use super::super::super::{Summary, write};
use super::{import, reference, small, weights, writer};
use crate::backbone::testing::{TINY_MANIFEST, manifest, runtime, values};
use crate::backbone::{Session, SessionOptions};

/// Runs an output in ONNX Runtime for two images at once.
fn run(folder: &std::path::Path, output: &str, width: usize, images: &[f32]) -> Vec<f32> {
    let text = TINY_MANIFEST.replace("[32, 32]", "[22, 22]").replace(
        "name: features, width: 8",
        &format!("name: {output}, width: {width}"),
    );
    let manifest = manifest(&text).unwrap();
    let options = SessionOptions::default();
    let mut session = Session::open(&manifest, folder, &runtime(), &options).unwrap();
    let mut rows = vec![0.0; 2 * width];
    session.run(images, 2, &mut rows).unwrap();
    rows
}

#[test]
fn both_formats_give_the_same_bytes() {
    let entries = weights();
    let imported = import(&writer::legacy(&entries)).unwrap();
    assert_eq!(imported, import(&writer::archive(&entries)).unwrap());
    let report = imported.report;
    assert_eq!((report.tensors, report.folded_norms), (entries.len(), 13));
    assert_eq!((report.classes, report.size), (3, 22));
    let numbers: usize = entries.iter().map(|entry| entry.values.len()).sum();
    assert_eq!(report.parameters, numbers);
    let summary = Summary::of(&imported.model);
    let outputs: Vec<String> = summary.outputs.iter().map(ToString::to_string).collect();
    assert_eq!(
        outputs,
        [
            "features: float32 [N, 6]",
            "feature_map: float32 [N, 6, 3, 3]",
            "logits: float32 [N, 3]",
        ]
    );
}

#[test]
fn onnx_runtime_computes_what_the_definition_says() {
    let entries = weights();
    let imported = import(&writer::legacy(&entries)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("tiny.onnx"), &imported.model).unwrap();
    let images = values(99, 2 * 3 * 22 * 22);
    let features = run(folder.path(), "features", 6, &images);
    let logits = run(folder.path(), "logits", 3, &images);
    let mut distinct = 0;
    for (image, pixels) in images.chunks(3 * 22 * 22).enumerate() {
        let (expected, classes) = reference::run(&small(), &entries, pixels);
        for (found, expected) in features[image * 6..].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
            distinct += usize::from(expected > 0.01 && expected < 5.99);
        }
        for (found, expected) in logits[image * 3..].iter().zip(classes) {
            assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
        }
    }
    assert!(distinct >= 6, "the test would see nothing: {distinct}");
}
