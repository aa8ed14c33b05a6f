//! `catpipe init`.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::pipeline::{PassObserver, draft};

use super::failure::Failure;
use super::output::print;
use super::progress::Passes;

/// Write a pipeline for a folder of pictures
///
/// Looks at what the folder holds (a folder for each class; `train` and `test` with class folders;
/// a CSV file with paths and labels), and writes a pipeline with comments that trains, tests and
/// reports a classifier of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe init data/flowers
  catpipe init data/flowers -o flowers.yaml --backbone onnx/mobilenet_v1_075.yaml")]
pub(super) struct Args {
    /// The folder of pictures
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// The pipeline file to write
    #[arg(short, long, value_name = "FILE", default_value = "pipeline.yaml")]
    output: PathBuf,

    /// The backbone's manifest [default: the first that is there of onnx/resnet50.yaml and others]
    #[arg(long, value_name = "MANIFEST")]
    backbone: Option<String>,

    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let path = &args.output;
    let shown = path.display();
    if path.exists() && !args.force {
        return Err(Failure::wrong(format!(
            "{shown} is there already: name another file with -o, or replace it with --force"
        )));
    }
    let (root, backbone) = (Path::new(""), args.backbone.as_deref());
    let passes = Passes::default();
    let mut watch = |pass, done, total| passes.pass(pass, done, total);
    let made = draft(&args.folder, root, backbone, &mut watch).map_err(Failure::wrong)?;
    std::fs::write(path, &made.yaml)
        .map_err(|e| Failure::failed(format!("cannot write {shown}: {e}")))?;
    let mut err = anstream::stderr();
    let _ = writeln!(err, "{}: {}", args.folder.display(), made.found);
    for remark in &made.remarks {
        let _ = writeln!(err, "note: {remark}");
    }
    print(&format!("Wrote {shown}. Next: catpipe run {shown}\n"))
}
