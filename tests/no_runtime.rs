//! A head trains without ONNX Runtime, on rows that lie in the cache.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::{Project, Ran};

/// The program where no runtime is: the cache has none, and none is named or the one that is named
/// does not exist.
fn without_runtime(project: &Project, named: Option<&str>, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    match named {
        Some(path) => command.env("ORT_DYLIB_PATH", path),
        None => command.env_remove("ORT_DYLIB_PATH"),
    };
    project.ran(command.output().expect("a start"))
}

const HEAD: &str = "train: {head: logistic, l2: 0.01}\nevaluate: {}\n";

#[test]
fn a_head_trains_on_cached_rows_without_the_library_that_computed_them() {
    let project = Project::small("cpu");
    let pipeline = project.read("p.yaml") + HEAD;
    project.write("p.yaml", &pipeline);

    let ran = without_runtime(&project, Some("/nowhere.so"), &["run", "p.yaml"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("/nowhere.so"), "{}", ran.stderr);

    project.ok(&["run", "p.yaml"]);
    let with = project.json("runs/p/metrics.json");
    for named in [None, Some("/nowhere.so")] {
        let seed = if named.is_some() {
            "train.l2=0.2"
        } else {
            "train.l2=0.1"
        };
        let ran = without_runtime(&project, named, &["run", "p.yaml", "--set", seed]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("nothing can be computed here"),
            "{}",
            ran.stderr
        );
        let without = project.json("runs/p/metrics.json");
        let class = |metrics: &serde_json::Value| metrics["provider"]["numeric_class"].clone();
        assert_eq!(class(&without), class(&with));
        assert_eq!(without["provider"]["name"], "cpu");
        assert!(
            without["versions"].get("onnxruntime").is_none(),
            "{without}"
        );
    }

    // Rows that are not there need the library as ever.
    let views = "augment: {views: 1, ops: [{hflip: {p: 0.5}}]}\n";
    project.write("p.yaml", pipeline + views);
    let ran = without_runtime(&project, None, &["run", "p.yaml"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("ONNX Runtime's shared library was not found"),
        "{}",
        ran.stderr
    );
}

/// Rows of another provider are no substitute.
#[test]
fn rows_of_another_provider_do_not_stand_in() {
    let project = Project::small("cpu");
    project.write("p.yaml", project.read("p.yaml") + HEAD);
    project.ok(&["run", "p.yaml"]);
    let openvino = ["run", "p.yaml", "--set", "extract.provider=openvino"];
    let ran = without_runtime(&project, None, &openvino);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("openvino"), "{}", ran.stderr);
}
