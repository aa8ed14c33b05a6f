//! What a run says of how good its head is, and that it says so honestly: `catpipe run` with
//! everything that scores, on generated pictures.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use common::Project;

const PIPELINE: &str = "
name: shapes
seed: 3
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
augment: {views: 2, ops: [{hflip: {p: 0.5}}, {rotate: {degrees: 15}}]}
extract: {backbone: tiny.yaml, batch: 4}
train:
  head: logistic
  epochs: 12
  validation: {folds: 3, repeats: 2}
evaluate: {tta: true, reject: 0.4, learning_curve: {sizes: 2}}
";

fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let synth = "synth shapes --classes 3 --train 8 --test 4 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.write("p.yaml", PIPELINE);
    project
}

/// The lines of a table, each by the names of its columns.
fn table(project: &Project, file: &str) -> Vec<BTreeMap<String, String>> {
    let path = project.path(&format!("runs/shapes/{file}"));
    let mut reader = csv::Reader::from_path(path).expect("a table");
    let rows = reader.deserialize();
    rows.map(|row| row.expect("a line")).collect()
}

fn right(rows: &[BTreeMap<String, String>]) -> usize {
    let same = rows.iter().filter(|row| row["label"] == row["predicted"]);
    same.count()
}

#[test]
fn figures_and_tables_say_the_same() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    let metrics = project.json("runs/shapes/metrics.json");
    // Three views of the test examples too, for test-time augmentation.
    assert_eq!(metrics["timings"]["rows_computed"], (24 + 12) * 3);

    for (file, scores, total) in [
        ("predictions.csv", "test", 12),
        ("predictions_tta.csv", "test_tta", 12),
        ("validation.csv", "validation", 24),
    ] {
        let rows = table(&project, file);
        assert_eq!(rows.len(), total, "{file}");
        assert_eq!(metrics[scores]["correct"], right(&rows), "{file}");
        let loss: f64 = rows
            .iter()
            .map(|row| {
                -row[&format!("p_{}", row["label"])]
                    .parse::<f64>()
                    .unwrap()
                    .ln()
            })
            .sum();
        let found = metrics[scores]["log_loss"].as_f64().unwrap();
        assert!((found - loss / total as f64).abs() < 1e-6, "{file}");
        let classes = metrics[scores]["classes"].as_array().unwrap();
        let names: Vec<&str> = classes.iter().filter_map(|c| c["class"].as_str()).collect();
        let known = metrics["dataset"]["classes"].as_array().unwrap();
        assert_eq!(
            names,
            known.iter().filter_map(|c| c.as_str()).collect::<Vec<_>>()
        );
    }
    // Each example has a fold in each of the two repeats.
    for row in table(&project, "validation.csv") {
        let folds: Vec<usize> = row["fold"].split(';').map(|f| f.parse().unwrap()).collect();
        assert!(folds.len() == 2 && folds.iter().all(|fold| (1..=3).contains(fold)));
    }
    let doubtful = table(&project, "label_errors.csv").len();
    let listed = metrics.get("label_errors").and_then(|list| list.as_array());
    assert_eq!(listed.map_or(0, Vec::len), doubtful);
    let curve = table(&project, "learning_curve.csv");
    let sizes: Vec<&str> = curve.iter().map(|row| row["examples"].as_str()).collect();
    assert_eq!(sizes, ["8", "16"]);
    let lines = metrics["coverage"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["threshold"] == 0.4));
    assert_eq!(lines[0]["accuracy"], metrics["validation"]["accuracy"]);
    let lines = metrics["test_coverage"].as_array().unwrap();
    assert_eq!(lines[0]["accuracy"], metrics["test"]["accuracy"]);

    let head = fs::read(project.path("runs/shapes/head.safetensors")).unwrap();
    let (head, _) = catpipe::head::Head::from_bytes(&head).expect("a head");
    let temperature = metrics["temperature"].as_f64().unwrap();
    assert!((f64::from(head.temperature()) - temperature).abs() < 1e-6);
    assert_eq!(head.reject_below(), Some(0.4));
    for side in ["validation", "test"] {
        let before = &metrics["uncalibrated"][side]["log_loss"];
        assert!(before.as_f64().is_some_and(|loss| loss > 0.0), "{side}");
    }
    for words in [
        "cross-validation",
        "test, mean of 3 views",
        "Calibrated (temperature",
        "Answered at 0.4 or more",
        "Right with 8, 16 examples",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let told = ran.stdout.split("Extraction").next().unwrap_or_default();
    let wide = told.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

/// The head does not know the test examples: others, with other labels, leave its file as it is.
#[test]
fn test_examples_choose_nothing() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let head = || fs::read(project.path("runs/shapes/head.safetensors")).unwrap();
    let (first, scores) = (head(), project.read("runs/shapes/predictions.csv"));
    let classes: Vec<_> = fs::read_dir(project.path("shapes/test"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // Turned round: each class's pictures under the name of the next.
    let aside = project.path("aside");
    fs::rename(&classes[0], &aside).unwrap();
    fs::rename(&classes[1], &classes[0]).unwrap();
    fs::rename(&classes[2], &classes[1]).unwrap();
    fs::rename(&aside, &classes[2]).unwrap();
    project.ok(&["run", "p.yaml"]);
    assert_ne!(project.read("runs/shapes/predictions.csv"), scores);
    assert_eq!(head(), first);
    // Nor are they needed.
    let alone = PIPELINE
        .replace("  test: {folder: shapes/test}\n", "")
        .replace("tta: true, ", "");
    project.write("p.yaml", alone);
    fs::remove_dir_all(project.path("shapes/test")).unwrap();
    project.ok(&["run", "p.yaml"]);
    assert_eq!(head(), first);
}

/// A list with groups, and a picture that stands in it twice under two names.
#[test]
fn groups_and_copies_stay_in_one_fold() {
    let project = project();
    let mut list = String::from("path,label,group\n");
    for class in fs::read_dir(project.path("shapes/train")).unwrap() {
        let class = class.unwrap().path();
        let label = class.file_name().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<_> = fs::read_dir(&class)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        for (place, name) in names.iter().enumerate() {
            let group = place / 2;
            list.push_str(&format!(
                "shapes/train/{label}/{name},{label},{label}-{group}\n"
            ));
        }
        let copy = format!("copy-{label}.png");
        fs::copy(class.join(&names[0]), project.path(&copy)).unwrap();
        list.push_str(&format!("{copy},{label},\n"));
    }
    project.write("list.csv", list);
    let pipeline = "name: shapes\ndataset: {train: {csv: list.csv}}\n\
                    extract: {backbone: tiny.yaml}\n\
                    train: {head: logistic, epochs: 2, validation: {folds: 3}}\n";
    project.write("p.yaml", pipeline);
    let ran = project.ok(&["run", "p.yaml"]);
    let told = "3 training examples are copies of others";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let mut folds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (row, line) in table(&project, "validation.csv")
        .iter()
        .zip(project.read("list.csv").lines().skip(1))
    {
        let mut group = line.rsplit(',').next().unwrap().to_owned();
        if group.is_empty() {
            group = format!("{}-0", row["label"]);
        }
        folds.entry(group).or_default().insert(row["fold"].clone());
    }
    assert_eq!(folds.len(), 12);
    assert!(folds.values().all(|folds| folds.len() == 1), "{folds:?}");
    let wrong = project.run(&["run", "p.yaml", "--set", "train.validation.folds=5"]);
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stderr.contains("in 4 groups, fewer than the 5 folds"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn what_cannot_be_scored_is_refused_before_anything_runs() {
    let project = project();
    let told = |set: &str| {
        let ran = project.run(&["check", "p.yaml", "--set", set]);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        ran.stderr
    };
    assert!(told("augment.views=0").contains("evaluate.tta: test-time augmentation"));
    assert!(told("evaluate.reject=1.5").contains("must be a probability from 0 to 1, found 1.5"));
    assert!(told("evaluate.learning_curve.sizes=1").contains("must be at least 2, found 1"));
    assert!(told("train.calibration=platt").contains("temperature"));
}

/// Views are averaged in a run's figures. Its models look at the plain image, as `test` does, and
/// say so; others have nothing to say.
#[test]
fn a_model_of_a_run_with_test_time_augmentation_says_that_it_looks_once() {
    const EXPORT: [&str; 6] = [
        "export",
        "runs/shapes",
        "-o",
        "model.onnx",
        "--form",
        "tensor",
    ];
    const LOOKS: &str = "looks at the plain image alone, as for `test` in metrics.json; `test_tta` \
                         there is by the mean over 3 views of each (`evaluate.tta`)";
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let exported = project.ok(&EXPORT);
    let told = format!("the exported file {LOOKS}");
    assert!(exported.stderr.contains(&told), "{}", exported.stderr);
    let plain = table(&project, "predictions.csv");
    let mean = table(&project, "predictions_tta.csv");
    for model in ["runs/shapes", "model.onnx"] {
        let args = ["predict", model, "shapes/test", "--format", "csv"];
        let ran = project.ok(&args);
        let told = format!("note: this model {LOOKS}\n");
        assert_eq!(ran.stderr.matches(&told).count(), 1, "{}", ran.stderr);
        let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
        let answers: Vec<BTreeMap<String, String>> = reader
            .deserialize()
            .map(|row| row.expect("a line"))
            .collect();
        let off = |rows: &[BTreeMap<String, String>]| {
            let mut off = 0.0_f64;
            for (answer, row) in answers.iter().zip(rows) {
                let (image, id) = (&answer["image"], &row["id"]);
                assert!(image.ends_with(id.as_str()), "{image} {id}");
                for (name, p) in row.iter().filter(|(name, _)| name.starts_with("p_")) {
                    let numbers = [p, &answer[name]].map(|p| p.parse::<f64>().expect("a number"));
                    off = off.max((numbers[0] - numbers[1]).abs());
                }
            }
            off
        };
        assert_eq!(answers.len(), 12);
        assert!(off(&plain) < 1e-4, "{model}: {}", off(&plain));
        assert!(off(&mean) > 1e-3, "{model}: {}", off(&mean));
    }

    project.write("p.yaml", PIPELINE.replace("tta: true, ", ""));
    project.ok(&["run", "p.yaml"]);
    let exported = project.ok(&EXPORT);
    let folder = project.ok(&["predict", "runs/shapes", "shapes/test"]);
    let file = project.ok(&["predict", "model.onnx", "shapes/test"]);
    for ran in [exported, folder, file] {
        assert!(!ran.stderr.contains("plain image"), "{}", ran.stderr);
    }
}
