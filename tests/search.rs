//! `search:`, with the real program on small pictures.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

const PIPELINE: &str = "name: searched
dataset: {train: {folder: shapes/train}, test: {folder: shapes/test}}
extract: {backbone: pixels}
train:
  head: {dense: {hidden: [4]}}
  sgd: {lr: 0.01}
  epochs: 2
  validation: {folds: 3}
  search:
    grid:
      sgd.lr: [0.01, 1.0e+30]
      head.dense.hidden: [[4], [8]]
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
fn every_trial_is_told_of_and_kept() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    for words in [
        "search: 4 trials",
        "trial 1: sgd.lr 0.01, head.dense.hidden [4]: log loss ",
        "trial 3: sgd.lr 1e+30, head.dense.hidden [4]: training diverged",
    ] {
        assert!(ran.stderr.contains(words), "{words}\n{}", ran.stderr);
    }

    let metrics = project.json("runs/searched/metrics.json");
    let trials = metrics["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), 4);
    assert_eq!(trials[1]["settings"]["head.dense.hidden"][0], 8);
    assert!(trials[2]["diverged"].is_string(), "{}", trials[2]);
    let chosen = trials.iter().find(|trial| trial["chosen"] == true);
    let chosen = chosen.expect("a trial that was chosen");
    let validation = &metrics["validation"];
    assert_eq!(chosen["validated"]["log_loss"], validation["log_loss"]);

    let mut table =
        csv::Reader::from_path(project.path("runs/searched/trials.csv")).expect("a table");
    let heading: Vec<String> = table
        .headers()
        .expect("a heading")
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        heading[..4],
        ["trial", "sgd.lr", "head.dense.hidden", "chosen"]
    );
    assert_eq!(table.records().count(), 4);

    // The head is that of the chosen settings, and a second run has nothing to do.
    let hidden = chosen["settings"]["head.dense.hidden"][0]
        .as_u64()
        .expect("a width");
    let head = std::fs::read(project.path("runs/searched/head.safetensors")).expect("a head");
    let (head, _) = catpipe::head::Head::from_bytes(&head).expect("a head");
    assert!(
        format!("{head:?}").contains(&format!("shape=[{hidden}, 432]")),
        "{head:?}"
    );
    let again = project.ok(&["run", "p.yaml"]);
    assert!(
        again.stdout.contains("Everything is up to date"),
        "{}",
        again.stdout
    );
    project.ok(&["run", "runs/searched/pipeline.yaml", "--dry-run"]);
}

#[test]
fn a_wrong_key_or_value_is_shown_where_it_stands() {
    let project = project();
    let told = |from: &str, to: &str| {
        project.write("p.yaml", PIPELINE.replace(from, to));
        let ran = project.run(&["run", "p.yaml"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.stderr
    };
    insta::assert_snapshot!(told("sgd.lr:", "sgd.rl:"));
    insta::assert_snapshot!(told("[8]]", "[0]]"));
    insta::assert_snapshot!(told("sgd.lr: [0.01, 1.0e+30]", "adam: [{}]"));
    insta::assert_snapshot!(told("sgd.lr:", "search.grid:"));
    insta::assert_snapshot!(told("  validation: {folds: 3}\n", ""));
    insta::assert_snapshot!(told("[0.01, 1.0e+30]", "{from: 0.01, to: 1}"));
}
