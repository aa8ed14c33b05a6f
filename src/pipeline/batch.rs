//! Features of a batch of images as one file, without a pipeline.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::augment::AugmentConfig;
use crate::dataset::{DatasetConfig, Skipped};
use crate::features::{Export, Store, Table};

use super::auto::Auto;
use super::checked::{Checked, open_backbone};
use super::config::{ExtractConfig, Name, PipelineConfig};
use super::error::PipelineError;
use super::event::{Digesting, Event, Observer, Stage};
use super::extraction::{Work, extract_missing};
use super::options::Options;
use super::plan::cached;
use super::results::Timings;
use super::rows::Part;
use super::run::again;
use super::tables::skipped_list;

/// What features are made of and by what.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The images; those of `train`, or all where nothing is divided.
    pub dataset: DatasetConfig,
    /// The backbone and what it runs on.
    pub extract: ExtractConfig,
}

/// What became of a batch.
#[derive(Debug)]
pub struct BatchOutcome {
    /// Rows of the file: one for each image, in the images' order.
    pub rows: usize,
    /// Numbers in a row.
    pub features: usize,
    /// The backbone's short name.
    pub backbone: String,
    /// Everything that may change a feature's bits: provider, precision, runtime version.
    pub numeric_class: String,
    /// Images that have no row, because they cannot be used.
    pub skipped: Vec<Skipped>,
    /// How many rows were computed and how many the cache had, and where the time went.
    pub timings: Timings,
    /// What was written: the file of features first.
    pub files: Vec<PathBuf>,
}

/// What takes the place of the file's ending in the name of the list of skipped images.
const SKIPPED: &str = "skipped.csv";

/// Writes the features of each image to `out`. Rows come from the cache and go into it, as in a
/// run: called again, it computes nothing, and a killed one goes on. The file appears when it is
/// whole.
///
/// # Errors
/// A file that cannot be written is told before anything is computed; images or a backbone that
/// cannot be used; whatever stops the extraction.
pub fn extract_to(
    batch: Batch,
    options: Options,
    out: &Path,
    observer: &mut dyn Observer,
) -> Result<BatchOutcome, PipelineError> {
    loop {
        match once(batch.clone(), options.clone(), out, observer) {
            Err(error) if error.has_lost_rows() => observer.event(&Event::Warning(again(&error))),
            result => return result,
        }
    }
}

/// One attempt: it ends where a shard turns out to have gone bad since its rows were planned with.
fn once(
    batch: Batch,
    options: Options,
    out: &Path,
    observer: &mut dyn Observer,
) -> Result<BatchOutcome, PipelineError> {
    let export = Export::begin(out)?;
    options.stop.unfinished(export.temporary().to_owned());
    let checked = open(batch, options, out, observer)?;
    let source = &checked.dataset.train;
    let ids = || source.examples().iter().map(|example| example.id.as_str());
    export.check(ids())?;
    let known = checked.known_images()?;
    let augment = &checked.config.augment;
    let mut reading = Digesting::new(&mut *observer, source.examples().len());
    let mut read = || reading.one();
    let part = Part::plan(source, augment, 0, 1, &checked.space, &known, &mut read)?;
    known.save();
    let (store, warnings) = checked.store()?;
    for warning in &warnings {
        observer.event(&Event::Warning(warning.to_string()));
    }
    let mut timings = compute(&checked, &store, &part, observer)?;
    timings.rows_cached = part.ids.len() - timings.rows_computed;
    let skipped = bad(&checked);
    let list = if skipped.is_empty() {
        None
    } else {
        let list = skipped_list(&skipped).map_err(|error| PipelineError::Result {
            file: SKIPPED,
            reason: error.to_string(),
        })?;
        Some(list)
    };
    let table = Table {
        rows: &part.ids,
        ids: ids().collect(),
        about: about(&checked),
        beside: Some((SKIPPED, list)),
        ..Table::default()
    };
    let start = Instant::now();
    let rows = part.ids.len();
    let what = format!("{rows} rows into {}", out.display());
    observer.event(&Event::Started(Stage::Export, what.clone(), rows as u64));
    let mut done = 0;
    let files = export.write_watched(&store, &table, &mut || {
        done += 1;
        observer.event(&Event::Progress(Stage::Export, done, String::new()));
    })?;
    observer.event(&Event::Finished(Stage::Export, what, start.elapsed()));
    Ok(BatchOutcome {
        rows: part.ids.len(),
        features: checked.space.width,
        backbone: checked.backbone.name().to_owned(),
        numeric_class: checked.space.numeric.clone(),
        skipped,
        timings,
        files,
    })
}

