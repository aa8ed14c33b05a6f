//! `--bench`: speed, memory and parity of each provider and precision.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backbone::measure::{Parity, parity};
use crate::backbone::provider::{Precision, ProviderKind};
use crate::backbone::runtime::survey::Survey;
use crate::backbone::{Backbone, Provider};
use crate::cli::failure::Failure;
use crate::pipeline::probe::{Job, Measured, Pictures, saved};
use crate::stop::Stop;
use crate::yaml::Document;

use super::Args;
use super::child::{Question, ask};
use super::prober::say;

/// How long each provider is measured after its first pass, in seconds.
const SECONDS: f64 = 3.0;

/// All measurements.
#[derive(Debug, Serialize)]
pub(super) struct Bench {
    pub(super) backbone: String,
    /// `generated`, or the folder.
    pub(super) source: String,
    pub(super) images: usize,
    pub(super) batch: u16,
    pub(super) rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) provider: ProviderKind,
    pub(super) precision: Precision,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) measured: Option<Measured>,
    /// How near its features are to those of the CPU in fp32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parity: Option<Parity>,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// Measures each provider that can run, in each precision that it has; the CPU first.
pub(super) fn run(args: &Args, survey: &Survey, stop: &Stop) -> Result<Bench, Failure> {
    let root = args.root.clone().unwrap_or_default();
    let backbone = Backbone::named(&args.backbone, &root).map_err(Failure::wrong)?;
    let Backbone::Onnx(manifest) = &backbone else {
        let why = "--backbone: pixels have no network to measure; name a manifest";
        return Err(Failure::wrong(why));
    };
    manifest.check_graph(&root).map_err(Failure::wrong)?;
    let folder = tempfile::tempdir().map_err(Failure::failed)?;
    let mut bench = Bench {
        backbone: backbone.name().to_owned(),
        source: pictures(args).told(),
        images: 0,
        batch: args.batch,
        rows: Vec::new(),
    };
    let mut reference = None;
    let usable = survey.providers.iter().filter(|one| one.usable);
    for (kind, precision) in usable.flat_map(|one| one.precisions.iter().map(|p| (one.name, *p))) {
        say(&format!("measuring {kind} {precision} ..."));
        let features = folder.path().join(format!("{kind}-{precision}.f32"));
        let job = job(args, &root, provider(kind, precision)?, features.clone());
        let mut row = Row {
            provider: kind,
            precision,
            measured: None,
            parity: None,
            problem: None,
        };
        match ask::<Measured>(&Question::Measure(job), stop) {
            Ok(measured) => {
                let found = saved(&features)?;
                let reference = reference.get_or_insert_with(|| found.clone());
                if kind != ProviderKind::Cpu {
                    row.parity = parity(reference, &found, measured.width);
                }
                bench.images = measured.images;
                row.measured = Some(measured);
            }
            Err(problem) if stop.is_asked() => return Err(Failure::failed(problem)),
            // Nothing can be compared with a reference that is not there.
            Err(problem) if kind == ProviderKind::Cpu => return Err(Failure::failed(problem)),
            Err(problem) => row.problem = Some(problem),
        }
        bench.rows.push(row);
    }
    Ok(bench)
}

fn job(args: &Args, root: &Path, provider: Provider, features: PathBuf) -> Job {
    Job {
        provider,
        backbone: args.backbone.clone(),
        root: root.to_path_buf(),
        ort_dylib: args.ort_dylib.clone(),
        pictures: pictures(args),
        count: args.count.into(),
        batch: args.batch.into(),
        timed: Some(SECONDS),
        answers: None,
        features,
    }
}

/// The provider as it is measured: what it does not take may run elsewhere, and is told.
fn provider(kind: ProviderKind, precision: Precision) -> Result<Provider, Failure> {
    let text = match kind {
        ProviderKind::Cpu => kind.name().to_owned(),
        _ => format!("{{{kind}: {{precision: {precision}, allow_partial: true}}}}"),
    };
    Document::parse(Path::new("--bench"), &text)
        .and_then(|document| document.typed())
        .map_err(Failure::wrong)
}

fn pictures(args: &Args) -> Pictures {
    match &args.images {
        Some(folder) => Pictures::From(folder.clone()),
        None => Pictures::Generated,
    }
}
