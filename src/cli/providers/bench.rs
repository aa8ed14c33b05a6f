//! `--bench`: speed, memory and parity of each provider and precision.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::backbone::measure::{self, Parity, Speed, parity};
use crate::backbone::provider::{Precision, ProviderKind, Providers};
use crate::backbone::runtime::survey::Survey;
use crate::backbone::{Backbone, Manifest, Session, SessionOptions};
use crate::cli::failure::Failure;
use crate::dataset::synth;
use crate::pipeline::runtime_search;
use crate::yaml::Document;

use super::Args;
use super::child::{Question, ask};

/// How long each provider is measured after its first pass.
const LEAST: Duration = Duration::from_secs(3);

/// One measurement: what a process of its own is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// The provider, as YAML.
    provider: String,
    backbone: PathBuf,
    root: PathBuf,
    ort_dylib: Option<PathBuf>,
    images: Option<PathBuf>,
    count: u16,
    batch: u16,
    /// Where the features go: 32-bit floats, little endian.
    features: PathBuf,
}

/// What a measurement came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) speed: Speed,
    /// Seconds to make the session.
    pub(super) open_seconds: f64,
    /// The most memory that the process had, in bytes.
    pub(super) peak_memory: Option<u64>,
    /// What ran elsewhere, if anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) elsewhere: Option<String>,
    images: usize,
    width: usize,
}

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
pub(super) fn run(args: &Args, survey: &Survey) -> Result<Bench, Failure> {
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
        source: source(args),
        images: 0,
        batch: args.batch,
        rows: Vec::new(),
    };
    let mut reference = None;
    let usable = survey.providers.iter().filter(|one| one.usable);
    for (kind, precision) in usable.flat_map(|one| one.precisions.iter().map(|p| (one.name, *p))) {
        say(&format!("measuring {kind} {precision} ..."));
        let features = folder.path().join(format!("{kind}-{precision}.f32"));
        let job = job(args, &root, kind, precision, &features);
        let mut row = Row {
            provider: kind,
            precision,
            measured: None,
            parity: None,
            problem: None,
        };
        match ask::<Measured>(&Question::Measure(job)) {
            Ok(measured) => {
                let found = read(&features)?;
                let reference = reference.get_or_insert_with(|| found.clone());
                if kind != ProviderKind::Cpu {
                    row.parity = parity(reference, &found, measured.width);
                }
                bench.images = measured.images;
                row.measured = Some(measured);
            }
            // Nothing can be compared with a reference that is not there.
            Err(problem) if kind == ProviderKind::Cpu => return Err(Failure::failed(problem)),
            Err(problem) => row.problem = Some(problem),
        }
        bench.rows.push(row);
    }
    Ok(bench)
}

fn job(args: &Args, root: &Path, kind: ProviderKind, precision: Precision, features: &Path) -> Job {
    let provider = match kind {
        ProviderKind::Cpu => kind.name().to_owned(),
        _ => format!("{{{kind}: {{precision: {precision}, allow_partial: true}}}}"),
    };
    Job {
        provider,
        backbone: args.backbone.clone(),
        root: root.to_path_buf(),
        ort_dylib: args.ort_dylib.clone(),
        images: args.images.clone(),
        count: args.count,
        batch: args.batch,
        features: features.to_path_buf(),
    }
}

fn source(args: &Args) -> String {
    match &args.images {
        Some(folder) => folder.display().to_string(),
        None => "generated".to_owned(),
    }
}

/// What is going on is for people who watch; nobody is harmed if stderr is closed.
fn say(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}

/// One measurement, in this process.
pub(super) fn measure(job: &Job, cache: &Path) -> Result<Measured, Failure> {
    let providers: Providers = Document::parse(Path::new("--ask"), &job.provider)
        .and_then(|document| document.typed())
        .map_err(Failure::wrong)?;
    let manifest = Manifest::read(&job.root.join(&job.backbone)).map_err(Failure::wrong)?;
    let choice = runtime_search(job.ort_dylib.clone(), cache)
        .choose(&providers)
        .map_err(Failure::failed)?;
    let options = SessionOptions {
        provider: choice.provider,
        threads: None,
        engines: Some(cache.join("engines")),
    };
    let inputs = inputs(&manifest, job)?;
    let start = Instant::now();
    let mut session =
        Session::open(&manifest, &job.root, &choice.runtime, &options).map_err(Failure::failed)?;
    let open_seconds = start.elapsed().as_secs_f64();
    let (features, speed) =
        measure::speed(&mut session, &inputs, job.batch.into(), LEAST).map_err(Failure::failed)?;
    let bytes: Vec<u8> = features
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    fs::write(&job.features, bytes).map_err(Failure::failed)?;
    let elsewhere = session.elsewhere();
    Ok(Measured {
        speed,
        open_seconds,
        peak_memory: measure::peak_memory(),
        elsewhere: (elsewhere.count() > 0).then(|| elsewhere.to_string()),
        images: inputs.len() / session.input_len().max(1),
        width: session.width(),
    })
}

/// The network's inputs: each image preprocessed, one after the other.
fn inputs(manifest: &Manifest, job: &Job) -> Result<Vec<f32>, Failure> {
    let preprocess = manifest.preprocess();
    let mut worker = preprocess.worker();
    let each = preprocess.input_len();
    let mut inputs = Vec::new();
    let mut add = |id: &str, image: &RgbImage| {
        let start = inputs.len();
        inputs.resize(start + each, 0.0);
        worker.apply(id, image, &mut inputs[start..])
    };
    match &job.images {
        None => {
            for index in 0..u64::from(job.count) {
                let class = u32::try_from(index % 8).unwrap_or(0);
                let image = synth::image(1, class, index, 500, 375);
                add("generated", &image).map_err(Failure::failed)?;
            }
        }
        Some(folder) => {
            let mut left = usize::from(job.count);
            for path in files(&job.root.join(folder))? {
                // Files that are no images lie in folders of images.
                let Some(image) = (left > 0).then(|| decoded(&path)).flatten() else {
                    continue;
                };
                add(&path.display().to_string(), &image).map_err(Failure::failed)?;
                left -= 1;
            }
        }
    }
    if inputs.is_empty() {
        return Err(Failure::wrong("--images: no image can be read there"));
    }
    Ok(inputs)
}

fn decoded(path: &Path) -> Option<RgbImage> {
    let reader = image::ImageReader::open(path).ok()?;
    let image = reader.with_guessed_format().ok()?.decode().ok()?;
    Some(image.to_rgb8())
}

/// Every file below a folder, in the order of names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fail =
        |error: std::io::Error| Failure::wrong(format!("--images: {}: {error}", folder.display()));
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(fail)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<f32>, Failure> {
    let bytes = fs::read(path).map_err(Failure::failed)?;
    let (values, _) = bytes.as_chunks::<4>();
    Ok(values
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect())
}
