//! `catpipe run`, from pictures on disk to a scored head, with a small generated network.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Project;
use sha2::{Digest, Sha256};

const PIPELINE: &str = "
name: shapes
seed: 3
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
augment:
  views: 2
  ops:
    - hflip: {p: 0.5}
    - random_resized_crop: {scale: [0.7, 1.0]}
    - rotate: {degrees: 15}
    - color_jitter: {brightness: 0.2, contrast: 0.2, saturation: 0.2}
extract: {backbone: tiny.yaml, batch: 4}
train:
  head: {dense: {hidden: [8], dropout: 0.3, batch_norm: true}}
  l2: 1.0e-3
  epochs: 12
  validation: {folds: 3}
  early_stopping: {patience: 5}
evaluate: {}
";

/// Generated shapes, a small network with its manifest, and a pipeline over them.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    project.ok(&[
        "synth",
        "shapes",
        "--classes",
        "3",
        "--train",
        "8",
        "--test",
        "4",
        "--size",
        "40x32",
    ]);
    project.write("p.yaml", PIPELINE);
    project
}

fn digest(project: &Project, file: &str) -> Vec<u8> {
    let bytes = fs::read(project.path(file)).expect("a result");
    Sha256::digest(bytes).to_vec()
}

fn plan(project: &Project, args: &[&str]) -> serde_json::Value {
    let all = [&["run", "p.yaml", "--dry-run", "--json"], args].concat();
    serde_json::from_str(&project.ok(&all).stdout).expect("JSON")
}

