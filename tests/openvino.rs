//! OpenVINO, where its build of ONNX Runtime is in the cache (`make runtime EP=openvino`). Where it
//! is not, each test says on stderr that it has tested nothing.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use catpipe::assets::cache_dir;
use catpipe::backbone::onnx::{self, proto::OperatorSetIdProto};
use catpipe::backbone::provider::{Precision, Provider, Providers};
use catpipe::backbone::{Choice, Manifest, Session, SessionOptions};
use catpipe::pipeline::runtime_search;
use catpipe::yaml::Document;

use common::{Project, openvino};

fn provider(text: &str) -> Providers {
    let document = Document::parse(Path::new("p.yaml"), text).expect("YAML");
    document.typed().expect("a provider")
}

fn choose(library: &Path, text: &str) -> Choice {
    let cache = cache_dir().expect("a cache");
    let search = runtime_search(Some(library.to_path_buf()), &cache);
    search.choose(&provider(text)).expect("OpenVINO")
}

/// Whether this processor can be asked for bf16: the program refuses it without AVX-512. Says so
/// where it cannot.
fn has_bf16(test: &str) -> bool {
    let has = catpipe::backbone::runtime::has_bf16();
    if !has {
        common::not_tested(test, "this processor has no AVX-512");
    }
    has
}

fn session(choice: &Choice, manifest: &Manifest, root: &Path, threads: usize) -> Session {
    let options = SessionOptions {
        provider: choice.provider.clone(),
        threads: Some(threads),
        ..SessionOptions::default()
    };
    Session::open(manifest, root, &choice.runtime, &options).expect("a session")
}

/// Values between -100 and 100 that follow from `seed` alone.
fn values(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 83_886.08 - 100.0
    };
    (0..count).map(|_| next()).collect()
}

