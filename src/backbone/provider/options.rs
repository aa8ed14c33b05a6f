//! The options of each provider, with their defaults.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::precision::{CudaPrecision, OpenvinoPrecision, Precision, TensorrtPrecision, lacks};
use super::value::{Count, DeviceId};
use crate::size::Bytes;

/// Options of `cpu`: ONNX Runtime's own kernels and, for convolutions, one of catpipe's, in fp32.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CpuOptions {
    /// Threads of one inference; default: `extract.threads`, else all cores. Changes no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<Count>,
    /// How convolutions of 3x3 with stride 1 are computed. Default `winograd`.
    #[serde(skip_serializing_if = "Convolutions::is_default")]
    pub convolutions: Convolutions,
}

/// How `cpu` computes the convolutions of 3x3 with stride 1 of a graph of floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convolutions {
    /// By Winograd's minimal filtering, with a quarter of the multiplications; features differ
    /// from the direct ones in the last bits. Without AVX2 it is `direct`.
    #[default]
    Winograd,
    /// By ONNX Runtime's own kernels, as all else.
    Direct,
}

impl Convolutions {
    /// Written only where it is asked for, as [`is_false`] has it.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Options of `cuda`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawCuda")]
pub struct CudaOptions {
    /// The GPU, as the driver counts them. Default 0.
    pub device: DeviceId,
    /// `fp32` (default), or `tf32`: products rounded for tensor cores, on Ampere and later.
    pub precision: CudaPrecision,
    /// The most that the memory arena may take of the GPU, such as `8GiB`; default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<Bytes>,
    /// How cuDNN chooses its convolutions. Default `heuristic`.
    pub cudnn_search: CudnnSearch,
    /// Whether the kernels of a batch are recorded once and replayed for each batch, which saves
    /// the time of launching them one by one. The whole graph has to be CUDA's for that. Default
    /// false.
    #[serde(skip_serializing_if = "is_false")]
    pub cuda_graph: bool,
    /// Whether nodes that CUDA does not take may run on the CPU; they are then named. Default
    /// false: such nodes are an error.
    pub allow_partial: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCuda {
    device: DeviceId,
    precision: CudaPrecision,
    memory_limit: Option<Bytes>,
    cudnn_search: CudnnSearch,
    cuda_graph: bool,
    allow_partial: bool,
}

impl TryFrom<RawCuda> for CudaOptions {
    type Error = String;

