//! `catpipe cache export`.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};
use crate::cli::progress::Progress;
use crate::cli::project::ProjectArgs;
use crate::pipeline::PipelineError;
use crate::pipeline::cache::{CacheExport, Exported, Splits, export_rows};

/// Write a pipeline's rows as one file that other programs read
///
/// Training examples come first, in the order of the dataset, with one row each, that of the plain
/// image. The name's ending says the form. Each row has its id, label (where there are labels),
/// split and view: in HDF5 and Parquet as `id`, `label`, `split`, `view` beside `features`; in CSV
/// as columns before `f0`, `f1`, ...; in NPZ as `ids`, `labels`, `splits`, `views`; in safetensors
/// likewise, with the ids in the metadata; of F.npy in F.ids.txt and F.rows.csv. Nothing is
/// computed: where rows are missing, it says how many, and what computes them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache export pipelines/resnet.yaml -o cats.parquet
  catpipe cache export pipelines/resnet.yaml -o train.npz --split train --views")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// The file to write: .h5, .npy, .npz, .parquet, .safetensors or .csv
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,

    /// Write the augmented views of training examples, too, after the plain one of each
    #[arg(long)]
    views: bool,

    /// Whose rows
    #[arg(long, value_enum, default_value_t = Split::All)]
    split: Split,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Split {
    Train,
    Test,
    All,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let checked = args.project.checked()?;
    let wanted = CacheExport {
        splits: match args.split {
            Split::Train => Splits::Train,
            Split::Test => Splits::Test,
            Split::All => Splits::All,
        },
        views: args.views,
    };
    let exported = export_rows(&checked, &wanted, &args.out, &mut Progress::new());
    let exported = exported.map_err(|error| told(error, &args.project))?;
    if args.json {
        return print_json(&Json::of(&exported));
    }
    print(&describe(&exported))
}

/// The error, with the command that mends it.
fn told(error: PipelineError, project: &ProjectArgs) -> Failure {
    match error {
        PipelineError::NotComputed { .. } => {
            let command = project.command("run");
            Failure::failed(format!("{error}: `{command}` computes them"))
        }
        other => other.into(),
    }
}

fn describe(exported: &Exported) -> String {
    let mut files = exported.files.iter().map(|file| file.display().to_string());
    let mut text = format!(
        "{}: {} rows of {} features by {}\n",
        files.next().unwrap_or_default(),
        exported.rows,
        exported.features,
        exported.backbone,
    );
    for beside in files {
        text.push_str(&format!("{beside}\n"));
    }
    text
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    files: &'a [PathBuf],
    rows: usize,
    features: usize,
    backbone: &'a str,
    numeric_class: &'a str,
}

impl<'a> Json<'a> {
    fn of(exported: &'a Exported) -> Self {
        Json {
            files: &exported.files,
            rows: exported.rows,
            features: exported.features,
            backbone: &exported.backbone,
            numeric_class: &exported.numeric_class,
        }
    }
}
