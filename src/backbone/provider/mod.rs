//! Execution providers: which hardware path of ONNX Runtime runs the network.
//!
//! A pipeline asks for [`Providers`]: one [`Provider`] with its options, or several tried in order.
//! [`Search::choose`](super::runtime::Search::choose) finds the one that runs, and the build of
//! ONNX Runtime that has it. What was asked for is what runs, whole: a provider that cannot be
//! registered and, unless `allow_partial` says otherwise, a node that it does not take are errors.
//!
//! Every option with its default:
//!
//! ```yaml
//! provider:                           # the same as `provider: cpu`; fp32
//!   cpu:
//!     convolutions: winograd          # direct: ONNX Runtime's own for 3x3, too
//!     # threads: <extract.threads, else all cores>
//! ---
//! provider:
//!   openvino:
//!     device: CPU                     # GPU, GPU.1, NPU
//!     precision: fp32                 # bf16 on a CPU with AVX-512; fp16 on a GPU or NPU
//!     hint: latency                   # throughput
//!     allow_partial: false
//!     # threads: <extract.threads, else all cores>; on the CPU alone
//! ---
//! provider:
//!   cuda:
//!     device: 0
//!     precision: fp32                 # tf32
//!     cudnn_search: heuristic         # exhaustive, default
//!     cuda_graph: false               # true: record a batch's kernels once, replay them
//!     allow_partial: false            # not with cuda_graph
//!     # memory_limit: 8GiB            # of the memory arena; no limit by default
//! ---
//! provider:
//!   tensorrt:
//!     device: 0
//!     precision: tf32                 # fp16, bf16, int8
//!     workspace: 4GiB
//!     engine_cache: true
//!     timing_cache: true
//!     batch: {min: 1, opt: 16, max: 64}   # rows; min <= opt <= max, extract.batch <= max
//!     cuda_graph: false
//!     allow_partial: false            # not with cuda_graph
//! ---
//! provider: [cuda, {openvino: {precision: bf16}}, cpu]    # the first that can run here
//! ---
//! provider: {auto: {parity: close}}   # the fastest here: see backbone::auto
//! ```
//!
//! `cuda` and `tensorrt` get their batches through pinned memory: while the GPU computes one, the
//! next is copied there. A batch that is smaller than those before it, as the last one of a run
//! is, or smaller than `batch.min`, is padded with zeros, and the features of its own rows alone
//! are kept: another size would be another engine, another search for algorithms, another
//! recording. TensorRT's engines are kept in the cache folder: see [`engines`](super::engines).

#[cfg(test)]
mod class_tests;
mod config;
mod dispatch;
mod integer;
mod options;
mod precision;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use crate::size::Bytes;
pub use config::Providers;
pub(super) use dispatch::Registration;
pub use integer::integer_class;
pub use options::{
    BatchProfile, Convolutions, CpuOptions, CudaOptions, CudnnSearch, OpenvinoDevice, OpenvinoHint,
    OpenvinoOptions, TensorrtOptions,
};
pub use precision::{CudaPrecision, OpenvinoPrecision, Precision, TensorrtPrecision};
pub use value::{Count, DeviceId};

use super::onnx::Arithmetic;
use super::runtime::Runtime;
use super::winograd;

/// Below this similarity (Jaro-Winkler) a known name is no help to the person.
const NEAR: f64 = 0.75;

/// A kind of execution provider: its name without options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// The CPU, by ONNX Runtime's own kernels.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by CUDA and cuDNN.
    Cuda,
    /// An NVIDIA GPU, by engines that TensorRT builds for it.
    Tensorrt,
    /// Intel's CPUs, GPUs and NPUs by OpenVINO; its CPU path runs on AMD's too.
    Openvino,
}

impl ProviderKind {
    /// Every provider, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Openvino, Self::Cuda, Self::Tensorrt];
    /// Their names, in the same order.
    pub const NAMES: [&'static str; 4] = ["cpu", "openvino", "cuda", "tensorrt"];

    /// The name in pipelines and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tensorrt => "tensorrt",
            Self::Openvino => "openvino",
        }
    }

    /// ONNX Runtime's name for it.
    #[must_use]
    pub const fn onnx_name(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::Tensorrt => "TensorrtExecutionProvider",
            Self::Openvino => "OpenVINOExecutionProvider",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An execution provider with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// The CPU, by ONNX Runtime's own kernels, in fp32.
    Cpu(CpuOptions),
    /// An NVIDIA GPU, by CUDA and cuDNN.
    Cuda(CudaOptions),
    /// An NVIDIA GPU, by engines that TensorRT builds for it.
    Tensorrt(TensorrtOptions),
    /// OpenVINO.
    Openvino(OpenvinoOptions),
}

