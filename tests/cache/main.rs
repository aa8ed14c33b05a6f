//! `catpipe cache`: what the cache has, whether it is right, what goes, what comes, and why rows
//! would be computed. Real stores, made by runs of the program.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests fail like tests

#[path = "../common/mod.rs"]
mod common;
mod why;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catpipe::features::{RowId, Space, Store};
use common::{Project, Ran};

const PIPELINE: &str = "name: shapes
seed: 3
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
augment:
  views: 2
  ops:
    - hflip: {p: 0.5}
extract: {backbone: pixels}
train:
  head: logistic
  epochs: 3
evaluate: {}
";

/// Two classes of four pictures to train on and two to test on, and a pipeline over their pixels.
fn project() -> Project {
    let project = Project::new();
    let sizes = ["--train", "4", "--test", "2", "--size", "8x8"];
    project.ok(&[&["synth", "shapes", "--classes", "2"][..], &sizes].concat());
    project.write("p.yaml", PIPELINE);
    project
}

/// The same after a run: 8 x 3 + 4 rows.
fn cached() -> Project {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    project
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stdout))
}

/// What a person sees, without what differs from run to run.
fn seen(ran: &Ran) -> String {
    // Files are remembered as unchanged once they are two seconds old.
    let lines = ran
        .stdout
        .lines()
        .filter(|line| !line.starts_with("  digests "));
    let stdout: String = lines.map(|line| format!("{line}\n")).collect();
    format!("{stdout}{}exit code {}\n", ran.stderr, ran.code)
}

macro_rules! assert_seen {
    ($ran:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"\b[0-9a-f]{64}\b", "[sha256]");
        settings.add_filter(r"\b[0-9a-f]{16}\b", "[space]");
        settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "[time] UTC");
        settings.add_filter(r"\d+\.\d kB", "[size]");
        settings.bind(|| insta::assert_snapshot!(seen(&$ran)));
    }};
}

fn shards(project: &Project) -> Vec<PathBuf> {
    let mut shards = Vec::new();
    for space in list(&project.path("cache/features")) {
        shards.extend(list(&space.join("shards")));
    }
    shards
}

