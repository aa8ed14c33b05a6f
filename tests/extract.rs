//! `catpipe extract`, and pipelines over images without classes.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use common::{Project, Ran};
use hdf5::types::VarLenUnicode;
use ndarray::Array2;

/// Generated shapes in class folders, which nobody asks about, and a small network.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let sizes = ["--train", "5", "--test", "1", "--size", "40x32"];
    project.ok(&[&["synth", "all", "--classes", "3"], &sizes[..]].concat());
    fs::rename(project.path("all/train"), project.path("photos")).expect("the folder moves");
    project
}

/// `catpipe extract` by the small network.
fn args<'a>(images: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = ["extract", "--backbone", "tiny.yaml", "--images", images];
    [&start[..], more].concat()
}

fn fed(project: &Project, args: &[&str], stdin: &[u8]) -> Ran {
    let mut command = project.command(args);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().expect("a start");
    let mut to = child.stdin.take().expect("its stdin");
    to.write_all(stdin).expect("it reads");
    drop(to);
    project.ran(child.wait_with_output().expect("an end"))
}

/// The ids and rows of an HDF5 file.
fn table(project: &Project, file: &str) -> (Vec<String>, Array2<f32>) {
    let file = hdf5::File::open(project.path(file)).expect("an HDF5 file");
    let ids = file.dataset("id").expect("ids").read_raw::<VarLenUnicode>();
    let ids = ids
        .expect("ids")
        .into_iter()
        .map(|id| id.as_str().to_owned());
    let rows = file.dataset("features").expect("rows").read_2d();
    (ids.collect(), rows.expect("rows"))
}

fn json(ran: &Ran) -> serde_json::Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON only")
}

