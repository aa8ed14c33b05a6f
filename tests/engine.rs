//! The extraction as a person sees it: where the time went, `batch: auto`, `--verify`.
#![allow(clippy::expect_used)]

mod common;

use std::fs;

use common::Project;
use sha2::{Digest, Sha256};

const PIPELINE: &str = "
name: shapes
dataset: {train: {folder: shapes/train}}
augment: {views: 8, ops: [{rotate: {degrees: 15}}]}
extract: {backbone: tiny.yaml, batch: 4}
";

/// 32 generated shapes of 9 rows each: work enough for a measurement.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let synth = "synth shapes --classes 2 --train 16 --test 0 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.write("p.yaml", PIPELINE);
    project
}

/// Every row of the cache with its key, in no order that says who computed it.
fn rows(project: &Project) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for space in fs::read_dir(project.path("cache/features")).expect("a store") {
        let shards = space.expect("a space").path().join("shards");
        for shard in fs::read_dir(shards).expect("shards") {
            let file = hdf5::File::open(shard.expect("a shard").path()).expect("HDF5");
            let dataset = |name| file.dataset(name).expect("a dataset");
            let keys: ndarray::Array2<u8> = dataset("keys").read_2d().expect("keys");
            let features: ndarray::Array2<f32> = dataset("features").read_2d().expect("rows");
            for (key, row) in keys.rows().into_iter().zip(features.rows()) {
                let values = row.iter().flat_map(|value| value.to_le_bytes());
                rows.push(key.iter().copied().chain(values).collect());
            }
        }
    }
    rows.sort();
    rows
}

#[test]
fn a_summary_says_where_the_time_went_and_json_has_it_too() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    for word in [
        "Extraction",
        "inference",
        "waiting",
        "decode",
        "resize",
        "batch 4",
    ] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
    let timings = &project.json("runs/shapes/metrics.json")["timings"];
    let seconds = |key: &str| timings[key].as_f64().expect(key);
    let steps = ["open", "infer", "wait", "write"].map(seconds);
    assert!(steps.iter().all(|step| *step > 0.0), "{timings}");
    assert!(steps.iter().sum::<f64>() <= seconds("extract"), "{timings}");
    for beside in ["read", "decode", "augment", "resize"] {
        let all = seconds("extract") * seconds("workers");
        assert!(
            (0.0..=all).contains(&seconds(beside)) && seconds(beside) > 0.0,
            "{timings}"
        );
    }
    assert_eq!(
        (&timings["batch"], &timings["rows_computed"]),
        (&4.into(), &288.into())
    );
    let again = project.ok(&["run", "p.yaml"]);
    assert!(!again.stdout.contains("inference"), "{}", again.stdout);

    fs::remove_dir_all(project.path("cache/features")).expect("a store");
    let extract = "extract --backbone tiny.yaml --images shapes/train --out f.npy --threads 1";
    let extract: Vec<_> = extract.split(' ').collect();
    let ran = project.ok(&[&extract[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["timings"]["threads"], 1);
    assert!(json["timings"]["infer"].as_f64().expect("seconds") > 0.0);
}

#[test]
fn the_fastest_batch_is_measured_once_and_changes_no_feature() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let expected = rows(&project);
    assert_eq!(expected.len(), 288);
    let auto = |more: &[&str]| {
        fs::remove_dir_all(project.path("cache/features")).expect("a store");
        let args = [&["run", "p.yaml", "--set", "extract.batch=auto"], more].concat();
        project.ok(&args);
        let metrics = project.json("runs/shapes/metrics.json");
        metrics["timings"]["batch"].as_u64().expect("a batch")
    };
    let measured = auto(&[]);
    assert!([1, 2, 4, 8, 16, 32].contains(&measured), "{measured}");
    assert!(rows(&project) == expected, "the same features");
    let files: Vec<_> = fs::read_dir(project.path("cache/batch")).unwrap().collect();
    assert_eq!(files.len(), 1);
    // What is remembered is taken.
    let file = files[0].as_ref().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    let other = if measured == 2 { 8 } else { 2 };
    let found = format!("\"batch\": {measured}");
    fs::write(&file, text.replace(&found, &format!("\"batch\": {other}"))).unwrap();
    assert_eq!(auto(&[]), other);
    assert!(rows(&project) == expected, "the same features");
    // Little work is not worth a measurement, and another number of threads would be another one.
    let little = ["--set", "augment.views=0", "--set", "extract.threads=1"];
    assert_eq!(auto(&little), 16);
    let count = fs::read_dir(project.path("cache/batch")).unwrap().count();
    assert_eq!(count, 1);
}

#[test]
fn a_wrong_batch_is_told_where_it_stands() {
    let project = project();
    project.write("p.yaml", PIPELINE.replace("batch: 4", "batch: fast"));
    let ran = project.run(&["check", "p.yaml"]);
    assert_eq!(ran.code, 2);
    let told = "p.yaml:5:39: extract.batch: must be a number of rows or `auto`, found \"fast\"";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_network_without_a_checksum_that_changes_is_another_network() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let path = project.path("tiny.onnx");
    let mut model = catpipe::backbone::onnx::read(&path).expect("a graph");
    model.producer_version = Some("2".into());
    catpipe::backbone::onnx::write(&path, &model).expect("a graph");
    let plan = project.ok(&["run", "p.yaml", "--dry-run", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    assert_eq!(plan["rows_missing"], 288);
}

#[test]
fn everything_is_read_again_where_that_is_asked_for() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let digest = |file: &str| Sha256::digest(fs::read(project.path(file)).unwrap());
    let metrics = digest("runs/shapes/metrics.json");
    let ran = project.ok(&["run", "p.yaml", "--verify"]);
    assert!(
        ran.stdout.contains("Everything is up to date"),
        "{}",
        ran.stdout
    );
    assert_eq!(digest("runs/shapes/metrics.json"), metrics);
}
