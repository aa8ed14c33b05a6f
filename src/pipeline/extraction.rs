//! Computes the rows that the store does not have, and waits for those that another run computes.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::backbone::{Network, Session, SessionOptions};
use crate::dataset::Source;
use crate::extract::{Ahead, ExtractError, Failure, Infer, Row, Shape, extract};
use crate::features::{Claim, RowId, Store, Warning};

use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::opening;
use super::prepare::{Clock, Pictures, Preparing};
use super::results::Timings;
use super::rows::Part;
use super::sessions;

/// The rows that are wanted, of which some are missing.
pub(super) struct Work<'a> {
    pub(super) store: &'a Store,
    pub(super) parts: Vec<(&'a Source, &'a Part)>,
    /// Why there is anything to do.
    pub(super) why: String,
}

impl Work<'_> {
    /// The rows that are missing, each once, training examples first.
    fn missing(&self) -> Vec<RowId> {
        // The same picture may stand in a source twice, or in both: it is computed once.
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for (_, part) in &self.parts {
            let ids = self.store.missing(&part.ids).into_iter();
            missing.extend(ids.map(|i| part.ids[i]).filter(|id| seen.insert(*id)));
        }
        missing
    }

    /// What is said when the work is interrupted.
    fn interrupted(&self) -> PipelineError {
        let missing: HashSet<RowId> = self.missing().into_iter().collect();
        let ids = || self.parts.iter().flat_map(|(_, part)| &part.ids);
        PipelineError::Interrupted {
            kept: ids().filter(|id| !missing.contains(id)).count(),
            needed: ids().count(),
        }
    }
}

/// Brings the missing rows into the store, training examples first. Rows that another run is
/// computing are waited for, and computed here where it does not bring them.
pub(super) fn extract_missing(
    checked: &Checked,
    work: &Work<'_>,
    timings: &mut Timings,
    observer: &mut dyn Observer,
) -> Result<(), PipelineError> {
    let start = Instant::now();
    let stop = &checked.options.stop;
    let watch = stop.watch();
    let wanted = work.missing();
    let total = wanted.len();
    let backbone = checked.backbone.name();
    let what = format!("{total} rows by {backbone}: {}", work.why);
    observer.event(&Event::Started(Stage::Extract, what, total as u64));
    let mut extraction = Extraction {
        checked,
        work,
        options: checked.session_options(),
        network: None,
        total,
        timings,
        observer,
    };
    let result = extraction.rounds(wanted);
    drop(watch);
    match result {
        Ok(()) if !stop.is_asked() => {}
        // Asked while the last rows were published, all of them are there.
        Ok(()) | Err(PipelineError::Extract(ExtractError::Stopped)) => {
            return Err(work.interrupted());
        }
        Err(error) => return Err(error),
    }
    timings.extract = start.elapsed().as_secs_f64();
    let rows = timings.rows_computed;
    let mut outcome = match rows {
        0 => "0 rows".to_owned(),
        _ => {
            let rate = rows as f64 / (timings.extract - timings.others);
            format!("{rows} rows, {rate:.1} a second, batch {}", timings.batch)
        }
    };
    if total > rows {
        outcome.push_str(&format!("; {} by another run", total - rows));
    }
    observer.event(&Event::Finished(Stage::Extract, outcome, start.elapsed()));
    Ok(())
}

/// How often it is looked whether another run has brought rows.
const LOOK: Duration = Duration::from_millis(200);

/// An extraction under way.
struct Extraction<'a, 'o> {
    checked: &'a Checked,
    work: &'a Work<'a>,
    options: SessionOptions,
    /// Opened when there is something for it to do.
    network: Option<Network>,
    /// Rows that were missing in the beginning.
    total: usize,
    timings: &'o mut Timings,
    observer: &'o mut dyn Observer,
}

impl Extraction<'_, '_> {
    /// Computes what is free, waits for what is not, and begins again, until nothing is `wanted`.
    fn rounds(&mut self, mut wanted: Vec<RowId>) -> Result<(), PipelineError> {
        let store = self.work.store;
        while !wanted.is_empty() {
            let claim = store.claim(&wanted)?;
            self.warn(claim.warnings());
            if !claim.mine().is_empty() {
                self.compute(&claim, &wanted)?;
            } else if !claim.others().is_empty() {
                self.wait(&claim, &wanted)?;
            }
            drop(claim);
            wanted = self.work.missing();
        }
        Ok(())
    }

