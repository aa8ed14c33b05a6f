//! `catpipe data`, and runs over folders with bad files, duplicates and made splits.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;

use common::Project;

const PIPELINE: &str = "
name: shapes
dataset:
  source: {folder: shapes, exclude: [\"**/cover.png\"]}
  split: {test: 0.3}
  on_error: skip
extract: {backbone: tiny.yaml, batch: 4}
train: {head: logistic, epochs: 3}
evaluate: {}
";

/// Generated shapes, 16 a class, with a truncated file, a text file and one to be excluded.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let sizes = ["--train", "16", "--test", "1", "--size", "40x32"];
    project.ok(&[&["synth", "all", "--classes", "3"], &sizes[..]].concat());
    fs::rename(project.path("all/train"), project.path("shapes")).expect("the folder moves");
    let class = fs::read_dir(project.path("shapes")).expect("a folder");
    let class = class
        .flatten()
        .find(|e| e.path().is_dir())
        .expect("a class")
        .path();
    let picture = fs::read_dir(&class).expect("a folder").flatten().next();
    let bytes = fs::read(picture.expect("a picture").path()).expect("its bytes");
    for (name, bytes) in [
        ("cover.png", bytes.as_slice()),
        ("cut.png", &bytes[..bytes.len() / 2]),
        ("notes.txt", b"x".as_slice()),
    ] {
        fs::write(class.join(name), bytes).expect("a file");
    }
    project.write("p.yaml", PIPELINE);
    project
}

#[test]
fn bad_files_are_named_in_the_run_folder_and_tried_again() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    let warning = "2 files that cannot be used skipped, named in runs/shapes/skipped.csv";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    let skipped = project.read("runs/shapes/skipped.csv");
    let lines: Vec<&str> = skipped.lines().collect();
    assert_eq!(lines[0], "split,path,reason");
    assert_eq!(lines.len(), 4, "{skipped}");
    assert!(
        lines[1].ends_with("/cover.png,excluded by `**/cover.png`"),
        "{skipped}"
    );
    assert!(
        lines[2].contains("/cut.png,is a damaged or unsupported PNG image"),
        "{skipped}"
    );
    let again = project.ok(&["run", "p.yaml"]);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    // Mended, it is an example like any other.
    let name = lines[2].split(',').nth(1).expect("a path");
    let cover = project
        .path("shapes")
        .join(name)
        .with_file_name("cover.png");
    fs::copy(cover, project.path("shapes").join(name)).expect("a copy");
    project.ok(&["run", "p.yaml"]);
    assert!(!project.read("runs/shapes/skipped.csv").contains("cut.png"));
    let stop = project.run(&["run", "p.yaml", "--set", "dataset.on_error=stop"]);
    assert_eq!(stop.code, 2, "{}", stop.stderr);
    assert!(
        stop.stderr.contains("notes.txt is not a JPEG"),
        "{}",
        stop.stderr
    );
}

#[test]
fn data_prints_tables_and_json() {
    let project = project();
    let text = project.ok(&["data", "p.yaml"]).stdout;
    for part in ["class", " PNG ", "bad file", "cut.png", "excluded by"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = project.ok(&["data", "p.yaml", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let count = |side: &str| json[side]["examples"].as_u64().expect("a number");
    assert_eq!(count("train") + count("test"), 48);
    assert_eq!(json["skipped"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["train"]["classes"].as_array().map(Vec::len), Some(3));
}

#[test]
fn duplicates_are_warned_of_refused_or_allowed() {
    let project = project();
    project.write(
        "d.yaml",
        PIPELINE
            .replace("source: {folder: shapes,", "train: {folder: shapes,")
            .replace("split: {test: 0.3}", "test: {folder: shapes}"),
    );
    let warned = project.ok(&["run", "d.yaml"]);
    let text = "can also be found among the training examples";
    assert!(warned.stderr.contains(text), "{}", warned.stderr);
    let refused = project.run(&["run", "d.yaml", "--set", "dataset.duplicates=error"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("are the same"),
        "{}",
        refused.stderr
    );
    let allowed = project.ok(&["run", "d.yaml", "--set", "dataset.duplicates=allow"]);
    assert!(!allowed.stderr.contains(text), "{}", allowed.stderr);
}
