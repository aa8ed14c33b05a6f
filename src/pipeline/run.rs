//! Runs a pipeline: the phases on one screen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::backbone::runtime::{Versions, survey};
use crate::dataset::OnDuplicates;
use crate::features;

use super::auto::Auto;
use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Digesting, Event, Logged, Observer, Stage};
use super::exporting;
use super::extraction::extract_missing;
use super::plan::Plan;
use super::provider::search;
use super::reporting::{self, REPORT, Reported, STEPS};
use super::results::{DatasetSummary, ProviderSummary, RunMetrics, Timings};
use super::scores::{self, written};
use super::scoring;
use super::tables::skipped_csv;
use super::training;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The run's figures, of this run or, where nothing had changed, of the one that left them.
    pub metrics: RunMetrics,
    /// Whether there was nothing to do.
    pub up_to_date: bool,
    /// Whether nothing but the report was made.
    pub report_alone: bool,
}

/// Brings the results of `checked` up to date: computes the rows that are missing, trains, scores
/// and publishes the run folder.
///
/// # Errors
/// Whatever stops a stage. Rows computed until then are kept; the run folder is as it was.
pub fn run(checked: &Checked, observer: &mut dyn Observer) -> Result<Outcome, PipelineError> {
    checked.expect_decided()?;
    let observer = &mut Logged::new(observer);
    checked.folder.recover()?;
    loop {
        match once(checked, observer) {
            Err(error) if error.has_lost_rows() => observer.event(&Event::Warning(again(&error))),
            result => return result,
        }
    }
}

/// What is said where cached rows had to be given up on the way.
pub(super) fn again(error: &PipelineError) -> String {
    format!("{error}\n  this run does so now")
}

/// One attempt: it ends where a shard turns out to have gone bad since its rows were planned with.
fn once(checked: &Checked, observer: &mut Logged) -> Result<Outcome, PipelineError> {
    let start = Instant::now();
    let mut reading = Digesting::new(&mut *observer, checked.dataset.images());
    let plan = Plan::watched(checked, &mut || reading.one())?;
    begin(checked, &plan, start.elapsed(), observer);
    if let Some(metrics) = last_metrics(checked, &plan)? {
        skip_all(&plan, observer);
        let up_to_date = plan.is_up_to_date();
        if !up_to_date {
            add_report(checked, &plan, observer)?;
        }
        return Ok(Outcome {
            metrics,
            up_to_date,
            report_alone: !up_to_date,
        });
    }
    exporting::check(checked)?;
    check_duplicates(checked, &plan, observer)?;
    let mut timings = Timings {
        rows_cached: plan.needed - plan.missing,
        ..Timings::default()
    };
    if plan.missing == 0 {
        observer.event(&Event::Skipped(Stage::Extract, plan.why(Stage::Extract)));
    } else {
        extract_missing(checked, &plan.work(checked), &mut timings, observer)?;
        timings.rows_cached = plan.needed - timings.rows_computed;
    }
    let metrics = finish(checked, &plan, timings, observer)?;
    Ok(Outcome {
        metrics,
        up_to_date: false,
        report_alone: false,
    })
}

/// The figures of the last run, where it was this one, with a report or without. Figures that this version of the program
/// cannot read count as none: the run makes them anew.
fn last_metrics(checked: &Checked, plan: &Plan) -> Result<Option<RunMetrics>, PipelineError> {
    if !plan.lacks_at_most_the_report() {
        return Ok(None);
    }
    let text = checked.folder.read("metrics.json")?;
    Ok(serde_json::from_slice(&text).ok())
}

