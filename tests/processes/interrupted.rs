//! Ctrl-C, `kill`, and the run after it.

use std::fs;

use crate::common::Project;
use crate::process::{
    COUNT, Ended, Process, assert_clean, computed, entries, extract, stored, until_shards, wide,
};

/// How many rows an interrupted process says are kept.
fn kept(ended: &Ended) -> u64 {
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(130), ""),
        "{}",
        ended.stderr
    );
    let last = ended.stderr.lines().last().unwrap_or_default();
    let parts = last
        .strip_prefix("interrupted: ")
        .and_then(|rest| rest.strip_suffix(" are kept; run the same command again to go on"))
        .and_then(|rest| rest.strip_suffix(&format!(" of {COUNT} rows")));
    let number = parts.and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{}", ended.stderr))
}

#[test]
fn an_interrupted_extraction_keeps_its_rows_and_the_next_computes_the_rest() {
    let project = wide();
    project.ok(&extract("whole.npy", &[]));
    let whole = fs::read(project.path("whole.npy")).unwrap();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        fs::remove_dir_all(project.path("cache/features")).unwrap();
        let process = Process::start(&project, &extract("f.npy", &[]));
        until_shards(&project, 2);
        process.send(signal);
        let kept = kept(&process.end());
        assert!((4..COUNT).contains(&kept), "{kept}");
        // The last of them is a shard of its own where their number is odd.
        assert_eq!(stored(&project, &[".h5"]).len() as u64, kept.div_ceil(2));
        assert_clean(&project, &["whole.ids.txt", "whole.npy"]);

        let again = Process::start(&project, &extract("f.npy", &[])).end();
        assert_eq!(computed(&again.json()), COUNT - kept);
        assert_eq!(fs::read(project.path("f.npy")).unwrap(), whole);
        assert_clean(
            &project,
            &["f.ids.txt", "f.npy", "whole.ids.txt", "whole.npy"],
        );
        fs::remove_file(project.path("f.npy")).unwrap();
        fs::remove_file(project.path("f.ids.txt")).unwrap();
    }
}

#[test]
fn a_second_ctrl_c_ends_it_at_once_and_loses_nothing_that_was_published() {
    let project = wide();
    let process = Process::start(&project, &extract("f.npy", &[]));
    until_shards(&project, 2);
    process.send(libc::SIGINT);
    process.until_it_says("stopping, to keep what is whole; once more ends it at once");
    process.send(libc::SIGINT);
    assert_eq!(process.end().code, Some(130));
    let again = Process::start(&project, &extract("f.npy", &[])).end();
    assert!(computed(&again.json()) <= COUNT - 4);
    assert_clean(&project, &["f.ids.txt", "f.npy"]);
}

#[test]
fn what_was_to_be_ignored_stays_ignored() {
    let project = wide();
    let args = extract("f.npy", &[]);
    let mut command = std::process::Command::new("nohup");
    let program = project.command(&args);
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(project.path(""));
    command.envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let quiet = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped());
    let child = quiet
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("nohup");
    until_shards(&project, 2);
    let id = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: the child has not been waited for, so that the id is its own.
    #[allow(unsafe_code)]
    unsafe {
        libc::kill(id, libc::SIGHUP);
    }
    let ran = project.ran(child.wait_with_output().expect("an end"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// A run that trains for a very long time.
fn training() -> Project {
    let project = Project::new();
    project.ok(&"synth all --classes 2 --train 4 --test 2"
        .split(' ')
        .collect::<Vec<_>>());
    let pipeline = "name: p\ndataset: {train: {folder: all/train}, test: {folder: all/test}}\n\
                    extract: {backbone: pixels}\ntrain: {head: logistic, epochs: 100000}\n\
                    evaluate: {}\n";
    project.write("p.yaml", pipeline);
    project
}

#[test]
fn an_interrupted_training_ends_and_leaves_no_half_run() {
    let project = training();
    let process = Process::start(&project, &["run", "p.yaml"]);
    process.until_it_says("train     8 examples");
    process.send(libc::SIGINT);
    let ended = process.end();
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(130), ""),
        "{}",
        ended.stderr
    );
    let told = "interrupted: what was finished is kept; run the same command again to go on\n";
    assert!(ended.stderr.ends_with(told), "{}", ended.stderr);
    assert_clean(&project, &["p.yaml", "runs"]);
    assert!(entries(&project.path("runs")).is_empty());
    // The rows are there.
    let short = project.ok(&["run", "p.yaml", "--json", "--set", "train.epochs=2"]);
    let json: serde_json::Value = serde_json::from_str(&short.stdout).unwrap();
    assert_eq!(json["timings"]["rows_computed"], 0);
}