/// Opens images and backbone, as the pipeline that has these two and nothing else.
fn open(
    batch: Batch,
    options: Options,
    out: &Path,
    observer: &mut dyn Observer,
) -> Result<Checked, PipelineError> {
    let start = Instant::now();
    let backbone = open_backbone(None, &batch.extract, &options)?;
    let dataset = options
        .open(&batch.dataset)
        .map_err(PipelineError::Images)?;
    let config = PipelineConfig {
        name: Name::default(),
        seed: 1,
        dataset: batch.dataset,
        augment: AugmentConfig::default(),
        extract: batch.extract,
        train: None,
        evaluate: None,
        report: None,
        export: None,
    };
    // What `auto` measures on the way takes no time of the images'.
    let took = start.elapsed();
    let checked = Checked::assemble(config, dataset, backbone, options)?;
    checked.expect_decided()?;
    if let Some(Auto::Chosen(decision)) = &checked.auto {
        observer.event(&Event::Note(decision.to_string()));
    }
    let images = checked.dataset.train.examples().len();
    let skipped = bad(&checked);
    let excluded = checked.dataset.skipped().len() - skipped.len();
    let mut what = format!("{images} images");
    if excluded > 0 {
        what.push_str(&format!(", {excluded} excluded"));
    }
    observer.event(&Event::Finished(Stage::Dataset, what, took));
    if !skipped.is_empty() {
        observer.event(&Event::Warning(told(&skipped, out)));
    }
    Ok(checked)
}

/// Computes what the store does not have.
fn compute(
    checked: &Checked,
    store: &Store,
    part: &Part,
    observer: &mut dyn Observer,
) -> Result<Timings, PipelineError> {
    let mut timings = Timings::default();
    let needed = part.ids.len();
    let missing = store.missing(&part.ids).len();
    let why = cached(missing, needed);
    if missing == 0 {
        observer.event(&Event::Skipped(Stage::Extract, why));
        return Ok(timings);
    }
    let work = Work {
        store,
        parts: vec![(&checked.dataset.train, part)],
        why,
    };
    extract_missing(checked, &work, &mut timings, observer)?;
    Ok(timings)
}

/// The images that cannot be used; what was excluded by name is no mishap.
fn bad(checked: &Checked) -> Vec<Skipped> {
    let skipped = checked.dataset.skipped().iter();
    skipped.filter(|one| !one.excluded).cloned().collect()
}

fn told(skipped: &[Skipped], out: &Path) -> String {
    let files = if skipped.len() == 1 { "file" } else { "files" };
    let mut text = format!(
        "{} {files} that cannot be used skipped, named in {}:",
        skipped.len(),
        out.with_extension(SKIPPED).display()
    );
    for one in skipped {
        text.push_str(&format!("\n  {} {}", one.path, one.reason));
    }
    text
}

/// What a file of features says about them.
pub(super) fn about(checked: &Checked) -> Vec<(&'static str, String)> {
    let (space, provider) = (&checked.space, checked.session_options().provider);
    vec![
        ("backbone", checked.backbone.name().to_owned()),
        ("graph", space.graph.clone()),
        ("preprocessing", space.preprocessing.clone()),
        ("provider", provider.name().to_owned()),
        ("numeric_class", space.numeric.clone()),
        ("rows", space.rows.to_string()),
    ]
}
