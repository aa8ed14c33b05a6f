//! Options from YAML, refusals at their places, and what ONNX Runtime is told.

use std::path::Path;

use proptest::prelude::*;

use super::dispatch::{cuda, load_config, tensorrt};
use super::*;
use crate::yaml::Document;

fn read(text: &str) -> Result<Providers, String> {
    Document::parse(Path::new("p.yaml"), text)
        .and_then(|document| document.typed::<Providers>())
        .map_err(|error| error.to_string().lines().next().unwrap_or("").to_owned())
}

pub(super) fn one(text: &str) -> Provider {
    let providers = read(text).unwrap();
    assert_eq!(providers.all().len(), 1, "{text}");
    providers.all()[0].clone()
}

fn refusal(text: &str) -> String {
    read(text).expect_err(text)
}

#[test]
fn a_name_alone_is_the_provider_with_its_defaults() {
    for kind in ProviderKind::ALL {
        assert_eq!(one(kind.name()), Provider::from(kind));
        assert_eq!(one(&format!("{{{kind}: {{}}}}")), Provider::from(kind));
        assert_eq!(one(&format!("{kind}:")), Provider::from(kind));
        assert_eq!(kind.name().parse::<ProviderKind>().unwrap(), kind);
    }
    let names = ProviderKind::ALL.map(ProviderKind::name);
    assert_eq!(names, ProviderKind::NAMES);
}

#[test]
fn what_is_written_is_read_back() {
    for text in [
        "cpu",
        "{cpu: {threads: 3}}",
        "{cpu: {convolutions: direct}}",
        "{cuda: {device: 1, precision: tf32, memory_limit: 1536MiB, cudnn_search: exhaustive}}",
        "{cuda: {cuda_graph: true}}",
        "{tensorrt: {cuda_graph: true}}",
        "{tensorrt: {precision: int8, workspace: 2GiB, engine_cache: false, batch: {max: 8}}}",
        "{openvino: {device: GPU.1, precision: fp16, hint: throughput, allow_partial: true}}",
        "[cuda, {openvino: {precision: bf16}}, cpu]",
    ] {
        let providers = read(text).unwrap();
        let written = crate::yaml::to_string(&providers).unwrap();
        assert_eq!(read(&written).unwrap(), providers, "{text}\n{written}");
    }
    // The resolved pipeline of `cpu` is what it always was: runs stay up to date.
    let written = crate::yaml::to_string(&Providers::default()).unwrap();
    assert_eq!(written.trim(), "cpu");
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    for text in [
        "{openvino: {device: CPU, precision: fp32, hint: latency, allow_partial: false}}",
        "{cuda: {device: 0, precision: fp32, cudnn_search: heuristic, cuda_graph: false, \
         allow_partial: false}}",
        "{tensorrt: {device: 0, precision: tf32, workspace: 4GiB, engine_cache: true, \
         timing_cache: true, batch: {min: 1, opt: 16, max: 64}, cuda_graph: false, \
         allow_partial: false}}",
    ] {
        let provider = one(text);
        assert_eq!(provider, Provider::from(provider.kind()), "{text}");
    }
}

#[test]
fn options_reach_the_provider() {
    let Provider::Cuda(cuda) = one("{cuda: {device: 2, memory_limit: 8GiB, allow_partial: true}}")
    else {
        panic!("cuda");
    };
    assert_eq!((cuda.device.get(), cuda.allow_partial), (2, true));
    assert_eq!(cuda.memory_limit.map(Bytes::count), Some(8 << 30));
    let Provider::Tensorrt(trt) = one("{tensorrt: {batch: {min: 2, max: 8}}}") else {
        panic!("tensorrt");
    };
    let BatchProfile { min, opt, max } = trt.batch;
    assert_eq!([min, opt, max].map(Count::get), [2, 8, 8]);
    assert_eq!(
        one("{tensorrt: {batch: {opt: 100}}}").max_batch(),
        Some(100)
    );
    assert_eq!(one("{tensorrt: {batch: {min: 4}}}").min_batch(), 4);
    assert_eq!([one("cuda").min_batch(), one("cpu").min_batch()], [1, 1]);
    let four = one("{tensorrt: {batch: {min: 4, max: 6}}}");
    assert!(
        [4, 5, 6]
            .iter()
            .all(|rows| four.refuses_batch(*rows).is_none())
    );
    assert!(
        four.refuses_batch(3)
            .unwrap()
            .contains("at least 4, found 3")
    );
    assert!(
        four.refuses_batch(7)
            .unwrap()
            .contains("at most 6, found 7")
    );
    assert_eq!(one("cpu").refuses_batch(1024), None);
    let records = |text| one(text).records_graphs();
    assert!(records("{cuda: {cuda_graph: true}}") && records("{tensorrt: {cuda_graph: true}}"));
    assert!(!records("cuda") && !records("tensorrt") && !records("cpu") && !records("openvino"));
    // A run with a provider's defaults of before `cuda_graph` is up to date.
    for text in ["cuda", "tensorrt"] {
        let written = crate::yaml::to_string(&read(text).unwrap()).unwrap();
        assert!(!written.contains("cuda_graph"), "{written}");
    }
    assert_eq!(one("{openvino: {threads: 3}}").threads(), Some(3));
    assert_eq!(one("{openvino: {device: GPU.1}}").device(), "GPU.1");
}

