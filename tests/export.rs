//! Rows as files: `catpipe extract --shard` and `catpipe cache export`.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use common::{Project, Ran};
use ndarray::{Array2, Axis, concatenate, s};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

const PIPELINE: &str = "
name: shapes
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
augment: {views: 2, ops: [hflip: {p: 0.5}]}
extract: {backbone: tiny.yaml}
train: {head: logistic, epochs: 2}
evaluate: {}
";

/// Generated shapes in class folders (4 x 3 to train on, 2 x 3 to test on) and a small network.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let sizes = ["--train", "4", "--test", "2", "--size", "40x32"];
    project.ok(&[&["synth", "shapes", "--classes", "3"], &sizes[..]].concat());
    // It says what was generated, and is no image.
    fs::remove_file(project.path("shapes/synth.json")).expect("a description");
    project.write("p.yaml", PIPELINE);
    project
}

fn args<'a>(images: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = ["extract", "--backbone", "tiny.yaml", "--images", images];
    [&start[..], more].concat()
}

fn json(ran: &Ran) -> serde_json::Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON only")
}

/// The ids and rows of an NPY file.
fn npy(project: &Project, name: &str) -> (Vec<String>, Array2<f32>) {
    let rows = ndarray_npy::read_npy(project.path(&format!("{name}.npy"))).expect("an array");
    let ids = project.read(&format!("{name}.ids.txt"));
    (ids.lines().map(str::to_owned).collect(), rows)
}

#[test]
fn parts_joined_in_order_are_the_whole_and_each_row_is_computed_once() {
    let project = project();
    let (mut ids, mut parts, mut computed) = (Vec::new(), Vec::new(), 0);
    for number in 1..=5 {
        let (shard, out) = (format!("{number}/5"), format!("part-{number}.npy"));
        let more = ["--shard", &shard, "--out", &out, "--json"];
        let said = json(&project.run(&args("shapes", &more)));
        assert_eq!(said["shard"], shard);
        computed += said["computed"].as_u64().expect("a number");
        let (part_ids, rows) = npy(&project, &format!("part-{number}"));
        // 18 images among 5.
        assert_eq!(rows.nrows(), [3, 4, 3, 4, 4][number - 1]);
        ids.extend(part_ids);
        parts.push(rows);
    }
    assert_eq!(computed, 18);
    let said = json(&project.run(&args("shapes", &["--out", "all.npy", "--json"])));
    assert_eq!((&said["computed"], &said["rows"]), (&0.into(), &18.into()));
    assert!(said.get("shard").is_none());
    let (all_ids, all) = npy(&project, "all");
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    assert_eq!(ids, all_ids);
    assert_eq!(concatenate(Axis(0), &views).expect("one width"), all);

    // A list keeps its order, and its second half is its second half.
    let paths = ids.iter().rev().map(|id| format!("shapes/{id}\n"));
    let more = ["--shard", "2/2", "--out", "half.npy", "--json"];
    let mut command = project.command(&args("-", &more));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().expect("a start");
    let mut to = child.stdin.take().expect("its stdin");
    to.write_all(paths.collect::<String>().as_bytes())
        .expect("it reads");
    drop(to);
    let said = json(&project.ran(child.wait_with_output().expect("an end")));
    assert_eq!(said["computed"], 0);
    let (_, half) = npy(&project, "half");
    assert_eq!(half, all.slice(s![..9;-1, ..]));
}

#[test]
fn a_bad_file_belongs_to_one_part() {
    let project = project();
    project.write("shapes/bad.png", "no image");
    project.ok(&args(
        "shapes",
        &["--out", "all.npy", "--exclude", "bad.png"],
    ));
    let (ids, _) = npy(&project, "all");
    let picture = fs::read(project.path("shapes").join(&ids[0])).expect("a picture");
    project.write("shapes/zzz/cut.png", &picture[..picture.len() / 2]);
    let stop = project.run(&args("shapes", &["--shard", "4/4", "--out", "f.csv"]));
    assert_eq!(stop.code, 2, "{}", stop.stderr);
    let mut named = Vec::new();
    for number in 1..=4 {
        let (shard, out) = (format!("{number}/4"), format!("part-{number}.csv"));
        let skip = ["--on-error", "skip", "--max-skipped", "0.3"];
        let more = [&["--shard", &shard, "--out", &out, "--json"][..], &skip].concat();
        let said = json(&project.run(&args("shapes", &more)));
        // 20 files, of which the first and the last are bad.
        let skipped = said["skipped"].as_array().expect("a list");
        assert_eq!(said["rows"], 5 - skipped.len());
        named.extend(skipped.iter().map(|one| (number, one["path"].clone())));
    }
    assert_eq!(named, [(1, "bad.png".into()), (4, "zzz/cut.png".into())]);
}

