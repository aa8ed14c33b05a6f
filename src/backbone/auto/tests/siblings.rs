//! Quantized graphs beside the one that was asked for.

use super::*;
use crate::backbone::manifest::Manifest;
use crate::backbone::model::{Backbone, Graph};
use crate::backbone::onnx::{self, proto::NodeProto};
use crate::backbone::testing::{TINY_MANIFEST, tiny};
use crate::digests::Shelf;

fn look(folder: &Path) -> (Graph, Siblings) {
    let backbone = Backbone::named("m/tiny.yaml", folder).unwrap();
    let graph = backbone.check_changed(folder, &Shelf::default()).unwrap();
    let manifest = Manifest::read(&folder.join("m/tiny.yaml")).unwrap();
    let found = Siblings::of("m/tiny.yaml", &manifest, &graph, folder, &Shelf::default());
    (graph, found)
}

/// A project with the tiny network and one beside it that says that it was made of it.
fn project() -> tempfile::TempDir {
    let folder = tiny(|_| {});
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("m")).unwrap();
    fs::write(path("m/tiny.yaml"), TINY_MANIFEST).unwrap();
    let mut model = onnx::read(&path("tiny.onnx")).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let node = NodeProto {
        op_type: Some("DequantizeLinear".to_owned()),
        input: nodes[0].input[..1].to_vec(),
        output: vec!["dequantized".to_owned()],
        ..NodeProto::default()
    };
    nodes[0].input[0] = "dequantized".to_owned();
    nodes.insert(0, node);
    onnx::write(&path("tiny8.onnx"), &model).unwrap();
    folder
}

fn write(folder: &Path, name: &str, from: &str, change: impl Fn(String) -> String) {
    let text = TINY_MANIFEST.replace("file: tiny.onnx", "file: tiny8.onnx");
    let from = format!("quantized_from: {{file: tiny.onnx, sha256: \"{from}\"}}\n");
    fs::write(folder.join(name), change(text + &from)).unwrap();
}

#[test]
fn what_was_made_of_the_graph_is_found_by_its_checksum() {
    let folder = project();
    let folder = folder.path();
    let (graph, none) = look(folder);
    assert!(none.found.is_empty() && none.left_out.is_empty());
    let digest = graph.digest.clone().unwrap();
    write(folder, "m/any-name.yaml", &digest, |text| text);
    let (_, one) = look(folder);
    assert_eq!(one.left_out, Vec::<String>::new());
    assert_eq!(one.found[0].manifest, "m/any-name.yaml");
    assert_eq!(one.found[0].graph.arithmetic, Arithmetic::Int8);
    assert_eq!(one.about().len(), 1);

    // As the graph was before: told. Of something else: nobody's business.
    write(folder, "m/any-name.yaml", &"ab".repeat(32), |text| text);
    let (_, stale) = look(folder);
    assert!(stale.found.is_empty());
    assert!(
        stale.left_out[0].starts_with("m/any-name.yaml: it was made of another tiny.onnx"),
        "{stale:?}"
    );
    let other = |text: String| text.replace("{file: tiny.onnx", "{file: other.onnx");
    write(folder, "m/any-name.yaml", &"ab".repeat(32), other);
    let (_, none) = look(folder);
    assert!(none.found.is_empty() && none.left_out.is_empty());
}

#[test]
fn what_cannot_stand_for_the_graph_is_left_out_with_the_reason() {
    let folder = project();
    let folder = folder.path();
    let (graph, _) = look(folder);
    let digest = graph.digest.unwrap();
    type Change = fn(String) -> String;
    let cases: [(Change, &str); 4] = [
        (
            |text| text.replace("color: rgb", "color: bgr"),
            "its preprocessing or its features are not those of its source",
        ),
        (|text| text.replace("tiny8.onnx", "gone.onnx"), "gone.onnx"),
        (
            |text| text.replace("file: tiny8.onnx", "file: tiny.onnx"),
            "its graph quantizes nothing",
        ),
        (|text| text.replace("width: 8", "width: eight"), "width"),
    ];
    for (change, words) in cases {
        write(folder, "m/int8.yaml", &digest, change);
        let (_, siblings) = look(folder);
        assert!(siblings.found.is_empty(), "{words}");
        let told = &siblings.left_out[0];
        assert!(
            told.starts_with("m/int8.yaml: ") && told.contains(words),
            "{told}"
        );
    }
}
