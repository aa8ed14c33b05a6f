//! `catpipe report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::pipeline::{keep_report, report_on};

use super::failure::Failure;
use super::output::print;
use super::progress::counter;
use super::project::options;

/// Make a report of finished runs: one HTML file to look at, send and print
///
/// Of one run: its score with its interval, where it goes wrong and how sure it is, pictures,
/// timings, and how to run it again. Of several: all of them beside each other, the others against
/// the first. The file holds all of its pictures and needs no network.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe report runs/cats-resnet50
  catpipe report runs/cats-resnet50 runs/cats-mobilenet -o compared.html")]
pub(super) struct Args {
    /// Run folders; the first is the one that the others are compared with
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The HTML file to write [default: report.html in the folder of a single run, else report.html]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The project's folder: relative paths in the pipelines start here [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let options = options(&[], args.root.unwrap_or_default(), args.ort_dylib)?;
    let bar = counter();
    let reported = report_on(&args.runs, &options, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let reported = reported?;
    let path = match (args.output, args.runs.as_slice()) {
        (None, [only]) => keep_report(only, &reported.html)?,
        (path, _) => {
            let path = path.unwrap_or_else(|| PathBuf::from("report.html"));
            write(&path, reported.html.as_bytes())
                .map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
            path
        }
    };
    for note in &reported.notes {
        let _ = writeln!(anstream::stderr(), "not in the report: {note}");
    }
    #[allow(clippy::cast_precision_loss)] // for people
    let size = reported.html.len() as f64 / 1e6;
    print(&format!("{} ({size:.1} MB)\n", path.display()))
}

/// Writes the file beside its place and moves it there: a reader never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".report-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}