#[test]
fn wrong_parts_are_told() {
    let project = project();
    for (shard, told) in [
        ("0/4", "parts count from 1/4 to 4/4, found 0/4"),
        ("5/4", "parts count from 1/4 to 4/4, found 5/4"),
        ("1/0", "there must be a part at least"),
        ("3", "must be two numbers such as 3/64"),
        (
            "3/64",
            "18 images cannot be shared among 64 parts: ask for 18 parts at most",
        ),
    ] {
        let ran = project.run(&args("shapes", &["--shard", shard, "--out", "f.h5"]));
        assert_eq!(ran.code, 2, "{shard}");
        assert!(ran.stderr.contains(told), "{shard}: {}", ran.stderr);
    }
    assert!(!project.path("f.h5").exists() && !project.path("cache/features").exists());
}

#[test]
fn half_precision_is_a_cache_of_its_own_and_near() {
    let project = project();
    project.ok(&args("shapes", &["--out", "full.npy"]));
    let half = args(
        "shapes",
        &["--out", "half.npy", "--rows", "float16", "--json"],
    );
    assert_eq!(json(&project.run(&half))["computed"], 18);
    assert_eq!(json(&project.run(&half))["computed"], 0);
    let ((ids, full), (half_ids, half)) = (npy(&project, "full"), npy(&project, "half"));
    assert_eq!(ids, half_ids);
    assert_ne!(full, half);
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= a.abs() / 2048.0 + 6e-8;
    assert!(full.iter().zip(&half).all(near));
    let wrong = project.run(&args("shapes", &["--out", "x.npy", "--rows", "int8"]));
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("--rows int8: unknown `int8`"),
        "{}",
        wrong.stderr
    );
}

/// The records of a CSV file: what is known of a row, and its features.
fn csv(project: &Project, file: &str) -> (Vec<[String; 4]>, Vec<Vec<f32>>) {
    let mut reader = csv::Reader::from_path(project.path(file)).expect("a file");
    let heading = reader.headers().expect("a heading");
    let start: Vec<&str> = heading.iter().take(5).collect();
    assert_eq!(start, ["id", "label", "split", "view", "f0"]);
    let records = reader.records().map(|record| {
        let record = record.expect("a record");
        let cell = |at: usize| record[at].to_owned();
        let values = record
            .iter()
            .skip(4)
            .map(|value| value.parse().expect("a number"));
        ([cell(0), cell(1), cell(2), cell(3)], values.collect())
    });
    records.unzip()
}

/// The same of a Parquet file.
fn parquet(project: &Project, file: &str) -> (Vec<[String; 4]>, Vec<Vec<f32>>) {
    let file = fs::File::open(project.path(file)).expect("a file");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows").map(|row| {
        let row = row.expect("a row");
        let text = |at| row.get_string(at).expect("text").clone();
        let view = row.get_int(3).expect("a number").to_string();
        use parquet::record::ListAccessor;
        let list = row.get_list(4).expect("a list");
        let values = (0..list.len()).map(|at| list.get_float(at).expect("a number"));
        ([text(0), text(1), text(2), view], values.collect())
    });
    rows.unzip()
}

