//! Two and three runs at once on one cache.

use std::fs;

use crate::common::Project;
use crate::process::{
    COUNT, Process, assert_clean, computed, extract, stored, until, until_shards, wide,
};

const OUTS: [&str; 3] = ["0.npy", "1.npy", "2.npy"];

#[test]
fn runs_at_once_compute_every_row_once_between_them() {
    let project = wide();
    let runs = OUTS.map(|out| Process::start(&project, &extract(out, &[])));
    let sums = runs.map(|run| computed(&run.end().json()));
    assert_eq!(sums.iter().sum::<u64>(), COUNT, "{sums:?}");
    let files = OUTS.map(|out| fs::read(project.path(out)).unwrap());
    assert!(files.iter().all(|file| *file == files[0]));
    assert_eq!(stored(&project, &[".h5"]).len() as u64, COUNT.div_ceil(2));
    let ids = OUTS.map(|out| out.replace(".npy", ".ids.txt"));
    let both = OUTS
        .iter()
        .zip(&ids)
        .flat_map(|(out, ids)| [ids.as_str(), out]);
    assert_clean(&project, &both.collect::<Vec<_>>());
}

/// Two runs, of which the first computes and the second waits.
fn waiting(project: &Project) -> (Process, Process) {
    let first = Process::start(project, &extract("0.npy", &[]));
    until(
        || !stored(project, &[".claims"]).is_empty(),
        || "claims".to_owned(),
    );
    let second = Process::start(project, &extract("1.npy", &[]));
    let line = format!(
        "rows that another run is computing (process {})",
        first.id()
    );
    second.until_it_says(&line);
    (first, second)
}

#[test]
fn a_run_waits_for_the_rows_of_another_and_its_output_is_the_same() {
    let project = wide();
    let (first, second) = waiting(&project);
    assert_eq!(computed(&first.end().json()), COUNT);
    let second = second.end();
    assert_eq!(computed(&second.json()), 0);
    assert!(
        second.stderr.contains("0 rows; 16 by another run"),
        "{}",
        second.stderr
    );
    assert!(
        second.json()["timings"]["others"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    let files = ["0.npy", "1.npy"].map(|out| fs::read(project.path(out)).unwrap());
    assert_eq!(files[0], files[1]);
}

#[test]
fn what_a_killed_run_leaves_undone_is_taken_over() {
    let project = wide();
    let (first, second) = waiting(&project);
    until_shards(&project, 2);
    first.send(libc::SIGKILL);
    assert_eq!(first.end().code, None);
    let there = stored(&project, &[".h5"]).len() as u64 * 2;
    let computed = computed(&second.end().json());
    assert!(computed > 0, "the first was killed too late");
    assert_eq!(computed, COUNT - there);
    // What it left behind goes when the store is opened next.
    project.ok(&extract("0.npy", &[]));
    assert_clean(&project, &["0.ids.txt", "0.npy", "1.ids.txt", "1.npy"]);
    let files = ["0.npy", "1.npy"].map(|out| fs::read(project.path(out)).unwrap());
    assert_eq!(files[0], files[1]);
}

#[test]
fn a_run_that_waits_can_be_interrupted_and_an_interrupted_one_is_taken_over() {
    let project = wide();
    let (first, second) = waiting(&project);
    let third = Process::start(&project, &extract("2.npy", &[]));
    third.until_it_says("that another run is computing");
    second.send(libc::SIGINT);
    let second = second.end();
    assert_eq!(second.code, Some(130));
    assert!(
        second.stderr.contains("of 16 rows are kept"),
        "{}",
        second.stderr
    );
    until_shards(&project, 2);
    first.send(libc::SIGINT);
    assert_eq!(first.end().code, Some(130));
    let there = stored(&project, &[".h5"]).len();
    let third = computed(&third.end().json());
    assert!(
        (1..=COUNT - 4).contains(&third),
        "{third} of them, {there} shards before"
    );
    assert_clean(&project, &["2.ids.txt", "2.npy"]);
}

#[test]
fn runs_of_one_pipeline_at_once_both_finish() {
    let project = wide();
    let pipeline = "name: p\ndataset: {train: {folder: all/train}, test: {folder: all/test}}\n\
                    augment: {views: 1, ops: [hflip: {p: 1}]}\n\
                    extract: {backbone: pixels, batch: 1}\n\
                    train: {head: logistic, epochs: 2}\nevaluate: {}\n";
    project.write("p.yaml", pipeline);
    let runs = [0; 2].map(|_| Process::start(&project, &["run", "p.yaml", "--json"]));
    let sums = runs.map(|run| {
        let json = run.end().json();
        let of = |key: &str| json["timings"][key].as_u64().unwrap();
        (of("rows_computed"), of("rows_cached"))
    });
    let [first, second] = sums;
    // 16 training examples in two views and two test examples.
    assert_eq!(first.0 + second.0, 34, "{sums:?}");
    assert!(
        sums.iter()
            .all(|(computed, cached)| computed + cached == 34),
        "{sums:?}"
    );
    assert_eq!(project.json("runs/p/metrics.json")["test"]["total"], 2);
    assert_clean(&project, &["p.yaml", "runs"]);
}
