//! `catpipe model`: work on backbone graphs.

mod features;
mod inspect;
mod quantize;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use sha2::{Digest, Sha256};

use crate::backbone::onnx;
use crate::backbone::onnx::tfjs::{self, Report};

use super::failure::Failure;
use super::output::print;
use super::progress::seconds;

/// Work on backbone graphs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Convert a model of another format to ONNX
    Import {
        #[command(subcommand)]
        format: Format,
    },
    Inspect(inspect::Args),
    Features(features::Args),
    Quantize(quantize::Args),
}

#[derive(Debug, Subcommand)]
enum Format {
    /// A TensorFlow.js layers model: model.json and its shards
    ///
    /// Writes one ONNX file (opset 17, NCHW, dynamic batch) with batch norm folded into the
    /// convolutions, and the outputs `features`, `feature_map` and `probabilities`.
    #[command(after_help = "Example:
  catpipe model import tfjs ResNet50/model.json -o onnx/resnet50.onnx")]
    Tfjs {
        /// The model's topology; the weight shards lie beside it
        #[arg(value_name = "MODEL.JSON")]
        model: PathBuf,

        /// The ONNX file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        ModelCommand::Import {
            format: Format::Tfjs { model, output },
        } => import(&model, &output),
        ModelCommand::Inspect(args) => inspect::run(args),
        ModelCommand::Features(args) => features::run(args),
        ModelCommand::Quantize(args) => quantize::run(args),
    }
}

fn import(model: &Path, output: &Path) -> Result<(), Failure> {
    let start = Instant::now();
    let imported = tfjs::import(model).map_err(Failure::failed)?;
    onnx::write(output, &imported.model).map_err(Failure::failed)?;
    let bytes = std::fs::read(output)
        .map_err(|e| Failure::failed(format!("{}: cannot be read back: {e}", output.display())))?;
    let digest = sha256_hex(&bytes);
    print(&format!(
        "{}: {}\n  sha256 {digest}, {:.1} MB, in {}\n",
        output.display(),
        describe(&imported.report),
        bytes.len() as f64 / 1e6,
        seconds(start.elapsed()),
    ))
}

fn describe(report: &Report) -> String {
    let map = match &report.feature_map {
        Some(layer) => format!(", `feature_map` is {layer}"),
        None => String::new(),
    };
    let mut text = format!(
        "{}, {} layers, {} parameters; {} batch norms and {} paddings folded; `features` is {}{map}",
        report.name,
        report.layers,
        report.parameters,
        report.folded_norms,
        report.folded_paddings,
        report.features,
    );
    if !report.unused_weights.is_empty() {
        text.push_str(&format!(
            "; weights left unused: {}",
            report.unused_weights.join(", ")
        ));
    }
    text
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
