//! What a manifest may say, and what happens when the graph says something else.

use std::fs;

use sha2::Digest;

use super::*;
use crate::backbone::onnx::proto::NodeProto;
use crate::backbone::onnx::{Arithmetic, ModelProto};
use crate::backbone::testing::{TINY_MANIFEST, manifest, tiny};
use crate::digests::Shelf;

/// The first line of the refusal of the tiny manifest with `from` replaced by `to`.
fn refusal(from: &str, to: &str) -> String {
    assert!(TINY_MANIFEST.contains(from), "{from}");
    let error = manifest(&TINY_MANIFEST.replace(from, to)).expect_err("refused");
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The tiny manifest with another `preprocess`.
pub(super) fn with_preprocess(preprocess: &str) -> String {
    let start = TINY_MANIFEST.find("preprocess:").unwrap();
    let end = TINY_MANIFEST.find("output:").unwrap();
    let (before, after) = (&TINY_MANIFEST[..start], &TINY_MANIFEST[end..]);
    format!("{before}preprocess: {preprocess}\n{after}")
}

fn difference(text: &str, change: impl FnOnce(&mut ModelProto)) -> String {
    let dir = tiny(change);
    let error = manifest(text)
        .unwrap()
        .check_graph(dir.path())
        .expect_err("they differ");
    assert!(
        matches!(error, BackboneError::GraphDiffers { .. }),
        "{error}"
    );
    error
        .to_string()
        .replace(&dir.path().display().to_string(), "ROOT")
}

#[test]
fn the_committed_manifest_of_resnet50() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = Manifest::read(&root.join("onnx/resnet50.yaml")).unwrap();
    assert_eq!(manifest.width(), 2048);
    assert_eq!(manifest.graph_path(root), root.join("onnx/resnet50.onnx"));
    let preprocess = manifest.preprocess();
    assert_eq!(preprocess.input_len(), 3 * 224 * 224);
    assert_eq!(
        preprocess.key(),
        "stretch 224x224 bilinear antialias pillow-13; bgr nchw float32 \
         (x * 1 - [103.939, 116.779, 123.68]) / [1.0, 1.0, 1.0]"
    );
}

#[test]
fn a_manifest_is_written_as_it_is_read() {
    let text = format!("{TINY_MANIFEST}sha256: {}\n", "ab".repeat(32));
    let preset = with_preprocess(
        "{preset: clip, resize: {rule: letterbox, fill: [1, 2, 3], \
                                  filter: nearest, antialias: false}}",
    );
    for text in [TINY_MANIFEST, &text, &preset] {
        let config = manifest(text).unwrap().config;
        let written = crate::yaml::to_string(&config).unwrap();
        assert_eq!(manifest(&written).unwrap().config, config, "{written}");
    }
}

#[test]
fn what_is_not_there_is_refused_where_it_stands() {
    let cases = [
        (
            "bgr",
            "color: rgb",
            "color: grb",
            "tiny.yaml:10:10: preprocess.color: unknown `grb`",
        ),
        (
            "rule",
            "stretch",
            "squash",
            "preprocess.resize.rule: unknown `squash`",
        ),
        (
            "filter",
            "bilinear",
            "box",
            "preprocess.resize.filter: unknown `box`",
        ),
        (
            "layout",
            "nchw",
            "chwn",
            "tiny.yaml:8:30: input.layout: unknown `chwn`",
        ),
        ("dtype", "float32", "int8", "input.dtype: unknown `int8`"),
        (
            "antialias",
            "bilinear, antialias",
            "nearest, antialias",
            "can't antialias: say `antialias: false`",
        ),
        (
            "typo",
            "output:",
            "outputs:",
            "tiny.yaml:15:1: unknown key `outputs`; did you mean `output`?",
        ),
        ("missing", "name: tiny\n", "", "the key `name` is missing"),
    ];
    for (what, from, to, expected) in cases {
        let found = refusal(from, to);
        assert!(found.contains(expected), "{what}: {found}");
    }
}

