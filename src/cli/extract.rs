//! `catpipe extract`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::{ValueEnum, ValueHint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::assets;
use crate::dataset::{Block, DatasetConfig, FileNames, Glob, OnError, Share, SourceConfig};
use crate::pipeline::{Batch, BatchOutcome, ExtractConfig, Options, Timings, extract_to};
use crate::yaml::{Document, YamlError};

use super::failure::Failure;
use super::interrupt;
use super::output::{print, print_json};
use super::paths;
use super::progress::{Passes, Progress, seconds};
use super::providers::Children;
use super::spent;

/// Turn a batch of images into a file of features
///
/// Row i belongs to image i: in the order given on stdin, else sorted by path. The name's ending
/// says the form. In HDF5 and Parquet the rows are `features` and their images `id`, and attributes
/// say what made them; in CSV the image is the column `id` before `f0`, `f1`, ...; in NPZ `ids`; in
/// safetensors the images are JSON in the metadata (`ids`); of F.npy they stand in F.ids.txt. Rows
/// come from the cache and go into it: running again computes nothing, and what was killed goes on;
/// Ctrl-C keeps what is whole, and two at once share the work. The file appears when it is whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe extract --backbone onnx/resnet50.yaml --images photos --out photos.h5
  catpipe extract --backbone onnx/resnet50.yaml --images 'photos/**/*.jpg' --out photos.npy
  find photos -name '*.jpg' -print0 | catpipe extract --backbone onnx/resnet50.yaml --images - \\
    --out photos.h5 --on-error skip

A job array of 64, each with a cache of its own or all with one on a disk that they share:
  catpipe extract --backbone onnx/resnet50.yaml --images photos --shard $I/64 --out part-$I.h5
With caches of their own, `catpipe cache import` then joins these, and the same command without
--shard writes the file of all and computes nothing.")]
pub(super) struct Args {
    /// The backbone's manifest, or `pixels`
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    backbone: String,

    /// A folder with all images below it, a pattern in quotes (`*`, `?`, `**`), a file, or `-`:
    /// paths on stdin, one a line or ended by NUL characters
    #[arg(long, value_name = "DIR|GLOB|-")]
    images: String,

    /// The file to write: .h5, .npy, .npz, .parquet, .safetensors or .csv
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,

    /// With `--images -`: paths are ended by NUL characters, even if there is none
    #[arg(short = '0', long)]
    null: bool,

    /// Files and folders to leave out, by a pattern of their path below the folder; may be given
    /// several times
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<Glob>,

    /// Take the I-th of N parts of the images alone, 1/N to N/N, and write its rows; the parts'
    /// files joined in order are the file of all
    #[arg(long, value_name = "I/N")]
    shard: Option<Block>,

    /// What the backbone runs on (`cpu`, `auto`, ...) [default: as a pipeline's `extract.provider`]
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,

    /// Rows of one inference, or `auto` for the fastest [default: 16]; changes the speed only
    #[arg(long, value_name = "N|auto")]
    batch: Option<String>,

    /// What is kept of a number: `float32`, or `float16` for half the cache, which rounds it by at
    /// most one part in 2048 [default: float32]; the file has float32 in either case
    #[arg(long, value_name = "TYPE")]
    rows: Option<String>,

    /// Threads that infer on the CPU [default: all cores]; changes the speed only
    #[arg(long, value_name = "N")]
    threads: Option<String>,

    /// Sessions that share the threads [default: with cpu one a thread, at most 4]; changes the speed only
    #[arg(long, value_name = "N")]
    sessions: Option<String>,

    /// What is done about a file that cannot be used; skipped ones have no row and are named in
    /// F.skipped.csv
    #[arg(long, value_enum, default_value_t = WhatOnError::Stop)]
    on_error: WhatOnError,

    /// The largest share of the images that may be skipped [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    max_skipped: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// The project's folder: paths of images and backbone start here [default: the current folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ort_dylib: Option<PathBuf>,

