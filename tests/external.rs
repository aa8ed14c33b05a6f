//! A graph whose weights lie in a file beside it, through the whole program.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::process::Command;

use catpipe::backbone::onnx::proto::StringStringEntryProto;
use catpipe::backbone::onnx::proto::tensor_proto::DataLocation;
use catpipe::backbone::onnx::{self, ModelProto};
use common::{Project, manifest};

/// The small network as `tiny.onnx`, and as `apart.onnx` with its weights in `w/apart.data`.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    project.write("apart.yaml", manifest("apart"));
    let model = onnx::read(&project.path("tiny.onnx")).expect("a graph");
    let (model, data) = parted(model);
    onnx::write(&project.path("apart.onnx"), &model).expect("a graph");
    project.write("w/apart.data", data);
    let synth = "synth shapes --classes 3 --train 4 --test 1 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    for name in ["tiny", "apart"] {
        let pipeline = format!(
            "name: {name}\ndataset: {{train: {{folder: shapes/train}}}}\n\
             extract: {{backbone: {name}.yaml}}\n"
        );
        project.write(&format!("p-{name}.yaml"), pipeline);
    }
    project
}

/// The model with its weights apart, the way `onnx.save` does it.
fn parted(mut model: ModelProto) -> (ModelProto, Vec<u8>) {
    let mut data = Vec::new();
    for tensor in &mut model.graph.as_mut().expect("a graph").initializer {
        let Some(raw) = tensor.raw_data.take() else {
            continue;
        };
        data.resize(data.len().next_multiple_of(64), 0);
        let said = [
            ("location", "w/apart.data".to_owned()),
            ("offset", data.len().to_string()),
            ("length", raw.len().to_string()),
        ];
        let entry = |(key, value): (&str, String)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        tensor.external_data = said.map(entry).to_vec();
        tensor.data_location = Some(DataLocation::External as i32);
        data.extend_from_slice(&raw);
    }
    assert!(!data.is_empty());
    (model, data)
}

fn computed(project: &Project, pipeline: &str) -> serde_json::Value {
    let ran = project.ok(&["run", pipeline, "--json"]);
    let metrics: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    metrics["timings"]["rows_computed"].clone()
}

#[test]
fn it_gives_the_features_of_the_same_graph_in_one_file() {
    let project = project();
    let images = ["--images", "shapes/train/*/*.png"];
    for name in ["tiny", "apart"] {
        let (backbone, out) = (format!("{name}.yaml"), format!("{name}.npy"));
        project.ok(&[
            &["extract", "--backbone", &backbone, "--out", &out],
            &images[..],
        ]
        .concat());
    }
    let rows = |name: &str| fs::read(project.path(name)).expect("an array");
    assert!(rows("tiny.npy") == rows("apart.npy"));
    // Put into one file by `model features`, it is a graph like any other.
    project.ok(&["model", "features", "apart.onnx", "-o", "joined.onnx"]);
    project.write("joined.yaml", manifest("joined"));
    fs::remove_dir_all(project.path("w")).expect("a folder");
    project.ok(&[
        &["extract", "--backbone", "joined.yaml", "--out", "j.npy"],
        &images[..],
    ]
    .concat());
    assert!(rows("j.npy") == rows("tiny.npy"));
}

#[test]
fn its_rows_know_the_weights() {
    let project = project();
    assert_eq!(computed(&project, "p-apart.yaml"), 12);
    assert_eq!(
        computed(&project, "p-apart.yaml"),
        12,
        "what the last run says"
    );
    let mut data = fs::read(project.path("w/apart.data")).expect("the weights");
    // The last byte of a weight: sign and exponent.
    *data.last_mut().expect("a byte") ^= 0x80;
    fs::write(project.path("w/apart.data"), &data).expect("the weights");
    let plan = project.ok(&["run", "p-apart.yaml", "--dry-run"]).stdout;
    assert!(
        plan.contains("none of its 12 rows is in the cache"),
        "{plan}"
    );
}

#[test]
fn what_is_wrong_with_its_weights_is_told() {
    let project = project();
    let check = |more: &str| {
        project.write("apart.yaml", manifest("apart") + more);
        let ran = project.run(&["check", "p-apart.yaml"]);
        (ran.code, ran.stderr)
    };
    let shown = project.ok(&["model", "inspect", "apart.onnx"]).stdout;
    assert!(
        shown.contains("weights in  w/apart.data, 0.0 MB"),
        "{shown}"
    );
    let json = project
        .ok(&["model", "inspect", "apart.onnx", "--json"])
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["external_data"][0]["file"], "w/apart.data");
    let pin = json["sha256"].as_str().expect("a checksum").to_owned();
    assert_eq!(check(&format!("sha256: {pin}\n")).0, 0);
    // As the documentation has it.
    let line = "(sha256sum < apart.onnx; sha256sum w/apart.data) | sha256sum";
    let mut shell = Command::new("sh");
    let said = shell
        .args(["-c", line])
        .current_dir(project.path(""))
        .output();
    let said = String::from_utf8(said.expect("a shell").stdout).expect("text");
    assert!(said.starts_with(&pin), "{said} {pin}");

    let (code, told) = check(&format!("sha256: {}\n", "ab".repeat(32)));
    assert_eq!(code, 2);
    let text = "(of the graph and its file of weights, as `catpipe model inspect` says)";
    assert!(told.contains(&format!("found:    {pin} {text}")), "{told}");

    let data = fs::read(project.path("w/apart.data")).expect("the weights");
    fs::write(project.path("w/apart.data"), &data[..data.len() / 2]).expect("the weights");
    let (code, told) = check("");
    assert_eq!(code, 2);
    assert!(
        told.contains("it is cut off, or of another model"),
        "{told}"
    );
    fs::remove_file(project.path("w/apart.data")).expect("the weights");
    let (code, told) = check("");
    assert_eq!(code, 2);
    let text = "w/apart.data does not exist: it belongs to the ONNX file and must lie beside it";
    assert!(told.contains(text), "{told}");
    // A link that leads out of the folder is not followed.
    let outside = Project::new();
    let data = outside.write("apart.data", data);
    std::os::unix::fs::symlink(data, project.path("w/apart.data")).expect("a link");
    let (code, told) = check("");
    assert_eq!(code, 2);
    assert!(told.contains("leads out of the file's folder"), "{told}");
}
