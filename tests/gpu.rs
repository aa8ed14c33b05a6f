//! CUDA and TensorRT on a GPU, against the processor: wherever `catpipe providers` calls them
//! usable. Elsewhere each says that it was not tested.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::path::PathBuf;
use std::process::Command;

use catpipe::assets::{self, RuntimeBuild};
use common::{Project, Ran};
use ndarray::Array2;

/// 70 pictures: four batches of 16 and one of 6.
fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let synth = "synth shapes --classes 2 --train 35 --test 1 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project
}

/// ONNX Runtime's build for NVIDIA's GPUs.
fn cuda() -> PathBuf {
    let build = RuntimeBuild::Cuda;
    let cache = assets::cache_dir().expect("a cache");
    build.dir(&cache).join(build.library())
}

/// Whether the program calls the provider usable here; if not, a line says that `test` was not
/// made, and why.
fn is_usable(provider: &str, test: &str) -> bool {
    let program = Command::new(env!("CARGO_BIN_EXE_catpipe"))
        .args(["providers", "--json"])
        .env_remove("ORT_DYLIB_PATH")
        .output();
    let output = program.expect("the program runs");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all = said["providers"].as_array().expect("providers");
    let one = all.iter().find(|one| one["name"] == provider);
    let one = one.unwrap_or_else(|| panic!("{provider} is not among {said}"));
    if one["usable"] == true {
        return true;
    }
    common::not_tested(test, &format!("{provider}: {}", one["problems"][0]));
    false
}

fn extract(project: &Project, provider: &str, out: &str) -> (Array2<f32>, Ran) {
    let args = [
        "extract",
        "--backbone",
        "tiny.yaml",
        "--images",
        "shapes/train",
        "--out",
        out,
    ];
    let args = [&args[..], &["--provider", provider]].concat();
    let ran = match provider.contains("cpu") {
        true => project.ok(&args),
        false => project.ok_with(&cuda(), &args),
    };
    let features = ndarray_npy::read_npy(project.path(out)).expect("an array");
    (features, ran)
}

/// The least cosine of a row with its reference.
fn cosine(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    let rows = a.rows().into_iter().zip(b.rows());
    let each = rows.map(|(a, b)| a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt());
    each.fold(f32::INFINITY, f32::min)
}

/// A provider's rows are near the processor's, each at its place.
fn compare(project: &Project, provider: &str, least: f32) -> Ran {
    let (expected, _) = extract(project, "cpu", "cpu.npy");
    assert_eq!(expected.dim(), (70, 16));
    let (found, ran) = extract(project, provider, "other.npy");
    let cosine = cosine(&expected, &found);
    assert!(cosine >= least, "{provider}: {cosine}\n{}", ran.stderr);
    ran
}

/// What is compared is what it should be, with the processor in the GPU's place.
#[test]
fn rows_are_compared_with_their_own() {
    let project = project();
    compare(&project, "{cpu: {threads: 1}}", 1.0 - 1e-6);
    let (features, _) = extract(&project, "cpu", "cpu.npy");
    let mut other = features.clone();
    other.row_mut(3).assign(&features.row(60));
    assert!(cosine(&features, &other) < 0.9999);
}

#[test]
fn cuda_gives_the_features_of_the_processor() {
    if !is_usable("cuda", "CUDA's features against the processor's") {
        return;
    }
    let project = project();
    compare(&project, "cuda", 0.99999);
    compare(
        &project,
        "{cuda: {precision: tf32, cudnn_search: exhaustive}}",
        0.999,
    );
}

#[test]
fn what_cuda_recorded_is_replayed_on_new_batches() {
    if !is_usable("cuda", "a recorded CUDA graph") {
        return;
    }
    compare(&project(), "{cuda: {cuda_graph: true}}", 0.99999);
}

#[test]
fn tensorrt_builds_an_engine_once_in_sight() {
    if !is_usable("tensorrt", "a TensorRT engine") {
        return;
    }
    let project = project();
    let provider = "{tensorrt: {batch: {min: 8, opt: 16, max: 32}}}";
    let ran = compare(&project, provider, 0.999);
    for told in [
        "building a TensorRT engine for tiny (tf32, batches of 8 to 32, on",
        "engine built, and kept in",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    std::fs::remove_dir_all(project.path("cache/features")).expect("rows");
    let ran = compare(&project, provider, 0.999);
    assert!(
        ran.stderr.contains("TensorRT engine from "),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("building"), "{}", ran.stderr);
    compare(
        &project,
        "{tensorrt: {precision: fp16, cuda_graph: true}}",
        0.99,
    );
}
