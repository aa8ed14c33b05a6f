//! What a cached row depends on, by what a whole run would compute again.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;

use catpipe::backbone::onnx::{self, tiny, tiny::TinyConfig};
use common::Project;

const PIPELINE: &str = "
name: keys
seed: 3
dataset: {train: {folder: shapes/train}}
augment:
  views: 2
  ops: [{hflip: {p: 0.5}}]
extract: {backbone: tiny.yaml, batch: 4}
";
const IMAGES: u64 = 6;
const ROWS: u64 = IMAGES * 3;

/// Six pictures of two classes whose rows, of three views each, are all in the cache.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let size = ["--train", "3", "--test", "1", "--size", "40x32"];
    project.ok(&[&["synth", "shapes", "--classes", "2"], &size[..]].concat());
    project.write("p.yaml", PIPELINE);
    project.ok(&["run", "p.yaml"]);
    project
}

/// Rows that a run would compute, and all that it needs.
fn rows(project: &Project, set: &[&str]) -> (u64, u64) {
    let mut args = vec!["run", "p.yaml", "--dry-run", "--json"];
    set.iter().for_each(|one| args.extend(["--set", one]));
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&args).stdout).expect("JSON");
    let number = |name: &str| plan[name].as_u64().expect("a number");
    (number("rows_missing"), number("rows_needed"))
}

/// The pictures, in the order of their names.
fn pictures(project: &Project) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for class in fs::read_dir(project.path("shapes/train")).expect("classes") {
        let files = fs::read_dir(class.expect("a class").path()).expect("pictures");
        all.extend(files.map(|file| file.expect("a picture").path()));
    }
    all.sort();
    assert_eq!(all.len() as u64, IMAGES);
    all
}

#[test]
fn a_row_depends_on_what_changes_it() {
    let project = project();
    for (set, computed) in [
        ("seed=4", ROWS - IMAGES),
        ("augment.ops.0.hflip.p=0.6", ROWS - IMAGES),
        ("extract.rows=float16", ROWS),
        ("extract.backbone=pixels", ROWS),
    ] {
        assert_eq!(rows(&project, &[set]).0, computed, "{set}");
    }
    let manifest = common::manifest("tiny");
    for (what, from, to) in [
        ("preprocessing", "mean: [0.485", "mean: [0.486"),
        ("the filter", "filter: bilinear", "filter: bicubic"),
    ] {
        let changed = manifest.replace(from, to);
        assert_ne!(changed, manifest, "{what}");
        project.write("tiny.yaml", changed);
        assert_eq!(rows(&project, &[]), (ROWS, ROWS), "{what}");
    }
    project.write("tiny.yaml", &manifest);
    assert_eq!(rows(&project, &[]), (0, ROWS));
    let other = tiny::residual(&TinyConfig {
        seed: 99,
        ..TinyConfig::default()
    });
    onnx::write(&project.path("tiny.onnx"), &other).expect("a graph");
    assert_eq!(rows(&project, &[]), (ROWS, ROWS), "the graph");
}

#[test]
fn a_picture_with_other_bytes_is_another_picture() {
    let project = project();
    let pictures = pictures(&project);
    fs::copy(&pictures[0], &pictures[5]).expect("a copy");
    assert_eq!(rows(&project, &[]), (0, ROWS), "one that is there already");
    let mut bytes = fs::read(&pictures[0]).expect("a picture");
    // Behind its end: the same pixels, but the decoder was not asked.
    bytes.push(0);
    fs::write(&pictures[5], bytes).expect("a picture");
    assert_eq!(rows(&project, &[]), (3, ROWS));
}

#[test]
fn a_row_depends_on_nothing_else() {
    let project = project();
    for set in ["extract.batch=1", "extract.threads=1", "name=other"] {
        assert_eq!(rows(&project, &[set]), (0, ROWS), "{set}");
    }
    let of = |views: u64| (views.saturating_sub(2) * IMAGES, (views + 1) * IMAGES);
    for views in [0, 1, 2, 4] {
        let set = format!("augment.views={views}");
        assert_eq!(rows(&project, &[&set]), of(views), "{set}");
    }
    // Other names in another order, another place, fewer of them, and one twice.
    let pictures = pictures(&project);
    for (picture, name) in pictures.iter().zip(["z", "y", "x", "w", "v", "u"]) {
        let ending = picture.extension().expect("an ending");
        let new = picture.with_file_name(name).with_extension(ending);
        fs::rename(picture, new).expect("a name");
    }
    assert_eq!(rows(&project, &[]), (0, ROWS), "names");
    fs::rename(project.path("shapes/train"), project.path("there")).expect("a folder");
    let there = "dataset.train.folder=there";
    assert_eq!(rows(&project, &[there]), (0, ROWS), "place");
    let mut classes = fs::read_dir(project.path("there")).expect("classes");
    let class = classes.next().expect("a class").expect("a class").path();
    let mut files = fs::read_dir(class).expect("pictures");
    let file = files.next().expect("a picture").expect("a picture").path();
    fs::copy(&file, file.with_file_name("again.png")).expect("a copy");
    assert_eq!(rows(&project, &[there]), (0, ROWS + 3), "number");
    fs::remove_file(&file).expect("a picture");
    assert_eq!(rows(&project, &[there]), (0, ROWS), "a new name");
    // A second pipeline of the same pictures, network and views shares them all.
    let other = PIPELINE.replace("name: keys", "name: other");
    project.write("p.yaml", other.replace("shapes/train", "there"));
    assert_eq!(rows(&project, &[]), (0, ROWS));
}

#[test]
fn half_precision_is_kept_and_said() {
    let project = project();
    project.ok(&["run", "p.yaml", "--set", "extract.rows=float16"]);
    let resolved = project.read("runs/keys/pipeline.yaml");
    assert!(resolved.contains("rows: float16"), "{resolved}");
    assert_eq!(rows(&project, &["extract.rows=float16"]), (0, ROWS));
    assert_eq!(rows(&project, &[]), (0, ROWS));
    project.ok(&["run", "p.yaml", "--set", "extract.rows=float32"]);
    let resolved = project.read("runs/keys/pipeline.yaml");
    assert!(!resolved.contains("rows:"), "{resolved}");
    let wrong = project.run(&["check", "p.yaml", "--set", "extract.rows=float8"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("float16"), "{}", wrong.stderr);
}
