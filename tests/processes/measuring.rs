//! `provider: auto` interrupted while a process of its own measures.

use std::fs;
use std::path::Path;

use crate::common::Project;
use crate::process::{Process, assert_clean, entries, tmp, until};

const ARGS: &str = "extract --backbone tiny.yaml --images all/train --provider auto --out f.npy";

/// The processes that were told to put something into the folder for temporary files.
fn children(project: &Project) -> usize {
    let folder = tmp(project);
    let told = |process: &Path| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
    };
    entries(Path::new("/proc"))
        .iter()
        .filter(|one| told(one))
        .count()
}

fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    project.ok(&"synth all --classes 2 --train 3 --test 1"
        .split(' ')
        .collect::<Vec<_>>());
    project
}

fn measuring() -> (Project, Process) {
    let project = project();
    let process = Process::start(&project, &ARGS.split(' ').collect::<Vec<_>>());
    process.until_it_says("auto: measuring tiny.yaml on this machine, once");
    until(
        || children(&project) > 0,
        || "a process that measures".to_owned(),
    );
    (project, process)
}

#[test]
fn an_interrupted_measurement_keeps_nothing_and_leaves_no_process() {
    let (project, process) = measuring();
    process.send(libc::SIGINT);
    let ended = process.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let told = "interrupted while measuring for `auto`, of which nothing is kept; run the same \
                command again to go on\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    assert_eq!(children(&project), 0);
    assert!(entries(&project.path("cache/auto")).is_empty());
    assert_clean(&project, &["tiny.onnx", "tiny.yaml"]);
}

#[test]
fn a_process_that_measures_does_not_outlive_the_one_that_asked() {
    let (project, process) = measuring();
    process.send(libc::SIGKILL);
    assert_eq!(process.end().code, None);
    until(|| children(&project) == 0, || "its end".to_owned());
}

#[test]
fn an_interrupted_bench_ends_and_leaves_no_process() {
    let project = project();
    let args = ["providers", "--bench", "--backbone", "tiny.yaml"];
    let process = Process::start(&project, &args);
    until(
        || children(&project) > 0,
        || "a process that measures".to_owned(),
    );
    process.send(libc::SIGINT);
    let ended = process.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let told = "interrupted while measuring, of which nothing is kept\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    assert_eq!(children(&project), 0);
    assert_clean(&project, &["tiny.onnx", "tiny.yaml"]);
}
