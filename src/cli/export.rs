//! `catpipe export`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{ValueEnum, ValueHint};
use serde::Serialize;

use crate::classifier::{ExportConfig, Form, Parity};
use crate::pipeline::{FinishedRun, Options, export_run, keep_in_run};

use super::failure::Failure;
use super::interrupt;
use super::output::{print, print_json};
use super::progress::{Progress, seconds};
use super::project::options;

/// Write a run's backbone and head as one ONNX file
///
/// The file takes RGB images of any size (input `image`, uint8 [N, height, width, 3]) and gives
/// calibrated `probabilities` and `label`; any ONNX runtime with operator set 18 runs it. Before it
/// is written, ONNX Runtime runs it on every test image beside catpipe's own path: the image form
/// may change no label and no probability by more than 0.02, the tensor form no probability by more
/// than 0.0001. Images are looked at as they are, also where `evaluate.tta` had a run scored by
/// several views of each. What was measured is printed, and stands in the file's metadata with labels,
/// preprocessing, pipeline, metrics and licences.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe export runs/cats-resnet50
  catpipe export runs/cats-resnet50 -o cats.onnx --half
  catpipe export runs/cats-resnet50 -o cats-tensor.onnx --form tensor --features --map
In a pipeline, `export: {}` does it in every run.")]
pub(super) struct Args {
    /// The run folder, runs/NAME
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    run: PathBuf,

    /// The file to write [default: RUN/model.onnx]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,

    /// What the file takes: images of any size, or the backbone's own tensor
    #[arg(long, value_enum, default_value_t = WhichForm::Image)]
    form: WhichForm,

    /// Give the features, too
    #[arg(long)]
    features: bool,

    /// Give the class activation maps, too
    #[arg(long)]
    map: bool,

    /// Store large weights as float16: half the file, the same speed; what it costs is measured
    #[arg(long)]
    half: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// The project's folder, where the pipeline's relative paths start [default: two folders above
    /// RUN]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ort_dylib: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhichForm {
    Image,
    Tensor,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let start = Instant::now();
    if let Some(out) = &args.out {
        check_folder(out)?;
    }
    let stop = interrupt::listen();
    let options = Options {
        stop: stop.clone(),
        // The run's own provider, whatever the environment says now.
        set: Vec::new(),
        ..options(&[], PathBuf::new(), args.ort_dylib.clone())?
    };
    let run = FinishedRun::open(&args.run, args.root.as_deref(), options)?;
    let config = ExportConfig {
        form: match args.form {
            WhichForm::Image => Form::Image,
            WhichForm::Tensor => Form::Tensor,
        },
        features: args.features,
        map: args.map,
        half: args.half,
    };
    let watch = stop.watch();
    let exported = export_run(&run, config, &mut Progress::new())?;
    let file = match &args.out {
        Some(out) => {
            crate::backbone::onnx::write_bytes(out, &exported.bytes).map_err(Failure::failed)?;
            out.clone()
        }
        None => {
            keep_in_run(&run, &exported)?;
            args.run.join("model.onnx")
        }
    };
    drop(watch);
    let bytes = exported.bytes.len();
    if args.json {
        return print_json(&Json {
            file: &file,
            bytes,
            parity: &exported.parity,
        });
    }
    let mut text = String::new();
    for parity in &exported.parity {
        text.push_str(&format!("{parity}\n"));
    }
    let took = seconds(start.elapsed());
    let size = bytes as f64 / 1e6;
    text.push_str(&format!("{} ({size:.1} MB, {took})\n", file.display()));
    print(&text)
}

#[derive(Serialize)]
struct Json<'a> {
    file: &'a Path,
    bytes: usize,
    parity: &'a [Parity],
}

/// A file that could not be written is told of before anything is computed.
fn check_folder(out: &Path) -> Result<(), Failure> {
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(Failure::wrong(format!(
            "--out: {folder}: there is no such folder"
        )));
    }
    if out.is_dir() {
        let out = out.display();
        return Err(Failure::wrong(format!(
            "--out: {out}: is a folder; name a file"
        )));
    }
    Ok(())
}