fn list(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn flip(shard: &Path) {
    let mut bytes = fs::read(shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(shard, bytes).unwrap();
}

/// The space of the only folder in the cache.
fn space(project: &Project) -> Space {
    let folder = list(&project.path("cache/features")).remove(0);
    let said = fs::read_to_string(folder.join("space.json")).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    serde_json::from_value(said["space"].clone()).unwrap()
}

#[test]
fn an_empty_cache_is_listed_and_verified() {
    let project = project();
    assert_seen!(project.ok(&["cache", "ls"]));
    assert_seen!(project.ok(&["cache", "verify"]));
}

#[test]
fn what_the_cache_has_is_listed() {
    let project = cached();
    project.write("cache/runtime/onnxruntime-0/lib.so", [0; 1500]);
    project.write("cache/auto/one.json", "{}");
    project.write("cache/notes.txt", "mine");
    assert_seen!(project.ok(&["cache", "ls"]));
    let found = json(&project.ok(&["cache", "ls", "--json"]));
    assert_eq!(found["spaces"][0]["rows"], 28);
    assert_eq!(found["spaces"][0]["space"]["output"], "pixels");
    assert_eq!(found["spaces"][0]["shards"], 2);
    let bad = shards(&project).remove(0);
    flip(&bad);
    let listed = project.ok(&["cache", "ls"]);
    assert!(listed.stderr.contains("is damaged"), "{}", listed.stderr);
    assert!(
        listed.stdout.contains("1 damaged shard set aside"),
        "{}",
        listed.stdout
    );
}

#[test]
fn a_flipped_bit_is_found_and_its_rows_are_computed_again() {
    let project = cached();
    let right = project.ok(&["cache", "verify", "p.yaml", "--recompute", "5"]);
    assert_seen!(right);
    flip(&shards(&project)[0]);
    let found = project.run(&["cache", "verify", "p.yaml", "--json"]);
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert_eq!(json(&found)["damaged"].as_array().map(Vec::len), Some(1));
    assert!(!json(&found)["damaged"][0]["moved_to"].is_null());
    flip(&shards(&project)[0]);
    assert_seen!(project.run(&["cache", "verify"]));
    assert!(shards(&project).is_empty());
    let again = project.ok(&["run", "p.yaml"]);
    assert!(!again.stderr.contains("damaged"), "{}", again.stderr);
    project.ok(&["cache", "verify"]);
}

/// A cache whose shard is right by every checksum, and whose rows are not those of the images.
fn lying() -> (Project, Space) {
    let project = cached();
    let space = space(&project);
    let keys = hdf5::File::open(&shards(&project)[0])
        .and_then(|file| file.dataset("keys")?.read_2d::<u8>())
        .unwrap();
    let ids: Vec<RowId> = keys
        .outer_iter()
        .map(|key| RowId(key.to_vec().try_into().unwrap()))
        .collect();
    fs::remove_dir_all(project.path("cache/features")).unwrap();
    let (store, _) = Store::open(&project.path("cache/features"), &space).unwrap();
    let mut writer = store.writer().unwrap();
    for id in ids {
        writer.append(id, &vec![0.5; space.width]).unwrap();
    }
    writer.finish().unwrap();
    (project, space)
}

#[test]
fn a_row_that_is_not_what_the_network_gives_is_named() {
    let (project, _) = lying();
    project.ok(&["cache", "verify"]);
    let args = ["cache", "verify", "p.yaml", "--recompute", "1"];
    let found = project.run(&args);
    assert_eq!(found.code, 1);
    assert!(
        found.stderr.contains("is not what the network gives"),
        "{}",
        found.stderr
    );
    assert!(
        found.stderr.contains("view ") && found.stderr.contains(".h5"),
        "{}",
        found.stderr
    );
    assert_eq!(
        shards(&project).len(),
        1,
        "nothing moves unless that is asked for"
    );
    let found = project.run(&[&args[..], &["--set-aside"]].concat());
    assert_eq!(found.code, 1);
    assert!(found.stderr.contains("(moved to"), "{}", found.stderr);
    assert!(shards(&project).is_empty());
}

#[test]
fn rows_of_a_network_are_computed_again_to_the_bit() {
    let project = project();
    project.tiny_backbone("tiny");
    let set = ["--set", "extract.backbone=tiny.yaml"];
    project.ok(&[&["run", "p.yaml"][..], &set].concat());
    let args = ["cache", "verify", "p.yaml", "--recompute", "1000", "--json"];
    let found = json(&project.ok(&[&args[..], &set].concat()));
    let sample = &found["recomputed"][0];
    assert_eq!(
        (&sample["cached"], &sample["compared"]),
        (&28.into(), &28.into())
    );
    assert_eq!(sample["parity"]["largest_difference"], 0.0);
    let some = [
        "cache",
        "verify",
        "p.yaml",
        "--recompute",
        "3",
        "--seed",
        "7",
        "--json",
    ];
    let found = json(&project.ok(&[&some[..], &set].concat()));
    assert_eq!(found["recomputed"][0]["compared"], 3);
}

#[test]
fn what_no_pipeline_needs_is_removed() {
    let project = cached();
    project.write("q.yaml", PIPELINE.replace("seed: 3", "seed: 4"));
    project.ok(&["run", "q.yaml"]);
    let fewer = ["cache", "gc", "p.yaml", "--set", "augment.views=1"];
    assert_seen!(project.ok(&[&fewer[..], &["--dry-run"]].concat()));
    assert!(project.ok(&["run", "q.yaml"]).stdout.contains("up to date"));
    // Both pipelines need what each of them needs.
    let both = json(&project.ok(&["cache", "gc", "p.yaml", "q.yaml", "--json"]));
    assert_eq!(
        (&both["rows_kept"], &both["bytes"]),
        (&44.into(), &0.into())
    );
    assert_seen!(project.ok(&fewer));
    let why = json(&project.ok(&["cache", "why", "p.yaml", "--json"]));
    assert_eq!((&why["needed"], &why["missing"]), (&28.into(), &8.into()));
    assert_seen!(project.ok(&fewer));
    assert_seen!(project.ok(&["cache", "gc", "--all"]));
    assert!(list(&project.path("cache/features")).is_empty());
}

#[test]
fn rows_that_a_run_has_open_are_left_alone() {
    let project = cached();
    let (running, _) = Store::open(&project.path("cache/features"), &space(&project)).unwrap();
    assert_seen!(project.run(&["cache", "gc", "--all"]));
    assert_eq!(running.len(), 28);
    assert_eq!(shards(&project).len(), 2);
    drop(running);
    project.ok(&["cache", "gc", "--all"]);
    assert!(shards(&project).is_empty());
}

#[test]
fn a_collection_that_is_killed_loses_nothing_and_the_next_finishes_it() {
    let project = cached();
    let fewer = ["--set", "augment.views=1"];
    for moment in 0..10 {
        // All 28 rows anew, in shards of which one is to be rewritten.
        project.ok(&["cache", "gc", "--all"]);
        project.ok(&["run", "p.yaml"]);
        let mut gc = project.command(&[&["cache", "gc", "p.yaml"][..], &fewer].concat());
        let quiet = || std::process::Stdio::null();
        let mut gc = gc.stdout(quiet()).stderr(quiet()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(3 * moment));
        gc.kill().unwrap();
        gc.wait().unwrap();
        let why = [&["cache", "why", "p.yaml", "--json"][..], &fewer].concat();
        assert_eq!(json(&project.ok(&why))["missing"], 0);
    }
    project.ok(&[&["cache", "gc", "p.yaml"][..], &fewer].concat());
    let found = json(&project.ok(&["cache", "ls", "--json"]));
    assert_eq!(found["spaces"][0]["rows"], 20);
    project.ok(&["cache", "verify"]);
    for folder in list(&project.path("cache/features")) {
        let left = list(&folder.join("shards"));
        assert!(
            left.iter()
                .all(|path| path.extension().is_some_and(|e| e == "h5")),
            "{left:?}"
        );
        assert!(!folder.join("damaged").exists());
    }
}

#[test]
fn collecting_for_nobody_has_to_be_asked_for() {
    let project = cached();
    assert_seen!(project.run(&["cache", "gc"]));
    let both = project.run(&["cache", "gc", "p.yaml", "--all"]);
    assert_eq!(both.code, 2);
    // A pipeline that is wrong says nothing of what it needs.
    project.write("q.yaml", PIPELINE.replace("views: 2", "veiws: 2"));
    let wrong = project.run(&["cache", "gc", "p.yaml", "q.yaml"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    assert_eq!(shards(&project).len(), 2);
}

#[test]
fn caches_are_joined() {
    let (project, other) = (project(), cached());
    let from = other.path("cache").display().to_string();
    let clean = |ran: Ran| Ran {
        stdout: ran.stdout.replace(&from, "OTHER"),
        stderr: ran.stderr.replace(&from, "OTHER"),
        code: ran.code,
    };
    assert_seen!(clean(project.ok(&["cache", "import", &from])));
    assert_seen!(clean(project.ok(&["cache", "import", &from])));
    let ran = project.ok(&["run", "p.yaml", "--json"]);
    assert_eq!(json(&ran)["timings"]["rows_computed"], 0);
    // A damaged one is named, and the other comes.
    project.ok(&["cache", "gc", "--all"]);
    let bad = shards(&other).remove(0);
    flip(&bad);
    let told = clean(project.run(&["cache", "import", &from]));
    assert_eq!(told.code, 1);
    assert!(told.stderr.contains("is damaged"), "{}", told.stderr);
    assert!(bad.exists());
    assert_eq!(shards(&project).len(), 1);
    project.write("empty/file", "");
    assert_seen!(clean(project.run(&["cache", "import", "empty", "gone"])));
}

#[test]
fn what_auto_has_not_chosen_yet_is_told() {
    let project = project();
    project.tiny_backbone("tiny");
    project.write(
        "p.yaml",
        PIPELINE.replace("backbone: pixels", "backbone: tiny.yaml, provider: auto"),
    );
    for command in ["why", "gc", "verify"] {
        let told = project.run(&["cache", command, "p.yaml"]);
        assert_eq!(told.code, 1, "{}", told.stderr);
        assert!(
            told.stderr.contains("`auto` has measured nothing"),
            "{}",
            told.stderr
        );
    }
}
