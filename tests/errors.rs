//! Wrong things that people try, and what they are told. Each message is a snapshot: it names
//! what is wrong, where, and what to do.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Project, manifest};
use hdf5::File;
use ndarray::{Array1, Array4};

const PIPELINE: &str = "name: wrong
dataset:
  train: {hdf5: data/train.h5, images: train_x, labels: train_y}
  test: {hdf5: data/test.h5, images: test_x, labels: test_y}
extract:
  backbone: tiny.yaml
  provider: cpu
train:
  head: {dense: {hidden: [8], dropout: 0.5}}
  epochs: 3
evaluate: {}
";

/// A project in which everything is right.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    write_arrays(&project.write("data/train.h5", ""), "train", 12, 12);
    write_arrays(&project.write("data/test.h5", ""), "test", 6, 6);
    project.write("p.yaml", PIPELINE);
    project
}

/// Written elsewhere and copied: HDF5's descriptors are not closed on exec, so that a program which
/// another test starts at that moment holds the descriptor, and with it the lock of the file that is
/// being written, for as long as it runs. A copy is another file, which nobody has locked.
fn write_arrays(path: &Path, name: &str, images: usize, labels: usize) {
    let dir = tempfile::tempdir().expect("a folder");
    let elsewhere = dir.path().join("arrays.h5");
    write_new_arrays(&elsewhere, name, images, labels);
    std::fs::copy(elsewhere, path).expect("a copy");
}

fn write_new_arrays(path: &Path, name: &str, images: usize, labels: usize) {
    let file = File::create(path).expect("a file");
    let pixels = Array4::from_shape_fn((images, 8, 8, 3), |(n, y, x, c)| {
        u8::try_from((n * 7 + y * 5 + x * 3 + c * 40) % 256).expect("a grey level")
    });
    let classes = Array1::from_shape_fn(labels, |n| i64::try_from(n % 2).expect("a label"));
    for (dataset, result) in [
        (
            "x",
            file.new_dataset_builder()
                .with_data(&pixels)
                .create(&*format!("{name}_x")),
        ),
        (
            "y",
            file.new_dataset_builder()
                .with_data(&classes)
                .create(&*format!("{name}_y")),
        ),
    ] {
        result.unwrap_or_else(|e| panic!("{dataset}: {e}"));
    }
}

/// `catpipe check` of the project with one thing changed in its pipeline.
fn told(project: &Project, from: &str, to: &str) -> String {
    assert!(PIPELINE.contains(from), "{from}");
    project.write("p.yaml", PIPELINE.replacen(from, to, 1));
    check(project, &[])
}

/// What `catpipe check` says of a project that is wrong, with its exit code. `run` says the same.
fn check(project: &Project, more: &[&str]) -> String {
    let checked = project.run(&[&["check", "p.yaml"], more].concat());
    let ran = project.run(&[&["run", "p.yaml"], more].concat());
    assert_eq!((&checked.stderr, checked.code), (&ran.stderr, ran.code));
    assert_eq!(checked.stdout, "", "results only on stdout");
    assert!(!project.path("runs/wrong").exists(), "nothing was run");
    format!("exit code {}\n{}", checked.code, checked.stderr)
}