fn begin(checked: &Checked, plan: &Plan, took: Duration, observer: &mut Logged) {
    observer.note(&format!("catpipe {}", env!("CARGO_PKG_VERSION")));
    observer.note(&format!("features: {}", checked.space.numeric));
    if let Some(choice) = &checked.choice {
        observer.note(&format!("runtime: {}", choice.runtime));
        for one in &choice.passed_over {
            let runs = choice.provider.name();
            observer.event(&Event::Warning(format!("{runs} runs; {}", one.reason)));
        }
    }
    if let Some(kept) = &checked.kept {
        observer.event(&Event::Note(kept.words()));
    }
    if let Some(Auto::Chosen(decision)) = &checked.auto {
        observer.event(&Event::Note(decision.to_string()));
    }
    observer.note(&format!("store: {}", plan.store.path().display()));
    let damaged = plan.damaged.iter().cloned();
    let warnings = plan.warnings.iter().map(ToString::to_string);
    for warning in warnings.chain(damaged) {
        observer.event(&Event::Warning(warning));
    }
    let test = checked
        .dataset
        .test
        .as_ref()
        .map_or(0, |s| s.examples().len());
    let train = checked.dataset.train.examples().len();
    let mut what = format!("{train} training and {test} test examples");
    let skipped = checked.dataset.skipped();
    let bad = skipped.iter().filter(|one| !one.excluded).count();
    if skipped.len() > bad {
        what.push_str(&format!(", {} excluded", skipped.len() - bad));
    }
    observer.event(&Event::Finished(Stage::Dataset, what, took));
    if bad > 0 {
        let files = if bad == 1 { "file" } else { "files" };
        observer.event(&Event::Warning(format!(
            "{bad} {files} that cannot be used skipped, named in {}",
            checked.folder.path().join(SKIPPED).display()
        )));
    }
    for one in skipped {
        observer.note(&format!(
            "left out: {} {}: {}",
            one.split, one.path, one.reason
        ));
    }
}

/// The file of the run folder that names what is no example.
const SKIPPED: &str = "skipped.csv";

/// How many duplicates a message names.
const NAMED: usize = 5;

/// Looks for pictures on both sides, if the pipeline wants to know. That decodes every image, so a
/// warning is given when features are computed, and not again whenever another head is trained on
/// them.
fn check_duplicates(
    checked: &Checked,
    plan: &Plan,
    observer: &mut Logged,
) -> Result<(), PipelineError> {
    let wanted = checked.config.dataset.duplicates;
    let known = wanted == OnDuplicates::Warn && plan.missing == 0;
    if wanted == OnDuplicates::Allow || known {
        return Ok(());
    }
    let images = checked.dataset.images();
    let what = format!("looking for duplicates among {images} images");
    let mut reading = Digesting::telling(&mut *observer, images, what);
    let found = checked.dataset.duplicates(&mut || reading.one())?;
    for one in &found {
        observer.note(&format!("duplicate: {one}"));
    }
    if found.is_empty() {
        return Ok(());
    }
    let mut text = format!(
        "of the test examples, {} can also be found among the training examples:",
        found.len()
    );
    for one in found.iter().take(NAMED) {
        text.push_str(&format!("\n  {one}"));
    }
    if found.len() > NAMED {
        text.push_str("\n  ... (`catpipe data` names all)");
    }
    if wanted == OnDuplicates::Error {
        return Err(PipelineError::Duplicates(text));
    }
    observer.event(&Event::Warning(text));
    Ok(())
}

fn skip_all(plan: &Plan, observer: &mut dyn Observer) {
    for stage in plan.stages().iter().filter(|stage| stage.up_to_date) {
        observer.event(&Event::Skipped(stage.stage, stage.why.clone()));
    }
}

/// Trains, scores and publishes.
fn finish(
    checked: &Checked,
    plan: &Plan,
    mut timings: Timings,
    observer: &mut Logged,
) -> Result<RunMetrics, PipelineError> {
    let mut files = vec![("pipeline.yaml", resolved(checked)?.into_bytes())];
    let skipped = checked.dataset.skipped();
    if !skipped.is_empty() {
        files.push((SKIPPED, written(SKIPPED, skipped_csv(skipped))?));
    }
    let mut metrics = summary(checked, plan)?;
    let mut head = None;
    if let Some(config) = &checked.config.train {
        let start = Instant::now();
        let trained = training::train(checked, plan, config, observer)?;
        timings.train = start.elapsed().as_secs_f64();
        files.extend(scores::of_training(checked, &trained, &mut metrics)?);
        if let Some(source) = checked.scored() {
            let start = Instant::now();
            let scored = scoring::evaluate(plan, source, &trained.fit.head, observer)?;
            timings.evaluate = start.elapsed().as_secs_f64();
            files.extend(scores::of_test(source, &scored, &mut metrics)?);
        }
        head = Some(training::named_head(checked, &trained.fit)?);
    }
    metrics.timings = timings;
    if let (Some(config), Some(head)) = (checked.config.export, &head) {
        let start = Instant::now();
        let exported = exporting::export(checked, plan, head, config, &metrics, observer)?;
        metrics.timings.export = start.elapsed().as_secs_f64();
        metrics.export = exported.parity;
        files.push((exporting::MODEL, exported.bytes));
    }
    let json = serde_json::to_vec_pretty(&metrics);
    files.push(("metrics.json", written("metrics.json", json)?));
    if checked.config.report.is_some() {
        let make = |step: &mut dyn FnMut(usize)| reporting::of_run(checked, plan, &files, step);
        let html = report(checked, make, observer)?;
        files.push((REPORT, html));
    }
    files.push(("run.log", observer.lines().as_bytes().to_vec()));
    // So near its end the run comes to it, whoever asks.
    let _watch = checked.options.stop.watch();
    checked.folder.publish(&plan.fingerprint, &files)?;
    Ok(metrics)
}