#[test]
fn numbers_out_of_range_are_refused_where_they_stand() {
    let cases = [
        (
            "size: [32, 32]",
            "size: [32, 0]",
            "must be between 1 and 8192, found 0",
        ),
        (
            "size: [32, 32]",
            "size: [9000, 32]",
            "must be between 1 and 8192, found 9000",
        ),
        (
            "width: 8",
            "width: 0",
            "must be between 1 and 1048576, found 0",
        ),
        (
            "scale: 1.0",
            "scale: 0.0",
            "scale: must be between 1e-9 and 1e9, found 0",
        ),
        (
            "std: [127.5, 127.5",
            "std: [127.5, -1",
            "must be between 1e-9 and 1e9, found -1",
        ),
        (
            "mean: [127.5",
            "mean: [-2e9",
            "must be between -1e9 and 1e9, found -2000000000",
        ),
        (
            "output",
            "sha256: abc\noutput",
            "must be a SHA-256 checksum of 64 hexadecimal digits",
        ),
    ];
    for (from, to, expected) in cases {
        let found = refusal(from, to);
        assert!(
            found.contains(expected) && found.starts_with("tiny.yaml:"),
            "{found}"
        );
    }
}

#[test]
fn a_graph_as_declared() {
    let dir = tiny(|_| {});
    manifest(TINY_MANIFEST)
        .unwrap()
        .check_graph(dir.path())
        .unwrap();
}

#[test]
fn a_missing_graph_comes_with_the_command_that_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = manifest(TINY_MANIFEST)
        .unwrap()
        .check_graph(dir.path())
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        format!(
            "tiny.yaml:4:7: file: {} does not exist; make it with: make tiny.onnx\n  \
             4 | file: tiny.onnx\n    |       ^",
            dir.path().join("tiny.onnx").display()
        )
    );
}

#[test]
fn the_checksum_is_checked_before_the_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.onnx");
    fs::write(&path, "not ONNX").unwrap();
    let digest = |content: &[u8]| -> String {
        sha2::Sha256::digest(content)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect()
    };
    let with = |sha256: String| manifest(&format!("{TINY_MANIFEST}sha256: {sha256}\n")).unwrap();

    let other = with(digest(b"something else"));
    for error in [
        other.check_graph(dir.path()),
        other.graph_digest(dir.path()).map(|_| ()),
    ] {
        let text = error.expect_err("another file").to_string();
        assert!(text.starts_with("tiny.yaml:16:9: sha256: "), "{text}");
        let expected = digest(b"something else").to_lowercase();
        assert!(text.contains(&format!("expected: {expected}\n")), "{text}");
        assert!(text.contains(&digest(b"not ONNX").to_lowercase()), "{text}");
        assert!(text.contains("make it with: make tiny.onnx"), "{text}");
    }

    let right = with(digest(b"not ONNX"));
    assert_eq!(
        right.graph_digest(dir.path()).unwrap(),
        digest(b"not ONNX").to_lowercase()
    );
    let error = right.check_graph(dir.path()).expect_err("not ONNX");
    assert!(matches!(error, BackboneError::NotAGraph { .. }), "{error}");
}

#[test]
fn a_graph_that_was_found_right_is_read_again_when_it_changes() {
    let dir = tiny(|_| {});
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let checked = |verify: bool| {
        let shelf = Shelf::new(dir.path().join("digests"), verify).later();
        let known = manifest.check_changed_graph(dir.path(), &shelf).unwrap();
        assert_eq!(known.arithmetic, Arithmetic::Float);
        known.digest
    };
    let digest = manifest.graph_digest(dir.path()).unwrap();
    assert_eq!(checked(false), digest);
    // What is remembered is believed: the file is not read.
    let shelf = Shelf::new(dir.path().join("digests"), true).later();
    let path = dir.path().join("tiny.onnx");
    let forged = shelf.open(&manifest.check_about(dir.path()).unwrap());
    let found = || Ok::<_, BackboneError>("forged".to_owned());
    forged.get(&path, found).unwrap();
    forged.save();
    assert_eq!(checked(false), "forged");
    assert_eq!(checked(true), digest);
    assert_eq!(checked(false), digest);
    let content = fs::read(&path).unwrap();
    fs::write(&path, &content[..content.len() - 9]).unwrap();
    let shelf = Shelf::new(dir.path().join("digests"), false).later();
    let error = manifest.check_changed_graph(dir.path(), &shelf);
    let error = error.expect_err("damaged");
    assert!(matches!(error, BackboneError::NotAGraph { .. }), "{error}");
}

