//! `catpipe model import`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use crate::backbone::onnx::torch::{self, Architecture};
use crate::backbone::onnx::{self, ModelProto, tfjs};

use super::super::failure::Failure;
use super::super::output::print;
use super::super::progress::seconds;
use super::sha256_hex;

/// Convert a model of another format to ONNX
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe model import tfjs ResNet50/model.json -o onnx/resnet50.onnx")]
pub(super) struct Args {
    #[command(subcommand)]
    format: Format,
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
    /// A PyTorch state dict: what torch.save(model.state_dict(), FILE) wrote
    ///
    /// The file is read without Python, and nothing in it is run. Writes one ONNX file (opset 17,
    /// NCHW, dynamic batch) with batch norm folded into the convolutions, and the outputs
    /// `features`, `feature_map` and `logits`.
    #[command(after_help = "Example:
  catpipe model import torch \"$(catpipe fetch efficientnet_lite0)\" -o onnx/efficientnet_lite0.onnx")]
    Torch {
        /// The file with the weights, of either format of torch.save
        #[arg(value_name = "STATE_DICT")]
        weights: PathBuf,

        /// The ONNX file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,

        /// The network that the weights belong to
        #[arg(long, value_name = "NAME", default_value = Architecture::all()[0].name(),
              value_parser = PossibleValuesParser::new(Architecture::all().iter().map(|a| a.name())))]
        architecture: String,
    },
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let start = Instant::now();
    match args.format {
        Format::Tfjs { model, output } => {
            let imported = tfjs::import(&model).map_err(Failure::failed)?;
            let report = of_tfjs(&imported.report);
            write(&output, &imported.model, &report, start)
        }
        Format::Torch {
            weights,
            output,
            architecture,
        } => {
            let architecture = Architecture::named(&architecture)
                .ok_or_else(|| Failure::wrong(format!("unknown architecture `{architecture}`")))?;
            let imported = torch::import(&weights, architecture).map_err(Failure::failed)?;
            let report = of_torch(&imported.report);
            write(&output, &imported.model, &report, start)
        }
    }
}

/// Writes the model and says what became of it.
fn write(output: &Path, model: &ModelProto, report: &str, start: Instant) -> Result<(), Failure> {
    onnx::write(output, model).map_err(Failure::failed)?;
    let bytes = std::fs::read(output)
        .map_err(|e| Failure::failed(format!("{}: cannot be read back: {e}", output.display())))?;
    let digest = sha256_hex(&bytes);
    print(&format!(
        "{}: {report}\n  sha256 {digest}, {:.1} MB, in {}\n",
        output.display(),
        bytes.len() as f64 / 1e6,
        seconds(start.elapsed()),
    ))
}

fn of_torch(report: &torch::Report) -> String {
    let torch::Report {
        architecture,
        tensors,
        parameters,
        folded_norms,
        classes,
        size,
    } = report;
    format!(
        "{architecture} for {size}x{size} pixels and {classes} classes, {tensors} tensors, \
         {parameters} parameters; {folded_norms} batch norms folded"
    )
}

fn of_tfjs(report: &tfjs::Report) -> String {
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
