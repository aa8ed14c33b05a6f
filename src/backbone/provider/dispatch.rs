//! A provider's options as ONNX Runtime takes them.

use std::path::Path;

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider, CPU, CUDA, ExecutionProviderDispatch, OpenVINO,
    TensorRT,
};

use super::{
    CudaOptions, CudnnSearch, OpenvinoHint, OpenvinoOptions, Precision, Provider, TensorrtOptions,
};

/// What a provider has to know of the session that it is registered in.
#[derive(Debug, Clone)]
pub(in crate::backbone) struct Registration<'a> {
    /// Threads of one inference.
    pub(in crate::backbone) threads: usize,
    /// Whether sessions of the same graph run beside it.
    pub(in crate::backbone) shared: bool,
    /// The name of the graph's input.
    pub(in crate::backbone) input: &'a str,
    /// Its dimensions after the batch.
    pub(in crate::backbone) dims: [usize; 3],
    /// The folder in which TensorRT finds its engine or leaves the one that it builds; without it
    /// nothing is kept.
    pub(in crate::backbone) engines: Option<&'a Path>,
    /// Whether an engine is to be built, for which the timings of kernels are of use.
    pub(in crate::backbone) builds: bool,
}

impl Provider {
    /// The form in which a session registers it: a provider that can't be had fails the session.
    pub(in crate::backbone) fn dispatch(&self, at: &Registration) -> ExecutionProviderDispatch {
        match self {
            Self::Cpu(_) => CPU::default().with_arena_allocator(true).build(),
            Self::Cuda(options) => cuda(options).build(),
            Self::Tensorrt(options) => tensorrt(options, at).build(),
            Self::Openvino(options) => openvino(options, at).build(),
        }
        .error_on_failure()
    }

    /// Why a feature's bits may differ from run to run or from batch size to batch size; `None`
    /// where they do not.
    #[must_use]
    pub fn unsteady(&self) -> Option<&'static str> {
        match self {
            Self::Cpu(_) => None,
            Self::Openvino(_) => openvino_unsteady(),
            Self::Cuda(CudaOptions {
                cudnn_search: CudnnSearch::Exhaustive,
                ..
            }) => Some(
                "cudnn_search: exhaustive takes the kernels that were fastest this time, and \
                 others may win the next",
            ),
            Self::Cuda(_) => Some("cuDNN may take other kernels for another batch size"),
            Self::Tensorrt(_) => {
                Some("TensorRT takes the kernels that were fastest when it built the engine")
            }
        }
    }
}

fn openvino_unsteady() -> Option<&'static str> {
    None
}

pub(super) fn cuda(options: &CudaOptions) -> CUDA {
    let search = match options.cudnn_search {
        CudnnSearch::Heuristic => ConvAlgorithmSearch::Heuristic,
        CudnnSearch::Exhaustive => ConvAlgorithmSearch::Exhaustive,
        CudnnSearch::Default => ConvAlgorithmSearch::Default,
    };
    let cuda = CUDA::default()
        .with_device_id(options.device.get().into())
        .with_tf32(options.precision.get() == Precision::Tf32)
        .with_conv_algorithm_search(search)
        .with_cuda_graph(options.cuda_graph);
    match options.memory_limit {
        Some(limit) => cuda.with_memory_limit(limit.count()),
        None => cuda,
    }
}

pub(super) fn tensorrt(options: &TensorrtOptions, at: &Registration) -> TensorRT {
    let precision = options.precision.get();
    let profile = |rows: usize| {
        let [first, second, third] = at.dims;
        format!("{}:{rows}x{first}x{second}x{third}", at.input)
    };
    let engine = TensorRT::default()
        .with_device_id(options.device.get().into())
        .with_max_workspace_size(options.workspace.count())
        .with_fp16(precision == Precision::Fp16)
        .with_bf16(precision == Precision::Bf16)
        .with_int8(precision == Precision::Int8)
        .with_cuda_graph(options.cuda_graph)
        .with_profile_min_shapes(profile(options.batch.min.get()))
        .with_profile_opt_shapes(profile(options.batch.opt.get()))
        .with_profile_max_shapes(profile(options.batch.max.get()));
    let Some(folder) = at.engines else {
        return engine;
    };
    let folder = folder.display().to_string();
    engine
        .with_engine_cache(options.engine_cache)
        .with_engine_cache_path(&folder)
        .with_timing_cache(options.timing_cache && at.builds)
        .with_timing_cache_path(&folder)
}

/// The precision goes through `load_config`: the provider's own `precision` option refuses bf16.
fn openvino(options: &OpenvinoOptions, at: &Registration) -> OpenVINO {
    let device = options.device.to_string();
    OpenVINO::default()
        .with_device_type(&device)
        .with_arbitrary_config("load_config", load_config(options, at))
}

/// OpenVINO's settings for the device, as inline JSON.
pub(super) fn load_config(options: &OpenvinoOptions, at: &Registration) -> String {
    let precision = match options.precision.get() {
        Precision::Bf16 => "bf16",
        Precision::Fp16 => "f16",
        _ => "f32",
    };
    let hint = match options.hint {
        OpenvinoHint::Latency => "LATENCY",
        OpenvinoHint::Throughput => "THROUGHPUT",
    };
    let device = options.device.to_string();
    let mut settings = serde_json::Map::new();
    let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.into());
    set("INFERENCE_PRECISION_HINT", precision);
    set("PERFORMANCE_HINT", hint);
    if device == "CPU" {
        set("INFERENCE_NUM_THREADS", &at.threads.to_string());
        if at.shared {
            // Each would tie its threads to the same first cores.
            set("ENABLE_CPU_PINNING", "NO");
        }
    }
    // `GPU.1` is a device; its settings stand under its family's name.
    let family = device.split('.').next().unwrap_or(&device).to_owned();
    serde_json::json!({ family: settings }).to_string()
}