    /// Read every file again, also those that have not changed since they were last read
    #[arg(long)]
    verify: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhatOnError {
    Stop,
    Skip,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let start = Instant::now();
    let batch = batch(&args)?;
    let stop = interrupt::listen();
    let options = Options {
        root: args.root.clone().unwrap_or_default(),
        cache: assets::cache_dir().map_err(Failure::failed)?,
        set: Vec::new(),
        ort_dylib: args.ort_dylib.clone(),
        prober: Some(Arc::new(Children::new(&stop))),
        verify: args.verify,
        stop,
        passes: Some(Arc::new(Passes::default())),
    };
    let outcome = extract_to(batch, options, &args.out, &mut Progress::new())?;
    if args.json {
        return print_json(&Json::of(&outcome, args.shard));
    }
    print(&describe(&outcome, start))
}

fn batch(args: &Args) -> Result<Batch, Failure> {
    let files = if args.images == "-" {
        FileNames::Listed(paths::from_stdin(args.null)?)
    } else if args.images.is_empty() {
        return Err(Failure::wrong(
            "--images: give a folder, a pattern or `-`, found nothing",
        ));
    } else {
        FileNames::Under(args.images.clone())
    };
    let source = SourceConfig::Files {
        files,
        exclude: args.exclude.clone(),
        group_by: None,
        block: args.shard,
    };
    let mut dataset = DatasetConfig::given(source, None);
    dataset.on_error = match args.on_error {
        WhatOnError::Stop => OnError::Stop,
        WhatOnError::Skip => OnError::Skip,
    };
    if let Some(share) = value::<Share>("--max-skipped", args.max_skipped.as_deref())? {
        dataset.max_skipped = share;
    }
    Ok(Batch {
        dataset,
        extract: ExtractConfig {
            backbone: args.backbone.clone(),
            provider: value("--provider", args.provider.as_deref())?.unwrap_or_default(),
            batch: value("--batch", args.batch.as_deref())?.unwrap_or_default(),
            threads: value("--threads", args.threads.as_deref())?,
            sessions: value("--sessions", args.sessions.as_deref())?,
            rows: value("--rows", args.rows.as_deref())?.unwrap_or_default(),
        },
    })
}

/// The value of an option, by the rules of the pipeline's key of that meaning.
pub(super) fn value<T: DeserializeOwned>(
    option: &str,
    text: Option<&str>,
) -> Result<Option<T>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let parsed = Document::parse(Path::new(option), text).and_then(|document| document.typed());
    parsed.map(Some).map_err(|error| {
        Failure::wrong(match error {
            // There is no place to point at in a word of the command line.
            YamlError::Invalid { message, .. } => format!("{option} {text}: {message}"),
            other => other.to_string(),
        })
    })
}

fn glob(pattern: &str) -> Result<Glob, String> {
    Glob::try_from(pattern.to_owned())
}

fn describe(outcome: &BatchOutcome, start: Instant) -> String {
    let took = seconds(start.elapsed());
    let (computed, cached) = (outcome.timings.rows_computed, outcome.timings.rows_cached);
    let mut files = outcome.files.iter().map(|file| file.display().to_string());
    let mut text = format!(
        "{}: {} rows of {} features by {}; {computed} computed, {cached} from the cache ({took})\n",
        files.next().unwrap_or_default(),
        outcome.rows,
        outcome.features,
        outcome.backbone,
    );
    text.push_str(&spent::lines(&outcome.timings));
    for beside in files {
        text.push_str(&format!("{beside}\n"));
    }
    text
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    files: &'a [PathBuf],
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Block>,
    rows: usize,
    features: usize,
    backbone: &'a str,
    numeric_class: &'a str,
    computed: usize,
    cached: usize,
    skipped: Vec<JsonSkipped<'a>>,
    /// Seconds that computing rows took.
    seconds: f64,
    /// Of what those seconds are made up.
    timings: &'a Timings,
}

#[derive(Serialize)]
struct JsonSkipped<'a> {
    path: &'a str,
    reason: &'a str,
}

impl<'a> Json<'a> {
    fn of(outcome: &'a BatchOutcome, shard: Option<Block>) -> Self {
        let skipped = outcome.skipped.iter().map(|one| JsonSkipped {
            path: &one.path,
            reason: &one.reason,
        });
        Json {
            files: &outcome.files,
            shard,
            rows: outcome.rows,
            features: outcome.features,
            backbone: &outcome.backbone,
            numeric_class: &outcome.numeric_class,
            computed: outcome.timings.rows_computed,
            cached: outcome.timings.rows_cached,
            skipped: skipped.collect(),
            seconds: outcome.timings.extract,
            timings: &outcome.timings,
        }
    }
}
