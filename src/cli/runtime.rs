//! `catpipe runtime`.

use clap::Subcommand;

use super::failure::Failure;
use super::fetch::{self, RuntimeArgs};

/// Get a build of ONNX Runtime; `catpipe providers` lists those that are there
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe runtime get
  catpipe runtime get --ep openvino")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Get a build, pinned and checked, beside the others; the same as `catpipe fetch runtime`
    #[command(after_help = "Example:
  catpipe runtime get --ep openvino")]
    Get(RuntimeArgs),
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::Get(args) => fetch::runtime(&args),
    }
}