    fn try_from(raw: RawCuda) -> Result<Self, String> {
        refuse_partial_recording(raw.cuda_graph, raw.allow_partial)?;
        Ok(Self {
            device: raw.device,
            precision: raw.precision,
            memory_limit: raw.memory_limit,
            cudnn_search: raw.cudnn_search,
            cuda_graph: raw.cuda_graph,
            allow_partial: raw.allow_partial,
        })
    }
}

/// What the processor does in the midst of it cannot be recorded.
fn refuse_partial_recording(cuda_graph: bool, allow_partial: bool) -> Result<(), String> {
    if cuda_graph && allow_partial {
        return Err(
            "`cuda_graph` replays what the GPU did for a batch, and `allow_partial` lets \
                    the processor do a part of it: leave one of them out"
                .to_owned(),
        );
    }
    Ok(())
}

/// Written only where it is asked for, so that a run of before it was known stays up to date.
fn is_false(flag: &bool) -> bool {
    !flag
}

/// How cuDNN chooses its convolutions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CudnnSearch {
    /// By rules: the same choice every time, at once.
    #[default]
    Heuristic,
    /// By trying all of them at the first batch of each size: often faster after that, but what
    /// wins may change from run to run, and a feature's last bits with it.
    Exhaustive,
    /// cuDNN's default algorithm always.
    Default,
}

/// Options of `tensorrt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTensorrt")]
pub struct TensorrtOptions {
    /// The GPU, as the driver counts them. Default 0.
    pub device: DeviceId,
    /// `tf32` (default), `fp16`, `bf16` or `int8` (for a quantized graph).
    pub precision: TensorrtPrecision,
    /// The most memory that building an engine may take. Default `4GiB`.
    pub workspace: Bytes,
    /// Whether engines are kept in the cache folder, since building one takes minutes. Default
    /// true.
    pub engine_cache: bool,
    /// Whether the timings of kernels are kept too, so that another engine is built faster.
    /// Default true.
    pub timing_cache: bool,
    /// The batch sizes that an engine is built for.
    pub batch: BatchProfile,
    /// Whether the kernels of a batch are recorded once and replayed for each batch. Default
    /// false.
    #[serde(skip_serializing_if = "is_false")]
    pub cuda_graph: bool,
    /// Whether nodes that TensorRT does not take may run elsewhere; they are then named. Default
    /// false: such nodes are an error.
    pub allow_partial: bool,
}

impl Default for TensorrtOptions {
    fn default() -> Self {
        Self {
            device: DeviceId::default(),
            precision: TensorrtPrecision::default(),
            workspace: Bytes::gib(4),
            engine_cache: true,
            timing_cache: true,
            batch: BatchProfile::default(),
            cuda_graph: false,
            allow_partial: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTensorrt {
    device: DeviceId,
    precision: TensorrtPrecision,
    workspace: Bytes,
    engine_cache: bool,
    timing_cache: bool,
    batch: BatchProfile,
    cuda_graph: bool,
    allow_partial: bool,
}

impl Default for RawTensorrt {
    fn default() -> Self {
        let options = TensorrtOptions::default();
        Self {
            device: options.device,
            precision: options.precision,
            workspace: options.workspace,
            engine_cache: options.engine_cache,
            timing_cache: options.timing_cache,
            batch: options.batch,
            cuda_graph: options.cuda_graph,
            allow_partial: options.allow_partial,
        }
    }
}

impl TryFrom<RawTensorrt> for TensorrtOptions {
    type Error = String;

    fn try_from(raw: RawTensorrt) -> Result<Self, String> {
        refuse_partial_recording(raw.cuda_graph, raw.allow_partial)?;
        Ok(Self {
            device: raw.device,
            precision: raw.precision,
            workspace: raw.workspace,
            engine_cache: raw.engine_cache,
            timing_cache: raw.timing_cache,
            batch: raw.batch,
            cuda_graph: raw.cuda_graph,
            allow_partial: raw.allow_partial,
        })
    }
}

/// The batch sizes that a TensorRT engine is built for: it takes `min` to `max` rows, and is
/// fastest at `opt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawProfile")]
pub struct BatchProfile {
    /// The smallest batch. Default 1.
    pub min: Count,
    /// The batch that it is tuned for. Default 16, kept between the others.
    pub opt: Count,
    /// The largest batch. Default 64, or `opt` where that is more.
    pub max: Count,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawProfile {
    min: Option<Count>,
    opt: Option<Count>,
    max: Option<Count>,
}

impl Default for BatchProfile {
    fn default() -> Self {
        Self {
            min: Count::constant(1),
            opt: Count::constant(16),
            max: Count::constant(64),
        }
    }
}

impl TryFrom<RawProfile> for BatchProfile {
    type Error = String;

    fn try_from(raw: RawProfile) -> Result<Self, String> {
        let defaults = Self::default();
        let min = raw.min.unwrap_or(defaults.min);
        let max = raw.max.unwrap_or(defaults.max.max(raw.opt.unwrap_or(min)));
        // What is not said follows what is.
        let opt = raw.opt.unwrap_or(defaults.opt.clamp(min, max.max(min)));
        if min <= opt && opt <= max {
            return Ok(Self { min, opt, max });
        }
        let [min, opt, max] = [min, opt, max].map(Count::get);
        Err(format!(
            "must rise from min to opt to max, found {min}, {opt}, {max}"
        ))
    }
}

/// Options of `openvino`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawOpenvino")]
pub struct OpenvinoOptions {
    /// `CPU` (default), `GPU`, `GPU.1`..., or `NPU`.
    pub device: OpenvinoDevice,
    /// `fp32` (default), `bf16` on a CPU with AVX-512, or `fp16` on a GPU or NPU.
    pub precision: OpenvinoPrecision,
    /// Threads of one inference on the CPU; default: `extract.threads`, else all cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<Count>,
    /// What it is tuned for. Default `latency`: one batch at a time, which is how catpipe runs.
    pub hint: OpenvinoHint,
    /// Whether nodes that OpenVINO does not take may run on ONNX Runtime's CPU kernels; they are
    /// then named. Default false: such nodes are an error.
    pub allow_partial: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawOpenvino {
    device: OpenvinoDevice,
    precision: OpenvinoPrecision,
    threads: Option<Count>,
    hint: OpenvinoHint,
    allow_partial: bool,
}

impl TryFrom<RawOpenvino> for OpenvinoOptions {
    type Error = String;

    fn try_from(raw: RawOpenvino) -> Result<Self, String> {
        let (device, precision) = (&raw.device, raw.precision.get());
        if !device.precisions().contains(&precision) {
            let provider = format!("openvino on {device}");
            return Err(lacks(&provider, precision, device.precisions()));
        }
        if raw.threads.is_some() && !device.is_processor() {
            return Err(format!(
                "`threads` is for the CPU, and the device is {device}"
            ));
        }
        Ok(Self {
            device: raw.device,
            precision: raw.precision,
            threads: raw.threads,
            hint: raw.hint,
            allow_partial: raw.allow_partial,
        })
    }
}

/// A device of OpenVINO. Names that let it choose for itself (`AUTO`, `HETERO`) are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OpenvinoDevice(String);

impl OpenvinoDevice {
    /// Whether it is the processor.
    pub(super) fn is_processor(&self) -> bool {
        self.0 == "CPU"
    }

    /// The device's precisions, the default first.
    #[must_use]
    pub fn precisions(&self) -> &'static [Precision] {
        match self.0.as_str() {
            "CPU" => &[Precision::Fp32, Precision::Bf16],
            "NPU" => &[Precision::Fp16],
            _ => &[Precision::Fp32, Precision::Fp16],
        }
    }
}

impl Default for OpenvinoDevice {
    fn default() -> Self {
        Self("CPU".to_owned())
    }
}

impl TryFrom<String> for OpenvinoDevice {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let number = name.strip_prefix("GPU.");
        let is_gpu = number.is_some_and(|number| number.parse::<u8>().is_ok());
        if is_gpu || ["CPU", "GPU", "NPU"].contains(&name.as_str()) {
            return Ok(Self(name));
        }
        Err(format!(
            "must be CPU, GPU, GPU.<number> or NPU, found \"{name}\""
        ))
    }
}

impl From<OpenvinoDevice> for String {
    fn from(device: OpenvinoDevice) -> Self {
        device.0
    }
}

impl fmt::Display for OpenvinoDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What OpenVINO is tuned for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenvinoHint {
    /// One batch as soon as may be.
    #[default]
    Latency,
    /// Many batches at once.
    Throughput,
}