fn leftovers(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.path("")).expect("a folder");
    let names = entries.map(|e| {
        e.expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names.filter(|name| name.ends_with(".part")).collect()
}

#[test]
fn a_folder_becomes_a_file_and_a_second_time_computes_nothing() {
    let project = project();
    let ran = project.ok(&args("photos", &["--out", "f.h5", "--batch", "4"]));
    let line = "f.h5: 15 rows of 16 features by tiny; 15 computed, 0 from the cache (";
    assert!(ran.stdout.starts_with(line), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("✓ dataset   15 images"),
        "{}",
        ran.stderr
    );
    let (ids, rows) = table(&project, "f.h5");
    assert!(ids.is_sorted() && ids.len() == 15, "{ids:?}");
    assert!(project.path("photos").join(&ids[0]).is_file(), "{ids:?}");
    assert_eq!(rows.dim(), (15, 16));
    let file = hdf5::File::open(project.path("f.h5")).expect("a file");
    let said = |name: &str| {
        let attr = file.attr(name).expect("an attribute");
        let text = attr.read_scalar::<VarLenUnicode>().expect("text");
        text.as_str().to_owned()
    };
    assert_eq!(
        (said("backbone"), said("provider")),
        ("tiny".into(), "cpu".into())
    );
    assert!(said("graph").starts_with("onnx sha256:"));
    assert!(
        said("preprocessing").contains("rgb"),
        "{}",
        said("preprocessing")
    );
    drop(file);

    let first = fs::read(project.path("f.h5")).expect("a file");
    fs::rename(project.path("photos"), project.path("moved")).expect("the folder moves");
    let again = args("moved", &["--out", "f.h5", "--batch", "7", "--json"]);
    let again = json(&project.run(&again));
    assert_eq!(
        (&again["computed"], &again["cached"]),
        (&0.into(), &15.into())
    );
    assert_eq!(fs::read(project.path("f.h5")).expect("a file"), first);
    assert!(leftovers(&project).is_empty());
}

#[test]
fn rows_follow_the_paths_on_stdin() {
    let project = project();
    project.ok(&args("photos", &["--out", "all.h5"]));
    let (ids, rows) = table(&project, "all.h5");
    // Backwards, and the first once more at the end.
    let wanted: Vec<usize> = (0..15).rev().chain([14]).collect();
    let paths: Vec<String> = wanted
        .iter()
        .map(|&i| format!("photos/{}", ids[i]))
        .collect();
    for (out, text) in [
        ("lines.npy", paths.join("\n") + "\n"),
        ("null.npy", paths.join("\0")),
    ] {
        let found = fed(
            &project,
            &args("-", &["--out", out, "--json"]),
            text.as_bytes(),
        );
        let found = json(&found);
        assert_eq!(
            (&found["rows"], &found["computed"]),
            (&16.into(), &0.into())
        );
        let found: Array2<f32> = ndarray_npy::read_npy(project.path(out)).expect("an array");
        for (i, &j) in wanted.iter().enumerate() {
            assert_eq!(found.row(i), rows.row(j), "row {i} of {out}");
        }
        let ids = project.read(&out.replace(".npy", ".ids.txt"));
        assert!(ids.lines().eq(&paths), "{ids}");
    }
}

#[test]
fn a_pipeline_and_a_batch_share_their_rows() {
    let project = project();
    let pipeline = "name: f\ndataset: {source: {files: \"photos/**/*.png\"}}\n\
                    extract: {backbone: tiny.yaml}\n";
    project.write("f.yaml", pipeline);
    let checked = project.ok(&["check", "f.yaml"]).stdout;
    assert!(
        checked.contains("15 training and 0 test examples"),
        "{checked}"
    );
    let ran = json(&project.run(&["run", "f.yaml", "--json"]));
    assert_eq!(ran["timings"]["rows_computed"], 15);
    let ran = json(&project.run(&args("photos", &["--out", "f.npy", "--json"])));
    assert_eq!(ran["computed"], 0);
    let surveyed = project.ok(&["data", "f.yaml"]).stdout;
    assert!(surveyed.contains("15"), "{surveyed}");
    project.write("f.yaml", pipeline.replace("}}", "}, split: {test: 0.4}}"));
    let divided = project.ok(&["run", "f.yaml"]);
    assert!(
        divided.stderr.contains("test examples"),
        "{}",
        divided.stderr
    );
    assert!(
        divided.stderr.contains("all 15 rows are in the cache"),
        "{}",
        divided.stderr
    );
}

#[test]
fn bad_files_stop_or_are_skipped_by_name() {
    let project = project();
    project.ok(&args("photos", &["--out", "f.h5"]));
    let whole = fs::read(project.path("f.h5")).expect("a file");
    let (ids, _) = table(&project, "f.h5");
    let picture = fs::read(project.path("photos").join(&ids[0])).expect("a picture");
    project.write("photos/cut.png", &picture[..picture.len() / 2]);
    let paths = format!("photos/{}\nphotos/cut.png\nnone.png\n", ids[0]);

    let stop = fed(&project, &args("-", &["--out", "f.h5"]), paths.as_bytes());
    assert_eq!(stop.code, 2);
    assert!(
        stop.stderr.contains("none.png does not exist"),
        "{}",
        stop.stderr
    );
    assert_eq!(fs::read(project.path("f.h5")).expect("a file"), whole);
    assert!(leftovers(&project).is_empty());

    let more = ["--out", "f.h5", "--on-error", "skip"];
    let few = fed(&project, &args("-", &more), paths.as_bytes());
    assert_eq!(few.code, 2);
    assert!(
        few.stderr.contains("more than `max_skipped` allows"),
        "{}",
        few.stderr
    );
    let more = [&more[..], &["--max-skipped", "1"]].concat();
    let skip = fed(&project, &args("-", &more), paths.as_bytes());
    assert_eq!(skip.code, 0, "{}", skip.stderr);
    assert!(
        skip.stderr
            .contains("2 files that cannot be used skipped, named in f.skipped.csv")
    );
    assert!(
        skip.stderr.contains("photos/cut.png is a damaged"),
        "{}",
        skip.stderr
    );
    assert_eq!(table(&project, "f.h5").0, [format!("photos/{}", ids[0])]);
    let list = project.read("f.skipped.csv");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[..2], ["path,reason", "none.png,does not exist"]);
    assert!(
        lines[2].starts_with("photos/cut.png,is a damaged"),
        "{list}"
    );

    // Left out by name it is no mishap, and the list of before is gone.
    project.ok(&args("photos", &["--out", "f.h5", "--exclude", "cut.*"]));
    assert!(!project.path("f.skipped.csv").exists());
    assert_eq!(fs::read(project.path("f.h5")).expect("a file"), whole);
}

