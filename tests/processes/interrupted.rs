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
fn training(more: &str) -> Project {
    let project = Project::new();
    project.ok(&"synth all --classes 2 --train 4 --test 2"
        .split(' ')
        .collect::<Vec<_>>());
    let pipeline = format!(
        "name: p\ndataset: {{train: {{folder: all/train}}, test: {{folder: all/test}}}}\n\
         extract: {{backbone: pixels}}\n\
         train: {{head: {{dense: {{hidden: [4]}}}}, epochs: 1000000{more}}}\nevaluate: {{}}\n"
    );
    project.write("p.yaml", pipeline);
    project
}

/// Ends a run of `p.yaml` in its training, once there is a head; what it told at its end.
fn interrupted(project: &Project) -> String {
    // However slow the machine is, once it has had long enough.
    for wait in (0..10).map(|attempt| 50 << attempt) {
        let process = Process::start(project, &["run", "p.yaml"]);
        process.until_it_says("train     8 examples");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        process.send(libc::SIGINT);
        let ended = process.end();
        let result = (ended.code, &*ended.stdout);
        assert_eq!(result, (Some(130), ""), "{}", ended.stderr);
        let stopping = "stopping, to keep what is whole; once more ends it at once\n";
        assert!(ended.stderr.contains(stopping), "{}", ended.stderr);
        let told = ended.stderr.lines().last().expect("a line").to_owned();
        if !told.contains("no step had been taken") {
            return told;
        }
    }
    panic!("no step in all that time");
}

#[test]
fn an_interrupted_training_keeps_its_best_head_so_far() {
    let project = training("");
    let told = interrupted(&project);
    let start = "training interrupted: the training in epoch ";
    let end = " of 1000000, is kept in runs/p.interrupted/head.safetensors; run the same command \
               again to train anew";
    assert!(told.starts_with(start) && told.ends_with(end), "{told}");
    assert_clean(&project, &["p.yaml", "runs"]);
    let files = [
        "curve.csv",
        "head.safetensors",
        "outputs.json",
        "pipeline.yaml",
    ];
    let mut kept = entries(&project.path("runs/p.interrupted"));
    kept.sort_unstable();
    assert_eq!(
        kept,
        files.map(|file| project.path("runs/p.interrupted").join(file))
    );
    assert_eq!(entries(&project.path("runs")).len(), 1);
    let bytes = fs::read(project.path("runs/p.interrupted/head.safetensors")).unwrap();
    let (head, _) = catpipe::head::Head::from_bytes(&bytes).unwrap();
    assert_eq!(head.classes(), 2);
    // The rows are there.
    let short = project.ok(&["run", "p.yaml", "--json", "--set", "train.epochs=2"]);
    let json: serde_json::Value = serde_json::from_str(&short.stdout).unwrap();
    assert_eq!(json["timings"]["rows_computed"], 0);
}

/// A path of more values of `l2` than anybody waits for.
#[test]
fn an_interrupted_l2_path_keeps_its_best_head_so_far() {
    let project = training("");
    let path = "train: {head: logistic, validation: {folds: 2}, \
                l2: {auto: {values: 1000000, from: 1.0e-7, to: 10}}}";
    let pipeline = project.read("p.yaml");
    let (before, after) = pipeline.split_once("train: {head").expect("a head");
    let (_, after) = after.split_once('\n').expect("a line");
    project.write("p.yaml", format!("{before}{path}\n{after}"));
    let told = interrupted(&project);
    let start = "training interrupted: the model of the cross-validation's first fold at l2 ";
    let end = ", the best so far, is kept in runs/p.interrupted/head.safetensors; run the same \
               command again to train anew";
    assert!(told.starts_with(start) && told.ends_with(end), "{told}");
    let bytes = fs::read(project.path("runs/p.interrupted/head.safetensors")).unwrap();
    let (head, about) = catpipe::head::Head::from_bytes(&bytes).unwrap();
    assert_eq!((head.classes(), head.inputs()), (2, 96 * 96 * 3));
    assert!(about.contains_key("features"), "{about:?}");
    // It predicts like any head.
    let predicted = project.ok(&["predict", "runs/p.interrupted", "all/test"]);
    assert_eq!(predicted.stdout.lines().count(), 4, "{}", predicted.stdout);
}

#[test]
fn an_interrupted_training_leaves_a_finished_run_as_it_is() {
    let project = training(", validation: {folds: 2}");
    project.ok(&["run", "p.yaml", "--set", "train.epochs=2"]);
    let contents = || {
        let files = entries(&project.path("runs/p")).into_iter();
        files
            .map(|file| (fs::read(&file).unwrap(), file))
            .collect::<Vec<_>>()
    };
    let before = contents();
    let told = interrupted(&project);
    let start = "training interrupted: the model of the cross-validation's first fold after epoch ";
    assert!(told.starts_with(start), "{told}");
    assert!(before == contents());
    assert!(project.path("runs/p.interrupted/head.safetensors").exists());
}
