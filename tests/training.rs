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

/// Classes have names wherever a person reads of them.
#[test]
fn a_class_with_too_few_examples_is_named() {
    let project = project(8, 16, 0, "{head: logistic}");
    let pipeline = project.read("p.yaml");
    fs::rename(
        project.path("all/train/square"),
        project.path("all/train/heron"),
    )
    .expect("a name");
    fs::rename(
        project.path("all/test/square"),
        project.path("all/test/heron"),
    )
    .expect("a name");
    fs::remove_file(project.path("all/train/heron/00000.png")).expect("a picture");
    for (train, told) in [
        (
            "{head: logistic, validation: {folds: 4}}",
            "class `heron` has 3 training examples, fewer than the 4 folds of `validation`: add \
             examples of it, or set `folds` to 3 or less",
        ),
        (
            "{head: {dense: {hidden: [4]}}, epochs: 2, validation: {share: 0.25}}",
            "class `heron` has 3 training examples, fewer than the 4 parts of which `validation` \
             holds out one: add examples of it, or set `share` to 0.33 or more",
        ),
        (
            "{head: logistic, search: {grid: {l2: [1, 2]}}, validation: {folds: 4}}",
            "class `heron` has 3 training examples",
        ),
    ] {
        project.write("p.yaml", pipeline.replace("{head: logistic}", train));
        let ran = project.run(&["run", "p.yaml"]);
        assert_ne!(ran.code, 0);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let curve = pipeline.replace("evaluate: {}", "evaluate: {learning_curve: {sizes: 3}}");
    project.write(
        "p.yaml",
        curve.replace("{head: logistic}", "{head: logistic, l2: 0.1}"),
    );
    let ran = project.run(&["run", "p.yaml"]);
    let told = "class `disc` has 4 training examples, fewer than the 5 folds";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
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

/// A path of `l2` needs the one minimum of a logistic head. Who asks for it elsewhere is told so at
/// the place, before anything runs, and what to write instead.
#[test]
fn l2_auto_of_another_head_says_what_to_do() {
    let project = project(8, 16, 0, "{head: logistic}");
    let pipeline = project.read("p.yaml");
    for (head, name) in [
        ("dense: {hidden: [4]}", "dense"),
        ("cnn: {filters: [2], hidden: [4]}", "cnn"),
    ] {
        let train = format!("train: {{head: {{{head}}}, l2: auto}}");
        project.write(
            "p.yaml",
            pipeline.replace("train: {head: logistic}", &train),
        );
        for command in ["check", "run"] {
            let ran = project.run(&[command, "p.yaml"]);
            assert_eq!(ran.code, 2, "{}", ran.stderr);
            assert!(ran.stderr.contains("p.yaml:5:"), "{}", ran.stderr);
            let told = format!(
                "`l2: auto` is for the logistic head: for a `{name}` one give a number, or list \
                 some to choose from by cross-validation, e.g. `search: {{grid: {{l2: [1.0e-4, \
                 1.0e-3, 1.0e-2]}}}}` with `validation: {{folds: 5}}`"
            );
            assert!(ran.stderr.contains(&told), "{}", ran.stderr);
        }
        // What it says to do can be done.
        let instead = format!(
            "train: {{head: {{{head}}}, epochs: 2, validation: {{folds: 2}}, \
             search: {{grid: {{l2: [1.0e-4, 1.0e-3, 1.0e-2]}}}}}}"
        );
        project.write(
            "p.yaml",
            pipeline.replace("train: {head: logistic}", &instead),
        );
        project.ok(&["run", "p.yaml"]);
        let trials = project.json("runs/p/metrics.json")["trials"].clone();
        assert_eq!(trials.as_array().map(Vec::len), Some(3), "{trials}");
    }
}

/// The probabilities of a run's test examples.
fn probabilities(project: &Project, run: &str) -> Vec<f64> {
    let path = project.path(&format!("runs/{run}/predictions.csv"));
    let mut table = csv::Reader::from_path(path).expect("a table");
    let rows = table.records().map(|row| row.expect("a row"));
    rows.flat_map(|row| {
        let numbers = row.iter().skip(3).map(|p| p.parse().expect("a number"));
        numbers.collect::<Vec<f64>>()
    })
    .collect()
}

/// For the exact solver an example of weight 3 is three examples: a run with class weights is the
/// run on a folder where the pictures of that class lie three times.
#[test]
fn class_weights_of_the_exact_solver_count_as_copies_do() {
    const LOGISTIC: &str = "{head: logistic, l2: 0.01}";
    let project = project(12, 16, 0, LOGISTIC);
    let pipeline = project.read("p.yaml");
    let run = |name: &str, folder: &str, weights: &str| {
        let train = LOGISTIC.replace('}', &format!("{weights}}}"));
        let pipeline = pipeline
            .replace("all/train", folder)
            .replace(LOGISTIC, &train)
            .replace("name: p", &format!("name: {name}"));
        project.write("p.yaml", pipeline);
        project.ok(&["run", "p.yaml"]);
        probabilities(&project, name)
    };
    let off = |a: &[f64], b: &[f64]| {
        assert_eq!((a.len(), b.len()), (16, 16));
        let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        off.fold(0.0, f64::max)
    };
    for class in ["disc", "square"] {
        for file in fs::read_dir(project.path("all/train").join(class)).expect("a folder") {
            let from = file.expect("a file").path();
            let name = from
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            for copy in 0..if class == "square" { 3 } else { 1 } {
                let to = format!("thrice/{class}/{copy}-{name}");
                project.write(&to, fs::read(&from).expect("a picture"));
            }
        }
    }
    let plain = run("plain", "all/train", "");
    let weighted = run("weighted", "all/train", ", class_weights: {square: 3}");
    let copied = run("copied", "thrice", "");
    assert!(off(&weighted, &copied) < 1e-4, "{weighted:?} {copied:?}");
    assert!(off(&weighted, &plain) > 1e-3, "{weighted:?} {plain:?}");
    // Balanced weights take the copies back.
    let balanced = run("balanced", "thrice", ", class_weights: balanced");
    assert!(off(&balanced, &plain) < 1e-4, "{balanced:?} {plain:?}");
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
