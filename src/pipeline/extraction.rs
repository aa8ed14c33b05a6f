//! Computes the rows that the store does not have.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::augment::{self, AugmentConfig};
use crate::backbone::{Network, Preprocess, Preprocessor, SessionOptions};
use crate::dataset::Source;
use crate::extract::{Failure, Infer, Prepare, Row, Shape, extract};
use crate::features::Store;

use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
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
    warn_of_provider(&network, &options, observer);
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
    let outcome = format!("{total} rows, {rate:.1} a second");
    observer.event(&Event::Finished(Stage::Extract, outcome, start.elapsed()));
    Ok(())
}

/// Says what the provider does not do or cannot promise.
fn warn_of_provider(network: &Network, options: &SessionOptions, observer: &mut dyn Observer) {
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
            batch: checked.config.extract.batch.rows(),
        };
        let clock = Clock::default();
        let workers = (0..worker_count())
            .map(|_| self.worker(checked, &preprocess, &clock))
            .collect();
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
        let published = writer.finish();
        let times = times?;
        published?;
        timings.infer += times.infer.as_secs_f64();
        timings.wait += times.wait.as_secs_f64();
        timings.write += times.write.as_secs_f64();
        clock.add_to(timings);
        Ok(())
    }

    fn worker<'w>(
        &'w self,
        checked: &'w Checked,
        preprocess: &Preprocess,
        clock: &'w Clock,
    ) -> Worker<'w> {
        Worker {
            source: self.source,
            part: self.part,
            augment: &checked.config.augment,
            seed: checked.config.seed,
            preprocessor: preprocess.worker(),
            last: None,
            clock,
        }
    }
}

/// One worker for each core: inference waits for images at the start only, and idle workers cost
/// nothing.
fn worker_count() -> usize {
    thread::available_parallelism()
        .map_or(1, Into::into)
        .min(16)
}

/// Nanoseconds that all workers together spent on each step.
#[derive(Default)]
struct Clock {
    read: AtomicU64,
    augment: AtomicU64,
    preprocess: AtomicU64,
}

impl Clock {
    fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        counter.fetch_add(nanos, Ordering::Relaxed);
        result
    }

    fn add_to(&self, timings: &mut Timings) {
        let seconds = |counter: &AtomicU64| {
            Duration::from_nanos(counter.load(Ordering::Relaxed)).as_secs_f64()
        };
        timings.read += seconds(&self.read);
        timings.augment += seconds(&self.augment);
        timings.preprocess += seconds(&self.preprocess);
    }
}

struct Worker<'a> {
    source: &'a Source,
    part: &'a Part,
    augment: &'a AugmentConfig,
    seed: u64,
    preprocessor: Preprocessor,
    /// The image read last: an example's views follow each other and share one decoding.
    last: Option<(usize, RgbImage)>,
    clock: &'a Clock,
}

impl Prepare for Worker<'_> {
    fn prepare(&mut self, row: Row, input: &mut [f32]) -> Result<(), Failure> {
        let clock = self.clock;
        let image = match &mut self.last {
            Some((example, image)) if *example == row.example => image,
            last => {
                let image = Clock::timed(&clock.read, || self.source.read(row.example))?;
                &last.insert((row.example, image)).1
            }
        };
        let view;
        let pixels = if row.view == 0 {
            image
        } else {
            let key = &self.part.examples[row.example];
            view = Clock::timed(&clock.augment, || {
                augment::view(image, self.augment, self.seed, key, row.view)
            });
            &view
        };
        let id = &self.source.examples()[row.example].id;
        Clock::timed(&clock.preprocess, || {
            self.preprocessor.apply(id, pixels, input)
        })?;
        Ok(())
    }
}

struct Inference<'a>(&'a mut Network);

impl Infer for Inference<'_> {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        Ok(self.0.run(input, rows, features)?)
    }
}