/// Puts a report into a finished run that has none; nothing else of it changes but the pipeline
/// that stands beside it.
fn add_report(checked: &Checked, plan: &Plan, observer: &mut Logged) -> Result<(), PipelineError> {
    let pipeline = resolved(checked)?.into_bytes();
    let make = |step: &mut dyn FnMut(usize)| reporting::of_last_run(checked, plan, &pipeline, step);
    let html = report(checked, make, observer)?;
    let files = [("pipeline.yaml", &*pipeline), (REPORT, &*html)];
    Ok(checked.folder.add(&files)?)
}

/// `report.html`, as `make` makes it.
fn report(
    checked: &Checked,
    make: impl FnOnce(&mut dyn FnMut(usize)) -> Result<Reported, PipelineError>,
    observer: &mut Logged,
) -> Result<Vec<u8>, PipelineError> {
    let start = Instant::now();
    let what = "figures, pictures and what looks like them".to_owned();
    observer.event(&Event::Started(Stage::Report, what, STEPS as u64));
    let mut step = |done: usize| {
        let event = Event::Progress(Stage::Report, done as u64, String::new());
        observer.event(&event);
    };
    let reported = make(&mut step)?;
    for note in &reported.notes {
        observer.note(&format!("not in the report: {note}"));
    }
    let html = reported.html.into_bytes();
    #[allow(clippy::cast_precision_loss)] // for people
    let size = html.len() as f64 / 1e6;
    let place = checked.folder.path().join(REPORT);
    let outcome = format!("{} ({size:.1} MB)", place.display());
    observer.event(&Event::Finished(Stage::Report, outcome, start.elapsed()));
    Ok(html)
}

fn resolved(checked: &Checked) -> Result<String, PipelineError> {
    Ok(crate::yaml::to_string(&checked.config)?)
}

/// The run's figures before anything is trained or scored.
fn summary(checked: &Checked, plan: &Plan) -> Result<RunMetrics, PipelineError> {
    let dataset = &checked.dataset;
    Ok(RunMetrics {
        name: checked.config.name.as_str().to_owned(),
        dataset: DatasetSummary {
            train: dataset.train.examples().len(),
            test: dataset.test.as_ref().map_or(0, |s| s.examples().len()),
            views: plan.train.views,
            classes: dataset.train.classes().to_vec(),
        },
        provider: provider_summary(checked),
        parity: plan.parity.clone(),
        versions: versions(checked),
        hardware: survey::processor(),
        ..RunMetrics::default()
    })
}

fn provider_summary(checked: &Checked) -> ProviderSummary {
    let provider = checked.session_options().provider;
    ProviderSummary {
        name: provider.name().to_owned(),
        precision: provider.precision_of(checked.arithmetic).name().to_owned(),
        device: provider.device(),
        numeric_class: checked.space.numeric.clone(),
        versions: driver_versions(checked),
        auto: match &checked.auto {
            Some(Auto::Chosen(decision)) => Some(decision.summary()),
            _ => None,
        },
    }
}

/// Versions of what lies below the provider; none where no network ran.
fn driver_versions(checked: &Checked) -> Versions {
    let Some(choice) = &checked.choice else {
        return Versions::default();
    };
    let packages = search(&checked.options).packages;
    let runtime = choice.runtime.path();
    Versions::of(choice.provider.kind(), runtime, packages.as_deref())
}

/// Versions of what made the result.
fn versions(checked: &Checked) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::from([
        ("catpipe".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("hdf5".to_owned(), features::hdf5_version()),
    ]);
    // Without the library, the numeric class of the rows says which one computed them.
    if let Some(choice) = &checked.choice {
        let runtime = &choice.runtime;
        versions.insert("onnxruntime".to_owned(), runtime.version().to_owned());
    }
    versions
}
