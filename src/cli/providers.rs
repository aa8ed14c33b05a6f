//! `catpipe providers`.

mod bench;
mod child;
mod prober;
mod text;

use std::path::PathBuf;

use clap::ValueHint;
use serde::Serialize;

use crate::assets;
use crate::backbone::runtime::survey::Survey;
use crate::pipeline::runtime_search;

use super::failure::Failure;
use super::interrupt;
use super::output::{print, print_json};
use bench::Bench;
pub(super) use child::{Children, Question, ask_watched};
pub(super) use prober::say;

/// Say which execution providers can run here, and what the others lack
///
/// With --bench each provider and precision that can run is measured, in a process of its own:
/// images a second (inference alone, on inputs that lie ready), peak memory, and how near its
/// features are to those of the CPU in fp32.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe providers
  catpipe providers --bench
  catpipe providers --bench --backbone onnx/mobilenet_v1_075.yaml --images pictures --json")]
pub(super) struct Args {
    /// Measure what can run
    #[arg(long)]
    bench: bool,

    /// The backbone to measure with
    #[arg(long, value_name = "MANIFEST", requires = "bench", value_hint = ValueHint::FilePath)]
    #[arg(default_value = "onnx/resnet50.yaml")]
    backbone: PathBuf,

    /// A folder of images to measure with, searched to any depth [default: generated pictures]
    #[arg(long, value_name = "DIR", requires = "bench", value_hint = ValueHint::DirPath)]
    images: Option<PathBuf>,

    /// The number of images, 1 to 4096
    #[arg(long, value_name = "N", requires = "bench", default_value_t = 32)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    count: u16,

    /// Images of one inference, 1 to 1024
    #[arg(long, value_name = "N", requires = "bench", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,

    /// The project's folder: relative paths start here [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,

    /// Print JSON for other programs
    #[arg(long)]
    json: bool,

    /// What this program asks itself in a process of its own, as JSON
    #[arg(long, hide = true, value_name = "QUESTION")]
    ask: Option<String>,

    /// With --ask: end when stdin does, as the process that asked is gone then
    #[arg(long, hide = true, requires = "ask")]
    attended: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    survey: &'a Survey,
    #[serde(skip_serializing_if = "Option::is_none")]
    bench: Option<&'a Bench>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let cache = assets::cache_dir().map_err(Failure::failed)?;
    if let Some(question) = &args.ask {
        let question: Question = serde_json::from_str(question).map_err(Failure::wrong)?;
        if args.attended {
            child::end_with_parent();
        }
        return child::answer(question, &cache);
    }
    let search = runtime_search(args.ort_dylib.clone(), &cache);
    let survey = Survey::of(&search, &child::Children::default());
    if !args.json {
        print(&text::survey(&survey))?;
    }
    let bench = match args.bench {
        true => Some(interrupt::while_measuring(|stop| {
            bench::run(&args, &survey, stop)
        })?),
        false => None,
    };
    if args.json {
        return print_json(&Json {
            survey: &survey,
            bench: bench.as_ref(),
        });
    }
    match &bench {
        Some(bench) => print(&text::bench(bench)),
        None => Ok(()),
    }
}