#[test]
fn refusals_stand_at_their_places() {
    for (text, expected) in [
        ("cuda_", "p.yaml:1:1: unknown `cuda_`; did you mean `cuda`?"),
        (
            "- cpu\n- cqda\n",
            "p.yaml:2:3: 1: unknown `cqda`; did you mean `cuda`?",
        ),
        (
            "cuda:\n  devic: 1\n",
            "p.yaml:2:3: cuda: unknown key `devic`; did you mean `device`?",
        ),
        (
            "cuda: {precision: bf16}",
            "p.yaml:1:19: cuda.precision: cuda has no bf16; it has: fp32, tf32",
        ),
        (
            "cuda: {precision: fp31}",
            "p.yaml:1:19: cuda.precision: unknown `fp31`; did you mean `fp32`?",
        ),
        (
            "tensorrt: {precision: fp32}",
            "p.yaml:1:23: tensorrt.precision: tensorrt has no fp32; it has: tf32, fp16, bf16, int8",
        ),
        (
            "openvino: {precision: fp16}",
            "p.yaml:1:11: openvino: openvino on CPU has no fp16; it has: fp32, bf16",
        ),
        (
            "openvino: {device: AUTO}",
            "p.yaml:1:20: openvino.device: must be CPU, GPU, GPU.<number> or NPU, found \"AUTO\"",
        ),
        (
            "openvino: {device: GPU, threads: 2}",
            "p.yaml:1:11: openvino: `threads` is for the CPU, and the device is GPU",
        ),
        (
            "cuda: {memory_limit: 8GB}",
            "p.yaml:1:22: cuda.memory_limit: must be a size such as 8GiB or 512MiB, found \"8GB\"",
        ),
        (
            "cuda: {memory_limit: 8}",
            "p.yaml:1:22: cuda.memory_limit: must be at least 1MiB, found 8 bytes",
        ),
        (
            "cpu: {threads: 0}",
            "p.yaml:1:16: cpu.threads: must be between 1 and 1024, found 0",
        ),
        (
            "tensorrt: {batch: {opt: 4, max: 2}}",
            "p.yaml:1:19: tensorrt.batch: must rise from min to opt to max, found 1, 4, 2",
        ),
        (
            "cuda: {cuda_graph: true, allow_partial: true}",
            "p.yaml:1:7: cuda: `cuda_graph` replays what the GPU did for a batch, and \
             `allow_partial` lets the processor do a part of it: leave one of them out",
        ),
        (
            "tensorrt: {allow_partial: true, cuda_graph: true}",
            "p.yaml:1:11: tensorrt: `cuda_graph` replays what the GPU did for a batch",
        ),
        (
            "tensorrt: {batch: {min: 3, opt: 2, max: 4}}",
            "p.yaml:1:19: tensorrt.batch: must rise from min to opt to max, found 3, 2, 4",
        ),
        (
            "tensorrt: {batch: {min: 65, max: 64}}",
            "p.yaml:1:19: tensorrt.batch: must rise from min to opt to max, found 65, 65, 64",
        ),
        (
            "tensorrt: {batch: {max: 2000}}",
            "p.yaml:1:25: tensorrt.batch.max: must be between 1 and 1024, found 2000",
        ),
        ("[]", "p.yaml:1:1: the list of providers is empty"),
        ("[cpu, cpu]", "p.yaml:1:1: `cpu` stands in the list twice"),
        (
            "7",
            "p.yaml:1:1: expected a provider's name, a name with its options",
        ),
        (
            "{cuda: {}, cpu: {}}",
            "p.yaml:1:1: expected one provider; to try several",
        ),
    ] {
        let found = refusal(text);
        assert!(found.starts_with(expected), "{text}\n{found}\n{expected}");
    }
}

#[test]
fn an_unknown_name_lists_the_known() {
    let message = |name: &str| name.parse::<ProviderKind>().unwrap_err().to_string();
    let known = "known: `cpu`, `openvino`, `cuda`, `tensorrt`";
    assert_eq!(
        message("cpuu"),
        format!("unknown provider `cpuu`; did you mean `cpu`?; {known}")
    );
    assert_eq!(
        message("magic"),
        format!("unknown provider `magic`; {known}")
    );
}