#[test]
fn a_pipelines_rows_are_exported_with_what_is_known_of_them() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let said = project.ok(&["cache", "export", "p.yaml", "-o", "x.csv"]);
    assert_eq!(said.stdout, "x.csv: 18 rows of 16 features by tiny\n");
    let (rows, features) = csv(&project, "x.csv");
    assert_eq!(
        parquet(&project, {
            project.ok(&["cache", "export", "p.yaml", "-o", "x.parquet"]);
            "x.parquet"
        }),
        (rows.clone(), features.clone())
    );
    for (at, [id, label, split, view]) in rows.iter().enumerate() {
        assert_eq!(split, if at < 12 { "train" } else { "test" });
        assert!(
            project.path("shapes").join(split).join(id).is_file(),
            "{id}"
        );
        assert_eq!(
            (id.split('/').next(), view.as_str()),
            (Some(label.as_str()), "0")
        );
    }
    // The rows are those of the images, as `extract` has them.
    let said = json(&project.run(&args("shapes/test", &["--out", "test.npy", "--json"])));
    assert_eq!(said["computed"], 0);
    let (ids, extracted) = npy(&project, "test");
    assert!(ids.iter().eq(rows[12..].iter().map(|row| &row[0])));
    assert!(
        extracted
            .rows()
            .into_iter()
            .map(|row| row.to_vec())
            .eq(features[12..].iter().cloned())
    );

    let views = [
        "cache",
        "export",
        "p.yaml",
        "-o",
        "views.csv",
        "--views",
        "--json",
    ];
    let said = json(&project.run(&views));
    assert_eq!(
        (&said["rows"], &said["features"]),
        (&(12 * 3 + 6).into(), &16.into())
    );
    let (all, all_features) = csv(&project, "views.csv");
    let plain = (0..all.len()).filter(|at| all[*at][3] == "0");
    let plain: Vec<_> = plain.map(|at| (&all[at], &all_features[at])).collect();
    assert!(plain.into_iter().eq(rows.iter().zip(&features)));
    let views: Vec<&str> = all.iter().map(|row| row[3].as_str()).collect();
    assert_eq!(views[..7], ["0", "1", "2", "0", "1", "2", "0"]);
    assert!(views[36..].iter().all(|view| *view == "0"));

    let only = [
        "cache", "export", "p.yaml", "-o", "t.npy", "--split", "test",
    ];
    let said = project.ok(&only);
    assert_eq!(
        said.stdout,
        "t.npy: 6 rows of 16 features by tiny\nt.ids.txt\nt.rows.csv\n"
    );
    assert_eq!(npy(&project, "t").1, extracted);
    let list = project.read("t.rows.csv");
    assert!(
        list.starts_with("id,label,split,view\n") && list.lines().count() == 7,
        "{list}"
    );
}

#[test]
fn what_cannot_be_exported_is_told() {
    let project = project();
    let export = |more: &[&str]| {
        let start = ["cache", "export", "p.yaml"];
        project.run(&[&start[..], more].concat())
    };
    let none = export(&["-o", "x.h5", "--set", "name=it's"]);
    assert_eq!(
        none.code, 2,
        "the pipeline is checked first: {}",
        none.stderr
    );
    let none = export(&[
        "-o",
        "x.h5",
        "--views",
        "--set",
        "train.l2=0.5",
        "--root",
        ".",
    ]);
    assert_eq!(none.code, 1);
    assert_eq!(
        none.stderr,
        "error: 42 of 42 rows are not computed yet: `catpipe run p.yaml --set train.l2=0.5 \
         --root .` computes them\n"
    );
    project.ok(&args("shapes/test", &["--out", "test.npy"]));
    let some = export(&["-o", "x.h5"]);
    assert!(
        some.stderr.contains("12 of 18 rows are not computed yet"),
        "{}",
        some.stderr
    );
    project.ok(&["cache", "export", "p.yaml", "-o", "x.h5", "--split", "test"]);
    let form = export(&["-o", "x.xlsx"]);
    assert_eq!(form.code, 2);
    assert!(
        form.stderr
            .contains("known: .h5, .hdf5, .npy, .npz, .parquet"),
        "{}",
        form.stderr
    );
    let pipeline = PIPELINE.replace("  test: {folder: shapes/test}\n", "");
    project.write("p.yaml", pipeline.replace("evaluate: {}\n", ""));
    let sides = export(&["-o", "y.h5", "--split", "test"]);
    assert_eq!(sides.code, 2);
    assert!(
        sides.stderr.contains("this pipeline has no test examples"),
        "{}",
        sides.stderr
    );
    assert!(!project.path("y.h5").exists());
}
