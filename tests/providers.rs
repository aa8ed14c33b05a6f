//! Providers as a person asks for them: which library is taken, what an absent one says.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::path::PathBuf;

use common::{Project, Ran, runtime};

const PIPELINE: &str = "\
name: p
dataset: {train: {folder: shapes/train}, test: {folder: shapes/test}}
extract: {backbone: tiny.yaml}
";

/// A project with a tiny backbone, eight pictures, and the CPU's runtime in its cache.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    project.write("p.yaml", PIPELINE);
    project.ok(&[
        "synth",
        "shapes",
        "--classes",
        "2",
        "--train",
        "3",
        "--test",
        "1",
    ]);
    let folder = project.path("cache/runtime/onnxruntime-1.31.0-cpu");
    std::fs::create_dir_all(&folder).expect("a folder");
    let library = folder.join("libonnxruntime.so.1.31.0");
    std::os::unix::fs::symlink(runtime(), library).expect("a link");
    project
}

/// Runs the program as on a machine where nobody names a library.
fn run(project: &Project, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = project.command(args);
    command.env_remove("ORT_DYLIB_PATH");
    command.envs(variables.iter().copied());
    project.ran(command.output().expect("the program starts"))
}

fn checked(project: &Project, provider: &str) -> Ran {
    let set = format!("extract.provider={provider}");
    run(project, &["check", "p.yaml", "--set", &set], &[])
}

