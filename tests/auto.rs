//! `provider: auto`, as a person meets it. What needs OpenVINO says so
//! on stderr where its build of ONNX Runtime is not in the cache.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::path::PathBuf;

use catpipe::backbone::onnx::{self, tiny, tiny::TinyConfig};
use common::{Project, Ran, openvino, pipeline};

/// Judged by pictures that are there: drawing some takes a debug build its time.
const OWN: &str = "{auto: {images: shapes/test}}";

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// The files of measurements.
fn kept(project: &Project) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.path("cache/auto"));
    let files = entries.into_iter().flatten();
    files.map(|entry| entry.expect("an entry").path()).collect()
}

const MEASURES: &str = "auto: measuring tiny.yaml on this machine, once";

#[test]
fn with_the_cpu_alone_it_measures_once_and_takes_the_cpu() {
    let project = Project::small("auto");
    let will = "auto (close) has not measured this model on this machine yet: `catpipe run` will\n";
    let ran = project.ok(&["check", "p.yaml"]);
    assert!(ran.stdout.ends_with(will), "{}", ran.stdout);
    let checked = json(&project.ok(&["check", "p.yaml", "--json"]));
    assert_eq!(checked["numeric_class"], serde_json::Value::Null);
    assert_eq!(checked["auto"]["chosen"], serde_json::Value::Null);
    let ran = project.ok(&["run", "p.yaml", "--dry-run"]);
    let first = format!("{will}extract    would run: provider auto measures this machine first");
    assert!(ran.stdout.starts_with(&first), "{}", ran.stdout);
    assert!(kept(&project).is_empty() && !project.path("cache/features").exists());

    let ran = project.ok(&["run", "p.yaml"]);
    assert!(ran.stderr.starts_with(MEASURES), "{}", ran.stderr);
    let chose = "auto (close) runs cpu fp32: the fastest that passes on 32 images (generated)\n";
    assert!(ran.stderr.contains(chose), "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("Features by cpu fp32; chosen by auto (close)\n")
    );
    let metrics = project.json("runs/p/metrics.json");
    assert_eq!(metrics["provider"]["name"], "cpu");
    assert_eq!(metrics["provider"]["auto"]["parity"], "close");
    let trial = &metrics["provider"]["auto"]["trials"][0];
    assert!(
        trial["rows_per_second"]
            .as_f64()
            .is_some_and(|speed| speed > 0.0)
    );
    assert!(project.read("runs/p/run.log").contains("  chosen"));
    assert!(
        project
            .read("runs/p/pipeline.yaml")
            .contains("parity: close")
    );

    // The second time it is known, and nothing is measured for another bar either.
    let ran = project.ok(&["run", "p.yaml"]);
    assert!(
        ran.stderr
            .starts_with("auto (close) runs cpu fp32, as measured before (")
    );
    assert!(
        ran.stdout.contains("Everything is up to date"),
        "{}",
        ran.stdout
    );
    let set = "extract.provider={auto: {parity: strict}}";
    let ran = project.ok(&["run", "p.yaml", "--set", set]);
    assert!(
        ran.stderr
            .starts_with("auto (strict) runs cpu fp32, as measured")
    );
    // The rows are those of the provider, whoever chose it.
    let ran = project.ok(&["run", "p.yaml", "--set", "extract.provider=cpu"]);
    assert!(
        ran.stderr.contains("all 8 rows are in the cache"),
        "{}",
        ran.stderr
    );
    let checked = json(&project.ok(&["check", "p.yaml", "--json"]));
    assert_eq!(checked["auto"]["chosen"]["provider"], "cpu");
}

#[test]
fn it_measures_again_when_something_changes() {
    let project = Project::small(OWN);
    project.ok(&["run", "p.yaml"]);
    let measures = |project: &Project| {
        let ran = project.ok(&["run", "p.yaml"]);
        ran.stderr.contains(MEASURES)
    };
    assert!(!measures(&project));
    // A damaged measurement is none.
    std::fs::write(&kept(&project)[0], "{").expect("a file");
    assert!(measures(&project) && !measures(&project));
    // Another network.
    let config = TinyConfig {
        width: 16,
        seed: 2,
        ..TinyConfig::default()
    };
    onnx::write(&project.path("tiny.onnx"), &tiny::residual(&config)).expect("a network");
    assert!(measures(&project) && !measures(&project));
    assert_eq!(kept(&project).len(), 2);
    // Another picture among those that it is judged by.
    let first = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.min().expect("something in it")
    };
    let picture = first(first(project.path("shapes/train")));
    let class = first(project.path("shapes/test"));
    std::fs::copy(picture, class.join("more.png")).expect("a copy");
    assert!(measures(&project) && !measures(&project));
}