#[test]
fn what_is_right_is_fine() {
    let project = project();
    let ran = project.ok(&["check", "p.yaml"]);
    insta::assert_snapshot!(ran.stdout, @"p.yaml: 12 training and 6 test examples, 16 features by tiny: fine");
    let ran = project.ok(&["check", "p.yaml", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        (&found["train"], &found["features"]),
        (&12.into(), &16.into())
    );
}

#[test]
fn a_typo_in_a_key() {
    insta::assert_snapshot!(told(&project(), "epochs: 3", "epoch: 3"));
}

#[test]
fn a_typo_in_a_stage() {
    insta::assert_snapshot!(told(&project(), "evaluate: {}", "evalute: {}"));
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(told(&project(), "epochs: 3", "epochs: many"));
}

#[test]
fn a_value_out_of_range() {
    insta::assert_snapshot!(told(&project(), "dropout: 0.5", "dropout: 1.5"));
}

#[test]
fn no_yaml() {
    insta::assert_snapshot!(told(&project(), "hidden: [8]", "hidden: [8"));
}

#[test]
fn an_unknown_provider() {
    insta::assert_snapshot!(told(&project(), "provider: cpu", "provider: cqu"));
}

#[test]
fn an_unknown_op() {
    let ops = "augment: {views: 1, ops: [hflop]}\nextract:";
    insta::assert_snapshot!(told(&project(), "extract:", ops));
}

#[test]
fn a_score_without_test_examples() {
    let test = "  test: {hdf5: data/test.h5, images: test_x, labels: test_y}\n";
    insta::assert_snapshot!(told(&project(), test, ""));
}

#[test]
fn a_head_without_labels() {
    insta::assert_snapshot!(told(&project(), ", labels: train_y", ""));
}

#[test]
fn a_missing_pipeline() {
    let project = Project::new();
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_missing_data_file() {
    insta::assert_snapshot!(told(&project(), "data/train.h5", "data/trian.h5"));
}

#[test]
fn a_truncated_data_file() {
    let project = project();
    let path = project.path("data/train.h5");
    let bytes = fs::read(&path).expect("the file");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("a shorter file");
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_data_file_of_another_format() {
    let project = project();
    project.write("data/train.h5", "PK\u{3}\u{4} no HDF5");
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_data_file_that_is_being_written() {
    let project = project();
    let file = fs::File::open(project.path("data/train.h5")).expect("the file");
    file.lock().expect("a lock");
    let mut command = project.command(&["check", "p.yaml"]);
    let output = command
        .env_remove("HDF5_USE_FILE_LOCKING")
        .output()
        .expect("a start");
    let ran = project.ran(output);
    insta::assert_snapshot!(format!("exit code {}\n{}", ran.code, ran.stderr));
}

#[test]
fn a_wrong_dataset_name() {
    insta::assert_snapshot!(told(&project(), "images: train_x", "images: train_set_x"));
}

#[test]
fn labels_of_another_length() {
    let project = project();
    write_arrays(&project.path("data/train.h5"), "train", 12, 11);
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_missing_manifest() {
    insta::assert_snapshot!(told(&project(), "tiny.yaml", "tinny.yaml"));
}

#[test]
fn a_typo_in_a_manifest() {
    let project = project();
    project.write("tiny.yaml", manifest("tiny").replace("mean:", "maen:"));
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_missing_graph() {
    let project = project();
    fs::remove_file(project.path("tiny.onnx")).expect("it was there");
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_graph_that_is_no_onnx_file() {
    let project = project();
    project.write("tiny.onnx", "this is not a graph");
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_graph_of_another_width() {
    let project = project();
    project.write(
        "tiny.yaml",
        manifest("tiny").replace("width: 16", "width: 2048"),
    );
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn a_graph_of_another_checksum() {
    let project = project();
    let pinned = format!("file: tiny.onnx\nsha256: {}", "ab".repeat(32));
    project.write(
        "tiny.yaml",
        manifest("tiny").replace("file: tiny.onnx", &pinned),
    );
    insta::assert_snapshot!(check(&project, &[]));
}

#[test]
fn an_override_that_is_wrong() {
    let project = project();
    insta::assert_snapshot!(check(&project, &["--set", "train.l2=-1"]));
}

#[test]
fn an_override_that_leads_nowhere() {
    let project = project();
    insta::assert_snapshot!(check(&project, &["--set", "train.epochs.x=1"]));
}

#[test]
fn a_missing_runtime_in_the_cache() {
    let project = project();
    let output = project
        .command(&["run", "p.yaml"])
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .expect("a start");
    let ran = project.ran(output);
    insta::assert_snapshot!(format!("exit code {}\n{}", ran.code, ran.stderr));
}

#[test]
fn a_missing_runtime_that_was_asked_for() {
    let project = project();
    insta::assert_snapshot!(check(&project, &["--ort-dylib", "lib/libonnxruntime.so"]));
}

#[test]
fn a_runtime_that_is_no_library() {
    let project = project();
    project.write("libonnxruntime.so", "no library");
    insta::assert_snapshot!(check(&project, &["--ort-dylib", "libonnxruntime.so"]));
}

/// A library that says what ONNX Runtime 1.17 says of itself.
#[test]
fn a_runtime_that_is_too_old() {
    let project = project();
    let source = project.write(
        "old.c",
        "static const void *api(unsigned v) { return 0; }
         static const char *version(void) { return \"1.17.3\"; }
         static struct { const void *(*api)(unsigned); const char *(*version)(void); }
             base = {api, version};
         const void *OrtGetApiBase(void) { return &base; }",
    );
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(project.path("libold.so"))
        .arg(source)
        .status()
        .expect("a C compiler");
    assert!(built.success());
    insta::assert_snapshot!(check(&project, &["--ort-dylib", "libold.so"]));
}

/// An empty mirror variable is no mirror; nothing to fetch with is nowhere to fetch from.
#[test]
fn cat_data_that_cannot_be_reached() {
    let project = Project::new();
    fs::create_dir(project.path("bin")).expect("an empty folder");
    let output = project
        .command(&["fetch", "cats"])
        .env("CATPIPE_MIRROR", "")
        .env("PATH", project.path("bin"))
        .output()
        .expect("a start");
    let ran = project.ran(output);
    insta::assert_snapshot!(format!("exit code {}\n{}", ran.code, ran.stderr));
}
