//! Computes the rows that the store does not have.

use std::collections::HashSet;
use std::io;
use std::thread;
use std::time::Instant;

use crate::backbone::{BackboneError, Network, SessionOptions};
use crate::dataset::Source;
use crate::extract::{Failure, Infer, Row, Shape, extract};
use crate::features::Store;

use super::batch_size::{self, BatchSize, Remembered};
use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::prepare::{Clock, Pictures, Preparing};
use super::results::Timings;
use super::rows::Part;

/// The rows that are wanted, of which some are missing.
pub(super) struct Work<'a> {
    pub(super) store: &'a Store,
    pub(super) parts: Vec<(&'a Source, &'a Part)>,
    /// Why there is anything to do.
    pub(super) why: String,
}

/// Computes and publishes the rows that are missing, training examples first.
pub(super) fn extract_missing(
    checked: &Checked,
    work: &Work<'_>,
    timings: &mut Timings,
    observer: &mut dyn Observer,
) -> Result<(), PipelineError> {
    let start = Instant::now();
    let jobs = jobs(work);
    let total: usize = jobs.iter().map(|job| job.rows.len()).sum();
    let backbone = checked.backbone.name();
    let what = format!("{total} rows by {backbone}: {}", work.why);
    observer.event(&Event::Started(Stage::Extract, what, total as u64));
    let options = checked.session_options();
    let first = checked.first;
    let root = &checked.options.root;
    let mut network = checked
        .backbone
        .open(root, first, &options, || checked.runtime())?;
    refuse_changed(checked, &network)?;
    timings.open = start.elapsed().as_secs_f64();
    timings.threads = options.threads();
    timings.workers = worker_count();
    warn_of_provider(checked, &network, &options, observer);
    let rows = jobs.iter().find_map(|job| Some((job, *job.rows.first()?)));
    if let Some((job, row)) = rows {
        timings.batch = batch(checked, &mut network, &options, (job.source, row, total))?;
    }
    let mut done = 0;
    for job in &jobs {
        job.run(checked, work.store, &mut network, timings, &mut |rows| {
            done += rows;
            observer.event(&Event::Progress(Stage::Extract, done as u64, String::new()));
        })?;
    }
    timings.rows_computed = total;
    timings.extract = start.elapsed().as_secs_f64();
    let rate = total as f64 / timings.extract;
    let outcome = format!("{total} rows, {rate:.1} a second, batch {}", timings.batch);
    observer.event(&Event::Finished(Stage::Extract, outcome, start.elapsed()));
    Ok(())
}

/// The rows of one inference: those asked for, or for `auto` those that are the fastest, measured
/// on the first picture of as much work as `rows`.
fn batch(
    checked: &Checked,
    network: &mut Network,
    options: &SessionOptions,
    (source, first, rows): (&Source, Row, usize),
) -> Result<usize, PipelineError> {
    if let Some(rows) = checked.config.extract.batch.rows() {
        return Ok(rows);
    }
    let default = usize::from(batch_size::DEFAULT);
    let provider = &options.provider;
    let Network::Onnx(session) = network else {
        return Ok(default);
    };
    if provider.unsteady().is_some() {
        return Ok(provider.max_batch().unwrap_or(default).min(default));
    }
    let space = &checked.space;
    let about = format!(
        "{}\n{}\n{} threads",
        space.graph,
        space.numeric,
        options.threads()
    );
    let remembered = Remembered::new(&checked.options.cache, &about);
    if let Some(batch) = remembered.get() {
        return Ok(batch.into());
    }
    if rows < batch_size::WORTH_MEASURING {
        return Ok(default);
    }
    let preprocess = checked.backbone.preprocess(checked.first);
    let mut input = vec![0.0; preprocess.input_len()];
    let image = source.read(first.example)?;
    let id = &source.examples()[first.example].id;
    preprocess.worker().apply(id, &image, &mut input)?;
    let batch = batch_size::fastest(session, &input)?;
    remembered.put(batch);
    Ok(batch.into())
}