#[test]
fn a_library_that_gives_no_answer_is_out_and_named() {
    let project = Project::small(OWN);
    let cached = |build: &str, version: &str| {
        let name = format!("libonnxruntime.so.{version}");
        project.path(&format!(
            "cache/runtime/onnxruntime-{version}-{build}/{name}"
        ))
    };
    let cpu = cached("cpu", "1.31.0");
    std::fs::create_dir_all(cpu.parent().expect("a folder")).expect("a folder");
    std::os::unix::fs::symlink(common::runtime(), cpu).expect("a link");
    project.write(
        "cache/runtime/onnxruntime-1.24.1-openvino/libonnxruntime.so.1.24.1",
        "no library",
    );
    let run = || {
        let mut command = project.command(&["run", "p.yaml"]);
        command.env_remove("ORT_DYLIB_PATH");
        project.ran(command.output().expect("the program starts"))
    };
    let ran = run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let words = "auto: left out: ROOT/cache/runtime/onnxruntime-1.24.1-openvino/";
    assert!(ran.stderr.starts_with(words), "{}", ran.stderr);
    let ran = run();
    let words =
        "\n  out, until that file is deleted: ROOT/cache/runtime/onnxruntime-1.24.1-openvino/";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    std::fs::remove_dir_all(project.path("cache/runtime/onnxruntime-1.24.1-openvino"))
        .expect("a folder");
    let ran = run();
    assert!(ran.stderr.starts_with(MEASURES), "{}", ran.stderr);
}

#[test]
fn extract_measures_as_well_and_pixels_need_nothing() {
    let project = Project::small("auto");
    let args = "extract --backbone tiny.yaml --images shapes/test --out f.npy --provider auto";
    let ran = project.ok(&args.split(' ').collect::<Vec<_>>());
    assert!(ran.stderr.starts_with(MEASURES), "{}", ran.stderr);
    let ran = project.ok(&["run", "p.yaml"]);
    assert!(!ran.stderr.contains(MEASURES), "{}", ran.stderr);
    let ran = project.ok(&["check", "p.yaml", "--set", "extract.backbone=pixels"]);
    assert!(ran.stdout.ends_with(": fine\n"), "{}", ran.stdout);
}

