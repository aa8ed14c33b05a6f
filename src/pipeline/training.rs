//! Trains the head on cached rows.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::dataset::Source;
use crate::head::config::{L2, OptimizerConfig};
use crate::head::search::{self, Trial};
use crate::head::{
    EpochRow, Examples, Fit, Head, HeadError, L2Point, LearningCurveConfig, LearningPoint, Phase,
    TrainConfig, Watch, fit_watched, learning_curve,
};
use crate::stop::Stop;

use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::groups::Groups;
use super::interrupted;
use super::plan::Plan;
use super::stored::Lying;

/// A head, and how good it would be with fewer examples where that was asked for.
pub(super) struct Trained {
    pub(super) fit: Fit,
    pub(super) learning_curve: Vec<LearningPoint>,
}

/// Trains the head of `config`. The test examples are not read.
pub(super) fn train(
    checked: &Checked,
    plan: &Plan,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Trained, PipelineError> {
    let start = Instant::now();
    let source = &checked.dataset.train;
    // Whoever asks for the end from here on gets the best head so far.
    let stop = &checked.options.stop;
    let watch = stop.watch();
    let classes = source.classes().len();
    let named = config.for_classes(source.classes());
    let config = &named.map_err(HeadError::ClassWeights)?;
    let lying = Lying::of(&plan.store, &plan.train.ids, config, classes)?;
    let config = &lying.config;
    let labels = labels(source);
    let groups = Groups::new(source, &plan.train);
    if groups.copies > 0 && config.validation.is_some() {
        observer.event(&Event::Note(copies_line(groups.copies)));
    }
    let examples = Examples {
        features: lying.rows(),
        views: plan.train.views,
        labels: &labels,
        classes,
        groups: groups.of.as_deref(),
    };
    let what = format!(
        "{} examples x {} views of {} features: {}",
        labels.len(),
        plan.train.views,
        examples.width(),
        plan.why(Stage::Train)
    );
    let seed = checked.config.seed;
    let trials = search::check(config, seed).map_err(HeadError::from)?;
    let most = config.most_epochs() as u64;
    let values = match config.l2 {
        L2::Auto(auto) => auto.values.get() as u64,
        L2::Value(_) => 0,
    };
    let validated = match config.validation {
        Some(_) => (trials as u64).max(1) * most,
        None => 0,
    } + values;
    observer.event(&Event::Started(Stage::Train, what, validated + most));
    if let Some(told) = &lying.told {
        observer.event(&Event::Note(told.clone()));
    }
    let mut told = Told {
        observer: &mut *observer,
        stop: stop.clone(),
        curve: Vec::new(),
        most,
        validated,
        before: 0,
        tried: 0,
    };
    let mut fit = match fit_watched(config, &examples, seed, &mut told) {
        Err(HeadError::Interrupted(partial)) => {
            return Err(interrupted::keep(checked, *partial, &told.curve));
        }
        fit => fit.map_err(|error| lying.explain(error.named(source.classes())))?,
    };
    drop(watch);
    if stop.is_asked() {
        return Err(interrupted::keep(checked, fit.head.into(), &fit.curve));
    }
    let evaluate = checked.config.evaluate.unwrap_or_default();
    fit.head = fit.head.with_reject_below(evaluate.threshold());
    for warning in &fit.warnings {
        observer.event(&Event::Warning(warning.to_string()));
    }
    if let Some(path) = &fit.l2_path {
        observer.event(&Event::Note(path.to_string()));
    }
    let outcome = outcome(config, &fit);
    observer.event(&Event::Finished(Stage::Train, outcome, start.elapsed()));
    let learning_curve = match evaluate.learning_curve {
        Some(how) => fewer_examples(checked, how, (&fit, &examples), observer)
            .map_err(|error| lying.explain(error.named(source.classes())))?,
        None => Vec::new(),
    };
    Ok(Trained {
        fit,
        learning_curve,
    })
}

/// Passes on to the run's observer what is seen of a training.
struct Told<'a> {
    observer: &'a mut dyn Observer,
    stop: Stop,
    /// The epochs until now.
    curve: Vec<EpochRow>,
    /// The most epochs of one training.
    most: u64,
    /// The most epochs of everything before the final training.
    validated: u64,
    /// The most epochs of the trials before this one.
    before: u64,
    /// Values of `l2` that were tried.
    tried: u64,
}