    /// Computes and publishes the rows of `claim`, made of those `wanted`.
    fn compute(&mut self, claim: &Claim, wanted: &[RowId]) -> Result<(), PipelineError> {
        let jobs = jobs(self.work, claim.mine().iter().map(|&i| wanted[i]).collect());
        let mut network = match self.network.take() {
            Some(network) => network,
            None => self.open(claim, &jobs)?,
        };
        // What others have brought since the beginning stands beside what is computed here.
        let mut done = self.total - wanted.len();
        for job in &jobs {
            let (timings, observer) = (&mut *self.timings, &mut *self.observer);
            let computed = job.run(
                self.checked,
                self.work.store,
                &mut network,
                timings,
                &mut |rows| {
                    claim.beat();
                    done += rows;
                    observer.event(&Event::Progress(Stage::Extract, done as u64, String::new()));
                },
            );
            computed?;
            self.timings.rows_computed += job.rows.len();
        }
        self.network = Some(network);
        Ok(())
    }

    fn open(&mut self, claim: &Claim, jobs: &[Job<'_>]) -> Result<Network, PipelineError> {
        let start = Instant::now();
        let asked = self.checked.config.extract.sessions;
        self.options.sessions = sessions::count(asked, &self.options, self.total);
        let (checked, options) = (self.checked, &self.options);
        let observer = &mut *self.observer;
        let mut network = opening::open(checked, options, claim, observer)?;
        self.timings.open = start.elapsed().as_secs_f64();
        self.timings.threads = options.threads();
        self.timings.sessions = options.sessions();
        self.timings.workers = worker_count();
        opening::warn_of_provider(checked, &network, options, self.observer);
        if let Some((job, row)) = jobs.iter().find_map(|job| Some((job, *job.rows.first()?))) {
            let first = (job.source, row, self.total);
            self.timings.batch = opening::batch(checked, &mut network, options, first)?;
        }
        Ok(network)
    }

    /// Waits until all rows that are `wanted` are there, or one of the runs that compute them ends.
    fn wait(&mut self, claim: &Claim, wanted: &[RowId]) -> Result<(), PipelineError> {
        let start = Instant::now();
        for other in claim.others() {
            self.observer.event(&Event::Note(format!(
                "waiting for {} rows that another run is computing (process {})",
                other.rows, other.process
            )));
        }
        let store = self.work.store;
        let mut known = store.len();
        let mut left = wanted.len();
        while left > 0 && claim.others_are_at_work() {
            if self.checked.options.stop.is_asked() {
                return Err(ExtractError::Stopped.into());
            }
            thread::sleep(LOOK);
            let warnings = store.refresh()?;
            self.warn(&warnings);
            if store.len() != known {
                known = store.len();
                left = store.missing(wanted).len();
                let done = (self.total - left) as u64;
                self.observer
                    .event(&Event::Progress(Stage::Extract, done, String::new()));
            }
        }
        self.timings.others += start.elapsed().as_secs_f64();
        Ok(())
    }

    fn warn(&mut self, warnings: &[Warning]) {
        for warning in warnings {
            self.observer.event(&Event::Warning(warning.to_string()));
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

/// The rows of the sources that are among `wanted`, each once.
fn jobs<'a>(work: &Work<'a>, mut wanted: HashSet<RowId>) -> Vec<Job<'a>> {
    work.parts
        .iter()
        .map(|&(source, part)| {
            let mut indices: Vec<usize> = (0..part.ids.len()).collect();
            indices.retain(|&i| wanted.remove(&part.ids[i]));
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
            &checked.options.stop,
        );
        // What was computed before a failure is kept: the next run goes on from there.
        let publishing = Instant::now();
        let published = writer.finish();
        timings.write += publishing.elapsed().as_secs_f64();
        if matches!(times, Err(ExtractError::Stopped)) {
            // What is kept is what counts then.
            published?;
            return Err(ExtractError::Stopped.into());
        }
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

    fn ahead(&mut self) -> Option<&mut dyn Ahead> {
        self.0.beside().map(|session| session as &mut dyn Ahead)
    }
}

impl Ahead for Session {
    fn depth(&self) -> usize {
        self.depth()
    }

    fn start(&mut self, input: &[f32], rows: usize) -> Result<(), Failure> {
        Ok(self.start(input, rows)?)
    }

    fn finish(&mut self, features: &mut [f32]) -> Result<(), Failure> {
        self.finish(features)?;
        Ok(())
    }
}
