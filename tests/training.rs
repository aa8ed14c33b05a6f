//! Training by the real program: as many threads as there are, as little memory as is allowed.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // tests fail so
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::process::{Child, Command, Stdio};

use common::Project;

const EVERYTHING: &str = "
  head: {dense: {hidden: [300, 20], dropout: 0.3, batch_norm: true, activation: gelu}}
  adamw: {lr: 0.002, weight_decay: 0.05}
  schedule: {warmup: 1, cosine: {to: 0.1}}
  label_smoothing: 0.05
  mixup: {alpha: 0.3}
  clip_norm: 1
  class_weights: balanced
  batch: 40
  epochs: 3
  validation: {folds: 3}
  early_stopping: {patience: 2}
";

/// Pictures of two classes whose rows are their pixels, and a pipeline that trains on them.
fn project(examples: u32, size: u32, views: u32, train: &str) -> Project {
    let project = Project::new();
    let each = examples / 2;
    let args = format!("synth all --classes 2 --train {each} --test 4 --size {size}x{size}");
    project.ok(&args.split(' ').collect::<Vec<_>>());
    let pipeline = format!(
        "name: p
dataset: {{train: {{folder: all/train}}, test: {{folder: all/test}}}}
augment: {{views: {views}, ops: [{{hflip: {{p: 0.5}}}}]}}
extract: {{backbone: pixels}}
train: {train}
evaluate: {{}}
"
    );
    project.write("p.yaml", pipeline);
    project
}