#[test]
fn what_auto_cannot_be_is_refused_at_its_place() {
    let project = Project::small("auto");
    for (provider, words) in [
        (
            "{auto: {parity: fast}}",
            "`parity: fast` asks that a head's cross-validation stays as good",
        ),
        (
            "[cpu, auto]",
            "`auto` measures every provider and stands alone",
        ),
        (
            "[cpu, {auto: {}}]",
            "`auto` measures every provider and stands alone",
        ),
        ("{auto: {}, cpu: {}}", "expected one provider"),
        ("aut", "did you mean `auto`?"),
    ] {
        project.write("p.yaml", pipeline(provider));
        let ran = project.run(&["check", "p.yaml"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let at = ran.stderr.contains("p.yaml:3:");
        assert!(
            at && ran.stderr.contains(words),
            "{provider}: {}",
            ran.stderr
        );
    }
    project.write("p.yaml", pipeline("{auto: {images: nowhere}}"));
    let ran = project.run(&["run", "p.yaml"]);
    assert!(
        ran.code != 0 && ran.stderr.contains("nowhere"),
        "{}",
        ran.stderr
    );
}

#[test]
fn with_openvino_the_fastest_is_taken_and_another_choice_makes_other_rows() {
    let Some(library) = openvino("auto with OpenVINO") else {
        return;
    };
    let project = Project::small(OWN);
    project.ok_with(&library, &["run", "p.yaml"]);
    let metrics = project.json("runs/p/metrics.json");
    let trials = metrics["provider"]["auto"]["trials"]
        .as_array()
        .expect("a list")
        .clone();
    let names: Vec<_> = trials
        .iter()
        .map(|one| format!("{} {}", one["provider"], one["precision"]).replace('"', ""))
        .collect();
    assert_eq!(names[..2], ["cpu fp32", "openvino fp32"]);
    assert_eq!(metrics["timings"]["rows_computed"], 8);

    // As if another had been the fastest: each choice computes the rows of its own class.
    let choose = |name: &str| {
        let file = kept(&project).remove(0);
        let text = std::fs::read_to_string(&file).expect("a measurement");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for (trial, its) in json["trials"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .zip(&names)
        {
            trial["rows_per_second"] = if its == name { 1000.0 } else { 1.0 }.into();
        }
        std::fs::write(file, json.to_string()).expect("a measurement");
        project.ok_with(&library, &["run", "p.yaml"]);
        project.json("runs/p/metrics.json")
    };
    // Whichever it was, its rows and results go: what follows depends on no clock.
    for folder in ["cache/features", "runs"] {
        std::fs::remove_dir_all(project.path(folder)).expect("a folder");
    }
    for (name, computed) in [("cpu fp32", 8), ("openvino fp32", 8), ("cpu fp32", 0)] {
        let metrics = choose(name);
        let class = metrics["provider"]["numeric_class"].as_str().expect("text");
        assert!(name.starts_with(class.split(' ').next().expect("a word")));
        // Each class has rows of its own, and none was taken for the other's.
        assert_eq!(metrics["timings"]["rows_computed"], computed, "{name}");
    }
    let spaces = std::fs::read_dir(project.path("cache/features")).expect("a store");
    assert_eq!(spaces.count(), 2);
}

#[test]
fn a_quantized_sibling_is_measured_and_where_it_is_chosen_the_rows_are_its_own() {
    let project = Project::small(OWN);
    project.write(
        "p.yaml",
        pipeline(OWN) + "train: {head: logistic, epochs: 3}\n",
    );
    let args = "model quantize tiny.yaml --calibrate shapes -o tiny-int8.onnx --bar 0 --bar-min 0";
    project.ok(&args.split(' ').collect::<Vec<_>>());
    let ran = project.ok(&["run", "p.yaml"]);
    let line = "auto: cpu int8 (tiny-int8.yaml): ";
    assert!(ran.stderr.contains(line), "{}", ran.stderr);

    // As if it had been the fastest and near enough.
    let file = kept(&project).remove(0);
    let text = std::fs::read_to_string(&file).expect("a measurement");
    let mut measured: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let trials = measured["trials"].as_array_mut().expect("a list");
    assert_eq!(trials.len(), 2);
    trials[0]["rows_per_second"] = 1.0.into();
    trials[1]["rows_per_second"] = 2.0.into();
    trials[1]["parity"]["cosine_min"] = 0.9995.into();
    trials[1]["parity"]["cosine_mean"] = 0.9997.into();
    std::fs::write(&file, measured.to_string()).expect("a measurement");
    let ran = project.ok(&["run", "p.yaml"]);
    let words = "auto (close) runs cpu int8 (tiny-int8.yaml), as measured before";
    assert!(ran.stderr.starts_with(words), "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("Features by cpu int8; chosen by auto (close)\n")
    );
    let metrics = project.json("runs/p/metrics.json");
    assert_eq!(metrics["provider"]["precision"], "int8");
    let class = metrics["provider"]["numeric_class"].as_str().expect("text");
    let kernels = catpipe::backbone::provider::integer_class();
    assert!(
        class.starts_with(&format!("cpu int8 {kernels} onnxruntime-")),
        "{class}"
    );
    let auto = &metrics["provider"]["auto"];
    assert_eq!(auto["chosen"]["backbone"], "tiny-int8.yaml");
    // The rows are those of the int8 network, and the same as if it had been named.
    let set = ["extract.backbone=tiny-int8.yaml", "extract.provider=cpu"];
    let ran = project.ok(&["run", "p.yaml", "--set", set[0], "--set", set[1]]);
    assert!(
        ran.stderr.contains("all 8 rows are in the cache"),
        "{}",
        ran.stderr
    );

    // `fast` asks for heads too, and shows what they came to.
    let set = "extract.provider={auto: {parity: fast, images: shapes/test}}";
    let ran = project.ok(&["run", "p.yaml", "--set", set]);
    for candidate in ["cpu fp32", "cpu int8 (tiny-int8.yaml)"] {
        let line = format!("auto: {candidate}: a head gets ");
        assert!(ran.stderr.contains(&line), "{}", ran.stderr);
    }
    // Its rows are in the store already, and need no process of their own.
    assert!(
        !ran.stderr
            .contains("(tiny-int8.yaml) on 6 training examples ..."),
        "{}",
        ran.stderr
    );
    let auto = &project.json("runs/p/metrics.json")["provider"]["auto"];
    let head = &auto["trials"][1]["head"];
    assert_eq!(head["total"], 6);
    let share = head["correct"].as_f64().expect("a number") / 6.0;
    let end = |n: usize| head["interval"][n].as_f64().expect("a number");
    let passes = (end(0)..=end(1)).contains(&share);
    assert_eq!(auto["chosen"]["backbone"] == "tiny-int8.yaml", passes);

    // Another float network: the sibling is out, and that is said.
    let config = TinyConfig {
        width: 16,
        seed: 3,
        ..TinyConfig::default()
    };
    onnx::write(&project.path("tiny.onnx"), &tiny::residual(&config)).expect("a network");
    let ran = project.ok(&["run", "p.yaml"]);
    let words = "auto: left out: tiny-int8.yaml: it was made of another tiny.onnx: make it anew";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn fast_without_a_head_is_refused() {
    let project = Project::small("auto");
    let args = [
        "extract",
        "--backbone",
        "tiny.yaml",
        "--images",
        "shapes/test",
    ];
    let more = ["--out", "f.npy", "--provider", "{auto: {parity: fast}}"];
    let ran = project.run(&[&args[..], &more].concat());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let words = "there is no head here, only features: say `close` or `strict`";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert!(kept(&project).is_empty());
}