impl Default for Provider {
    fn default() -> Self {
        ProviderKind::default().into()
    }
}

/// The provider with its default options.
impl From<ProviderKind> for Provider {
    fn from(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Cpu => Self::Cpu(CpuOptions::default()),
            ProviderKind::Cuda => Self::Cuda(CudaOptions::default()),
            ProviderKind::Tensorrt => Self::Tensorrt(TensorrtOptions::default()),
            ProviderKind::Openvino => Self::Openvino(OpenvinoOptions::default()),
        }
    }
}

impl Provider {
    /// Which provider it is.
    #[must_use]
    pub fn kind(&self) -> ProviderKind {
        match self {
            Self::Cpu(_) => ProviderKind::Cpu,
            Self::Cuda(_) => ProviderKind::Cuda,
            Self::Tensorrt(_) => ProviderKind::Tensorrt,
            Self::Openvino(_) => ProviderKind::Openvino,
        }
    }

    /// The name in pipelines and on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The precision that is asked for by its options, in which a graph of floats is computed.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match self {
            Self::Cpu(_) => Precision::Fp32,
            Self::Cuda(options) => options.precision.get(),
            Self::Tensorrt(options) => options.precision.get(),
            Self::Openvino(options) => options.precision.get(),
        }
    }

    /// The precision that a graph is computed in. The CPU and OpenVINO compute in integers what a
    /// graph quantizes. CUDA does not: it turns such tensors back into floats, and TensorRT does
    /// where its options say so.
    #[must_use]
    pub fn precision_of(&self, graph: Arithmetic) -> Precision {
        match (self, graph) {
            (Self::Cpu(_) | Self::Openvino(_), Arithmetic::Int8) => Precision::Int8,
            _ => self.precision(),
        }
    }

    /// The device that it runs on, in the provider's own naming: `CPU`, `GPU.1`, `GPU 0`.
    #[must_use]
    pub fn device(&self) -> String {
        match self {
            Self::Cpu(_) => "CPU".to_owned(),
            Self::Cuda(options) => format!("GPU {}", options.device.get()),
            Self::Tensorrt(options) => format!("GPU {}", options.device.get()),
            Self::Openvino(options) => options.device.to_string(),
        }
    }

    /// The threads that its options ask for, if they do.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        match self {
            Self::Cpu(options) => options.threads.map(Count::get),
            Self::Openvino(options) => options.threads.map(Count::get),
            Self::Cuda(_) | Self::Tensorrt(_) => None,
        }
    }

    /// Whether it computes on the processor.
    #[must_use]
    pub fn is_on_processor(&self) -> bool {
        match self {
            Self::Cpu(_) => true,
            Self::Openvino(options) => options.device.is_processor(),
            Self::Cuda(_) | Self::Tensorrt(_) => false,
        }
    }

    /// The largest batch that it can be given, where there is a limit.
    #[must_use]
    pub fn max_batch(&self) -> Option<usize> {
        match self {
            Self::Tensorrt(options) => Some(options.batch.max.get()),
            Self::Cpu(_) | Self::Cuda(_) | Self::Openvino(_) => None,
        }
    }

    /// The smallest batch that it can be given: one of fewer rows is padded.
    #[must_use]
    pub fn min_batch(&self) -> usize {
        match self {
            Self::Tensorrt(options) => options.batch.min.get(),
            Self::Cpu(_) | Self::Cuda(_) | Self::Openvino(_) => 1,
        }
    }

    /// Why batches of so many rows are not to be asked for, and what to do; `None` where they may.
    #[must_use]
    pub fn refuses_batch(&self, rows: usize) -> Option<String> {
        let least = self.min_batch();
        match self.max_batch() {
            Some(most) if rows > most => Some(format!(
                "{self} is built for batches of at most {most}, found {rows}: lower this, or \
                 raise `provider.{self}.batch.max`"
            )),
            _ if rows < least => Some(format!(
                "{self} is built for batches of at least {least}, found {rows}, and would pad \
                 each: raise this, or lower `provider.{self}.batch.min`"
            )),
            _ => None,
        }
    }

    /// Whether it records what the device does for a batch and replays it for the next.
    #[must_use]
    pub fn records_graphs(&self) -> bool {
        match self {
            Self::Cuda(options) => options.cuda_graph,
            Self::Tensorrt(options) => options.cuda_graph,
            Self::Cpu(_) | Self::Openvino(_) => false,
        }
    }

    /// Whether the 3x3 convolutions of a graph of floats are computed by Winograd's minimal
    /// filtering: with [`Convolutions::Winograd`], on a processor that has the vectors for it.
    #[must_use]
    pub fn filters_convolutions(&self) -> bool {
        match self {
            Self::Cpu(options) => {
                options.convolutions == Convolutions::Winograd && winograd::is_available()
            }
            Self::Cuda(_) | Self::Tensorrt(_) | Self::Openvino(_) => false,
        }
    }

    /// Whether nodes that it does not take may run elsewhere.
    #[must_use]
    pub fn allows_partial(&self) -> bool {
        match self {
            Self::Cpu(_) => false,
            Self::Cuda(options) => options.allow_partial,
            Self::Tensorrt(options) => options.allow_partial,
            Self::Openvino(options) => options.allow_partial,
        }
    }

    /// Everything about the computation of a graph that can change a feature's bits, in one
    /// printable line: provider, precision, way of convolutions, runtime version and processor family,
    /// and for integers the class of the processor's instructions. Rows of one class may stand side by side; rows
    /// of different classes may not.
    ///
    /// Batch size and thread count are not in it: a [`Session`](super::session::Session) gives the
    /// same bits whatever they are, or [`Provider::unsteady`] says what it cannot promise.
    #[must_use]
    pub fn numeric_class(&self, graph: Arithmetic, runtime: &Runtime) -> String {
        let what = self.arithmetic_class(graph);
        let arch = std::env::consts::ARCH;
        format!("{what} onnxruntime-{} {arch}", runtime.version())
    }

    /// Whether rows of that numeric class are what the provider computes for a graph of that
    /// arithmetic on this kind of processor, with some version of the library.
    #[must_use]
    pub(crate) fn computes(&self, graph: Arithmetic, numeric: &str) -> bool {
        let what = format!("{} onnxruntime-", self.arithmetic_class(graph));
        let arch = format!(" {}", std::env::consts::ARCH);
        numeric.starts_with(&what) && numeric.ends_with(&arch)
    }

    /// The part of [`Provider::numeric_class`] that the library has no say in.
    fn arithmetic_class(&self, graph: Arithmetic) -> String {
        let (name, precision) = (self.name(), self.precision());
        let integers = self.precision_of(graph) == Precision::Int8;
        match self {
            Self::Cpu(_) if integers => format!("{name} int8 {}", integer_class()),
            Self::Cpu(_) if self.filters_convolutions() => format!("{name} {precision} winograd"),
            // What is not quantized is computed in the precision of the options.
            Self::Openvino(options) if integers => {
                let device = &options.device;
                let class = match device == &OpenvinoDevice::default() {
                    true => format!(" {}", integer_class()),
                    false => String::new(),
                };
                format!("{name} {device} int8+{precision}{class}")
            }
            Self::Openvino(options) => format!("{name} {} {precision}", options.device),
            _ => format!("{name} {precision}"),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A provider's name that catpipe doesn't know.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown provider `{found}`{}; known: {}",
    did_you_mean(found),
    known()
)]
pub struct UnknownProvider {
    /// The name as it was given.
    pub found: String,
}

impl FromStr for ProviderKind {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| UnknownProvider {
            found: name.to_owned(),
        })
    }
}

fn did_you_mean(found: &str) -> String {
    let score = |name: &&str| strsim::jaro_winkler(found, name);
    ProviderKind::NAMES
        .into_iter()
        .filter(|name| score(name) > NEAR)
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .map_or_else(String::new, |nearest| {
            format!("; did you mean `{nearest}`?")
        })
}

fn known() -> String {
    ProviderKind::NAMES
        .map(|name| format!("`{name}`"))
        .join(", ")
}
