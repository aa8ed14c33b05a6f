//! What an engine depends on.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::backbone::provider::{BatchProfile, Bytes, Precision};

/// Everything that decides which engine TensorRT builds. One engine belongs to one key: with
/// anything else it would not load, or compute something else, or be slower than it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineKey {
    /// The graph's checksum and the name of its output.
    pub graph: String,
    /// The name of the graph's input and its dimensions after the batch.
    pub input: String,
    /// The precision that was asked for.
    pub precision: Precision,
    /// The batch sizes.
    pub batch: BatchProfile,
    /// The memory that the build may take: with less, other kernels win.
    pub workspace: Bytes,
    /// The version of ONNX Runtime, which hands the graph to TensorRT.
    pub onnxruntime: String,
    /// What it was built with and for.
    pub machine: Machine,
}

/// What kernels were measured with and on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The version of TensorRT, such as `10.13.3`.
    pub tensorrt: String,
    /// The GPU's name, such as `NVIDIA H200`.
    pub gpu: String,
    /// Its compute capability, such as `9.0`.
    pub capability: String,
}

impl EngineKey {
    /// The name of the engine's folder: what a person looks for, and a checksum of all of it.
    #[must_use]
    pub fn folder(&self) -> String {
        let [min, opt, max] = self.rows();
        let precision = self.precision;
        format!("{precision}-{min}-{opt}-{max}-{}", checksum(self))
    }

    /// `batches of 1 to 64`, or `batches of 16`.
    #[must_use]
    pub fn batches(&self) -> String {
        match self.rows() {
            [min, _, max] if min == max => format!("batches of {max}"),
            [min, _, max] => format!("batches of {min} to {max}"),
        }
    }

    fn rows(&self) -> [usize; 3] {
        let BatchProfile { min, opt, max } = self.batch;
        [min.get(), opt.get(), max.get()]
    }
}

impl fmt::Display for EngineKey {
    /// A line for each thing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, opt, max] = self.rows();
        writeln!(f, "catpipe engine, format 1")?;
        writeln!(f, "graph: {}", self.graph)?;
        writeln!(f, "input: {}", self.input)?;
        writeln!(f, "precision: {}", self.precision)?;
        writeln!(f, "batch: min {min}, opt {opt}, max {max}")?;
        writeln!(f, "workspace: {}", self.workspace)?;
        writeln!(f, "onnxruntime: {}", self.onnxruntime)?;
        write!(f, "{}", self.machine)
    }
}

impl Machine {
    /// The name of the folder of the kernels' timings: they depend on no graph.
    #[must_use]
    pub fn timing_folder(&self) -> String {
        format!("timing-{}", checksum(self))
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tensorrt: {}", self.tensorrt)?;
        writeln!(f, "gpu: {}", self.gpu)?;
        writeln!(f, "compute capability: {}", self.capability)
    }
}

fn checksum(of: &impl fmt::Display) -> String {
    hex(&Sha256::digest(of.to_string())[..12])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