/// Refuses a network that is not the one that the rows' keys say: its file was changed after it
/// had been checked.
pub(super) fn refuse_changed(checked: &Checked, network: &Network) -> Result<(), BackboneError> {
    match network {
        Network::Onnx(session) if session.graph_key() != checked.space.graph => {
            Err(BackboneError::Read {
                path: session.path().to_owned(),
                source: io::Error::other("it changed since it was checked: run again"),
            })
        }
        _ => Ok(()),
    }
}

/// Says what the provider does not do or cannot promise.
fn warn_of_provider(
    checked: &Checked,
    network: &Network,
    options: &SessionOptions,
    observer: &mut dyn Observer,
) {
    let Network::Onnx(session) = network else {
        return;
    };
    let provider = &options.provider;
    if session.elsewhere().count() > 0 {
        let text = format!("{provider} does not run it all: {}", session.elsewhere());
        observer.event(&Event::Warning(text));
    }
    if let Some(reason) = provider.unsteady() {
        let text = format!("the last bits of features may differ from run to run: {reason}");
        observer.event(&Event::Warning(text));
        if checked.config.extract.batch == BatchSize::Auto {
            let why = "`batch: auto` measures nothing here, as the choice would decide those bits";
            observer.event(&Event::Warning(why.to_owned()));
        }
    }
}

/// The missing rows of one source.
struct Job<'a> {
    source: &'a Source,
    part: &'a Part,
    /// Indices into the part's rows.
    indices: Vec<usize>,
    rows: Vec<Row>,
}

fn jobs<'a>(work: &Work<'a>) -> Vec<Job<'a>> {
    // The same picture may stand in a source twice, or in both: it is computed once.
    let mut seen = HashSet::new();
    work.parts
        .iter()
        .map(|&(source, part)| {
            let mut indices = work.store.missing(&part.ids);
            indices.retain(|&i| seen.insert(part.ids[i]));
            let rows = indices.iter().map(|&i| part.rows[i]).collect();
            Job {
                source,
                part,
                indices,
                rows,
            }
        })
        .collect()
}

impl Job<'_> {
    fn run(
        &self,
        checked: &Checked,
        store: &Store,
        network: &mut Network,
        timings: &mut Timings,
        advance: &mut dyn FnMut(usize),
    ) -> Result<(), PipelineError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let preprocess = checked.backbone.preprocess(checked.first);
        let width = checked.space.width;
        let shape = Shape {
            input: preprocess.input_len(),
            width,
            batch: timings.batch,
        };
        let preparing = Preparing {
            source: self.source,
            part: self.part,
            augment: &checked.config.augment,
            seed: checked.config.seed,
            preprocess,
            pictures: Pictures::new(&self.rows, shape.batch),
            clock: Clock::default(),
        };
        let workers = (0..timings.workers).map(|_| preparing.worker()).collect();
        let mut writer = store.writer()?;
        let times = extract(
            &self.rows,
            shape,
            workers,
            &mut Inference(network),
            &mut |first, features| {
                let rows = features.chunks_exact(width);
                advance(rows.len());
                for (index, row) in self.indices[first..].iter().zip(rows) {
                    writer.append(self.part.ids[*index], row)?;
                }
                Ok(())
            },
        );
        // What was computed before a failure is kept: the next run goes on from there.
        let publishing = Instant::now();
        let published = writer.finish();
        timings.write += publishing.elapsed().as_secs_f64();
        let times = times?;
        published?;
        timings.infer += times.infer.as_secs_f64();
        timings.wait += times.wait.as_secs_f64();
        timings.write += times.write.as_secs_f64();
        preparing.clock.add_to(timings);
        Ok(())
    }
}

/// One worker for each core: inference waits for images at the start only, and idle workers cost
/// nothing.
pub(super) fn worker_count() -> usize {
    thread::available_parallelism()
        .map_or(1, Into::into)
        .min(16)
}

/// Runs the network for the engine.
pub(super) struct Inference<'a>(pub(super) &'a mut Network);

impl Infer for Inference<'_> {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        Ok(self.0.run(input, rows, features)?)
    }
}