impl Watch for Told<'_> {
    fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn epoch(&mut self, row: &EpochRow) {
        self.curve.push(*row);
        let before = match row.phase {
            Phase::CrossValidation => self.before,
            Phase::Final => self.validated,
        };
        let done = before + (row.epoch as u64).min(self.most);
        let event = Event::Progress(Stage::Train, done, describe(row));
        self.observer.event(&event);
    }

    fn trial_begins(&mut self, place: usize, of: usize) {
        if place == 0 {
            let text = format!("search: {of} trials, each cross-validated");
            self.observer.event(&Event::Note(text));
        }
        self.before = place as u64 * self.most;
    }

    fn l2_tried(&mut self, point: &L2Point) {
        self.tried += 1;
        let beside = format!("l2 {:.2e}: log loss {:.4}", point.l2, point.log_loss);
        let done = self.tried.min(self.validated);
        let event = Event::Progress(Stage::Train, done, beside);
        self.observer.event(&event);
    }

    fn trial_ended(&mut self, trial: &Trial) {
        self.observer.event(&Event::Note(trial.to_string()));
    }
}

/// The learning curve, with its progress.
fn fewer_examples(
    checked: &Checked,
    how: LearningCurveConfig,
    (fit, examples): (&Fit, &Examples<'_>),
    observer: &mut dyn Observer,
) -> Result<Vec<LearningPoint>, HeadError> {
    let start = Instant::now();
    let mut progress = |done: usize, all: usize| {
        let (done, all) = (done as u64, all as u64);
        if done == 0 {
            let what = format!("learning curve: {all} heads on parts of the examples");
            observer.event(&Event::Started(Stage::Evaluate, what, all));
        }
        observer.event(&Event::Progress(Stage::Evaluate, done, String::new()));
    };
    let seed = checked.config.seed;
    let curve = learning_curve(fit, examples, how, seed, &mut progress)?;
    let outcome = format!("learning curve: {} sizes", curve.len());
    observer.event(&Event::Finished(Stage::Evaluate, outcome, start.elapsed()));
    Ok(curve)
}

fn copies_line(copies: usize) -> String {
    let (examples, are, stay) = match copies {
        1 => (
            "example",
            "is a copy of another",
            "it stays in the fold of its twin",
        ),
        _ => (
            "examples",
            "are copies of others",
            "each stays in the fold of its twin",
        ),
    };
    format!("{copies} training {examples} {are}, byte for byte: {stay}")
}

/// The head with the names of the classes.
pub(super) fn named_head(checked: &Checked, fit: &Fit) -> Result<Head, PipelineError> {
    let names = checked.dataset.train.classes();
    Ok(fit.head.clone().with_class_names(names)?)
}

/// The head's file: the weights with what one needs to know to use them.
pub(super) fn head_file(checked: &Checked, fit: &Fit) -> Result<Vec<u8>, PipelineError> {
    head_bytes(checked, &named_head(checked, fit)?)
}

/// A head with the names of its classes as a file, likewise.
pub(super) fn head_bytes(checked: &Checked, head: &Head) -> Result<Vec<u8>, PipelineError> {
    let space = crate::yaml::to_string(&checked.space)?;
    let metadata = BTreeMap::from([
        (
            "pipeline".to_owned(),
            checked.config.name.as_str().to_owned(),
        ),
        ("features".to_owned(), space),
        ("catpipe".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    Ok(head.to_bytes(&metadata).map_err(HeadError::from)?)
}

/// Labels of a source that was found to be labelled when the pipeline was checked.
pub(super) fn labels(source: &Source) -> Vec<usize> {
    source
        .examples()
        .iter()
        .filter_map(|example| example.label)
        .collect()
}

fn describe(row: &EpochRow) -> String {
    match row.validation_loss {
        Some(loss) => format!("loss {:.4}, validation {loss:.4}", row.train_loss),
        None => format!("loss {:.4}", row.train_loss),
    }
}

fn outcome(config: &TrainConfig, fit: &Fit) -> String {
    let mut trained = match config.optimizer {
        OptimizerConfig::Lbfgs => format!("solved in {} steps", fit.epochs),
        _ => format!("{} epochs", fit.epochs),
    };
    if let Some(path) = &fit.l2_path {
        trained = format!("l2 {:.2e} of {}; {trained}", path.chosen, path.path.len());
    }
    if let Some(best) = fit.trials.iter().find(|trial| trial.chosen) {
        let of = fit.trials.len();
        trained = format!("trial {} of {of} ({}); {trained}", best.trial, best.words());
    }
    match &fit.validation {
        Some(validation) => {
            let m = &validation.metrics;
            let by = match config.validation.is_some_and(|v| v.one_part) {
                true => "of those held out",
                false => "cross-validation:",
            };
            format!("{trained}; {by} {} of {} right", m.correct, m.total)
        }
        None => trained,
    }
}