/// The files that a run leaves of its training, after one with `set` and so many threads.
fn trained(project: &Project, threads: &str, set: &[&str]) -> [Vec<u8>; 3] {
    let _ = fs::remove_dir_all(project.path("runs"));
    let mut args = vec!["run", "p.yaml"];
    args.extend(set.iter().flat_map(|set| ["--set", set]));
    let mut command = project.command(&args);
    command.env("RAYON_NUM_THREADS", threads);
    let ran = project.ran(command.output().expect("the program starts"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ["head.safetensors", "curve.csv", "predictions.csv"]
        .map(|file| fs::read(project.path("runs/p").join(file)).expect("a file of the run"))
}

/// Layers wide enough that products are cut for several threads.
#[test]
fn the_head_is_the_same_whatever_the_number_of_threads() {
    let project = project(120, 24, 1, EVERYTHING);
    let one = trained(&project, "1", &[]);
    for threads in ["2", "3"] {
        assert!(one == trained(&project, threads, &[]), "{threads} threads");
    }
}

const SMALL: &str =
    "{head: {dense: {hidden: [8], dropout: 0.2}}, epochs: 2, validation: {folds: 2}}";

/// Streamed rows come in the order of rows in memory: the head is the same, bit by bit, and the
/// program stays in the memory that it may take, half of which the rows alone would fill.
#[test]
fn rows_that_do_not_fit_are_streamed_to_the_same_head() {
    const BUDGET: &str = "train.memory=96MiB";
    let project = project(400, 64, 9, SMALL);
    // 4000 rows of 12288 numbers: 188 MiB.
    let in_memory = trained(&project, "2", &[]);
    fs::remove_dir_all(project.path("runs")).expect("a run");
    let args = ["run", "p.yaml", "--set", BUDGET];
    let (told, peak) = peak(&mut project.command(&args));
    assert!(
        told.contains(
            "188 MiB of feature rows do not fit into 96 MiB: they are read from the cache"
        ),
        "{told}"
    );
    assert!(peak < 96 << 20, "{} MiB", peak >> 20);
    let streamed = ["head.safetensors", "curve.csv", "predictions.csv"]
        .map(|file| fs::read(project.path("runs/p").join(file)).expect("a file of the run"));
    assert!(in_memory[0] == streamed[0], "another head");
    assert!(in_memory == streamed);
}

#[test]
fn a_budget_without_room_says_what_it_takes() {
    let project = project(8, 32, 0, SMALL);
    let ran = project.run(&["run", "p.yaml", "--set", "train.memory=1MiB"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("`train.memory` is 1 MiB, and two batches of feature rows"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("take 66 MiB"), "{}", ran.stderr);
}

#[test]
fn a_weight_for_no_class_is_pointed_at() {
    let train = "{head: {dense: {hidden: [4]}}, class_weights: {class0: 2, clas1: 3}}";
    let project = project(8, 16, 0, train);
    let ran = project.run(&["check", "p.yaml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("p.yaml:5:"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("there is no class `clas1`"),
        "{}",
        ran.stderr
    );
}

/// The path is printed and left as a table, and the metrics, the report's source, say which value
/// was taken and why.
#[test]
fn l2_auto_says_what_it_tried_and_what_it_chose() {
    let project = project(24, 16, 1, "{head: logistic, l2: auto}");
    let ran = project.ok(&["run", "p.yaml"]);
    let table = project.read("runs/p/l2_path.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("l2,log_loss,standard_error,accuracy"));
    let point = |line: &str| -> [f64; 2] {
        let mut fields = line
            .split(',')
            .map(|field| field.parse().expect("a number"));
        [fields.next().expect("l2"), fields.next().expect("log_loss")]
    };
    let path: Vec<[f64; 2]> = lines.map(point).collect();
    assert!(path.len() >= 45, "{} values", path.len());
    assert!(path.is_sorted_by(|a, b| a[0] > b[0]), "the largest first");
    let least = path.iter().min_by(|a, b| a[1].total_cmp(&b[1]));
    let metrics = project.json("runs/p/metrics.json");
    let chosen = metrics["l2"]["chosen"].as_f64();
    assert_eq!(chosen, least.map(|point| point[0]));
    assert_eq!(
        metrics["l2"]["path"].as_array().map(Vec::len),
        Some(path.len())
    );
    assert_eq!(
        metrics["validation"]["total"], 24,
        "the default is cross-validation"
    );
    assert!(ran.stderr.contains("  chosen"), "{}", ran.stderr);
}

/// What was held out has a line each in the table of validation, and the others none.
#[test]
fn a_share_is_held_out_and_told_of() {
    let train = "{head: {dense: {hidden: [8]}}, epochs: 20, validation: {share: 0.25}, \
                 early_stopping: {patience: 3}}";
    let project = project(24, 16, 2, train);
    let ran = project.ok(&["run", "p.yaml"]);
    assert_eq!(
        project.json("runs/p/metrics.json")["validation"]["total"],
        6
    );
    let table = project.read("runs/p/validation.csv");
    let folds: Vec<&str> = (table.lines().skip(1))
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    assert_eq!(folds, ["1"; 6], "{table}");
    let curve = project.read("runs/p/curve.csv");
    assert!(!curve.contains("final"), "{curve}");
    assert!(ran.stderr.contains("of those held out"), "{}", ran.stderr);
    assert!(ran.stdout.contains("held out"), "{}", ran.stdout);
    project.ok(&["report", "runs/p", "-o", "p.html"]);
    assert!(project.read("p.html").contains("Held-out examples"));
}

/// Runs the program to its end; what it told, and the most memory that it had.
#[allow(unsafe_code, clippy::zombie_processes)] // `wait4` below waits for it
fn peak(command: &mut Command) -> (String, usize) {
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut told = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    std::io::Read::read_to_string(&mut stderr, &mut told).expect("text");
    let id = libc::pid_t::try_from(child.id()).expect("an id");
    // SAFETY: all zeros are a value of this struct of numbers; the child has not been waited for,
    // so that the id is its own, and both pointers are to places of ours.
    let (status, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let mut status = 0;
        assert_eq!(libc::wait4(id, &raw mut status, 0, &raw mut usage), id);
        (status, usage)
    };
    assert_eq!(status, 0, "{told}");
    let kilobytes = usize::try_from(usage.ru_maxrss).expect("a size");
    (told, kilobytes << 10)
}
