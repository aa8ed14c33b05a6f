//! `catpipe model features`.

use std::path::PathBuf;

use crate::backbone::onnx;
use crate::cli::failure::Failure;
use crate::cli::output::print;

use super::inspect::described;
use super::sha256_hex;

/// Cut a classifier down to its features
///
/// Writes an ONNX file with the output `features`, and `feature_map` where there is one: what goes
/// into the last classifier. Nodes and weights that these do not need are left out; weights of
/// external files are put in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe model features classifier.onnx -o onnx/backbone.onnx")]
pub(super) struct Args {
    /// The ONNX file
    #[arg(value_name = "MODEL.ONNX")]
    model: PathBuf,

    /// The ONNX file to write
    #[arg(short, value_name = "FILE")]
    out: PathBuf,

    /// The tensor to take, in place of the likeliest one; a map is averaged
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let mut model = onnx::read(&args.model).map_err(Failure::failed)?;
    let path = args.model.display();
    let (mut cut, chosen) = onnx::features(&model, args.output.as_deref())
        .map_err(|error| Failure::failed(format!("{path}: {error}")))?;
    model.graph = None;
    // After the cut: what is left out need not even be there.
    onnx::inline(&args.model, &mut cut).map_err(Failure::failed)?;
    onnx::write(&args.out, &cut).map_err(Failure::failed)?;
    let bytes = onnx::encode(&cut);
    print(&format!(
        "{}: `features` is {}\n  sha256 {}, {:.1} MB\n",
        args.out.display(),
        described(&chosen),
        sha256_hex(&bytes),
        bytes.len() as f64 / 1e6,
    ))
}
