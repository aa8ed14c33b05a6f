//! A convolutional head, with the real program on small pictures.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

const PIPELINE: &str = "name: maps
dataset: {train: {folder: shapes/train}, test: {folder: shapes/test}}
extract: {backbone: pixels}
train:
  head: {cnn: {filters: [3, 4], hidden: [5], dropout: 0.25}}
  epochs: 2
  validation: {folds: 3}
evaluate: {}
";

fn project() -> Project {
    let project = Project::new();
    let synth = "synth shapes --classes 2 --train 6 --test 2 --size 12x12";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.write("p.yaml", PIPELINE);
    project
}

#[test]
fn a_convolutional_head_is_trained_scored_and_kept() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let metrics = project.json("runs/maps/metrics.json");
    assert_eq!(metrics["test"]["total"], 4);
    assert_eq!(metrics["validation"]["total"], 12);
    let head = std::fs::read(project.path("runs/maps/head.safetensors")).expect("a head");
    let (again, _) = catpipe::head::Head::from_bytes(&head).expect("a head");
    assert_eq!((again.inputs(), again.classes()), (432, 2));

    // Once more from the start, on one thread: the same bits.
    let mut command = project.command(&["run", "p.yaml", "--set", "name=again"]);
    let ran = project.ran(
        command
            .env("RAYON_NUM_THREADS", "1")
            .output()
            .expect("it starts"),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let predictions = |name: &str| project.read(&format!("runs/{name}/predictions.csv"));
    assert_eq!(predictions("maps"), predictions("again"));
}

#[test]
fn what_cannot_be_convolved_is_refused_before_anything_runs() {
    let project = project();
    let told = |from: &str, to: &str| {
        project.write("p.yaml", PIPELINE.replace(from, to));
        let ran = project.run(&["run", "p.yaml"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.stderr
    };
    insta::assert_snapshot!(told("filters: [3, 4]", "filters: [3, 4, 5]"));
    insta::assert_snapshot!(told("filters: [3, 4]", "filters: []"));
    insta::assert_snapshot!(told("hidden: [5]", "hiden: [5]"));
    project.tiny_backbone("tiny");
    insta::assert_snapshot!(told("backbone: pixels", "backbone: tiny.yaml"));
}