#[test]
fn the_cpu_runs_as_ever_and_the_run_names_it() {
    let project = project();
    let ran = run(&project, &["run", "p.yaml"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let metrics = project.json("runs/p/metrics.json");
    let provider = &metrics["provider"];
    assert_eq!(provider["name"], "cpu");
    assert_eq!(provider["precision"], "fp32");
    assert_eq!(provider["device"], "CPU");
    let version = metrics["versions"]["onnxruntime"].as_str().expect("text");
    let way = match catpipe::backbone::Provider::default().filters_convolutions() {
        true => "winograd ",
        false => "",
    };
    let arch = std::env::consts::ARCH;
    let class = format!("cpu fp32 {way}onnxruntime-{version} {arch}");
    assert_eq!(provider["numeric_class"], class);
    assert!(
        project
            .read("runs/p/pipeline.yaml")
            .contains("provider: cpu\n")
    );
    // A number of threads changes no row.
    let ran = run(
        &project,
        &[
            "run",
            "p.yaml",
            "--set",
            "extract.provider={cpu: {threads: 1}}",
        ],
        &[],
    );
    assert!(
        ran.stderr.contains("all 8 rows are in the cache"),
        "{}",
        ran.stderr
    );
    // Another way of computing convolutions does, where this machine has two.
    let set = "extract.provider={cpu: {convolutions: direct}}";
    let ran = run(&project, &["run", "p.yaml", "--set", set], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let kept = ran.stderr.contains("all 8 rows are in the cache");
    assert_eq!(kept, way.is_empty(), "{}", ran.stderr);
    let metrics = project.json("runs/p/metrics.json");
    let class = format!("cpu fp32 onnxruntime-{version} {arch}");
    assert_eq!(metrics["provider"]["numeric_class"], class);
}

#[test]
fn several_sessions_change_no_row_and_the_run_counts_them() {
    let project = project();
    let with = |sessions: &str, cache: &str| {
        let set = format!("extract.sessions={sessions}");
        let args = ["run", "p.yaml", "--set", "extract.threads=2", "--set", &set];
        run(&project, &args, &[("CATPIPE_CACHE", cache)])
    };
    let cache = project.path("cache").display().to_string();
    let ran = with("2", &cache);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let words = "on 2 threads in 2 sessions, batch 16";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
    let timings = &project.json("runs/p/metrics.json")["timings"];
    assert_eq!(timings["sessions"], 2);
    let ran = with("1", &cache);
    let words = "all 8 rows are in the cache";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    // What they computed is what one session computes.
    let args = ["cache", "verify", "p.yaml", "--recompute", "8"];
    let ran = run(&project, &args, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let ran = with("0", &cache);
    assert_eq!(ran.code, 2);
    let words = "extract.sessions: must be between 1 and 64, found 0";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn a_build_is_got_by_either_name_of_the_command() {
    let project = project();
    // Without pip both end, at the same point.
    let cache = project.path("empty").display().to_string();
    let without = [("PATH", "nowhere"), ("CATPIPE_CACHE", cache.as_str())];
    let [one, other] = [["fetch", "runtime"], ["runtime", "get"]].map(|words| {
        let args = [&words[..], &["--ep", "openvino"]].concat();
        run(&project, &args, &without)
    });
    assert_eq!((one.code, other.code), (1, 1), "{}", other.stderr);
    assert_eq!(one.stderr, other.stderr);
    assert!(one.stderr.contains("for openvino"), "{}", one.stderr);
    let ran = run(&project, &["runtime", "get", "--ep", "rocm"], &[]);
    assert_eq!(ran.code, 2);
    let words = "[possible values: cpu, openvino, cuda]";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn a_build_that_is_not_fetched_is_named_with_its_command() {
    let project = project();
    for (provider, build) in [
        ("openvino", "openvino"),
        ("cuda", "cuda"),
        ("tensorrt", "cuda"),
    ] {
        let ran = checked(&project, provider);
        assert_eq!(ran.code, 1);
        let first = format!(
            "error: provider `{provider}` needs a build of ONNX Runtime that is not fetched yet\n"
        );
        assert!(ran.stderr.starts_with(&first), "{}", ran.stderr);
        let last = format!("\n  get it: catpipe fetch runtime --ep {build}\n");
        assert!(ran.stderr.ends_with(&last), "{}", ran.stderr);
    }
}

#[test]
fn a_named_library_without_the_provider_is_not_replaced() {
    let project = project();
    let named = runtime().display().to_string();
    // The build with OpenVINO is in the cache, and yet the named library is the one that counts.
    project.write(
        "cache/runtime/onnxruntime-1.24.1-openvino/libonnxruntime.so.1.24.1",
        "",
    );
    let args = ["check", "p.yaml", "--set", "extract.provider=openvino"];
    let ran = run(&project, &args, &[("ORT_DYLIB_PATH", &named)]);
    assert_eq!(ran.code, 1);
    for words in [
        "without the provider `openvino`",
        "(from ORT_DYLIB_PATH)",
        "has: cpu",
        "get it: catpipe fetch runtime --ep openvino, and unset ORT_DYLIB_PATH",
    ] {
        assert!(ran.stderr.contains(words), "{words}\n{}", ran.stderr);
    }
    let flag = [&args[..], &["--ort-dylib", &named]].concat();
    let ran = run(&project, &flag, &[]);
    assert!(
        ran.stderr.contains("and leave out --ort-dylib"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_damaged_build_in_the_cache_is_an_error_even_in_a_list() {
    let project = project();
    project.write(
        "cache/runtime/onnxruntime-1.24.1-openvino/libonnxruntime.so.1.24.1",
        "no library",
    );
    let ran = checked(&project, "[openvino, cpu]");
    assert_eq!(ran.code, 1);
    let words = "is not a shared library that this machine can load";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
}

#[test]
fn a_list_is_tried_in_order_and_says_what_it_passed_over() {
    let project = project();
    let args = ["run", "p.yaml", "--set", "extract.provider=[openvino, cpu]"];
    let ran = run(&project, &args, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let warning = "warning: cpu runs; provider `openvino` needs a build of ONNX Runtime";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    assert_eq!(
        project.json("runs/p/metrics.json")["provider"]["name"],
        "cpu"
    );
    let ran = checked(&project, "[openvino, cpu]");
    let words = "fine\ncpu would run, by ONNX Runtime ";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
    let words = "\n  not openvino: provider `openvino` needs a build of ONNX Runtime";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
    let set = "extract.provider=[openvino, cpu]";
    let ran = run(&project, &["check", "p.yaml", "--json", "--set", set], &[]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["provider"], "cpu");
    assert_eq!(json["passed_over"][0]["provider"], "openvino");
    let ran = checked(&project, "[openvino, cuda]");
    assert_eq!(ran.code, 1);
    let words = "none of the providers that were asked for can run on this machine";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    for build in ["openvino", "cuda"] {
        let command = format!("catpipe fetch runtime --ep {build}");
        assert!(ran.stderr.contains(&command), "{}", ran.stderr);
    }
}

#[test]
fn the_variable_changes_the_provider_and_set_changes_it_again() {
    let project = project();
    let variable = [("CATPIPE_PROVIDER", "openvino")];
    let ran = run(&project, &["check", "p.yaml"], &variable);
    assert!(
        ran.stderr.contains("provider `openvino` needs"),
        "{}",
        ran.stderr
    );
    let args = ["check", "p.yaml", "--set", "extract.provider=cpu"];
    assert_eq!(run(&project, &args, &variable).code, 0);
    assert_eq!(
        run(&project, &["check", "p.yaml"], &[("CATPIPE_PROVIDER", "")]).code,
        0
    );
    let ran = run(
        &project,
        &["check", "p.yaml"],
        &[("CATPIPE_PROVIDER", "cqda")],
    );
    assert_eq!(ran.code, 2);
    let words = "error: CATPIPE_PROVIDER:1:1: unknown `cqda`; did you mean `cuda`?";
    assert!(ran.stderr.starts_with(words), "{}", ran.stderr);
}

#[test]
fn what_does_not_fit_the_rest_is_refused_at_its_place() {
    let project = project();
    let told = |extract: &str| {
        project.write(
            "p.yaml",
            PIPELINE.replace("tiny.yaml}", &format!("tiny.yaml, {extract}}}")),
        );
        let ran = run(&project, &["check", "p.yaml"], &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.stderr
    };
    let text = told("threads: 2, provider: {cpu: {threads: 3}}");
    let words = "extract.threads: the threads are also given in `provider.cpu.threads`";
    assert!(text.contains("p.yaml:3:") && text.contains(words), "{text}");
    let text = told("batch: 65, provider: tensorrt");
    let words = "extract.batch: tensorrt is built for batches of at most 64, found 65: lower this, \
                 or raise `provider.tensorrt.batch.max`";
    assert!(text.contains("p.yaml:3:") && text.contains(words), "{text}");
    let text = told("batch: 4, provider: {tensorrt: {batch: {min: 8}}}");
    let words = "extract.batch: tensorrt is built for batches of at least 8, found 4, and would \
                 pad each: raise this, or lower `provider.tensorrt.batch.min`";
    assert!(text.contains("p.yaml:3:") && text.contains(words), "{text}");
    let text = told("provider: {cuda: {cuda_graph: true, allow_partial: true}}");
    assert!(
        text.contains("p.yaml:3:") && text.contains("leave one of them out"),
        "{text}"
    );
}

/// A library that ends its process when it is asked.
fn crashing(project: &Project) -> PathBuf {
    let source = project.write(
        "crash.c",
        "#include <stdlib.h>\nvoid OrtGetApiBase(void) { abort(); }\n",
    );
    let library =
        project.path("cache/runtime/onnxruntime-1.24.1-openvino/libonnxruntime.so.1.24.1");
    std::fs::create_dir_all(library.parent().expect("a folder")).expect("a folder");
    let done = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(done.expect("this test needs a C compiler, cc").success());
    library
}

#[test]
fn the_doctor_survives_a_library_that_crashes() {
    let project = project();
    crashing(&project);
    let ran = run(&project, &["doctor", "--json"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let names: Vec<_> = json["providers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["name"].as_str().expect("text"))
        .collect();
    assert_eq!(names, ["cpu", "openvino", "cuda", "tensorrt"]);
    let [cpu, openvino, cuda] = [0, 1, 2].map(|i| &json["providers"][i]);
    assert_eq!(cpu["usable"], true);
    assert!(
        cpu["device"]
            .as_str()
            .is_some_and(|text| text.contains("thread"))
    );
    assert_eq!(openvino["usable"], false);
    let problem = openvino["problems"][0].as_str().expect("text");
    assert!(problem.contains("crashed (signal: 6"), "{problem}");
    let command = "ONNX Runtime with it is not fetched: catpipe fetch runtime --ep cuda";
    assert_eq!(cuda["problems"][0], command);
    assert_eq!(json["libraries"][0]["version"], "1.31.0");
}

#[test]
fn the_doctor_measures_what_can_run() {
    let project = project();
    let args = [
        "providers",
        "--bench",
        "--backbone",
        "tiny.yaml",
        "--count",
        "3",
        "--json",
    ];
    let ran = run(&project, &args, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let bench = &json["bench"];
    assert_eq!(
        (&bench["images"], &bench["source"]),
        (&3.into(), &"generated".into())
    );
    let row = &bench["rows"][0];
    assert_eq!(
        (&row["provider"], &row["precision"]),
        (&"cpu".into(), &"fp32".into())
    );
    assert!(
        row["rows_per_second"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0)
    );
    assert!(
        row["peak_memory"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1 << 20)
    );

    let args = [
        "providers",
        "--bench",
        "--backbone",
        "tiny.yaml",
        "--images",
        "shapes",
    ];
    let ran = run(&project, &args, &[]);
    assert!(
        ran.stdout.contains("8 images (shapes) by tiny, batch 16"),
        "{}",
        ran.stdout
    );
    let ran = run(
        &project,
        &["providers", "--bench", "--backbone", "none.yaml"],
        &[],
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("none.yaml: there is no such file"),
        "{}",
        ran.stderr
    );
}