#[test]
fn a_graph_of_integers_is_known_for_one_without_being_read() {
    let dir = tiny(|model| {
        let nodes = &mut model.graph.as_mut().unwrap().node;
        // Before every other node, so that the features depend on it.
        let mut node = NodeProto {
            op_type: Some("DequantizeLinear".to_owned()),
            input: nodes[0].input.clone(),
            output: vec!["dequantized".to_owned()],
            ..NodeProto::default()
        };
        node.input.truncate(1);
        nodes[0].input[0] = "dequantized".to_owned();
        nodes.insert(0, node);
    });
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let digest = manifest.graph_digest(dir.path()).unwrap();
    for _ in 0..2 {
        let shelf = Shelf::new(dir.path().join("digests"), false).later();
        let known = manifest.check_changed_graph(dir.path(), &shelf).unwrap();
        assert_eq!(known.arithmetic, Arithmetic::Int8);
        assert_eq!(known.digest, digest);
    }
}

#[test]
fn an_input_of_another_name() {
    let text = TINY_MANIFEST.replace("{name: input,", "{name: image,");
    assert_eq!(
        difference(&text, |_| {}),
        "tiny.yaml:8:15: input.name: the manifest and ROOT/tiny.onnx differ\n  \
         manifest: image: float32 [N, 3, 32, 32]\n  \
         graph:    input: float32 [N, 3, 32, 32]\n  \
         8 | input: {name: image, layout: nchw, dtype: float32, size: [32, 32]}\n    \
         |               ^"
    );
}

#[test]
fn an_input_of_another_size() {
    let text = TINY_MANIFEST.replace("size: [32, 32]", "size: [32, 48]");
    let found = difference(&text, |_| {});
    assert!(found.contains("tiny.yaml:8:58: input.size: "), "{found}");
    assert!(
        found.contains("manifest: input: float32 [N, 3, 32, 48]\n"),
        "{found}"
    );
    assert!(
        found.contains("graph:    input: float32 [N, 3, 32, 32]\n"),
        "{found}"
    );
}

#[test]
fn an_output_of_another_width() {
    let text = TINY_MANIFEST.replace("width: 8", "width: 2048");
    assert_eq!(
        difference(&text, |_| {}),
        "tiny.yaml:15:33: output.width: the manifest and ROOT/tiny.onnx differ\n  \
         manifest: features: float32 [N, 2048]\n  \
         graph:    features: float32 [N, 8]\n  \
         15 | output: {name: features, width: 2048}\n     \
         |                                 ^"
    );
}

#[test]
fn an_output_that_is_a_map_and_no_row() {
    let text = TINY_MANIFEST.replace("name: features", "name: feature_map");
    let found = difference(&text, |_| {});
    assert!(
        found.contains("graph:    feature_map: float32 [N, 8, 16, 16]"),
        "{found}"
    );
}

#[test]
fn an_output_that_is_not_there_lists_those_that_are() {
    let text = TINY_MANIFEST.replace("name: features", "name: embedding");
    let found = difference(&text, |_| {});
    assert!(
        found.starts_with("tiny.yaml:15:16: output.name: "),
        "{found}"
    );
    assert!(found.contains("manifest: output embedding\n"), "{found}");
    assert!(
        found.contains("outputs features, feature_map, probabilities\n"),
        "{found}"
    );
}

#[test]
fn a_second_input_that_the_features_need() {
    let found = difference(TINY_MANIFEST, |model| {
        let graph = model.graph.as_mut().unwrap();
        let mut second = graph.input[0].clone();
        second.name = Some("mask".to_owned());
        graph.input.push(second);
        let conv = graph
            .node
            .iter_mut()
            .find(|node| node.op_type() == "Add")
            .unwrap();
        conv.input[1] = "mask".to_owned();
    });
    assert!(found.contains("graph:    inputs input, mask"), "{found}");
}

#[test]
fn a_graph_for_one_image_at_a_time() {
    use crate::backbone::onnx::proto::{tensor_shape_proto::dimension, type_proto};
    let found = difference(TINY_MANIFEST, |model| {
        let input = &mut model.graph.as_mut().unwrap().input[0];
        let value = input.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        let Some(type_proto::Value::TensorType(tensor)) = value else {
            panic!("{value:?}")
        };
        let batch = &mut tensor.shape.as_mut().unwrap().dim[0];
        batch.value = Some(dimension::Value::DimValue(1));
    });
    assert!(
        found.contains("manifest: input: float32 [N, 3, 32, 32]\n"),
        "{found}"
    );
    assert!(
        found.contains("graph:    input: float32 [1, 3, 32, 32]\n"),
        "{found}"
    );
}