#[test]
fn a_killed_extraction_goes_on() {
    let project = project();
    project.ok(&args("photos", &["--out", "clean.h5"]));
    let clean = fs::read(project.path("clean.h5")).expect("a file");
    for wait in [5, 30, 60, 90, 120, 200] {
        fs::remove_dir_all(project.path("cache/features")).expect("a cache");
        let mut command = project.command(&args("photos", &["--out", "f.h5", "--batch", "1"]));
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().expect("a start");
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().expect("a kill");
        child.wait().expect("an end");
        if let Ok(there) = fs::read(project.path("f.h5")) {
            assert!(there == clean, "a file that is there is whole ({wait} ms)");
            fs::remove_file(project.path("f.h5")).expect("a file");
        }
        project.ok(&args("photos", &["--out", "f.h5"]));
        assert!(
            fs::read(project.path("f.h5")).expect("a file") == clean,
            "{wait} ms"
        );
        assert!(leftovers(&project).is_empty());
        fs::remove_file(project.path("f.h5")).expect("a file");
    }
}

/// What is said to each wrong thing, with the exit code.
#[test]
fn what_is_wrong_is_told_before_anything_is_computed() {
    let project = project();
    project.write("notes/readme.txt", "x");
    project.write("empty/.hidden", "x");
    let cases: [(&str, &[&str]); 13] = [
        ("photos", &["--out", "f.txt"]),
        ("photos", &["--out", "nowhere/f.h5"]),
        ("photos", &["--out", "photos"]),
        ("none", &["--out", "f.h5"]),
        ("none/*.png", &["--out", "f.h5"]),
        ("photos/**/*.gif", &["--out", "f.h5"]),
        ("empty", &["--out", "f.h5"]),
        ("notes", &["--out", "f.h5"]),
        ("", &["--out", "f.h5"]),
        ("photos", &["--out", "f.h5", "--batch", "0"]),
        ("photos", &["--out", "f.h5", "--provider", "gpu"]),
        ("photos", &["--out", "f.h5", "--max-skipped", "2"]),
        ("photos", &["--out", "f.h5", "--exclude", "/tmp"]),
    ];
    let mut text = String::new();
    let mut tell = |case: String, ran: Ran| {
        assert_eq!(ran.stdout, "", "results only on stdout");
        text.push_str(&format!("{case}\n{}: {}\n", ran.code, ran.stderr));
    };
    for (images, more) in cases {
        let case = format!("--images '{images}' {}", more.join(" "));
        tell(case, project.run(&args(images, more)));
    }
    for stdin in [
        &b""[..],
        b"a.png\n\nb.png\n",
        b"a\xff.png\n",
        b"photos/none.png\n",
    ] {
        let case = format!("--images - of {:?}", String::from_utf8_lossy(stdin));
        tell(case, fed(&project, &args("-", &["--out", "f.h5"]), stdin));
    }
    let nothing = [
        "extract",
        "--backbone",
        "no.yaml",
        "--images",
        "photos",
        "--out",
        "f.h5",
    ];
    tell("--backbone no.yaml".to_owned(), project.run(&nothing));
    assert!(leftovers(&project).is_empty() && !project.path("f.h5").exists());
    assert!(
        !project.path("cache/features").exists(),
        "nothing was computed"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_head_on_images_without_classes_is_refused() {
    let project = project();
    let pipeline = "name: f\ndataset:\n  source:\n    files: photos\n\
                    extract: {backbone: tiny.yaml}\ntrain: {head: logistic}\n";
    project.write("f.yaml", pipeline);
    let ran = project.run(&["check", "f.yaml"]);
    insta::assert_snapshot!(format!("{}: {}", ran.code, ran.stderr));
    // Without a head all is well; a folder that is not there is shown where it is named.
    project.write("f.yaml", pipeline.replace("train: {head: logistic}\n", ""));
    project.ok(&["check", "f.yaml"]);
    let ran = project.run(&["check", "f.yaml", "--set", "dataset.source.files=none"]);
    assert_eq!(ran.code, 2);
    project.write(
        "f.yaml",
        pipeline
            .replace("photos", "none")
            .replace("train: {head: logistic}\n", ""),
    );
    let ran = project.run(&["check", "f.yaml"]);
    assert!(
        ran.stderr
            .contains("f.yaml:4:12: dataset.source.files: there is no file"),
        "{}",
        ran.stderr
    );
}
