//! `catpipe predict`.

mod format;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use crate::dataset::{Found, find_images};
use crate::pipeline::PipelineError;
use crate::predict::{Model, PredictError, Prediction, Wanted};

use super::extract::value;
use super::failure::Failure;
use super::interrupt;
use super::paths;
use super::progress::counter;
use super::project::options;
use format::Format;

/// Say what is on images: labels with calibrated probabilities
///
/// MODEL is a run folder (runs/NAME) or a file of `catpipe export`. Images are taken in the order
/// given, those of a folder or pattern sorted by path. On a terminal the answers are a table, for
/// programs JSON Lines (one object an image, errors included) or CSV. Each image is looked at once, as
/// it is: `evaluate.tta` averages over views in a run's figures, never here. An image that cannot be read is
/// reported in its place; the exit code is then 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe predict runs/cats-resnet50 photos
  catpipe predict runs/cats-resnet50 'photos/**/*.jpg' --top 3 --explain heat --looks-like 3
  find photos -name '*.jpg' | catpipe predict cats.onnx - --format csv --reject 0.9 > cats.csv")]
pub(super) struct Args {
    /// A run folder, or an ONNX file of `catpipe export`
    #[arg(value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    model: PathBuf,

    /// Files, folders with all images below them, patterns in quotes (`*`, `?`, `**`), or `-`: paths
    /// on stdin, one a line or ended by NUL characters
    #[arg(value_name = "IMAGES", required = true)]
    images: Vec<String>,

    /// How answers are printed [default: table on a terminal, jsonl elsewhere]
    #[arg(long, value_enum)]
    format: Option<WhichFormat>,

    /// How many of the most probable classes are shown
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,

    /// Give no label where its probability is below T, 0 to 1 [default: the run's own, if any]
    #[arg(long, value_name = "T", value_parser = share)]
    reject: Option<f32>,

    /// Write a heat map of each image into DIR: what speaks for its label, the brighter the more
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    explain: Option<PathBuf>,

    /// Name the K training images that look most like it (of a run folder)
    #[arg(long, value_name = "K", default_value_t = 0)]
    looks_like: u16,

    /// Images of one inference; changes the speed only
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,

    /// What it runs on (`cpu`, `openvino`, ...) [default: the run's own; `cpu` for a file]
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,

    /// With `-`: paths are ended by NUL characters, even if there is none
    #[arg(short = '0', long)]
    null: bool,

    /// The project's folder, where a run's relative paths start [default: two folders above MODEL]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ort_dylib: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhichFormat {
    Table,
    Jsonl,
    Csv,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let images = images(&args)?;
    let stop = interrupt::listen();
    let options = options(&[], PathBuf::new(), args.ort_dylib.clone())?;
    let provider = value("--provider", args.provider.as_deref())?;
    let mut model = Model::open(&args.model, args.root.as_deref(), provider, options)
        .map_err(|error| failure(error, &images, 0))?;
    for note in model.notes() {
        let _ = writeln!(anstream::stderr(), "note: {note}");
    }
    let wanted = Wanted {
        batch: args.batch.into(),
        explain: args.explain.clone(),
        looks_like: args.looks_like.into(),
        reject: args.reject,
        stop,
    };
    let terminal = std::io::stdout().is_terminal();
    let format = match args.format {
        Some(WhichFormat::Table) => Format::table(&images, model.labels(), args.top.into()),
        None if terminal => Format::table(&images, model.labels(), args.top.into()),
        Some(WhichFormat::Csv) => Format::csv(model.labels(), &wanted),
        Some(WhichFormat::Jsonl) | None => Format::jsonl(model.labels(), args.top.into()),
    };
    // What cannot be had is told instead of a heading, and not below one.
    let ready = model
        .ready(&images, &wanted)
        .map_err(|error| failure(error, &images, 0))?;
    print_line(&format.heading())?;
    let bar = std::io::stderr().is_terminal().then(counter);
    if let Some(bar) = &bar {
        bar.set_length(images.len() as u64);
    }
    let (mut done, mut bad) = (0_usize, 0_usize);
    let outcome = ready.predict(&mut |prediction: Prediction| {
        let line = format.line(&prediction)?;
        match &bar {
            // Above the bar, which is on the same terminal.
            Some(bar) if terminal => bar.suspend(|| print_line(&line))?,
            _ => print_line(&line)?,
        }
        done += 1;
        bad += usize::from(prediction.scores.is_err());
        if let Some(bar) = &bar {
            bar.inc(1);
        }
        Ok(())
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    outcome.map_err(|error| failure(error, &images, done))?;
    match bad {
        0 => Ok(()),
        _ => {
            let all = images.len();
            Err(Failure::failed(format!(
                "{bad} of {all} images could not be used"
            )))
        }
    }
}

/// Whole lines, whatever ends the program.
fn print_line(line: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

fn images(args: &Args) -> Result<Vec<Found>, Failure> {
    let mut images = Vec::new();
    for name in &args.images {
        if name == "-" {
            let paths = paths::from_stdin(args.null)?.into_iter();
            images.extend(paths.map(|path| Found {
                path: path.into(),
                problem: None,
            }));
        } else {
            images.extend(find_images(name).map_err(Failure::wrong)?);
        }
    }
    Ok(images)
}

/// The end of a call that has predicted the first `done` images.
fn failure(error: PredictError, images: &[Found], done: usize) -> Failure {
    match error {
        PredictError::Stopped => Failure::Interrupted(interrupted(images, done)),
        PredictError::Take(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => Failure::from(*error),
            Err(error) => Failure::failed(error),
        },
        PredictError::Pipeline(error) if !error.is_wrong_pipeline() => {
            <Failure as From<PipelineError>>::from(*error)
        }
        error if error.is_wrong_usage() => Failure::wrong(error),
        error => Failure::failed(error),
    }
}

/// What somebody needs who goes on with the rest.
fn interrupted(images: &[Found], done: usize) -> String {
    let told = format!("interrupted: {done} of {} images are done", images.len());
    match images.get(done) {
        Some(next) => format!("{told}; the first that is not is {}", next.path.display()),
        None => told,
    }
}

fn share(text: &str) -> Result<f32, String> {
    let share: f32 = text
        .parse()
        .map_err(|_| "give a number of 0 to 1".to_owned())?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err("give a number of 0 to 1".to_owned()),
    }
}