#[test]
fn a_run_leaves_everything_that_was_promised() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    assert!(ran.stdout.contains("test examples"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("Results: runs/shapes/"),
        "{}",
        ran.stdout
    );

    let metrics = project.json("runs/shapes/metrics.json");
    assert_eq!(metrics["test"]["total"], 12);
    assert_eq!(metrics["validation"]["total"], 24);
    assert_eq!(metrics["dataset"]["views"], 3);
    assert_eq!(metrics["timings"]["rows_computed"], 24 * 3 + 12);
    assert_eq!(metrics["provider"]["name"], "cpu");
    assert!(metrics["versions"]["onnxruntime"].is_string(), "{metrics}");
    let correct = metrics["test"]["correct"].as_u64().expect("a count");

    let mut table = csv::Reader::from_path(project.path("runs/shapes/predictions.csv")).unwrap();
    let heading: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(heading[..3], ["id", "label", "predicted"]);
    assert_eq!(heading.len(), 6);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12);
    let right = rows.iter().filter(|row| row[1] == row[2]).count() as u64;
    assert_eq!(right, correct, "predictions.csv and metrics.json agree");
    for row in &rows {
        let sum: f64 = (3..6).map(|i| row[i].parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{row:?}");
    }

    let head = fs::read(project.path("runs/shapes/head.safetensors")).unwrap();
    let (head, metadata) = catpipe::head::Head::from_bytes(&head).expect("a head");
    assert_eq!((head.classes(), head.inputs()), (3, 16));
    assert_eq!(metadata["pipeline"], "shapes");
    assert!(
        project
            .read("runs/shapes/curve.csv")
            .starts_with("phase,epoch,train_loss")
    );
    assert!(
        project
            .read("runs/shapes/run.log")
            .contains("extract: done")
    );

    // The resolved pipeline is a pipeline, and says the same.
    project.ok(&["check", "runs/shapes/pipeline.yaml"]);
    let again = project.ok(&["run", "runs/shapes/pipeline.yaml"]);
    assert!(
        again.stdout.contains("Everything is up to date"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_second_run_has_nothing_to_do_and_a_changed_setting_only_what_it_touches() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let log = project.read("runs/shapes/run.log");
    let again = project.ok(&["run", "p.yaml"]);
    assert!(
        again.stdout.contains("Everything is up to date"),
        "{}",
        again.stdout
    );
    assert_eq!(
        project.read("runs/shapes/run.log"),
        log,
        "nothing was written"
    );

    let stage = |plan: &serde_json::Value, i: usize| plan["stages"][i]["up_to_date"].clone();
    let same = plan(&project, &[]);
    assert_eq!(
        (stage(&same, 0), stage(&same, 1)),
        (true.into(), true.into())
    );
    let head = plan(&project, &["--set", "train.l2=0.1"]);
    assert_eq!(
        (stage(&head, 0), stage(&head, 1)),
        (true.into(), false.into())
    );
    let views = plan(&project, &["--set", "augment.views=4"]);
    assert_eq!(
        views["rows_missing"],
        24 * 2,
        "two more views of each training example"
    );
    let op = plan(&project, &["--set", "augment.ops.2.rotate.degrees=20"]);
    assert_eq!(
        op["rows_missing"],
        24 * 2,
        "every augmented view, no plain one"
    );
    let seed = plan(&project, &["--set", "seed=4"]);
    assert_eq!(seed["rows_missing"], 24 * 2);

    // A renamed folder is the same pictures; a touched result is not a result.
    fs::rename(project.path("shapes"), project.path("moved")).unwrap();
    let moved = ["--set", "dataset.train.folder=moved/train"];
    let moved = [&moved[..], &["--set", "dataset.test.folder=moved/test"]].concat();
    assert_eq!(plan(&project, &moved)["rows_missing"], 0);
    fs::rename(project.path("moved"), project.path("shapes")).unwrap();
    project.write("runs/shapes/predictions.csv", "id\n");
    let changed = plan(&project, &[]);
    assert_eq!(
        (stage(&changed, 0), stage(&changed, 1)),
        (true.into(), false.into())
    );
}

#[test]
fn same_in_same_out_whatever_the_batch_and_the_threads() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let files = [
        "runs/shapes/head.safetensors",
        "runs/shapes/predictions.csv",
    ];
    let first = files.map(|file| digest(&project, file));
    for (batch, threads) in [("1", "1"), ("7", "2"), ("64", "1")] {
        fs::remove_dir_all(project.path("cache/features")).unwrap();
        let batch = format!("extract.batch={batch}");
        let threads = format!("extract.threads={threads}");
        project.ok(&["run", "p.yaml", "--set", &batch, "--set", &threads]);
        assert_eq!(
            files.map(|file| digest(&project, file)),
            first,
            "{batch} {threads}"
        );
    }
}

#[test]
fn a_killed_run_leaves_nothing_that_a_later_run_believes() {
    let project = project();
    let clean = Project::new();
    clean.tiny_backbone("tiny");
    fs::rename(project.path("shapes"), clean.path("shapes")).unwrap();
    clean.write("p.yaml", PIPELINE);
    clean.ok(&["run", "p.yaml"]);
    let expected = digest(&clean, "runs/shapes/predictions.csv");
    fs::remove_dir_all(clean.path("runs")).unwrap();

    for wait in [5, 20, 40, 60, 80, 120, 200, 300] {
        fs::remove_dir_all(clean.path("cache/features")).unwrap();
        let mut command = clean.command(&["run", "p.yaml"]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().expect("a start");
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().expect("a kill");
        child.wait().expect("an end");
        if clean.path("runs/shapes").exists() {
            // It was faster than the kill: then what it left is whole.
            let ran = clean.ok(&["run", "p.yaml"]);
            assert!(
                ran.stdout.contains("Everything is up to date"),
                "{}",
                ran.stdout
            );
            fs::remove_dir_all(clean.path("runs")).unwrap();
            continue;
        }
        clean.ok(&["run", "p.yaml"]);
        assert_eq!(
            digest(&clean, "runs/shapes/predictions.csv"),
            expected,
            "after {wait} ms"
        );
        fs::remove_dir_all(clean.path("runs")).unwrap();
    }
}

#[test]
fn dataset_and_extract_alone_are_a_feature_extraction() {
    let project = project();
    let short =
        "name: f\ndataset: {train: {folder: shapes/train}}\nextract: {backbone: tiny.yaml}\n";
    project.write("f.yaml", short);
    let ran = project.ok(&["run", "f.yaml", "--json"]);
    let metrics: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(metrics["timings"]["rows_computed"], 24);
    assert!(metrics.get("test").is_none());
    let ran = project.ok(&["run", "f.yaml"]);
    assert!(
        ran.stdout.contains("Everything is up to date"),
        "{}",
        ran.stdout
    );
}

#[test]
fn pixels_are_a_backbone_that_needs_no_runtime() {
    let project = project();
    let pixels = PIPELINE.replace("backbone: tiny.yaml", "backbone: pixels");
    let start = pixels.find("augment:").expect("a section");
    let end = pixels.find("extract:").expect("a section");
    project.write("p.yaml", pixels[..start].to_owned() + &pixels[end..]);
    let mut command = project.command(&["run", "p.yaml", "--json"]);
    let output = command
        .env("ORT_DYLIB_PATH", "/nowhere")
        .output()
        .expect("a start");
    let ran = project.ran(output);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (head, _) = catpipe::head::Head::from_bytes(
        &fs::read(project.path("runs/shapes/head.safetensors")).unwrap(),
    )
    .expect("a head");
    assert_eq!(head.inputs(), 40 * 32 * 3);
}

#[test]
fn json_goes_to_stdout_and_everything_else_to_stderr() {
    let project = project();
    let start = Instant::now();
    let ran = project.ok(&["run", "p.yaml", "--json"]);
    assert!(start.elapsed() < Duration::from_secs(300));
    let metrics: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON only");
    assert_eq!(metrics["name"], "shapes");
    for stage in ["dataset", "extract", "train", "evaluate"] {
        assert!(ran.stderr.contains(stage), "{}", ran.stderr);
    }
}

/// What a report shows changes no result: a run that lacks nothing else makes it and no more.
#[test]
fn a_report_that_is_added_trains_nothing_anew() {
    const ONLY_REPORT: &str = "
✓ report    runs/shapes/report.html";
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let results = ["head.safetensors", "curve.csv", "metrics.json", "run.log"];
    let read = || {
        let files = results.map(|file| project.path("runs/shapes").join(file));
        files.map(|file| {
            let written = fs::metadata(&file).and_then(|about| about.modified());
            (fs::read(&file).expect("a result"), written.expect("a time"))
        })
    };
    let before = read();
    let with_report = format!("{PIPELINE}report: {{}}\n");
    project.write("p.yaml", &with_report);

    let planned = plan(&project, &[]);
    let wanted: Vec<&str> = (planned["stages"].as_array().expect("stages").iter())
        .filter(|stage| stage["up_to_date"] == false)
        .map(|stage| stage["stage"].as_str().expect("a name"))
        .collect();
    assert_eq!(wanted, ["report"]);
    let ran = project.ok(&["run", "p.yaml"]);
    assert!(ran.stderr.contains(ONLY_REPORT), "{}", ran.stderr);
    assert!(ran.stderr.contains("= train"), "{}", ran.stderr);
    assert!(ran.stdout.contains("\nDone ("), "{}", ran.stdout);
    assert!(before == read());
    let html = project.read("runs/shapes/report.html");
    assert!(html.contains("report: {}"), "the pipeline as it now is");
    assert!(project.read("runs/shapes/pipeline.yaml").contains("report"));

    // There is nothing left to do, with the section or without.
    for pipeline in [&with_report, PIPELINE] {
        project.write("p.yaml", pipeline);
        let ran = project.ok(&["run", "p.yaml"]);
        assert!(ran.stdout.contains("up to date"), "{}", ran.stdout);
        assert!(before == read());
    }
    assert!(project.path("runs/shapes/report.html").exists());

    // One that was damaged is no report; what else changes trains anew, and reports.
    project.write("p.yaml", &with_report);
    project.write("runs/shapes/report.html", "half");
    project.ok(&["run", "p.yaml"]);
    assert!(project.read("runs/shapes/report.html") != "half");
    let ran = project.ok(&["run", "p.yaml", "--set", "train.l2=0.1"]);
    assert!(ran.stderr.contains("✓ train"), "{}", ran.stderr);
    assert!(ran.stderr.contains(ONLY_REPORT.trim()), "{}", ran.stderr);
}
