//! `catpipe model`: work on backbone graphs.

mod certify;
mod detect;
mod features;
mod import;
mod inspect;
mod quantize;

use clap::Subcommand;
use sha2::{Digest, Sha256};

use super::failure::Failure;

/// Work on backbone graphs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe model inspect onnx/resnet50.onnx
  catpipe model detect any.onnx --images photos -o any.yaml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    Import(import::Args),
    Inspect(inspect::Args),
    Features(features::Args),
    Detect(detect::Args),
    Quantize(quantize::Args),
    Certify(certify::Args),
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        ModelCommand::Import(args) => import::run(args),
        ModelCommand::Inspect(args) => inspect::run(args),
        ModelCommand::Features(args) => features::run(args),
        ModelCommand::Detect(args) => detect::run(args),
        ModelCommand::Quantize(args) => quantize::run(args),
        ModelCommand::Certify(args) => certify::run(args),
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