#[test]
fn openvino_is_told_its_precision_and_threads() {
    let config = |text: &str, shared: bool| match one(text) {
        Provider::Openvino(options) => load_config(&options, &Registration { shared, ..at() }),
        other => panic!("{other}"),
    };
    assert_eq!(
        config("{openvino: {precision: bf16}}", false),
        r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16","PERFORMANCE_HINT":"LATENCY","INFERENCE_NUM_THREADS":"2"}}"#
    );
    assert_eq!(
        config("openvino", true),
        r#"{"CPU":{"INFERENCE_PRECISION_HINT":"f32","PERFORMANCE_HINT":"LATENCY","INFERENCE_NUM_THREADS":"2","ENABLE_CPU_PINNING":"NO"}}"#
    );
    assert_eq!(
        config(
            "{openvino: {device: GPU.1, precision: fp16, hint: throughput}}",
            false
        ),
        r#"{"GPU":{"INFERENCE_PRECISION_HINT":"f16","PERFORMANCE_HINT":"THROUGHPUT"}}"#
    );
}

fn at() -> Registration<'static> {
    Registration {
        threads: 2,
        shared: false,
        input: "pixels",
        dims: [3, 224, 160],
        engines: Some(Path::new("/cache/engines/x")),
        builds: true,
    }
}

#[test]
fn cuda_and_tensorrt_are_told_what_was_asked_for() {
    let at = at();
    let told = |text: &str, at: &Registration| match one(text) {
        Provider::Cuda(options) => format!("{:?}", cuda(&options)),
        Provider::Tensorrt(options) => format!("{:?}", tensorrt(&options, at)),
        other => panic!("{other}"),
    };
    let has = |text: &str, pairs: &[(&str, &str)]| {
        let told = told(text, &at);
        for (key, value) in pairs {
            let pair = format!("{key:?}: {value:?}");
            assert!(told.contains(&pair), "{pair} in {told}");
        }
    };
    has(
        "cuda",
        &[
            ("device_id", "0"),
            ("use_tf32", "false"),
            ("cudnn_conv_algo_search", "HEURISTIC"),
            ("enable_cuda_graph", "false"),
        ],
    );
    has(
        "{cuda: {device: 2, precision: tf32, cuda_graph: true, memory_limit: 8GiB}}",
        &[
            ("device_id", "2"),
            ("use_tf32", "true"),
            ("enable_cuda_graph", "true"),
            ("gpu_mem_limit", "8589934592"),
        ],
    );
    has(
        "{tensorrt: {precision: fp16, cuda_graph: true, batch: {min: 2, opt: 8, max: 32}}}",
        &[
            ("trt_fp16_enable", "true"),
            ("trt_int8_enable", "false"),
            ("trt_max_workspace_size", "4294967296"),
            ("trt_cuda_graph_enable", "true"),
            ("trt_profile_min_shapes", "pixels:2x3x224x160"),
            ("trt_profile_opt_shapes", "pixels:8x3x224x160"),
            ("trt_profile_max_shapes", "pixels:32x3x224x160"),
            ("trt_engine_cache_enable", "true"),
            ("trt_engine_cache_path", "/cache/engines/x"),
            ("trt_timing_cache_enable", "true"),
            ("trt_timing_cache_path", "/cache/engines/x"),
        ],
    );
    has(
        "{tensorrt: {precision: bf16}}",
        &[("trt_bf16_enable", "true")],
    );
    has(
        "{tensorrt: {precision: int8}}",
        &[("trt_int8_enable", "true")],
    );
    let off = "{tensorrt: {engine_cache: false, timing_cache: false}}";
    has(
        off,
        &[
            ("trt_engine_cache_enable", "false"),
            ("trt_timing_cache_enable", "false"),
        ],
    );
    // An engine that is there needs no timings, and nothing is kept without a folder.
    let found = Registration {
        builds: false,
        ..at.clone()
    };
    let told_found = told("tensorrt", &found);
    assert!(told_found.contains("\"trt_timing_cache_enable\": \"false\""));
    let nowhere = Registration {
        engines: None,
        ..at.clone()
    };
    assert!(!told("tensorrt", &nowhere).contains("cache"));
}

proptest! {
    #[test]
    fn sizes_are_written_as_they_are_read(bytes in (1_u64 << 20)..(1 << 50)) {
        let read = |text: &str| {
            let document = Document::parse(Path::new("b.yaml"), text).unwrap();
            document.typed::<Bytes>().map_err(|error| error.to_string())
        };
        let size = read(&bytes.to_string()).unwrap();
        prop_assert_eq!(size.count() as u64, bytes);
        prop_assert_eq!(read(&size.to_string()).unwrap(), size);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9{}:, \\[\\]]{0,40}") {
        let _ = read(&text);
    }
}
