//! `catpipe model detect`.

mod pictures;
mod shown;

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::assets;
use crate::backbone::detect::{Classifier, Plan, Report, Verdict, detect};
use crate::backbone::{Runtime, Search, SessionOptions};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};
use crate::cli::progress::counter;

/// Find out what an ImageNet classifier expects of the pixels, and write its manifest
///
/// Tries the known conventions (colour order, scale, mean, deviation, resize rule) on pictures of
/// any subject. Under the right one the answers are sure, stay the same when a picture is mirrored
/// or cut a little, and differ from picture to picture: that is the score, 0 to 1. The best
/// convention is taken if it leads by 2.5 standard errors; otherwise the rivals are named, nothing
/// is written, and the exit code is 1. Photographs tell more than small or drawn pictures, and 100
/// more than 30.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe model detect classifier.onnx --images photographs/
  catpipe model detect classifier.onnx --images photographs/ -o onnx/my.yaml")]
pub(super) struct Args {
    /// The classifier, an ONNX file with an output of 1000 or 1001 classes
    #[arg(value_name = "MODEL.ONNX")]
    model: PathBuf,

    /// A folder of pictures of any subject and format, nested folders too
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// The manifest to write, for use as `extract.backbone`; where the features have to be cut out,
    /// MANIFEST-features.onnx comes to stand beside it
    #[arg(short, value_name = "MANIFEST.YAML")]
    out: Option<PathBuf>,

    /// The most pictures to take; which ones depends on their names alone
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    /// Print JSON for other programs
    #[arg(long)]
    json: bool,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let classifier = Classifier::read(&args.model).map_err(Failure::failed)?;
    let out = args.out.as_deref();
    // What stands in the way of writing is said before the minutes of work.
    let plan = out.map(|out| Plan::new(&classifier, out)).transpose();
    let plan = plan.map_err(Failure::failed)?;
    let cache = assets::cache_dir().map_err(Failure::failed)?;
    let search = Search::from_env(args.ort_dylib, assets::runtime_dir(&cache));
    let runtime = Runtime::locate(&search).map_err(Failure::failed)?;
    let taken = pictures::take(&args.images, args.limit as usize, &classifier)?;
    let mut progress = Progress::new();
    let options = SessionOptions::default();
    let report = detect(
        &classifier,
        &taken.pictures,
        &runtime,
        &options,
        &mut |done, total| progress.show(done, total),
    );
    progress.end();
    let report = report.map_err(Failure::failed)?;
    let written = write(&classifier, &report, plan.as_ref())?;
    let shown = shown::Shown {
        classifier: &classifier,
        report: &report,
        folder: &args.images,
        passed_over: taken.passed_over,
        plan: plan.as_ref().filter(|_| written),
        manifest: out.filter(|_| written),
    };
    if args.json {
        print_json(&shown.json())?;
    } else {
        print(&shown.text())?;
    }
    match report.verdict {
        Verdict::Told { .. } => Ok(()),
        _ => Err(Failure::failed(shown.reason())),
    }
}

/// Writes the manifest if there is something to write and somewhere to write it.
fn write(classifier: &Classifier, report: &Report, plan: Option<&Plan>) -> Result<bool, Failure> {
    let (
        Some(plan),
        Verdict::Told {
            convention, rule, ..
        },
    ) = (plan, &report.verdict)
    else {
        return Ok(false);
    };
    let root = std::env::current_dir().unwrap_or_default();
    let root = if classifier.path.is_absolute() {
        root
    } else {
        PathBuf::new()
    };
    let notes = shown::notes(report);
    plan.write(classifier, (convention, *rule), &root, &notes)
        .map_err(Failure::failed)?;
    Ok(true)
}

/// A bar on a terminal, a line now and then elsewhere; on stderr.
struct Progress {
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(10);

    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(counter);
        Self {
            bar,
            last: Instant::now(),
        }
    }

    fn show(&mut self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        } else if self.last.elapsed() >= Self::EVERY {
            self.last = Instant::now();
            let _ = writeln!(anstream::stderr(), "{done} of {total} answers");
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A path as an error or a table shows it.
fn displayed(path: &Path) -> String {
    path.display().to_string()
}