fn rows(session: &mut Session, input: &[f32], batch: usize) -> Vec<f32> {
    let (each, width) = (session.input_len(), session.width());
    let mut out = vec![0.0; input.len() / each * width];
    for (input, out) in input
        .chunks(batch * each)
        .zip(out.chunks_mut(batch * width))
    {
        session
            .run(input, input.len() / each, out)
            .expect("features");
    }
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_rows_bits_depend_on_its_input_alone() {
    let test = "OpenVINO's rows do not depend on batch size or threads";
    let Some(library) = openvino(test) else {
        return;
    };
    let manifest = Manifest::read(&common::checkout("onnx/resnet50.yaml")).expect("a manifest");
    let root = common::checkout("");
    let input = values(7, 9 * 3 * 224 * 224);
    let mut of_precision = Vec::new();
    let both = has_bf16("OpenVINO's rows in bf16");
    let texts = ["openvino", "{openvino: {precision: bf16}}"];
    for text in &texts[..if both { 2 } else { 1 }] {
        let choice = choose(&library, text);
        assert_eq!(choice.provider.unsteady(), None);
        let expected = rows(&mut session(&choice, &manifest, &root, 2), &input, 9);
        for (threads, batch) in [(1, 4), (2, 1), (2, 2), (2, 8)] {
            let mut session = session(&choice, &manifest, &root, threads);
            let found = rows(&mut session, &input, batch);
            let same = bits(&found) == bits(&expected);
            assert!(same, "{text}: {threads} threads, batch {batch}");
        }
        of_precision.push(expected);
    }
    let [fp32, bf16] = of_precision.as_slice() else {
        assert!(!both, "two precisions");
        return;
    };
    assert_ne!(bits(fp32), bits(bf16), "bf16 is another arithmetic");
    let width = manifest.width();
    for (a, b) in fp32.chunks(width).zip(bf16.chunks(width)) {
        assert!(cosine(a, b) > 0.999, "{}", cosine(a, b));
    }
}

#[test]
fn a_pipeline_runs_and_says_what_ran() {
    let Some(library) = openvino("a pipeline on OpenVINO") else {
        return;
    };
    let project = Project::new();
    project.ok(&[
        "synth",
        "shapes",
        "--classes",
        "2",
        "--train",
        "4",
        "--test",
        "2",
    ]);
    project.tiny_backbone("tiny");
    project.write(
        "p.yaml",
        "name: p\ndataset: {train: {folder: shapes/train}, test: {folder: shapes/test}}\n\
         extract: {backbone: tiny.yaml}\n",
    );
    let run = |set: &str| {
        let mut command = project.command(&["run", "p.yaml", "--set", set]);
        command.env("ORT_DYLIB_PATH", &library);
        let ran = project.ran(command.output().expect("the program starts"));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        project.json("runs/p/metrics.json")
    };
    let both = has_bf16("a pipeline on OpenVINO in bf16");
    let precisions = [Precision::Fp32, Precision::Bf16].map(Precision::name);
    for precision in &precisions[..if both { 2 } else { 1 }] {
        let metrics = run(&format!(
            "extract.provider={{openvino: {{precision: {precision}}}}}"
        ));
        let about = &metrics["provider"];
        assert_eq!(about["name"], "openvino");
        assert_eq!(about["precision"], **precision);
        assert_eq!(about["device"], "CPU");
        let arch = std::env::consts::ARCH;
        let class = format!("openvino CPU {precision} onnxruntime-1.24.1 {arch}");
        assert_eq!(about["numeric_class"], class);
        // What the library calls itself, and no driver of anybody's.
        let version = about["libraries"]["openvino"].as_str();
        assert!(version.is_some_and(|version| version.starts_with("20")));
        assert_eq!(about.get("driver"), None);
        // Rows of another precision are other rows.
        assert_eq!(metrics["timings"]["rows_computed"], 12);
    }
    let metrics = run("extract.batch=3");
    assert_eq!(metrics["provider"]["name"], Provider::default().name());
}

/// The tiny network with an operator that OpenVINO does not know in its middle.
fn with_foreign_operator(project: &Project) {
    project.tiny_backbone("tiny");
    let path = project.path("tiny.onnx");
    let mut model = onnx::read(&path).expect("a network");
    let nodes = &mut model.graph.as_mut().expect("a graph").node;
    let relu = nodes
        .iter_mut()
        .find(|node| node.name.as_deref() == Some("block_relu"))
        .expect("a node");
    // ONNX Runtime's own example of an operator: it hands its input on.
    relu.op_type = Some("SampleOp".to_owned());
    relu.domain = Some("com.microsoft".to_owned());
    model.opset_import.push(OperatorSetIdProto {
        domain: Some("com.microsoft".to_owned()),
        version: Some(1),
    });
    onnx::write(&path, &model).expect("a file");
}

#[test]
fn nodes_elsewhere_are_an_error_unless_they_are_allowed() {
    let Some(library) = openvino("nodes that OpenVINO does not take") else {
        return;
    };
    let project = Project::new();
    with_foreign_operator(&project);
    let manifest = Manifest::read(&project.path("tiny.yaml")).expect("a manifest");
    let open = |text: &str| {
        let choice = choose(&library, text);
        let options = SessionOptions {
            provider: choice.provider,
            ..SessionOptions::default()
        };
        Session::open(&manifest, &project.path(""), &choice.runtime, &options)
    };
    let error = open("openvino").expect_err("refused").to_string();
    let words = "provider `openvino` does not take the whole graph: 1 node on \
                 CPUExecutionProvider (1 SampleOp)\n  to let those run there: provider: \
                 {openvino: {allow_partial: true}}";
    assert!(error.ends_with(words), "{error}");

    let mut partial = open("{openvino: {allow_partial: true}}").expect("a session");
    assert_eq!(
        partial.elsewhere().to_string(),
        "1 node on CPUExecutionProvider (1 SampleOp)"
    );
    let mut cpu = open("cpu").expect("a session");
    assert_eq!(cpu.elsewhere().count(), 0);
    let input = values(3, 2 * 3 * 32 * 32);
    let (a, b) = (rows(&mut partial, &input, 2), rows(&mut cpu, &input, 2));
    assert!(cosine(&a, &b) > 0.999_999);
}

#[test]
fn rows_of_integers_do_not_depend_on_batch_size_or_threads_either() {
    let Some(library) = openvino("OpenVINO's rows of an int8 graph") else {
        return;
    };
    let project = Project::small("cpu");
    let args = "model quantize tiny.yaml --calibrate shapes -o tiny-int8.onnx --bar 0 --bar-min 0";
    project.ok(&args.split(' ').collect::<Vec<_>>());
    let mut files = Vec::new();
    for (batch, threads) in [("1", "1"), ("3", "2"), ("8", "2")] {
        let out = format!("f{batch}.npy");
        let args = format!(
            "extract --backbone tiny-int8.yaml --images shapes/train --out {out} --provider \
             openvino --batch {batch} --threads {threads}"
        );
        let mut command = project.command(&args.split_whitespace().collect::<Vec<_>>());
        command
            .env("ORT_DYLIB_PATH", &library)
            // A cache of its own: no row is taken from the run before.
            .env("CATPIPE_CACHE", project.path(&format!("cache{batch}")));
        let ran = project.ran(command.output().expect("the program starts"));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        files.push(std::fs::read(project.path(&out)).expect("features"));
    }
    assert!(files.windows(2).all(|two| two[0] == two[1]));
}
