//! Trains the head on cached rows and scores it.

use std::collections::BTreeMap;
use std::time::Instant;

use ndarray::Array2;

use crate::dataset::Source;
use crate::head::search::{self, Trial};
use crate::head::{
    EpochRow, Examples, Fit, HeadError, Metrics, Phase, TrainConfig, Watch, fit_watched, metrics,
};

use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::plan::Plan;

/// Trains the head of `config`.
pub(super) fn train(
    checked: &Checked,
    plan: &Plan,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, PipelineError> {
    let start = Instant::now();
    let source = &checked.dataset.train;
    let features = plan.store.read(&plan.train.ids)?;
    let labels = labels(source);
    let examples = Examples {
        features: &features,
        views: plan.train.views,
        labels: &labels,
        classes: source.classes().len(),
        groups: None,
    };
    let what = format!(
        "{} examples x {} views of {} features: {}",
        labels.len(),
        plan.train.views,
        features.ncols(),
        plan.why(Stage::Train)
    );
    let seed = checked.config.seed;
    let trials = search::check(config, seed).map_err(HeadError::from)?;
    let most = config.epochs.get() as u64;
    let validated = match config.validation {
        Some(_) => (trials as u64).max(1) * most,
        None => 0,
    };
    observer.event(&Event::Started(Stage::Train, what, validated + most));
    let mut told = Told {
        observer,
        most,
        validated,
        before: 0,
    };
    let fit = fit_watched(config, &examples, seed, &mut told)?;
    let outcome = outcome(&fit);
    observer.event(&Event::Finished(Stage::Train, outcome, start.elapsed()));
    Ok(fit)
}

/// Passes on to the run's observer what is seen of a training.
struct Told<'a> {
    observer: &'a mut dyn Observer,
    /// The most epochs of one training.
    most: u64,
    /// The most epochs of everything before the final training.
    validated: u64,
    /// The most epochs of the trials before this one.
    before: u64,
}

impl Watch for Told<'_> {
    fn epoch(&mut self, row: &EpochRow) {
        let before = match row.phase {
            Phase::CrossValidation => self.before,
            Phase::Final => self.validated,
        };
        let done = before + row.epoch as u64;
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

    fn trial_ended(&mut self, trial: &Trial) {
        self.observer.event(&Event::Note(trial.to_string()));
    }
}

/// The probabilities of the scored examples' plain views, and what they are worth.
pub(super) fn evaluate(
    plan: &Plan,
    source: &Source,
    fit: &Fit,
    observer: &mut dyn Observer,
) -> Result<(Array2<f32>, Metrics), PipelineError> {
    let start = Instant::now();
    let ids = plan
        .test
        .as_ref()
        .map(|part| part.ids.as_slice())
        .unwrap_or_default();
    let features = plan.store.read(ids)?;
    let what = format!("{} examples", features.nrows());
    observer.event(&Event::Started(Stage::Evaluate, what, 1));
    let probabilities = fit.head.probabilities(features.view())?;
    let metrics = metrics::evaluate(probabilities.view(), &labels(source))?;
    let outcome = format!("{} of {} right", metrics.correct, metrics.total);
    observer.event(&Event::Finished(Stage::Evaluate, outcome, start.elapsed()));
    Ok((probabilities, metrics))
}

/// The head's file: the weights with what one needs to know to use them.
pub(super) fn head_file(checked: &Checked, fit: &Fit) -> Result<Vec<u8>, PipelineError> {
    let names = checked.dataset.train.classes();
    let head = fit.head.clone().with_class_names(names)?;
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
fn labels(source: &Source) -> Vec<usize> {
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

fn outcome(fit: &Fit) -> String {
    let mut trained = format!("{} epochs", fit.epochs);
    if let Some(best) = fit.trials.iter().find(|trial| trial.chosen) {
        let of = fit.trials.len();
        trained = format!("trial {} of {of} ({}); {trained}", best.trial, best.words());
    }
    match &fit.validation {
        Some(validation) => {
            let m = &validation.metrics;
            format!(
                "{trained}; cross-validation: {} of {} right",
                m.correct, m.total
            )
        }
        None => trained,
    }
}
