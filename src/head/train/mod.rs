//! Training a head on feature rows.

mod batches;
mod best;
mod cross_validation;
mod feed;
pub(super) mod folds;
mod mixup;
mod optimizer;
mod patience;
mod sampling;
mod schedule;
mod stepper;
pub(super) mod trainer;
mod validation;
mod watch;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_torch;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::config::{Batch, HeadConfig, OptimizerConfig, TrainConfig};
use super::error::{HeadError, Model};
use super::examples::Examples;
use super::logistic::{Chosen, L2Path, Prepared};
use super::model::Head;
use super::network::parameter_count;
use super::search::{Trial, search};
use super::warning::Warning;
use best::Best;
pub use best::Partial;
use cross_validation::{Watched, cross_validate};
use trainer::{EpochSums, Trainer};
use watch::Epochs;
pub use watch::Watch;

pub use validation::Validation;

/// The most weights in memory at once, over the models of all folds: a gigabyte of them, and as
/// much again for each of their gradient and Adam's two moments.
const MOST_WEIGHTS: usize = 1 << 28;

/// A trained head and how it came about.
#[derive(Debug)]
pub struct Fit {
    /// The head, trained on all examples.
    pub head: Head,
    /// What it was trained with: the settings asked for or, of a search, those of the best trial.
    pub config: TrainConfig,
    /// The learning curve: the epochs of the cross-validation, where there was one, then those of
    /// the final training.
    pub curve: Vec<EpochRow>,
    /// Epochs of the final training.
    pub epochs: usize,
    /// What the cross-validation found.
    pub validation: Option<Validation>,
    /// What `search` tried; empty where nothing was searched.
    pub trials: Vec<Trial>,
    /// How `l2: auto` chose; `None` where the pipeline gave a number.
    pub l2_path: Option<L2Path>,
    /// What should be known of the head beside its scores.
    pub warnings: Vec<Warning>,
}

/// A line of the learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EpochRow {
    /// Which of the two trainings.
    pub phase: Phase,
    /// From 1.
    pub epoch: usize,
    /// The most epochs this phase can have.
    #[serde(skip)]
    pub of: usize,
    /// Mean cross-entropy of the training batches, each before its step and with dropout on;
    /// without the L2 penalty. In cross-validation the mean over the folds.
    pub train_loss: f64,
    /// Share of the training examples that were right in the same passes.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the held-out examples' plain views after the epoch; in
    /// cross-validation only.
    pub validation_loss: Option<f64>,
    /// Share of the held-out examples that were right.
    pub validation_accuracy: Option<f64>,
}

/// Which training a line of the curve is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A model for each fold.
    CrossValidation,
    /// One model on all examples: the head.
    Final,
}

/// Trains a head.
///
/// Where `config` has `validation`, the training examples are cross-validated first (stratified
/// folds); with `early_stopping` the number of epochs comes from there. The final model then
/// trains on all examples for that number of epochs, and takes over the temperature that was fitted
/// to the out-of-fold scores. With `search`, each trial is cross-validated so, and the best one's
/// head is trained. Each epoch takes each example once, by one of
/// its views drawn at random.
///
/// The same config, examples and seed give bit-identical results on the same machine. `progress`
/// is called after each epoch; a logistic head that L-BFGS solves has one line, for the whole of it.
///
/// # Errors
/// Examples that do not fit together, a class with fewer examples than folds, layers too large,
/// or a training that diverged (with the likely cause and what to change).
pub fn fit(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    progress: &mut dyn FnMut(&EpochRow),
) -> Result<Fit, HeadError> {
    fit_watched(config, examples, seed, &mut Epochs(progress))
}

/// [`fit`] for somebody who also wants to see the trials of a `search`.
///
/// # Errors
/// Those of [`fit`].
pub fn fit_watched(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Fit, HeadError> {
    examples.check()?;
    if let Some(keys) = &config.search {
        return search(config, keys, examples, seed, watch);
    }
    check_size(config, examples)?;
    if let Some(prepared) = prepared(config, examples)? {
        let chosen = prepared.choose(config, seed, watch)?;
        return prepared.finish(config, chosen, watch);
    }
    let validated = validate(config, examples, seed, watch)?;
    finish(config, examples, seed, validated, watch)
}

/// The examples made ready for L-BFGS, where that is what trains the head.
fn prepared<'a>(
    config: &TrainConfig,
    examples: &Examples<'a>,
) -> Result<Option<Prepared<'a>>, HeadError> {
    match (&config.head, config.optimizer) {
        (HeadConfig::Logistic(logistic), OptimizerConfig::Lbfgs) => {
            Prepared::new(*logistic, *examples).map(Some)
        }
        _ => Ok(None),
    }
}

/// What is known of a training before the head itself is trained.
#[derive(Debug)]
pub(in crate::head) struct Validated {
    /// What the cross-validation found, where there was one.
    pub(in crate::head) validation: Option<Validation>,
    /// Epochs that the head is to be trained for.
    pub(in crate::head) epochs: usize,
    /// The epochs of the cross-validation.
    pub(in crate::head) curve: Vec<EpochRow>,
    /// Its best model, in case the rest is interrupted.
    best: Best,
    /// The `l2` that it was for, and how that was chosen.
    l2: f64,
    l2_path: Option<L2Path>,
    warnings: Vec<Warning>,
}

/// The first half of [`fit`]: the cross-validation of checked examples, if there is to be one.
pub(in crate::head) fn validate(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    watch: &mut dyn Watch,
) -> Result<Validated, HeadError> {
    if let Some(prepared) = prepared(config, examples)? {
        let chosen = prepared.choose(config, seed, watch)?;
        return Ok(Validated {
            epochs: chosen.validation.as_ref().map_or(0, |v| v.epoch),
            validation: chosen.validation,
            curve: Vec::new(),
            best: Best::default(),
            l2: chosen.l2,
            l2_path: chosen.path,
            warnings: chosen.warnings,
        });
    }
    let stop = watch.stop();
    let mut curve = Vec::new();
    let mut report = |row: EpochRow| {
        watch.epoch(&row);
        curve.push(row);
    };
    let mut best = Best::default();
    let validation = match &config.validation {
        Some(v) => {
            let watched = Watched {
                stop: &stop,
                report: &mut report,
                best: &mut best,
            };
            let validation = cross_validate(config, *examples, *v, seed, watched);
            Some(validation.map_err(|error| best.instead(error))?)
        }
        None => None,
    };
    let epochs = match (&validation, &config.early_stopping) {
        (Some(validation), Some(_)) => validation.epoch,
        _ => config.epochs.get(),
    };
    Ok(Validated {
        validation,
        epochs,
        curve,
        best,
        l2: config.l2.get(),
        l2_path: None,
        warnings: Vec::new(),
    })
}

/// The second half of [`fit`]: the head, trained on all examples.
pub(in crate::head) fn finish(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    validated: Validated,
    watch: &mut dyn Watch,
) -> Result<Fit, HeadError> {
    let stop = watch.stop();
    let Validated {
        validation,
        epochs,
        mut curve,
        mut best,
        l2,
        l2_path,
        warnings,
    } = validated;
    if let Some(prepared) = prepared(config, examples)? {
        let chosen = Chosen {
            validation,
            path: l2_path,
            l2,
            warnings,
            near: None,
        };
        return prepared.finish(config, chosen, watch);
    }
    let everything = (0..examples.len()).collect();
    let trainer = Trainer::new(config, *examples, everything, seed, Model::Final)?;
    let mut trainer = trainer.until(&stop);
    for epoch in 1..=epochs {
        let sums = match trainer.epoch(epoch) {
            Err(error @ HeadError::Interrupted(_)) => {
                best.or_unfinished(trainer, epoch, epochs);
                return Err(best.instead(error));
            }
            sums => sums?,
        };
        let row = EpochRow::new(Phase::Final, epoch, config, sums, None);
        let row = EpochRow { of: epochs, ..row };
        watch.epoch(&row);
        curve.push(row);
    }
    let temperature = validation.as_ref().map_or(1.0, |v| v.temperature);
    let head = Head::new(trainer.into_network()).with_temperature(temperature);
    Ok(Fit {
        head,
        config: config.clone(),
        curve,
        epochs,
        validation,
        trials: Vec::new(),
        l2_path,
        warnings,
    })
}

impl EpochRow {
    fn new(
        phase: Phase,
        epoch: usize,
        config: &TrainConfig,
        train: EpochSums,
        held_out: Option<EpochSums>,
    ) -> Self {
        Self {
            phase,
            epoch,
            of: config.epochs.get(),
            train_loss: mean(train.loss, train.examples),
            train_accuracy: share(train),
            validation_loss: held_out.map(|sums| mean(sums.loss, sums.examples)),
            validation_accuracy: held_out.map(share),
        }
    }
}

/// Bytes that training takes besides the feature rows: weights, gradient, moments and a copy of
/// the best so far for each model, and what a batch is turned into on its way.
#[must_use]
pub fn working_memory(config: &TrainConfig, width: usize, classes: usize) -> usize {
    const COPIES: usize = 5;
    let weights = parameter_count(&config.head, width, classes).unwrap_or(usize::MAX);
    let hidden = match &config.head {
        HeadConfig::Dense(dense) => dense.hidden.iter().map(|width| width.get()).sum(),
        HeadConfig::Logistic(_) => 0_usize,
        HeadConfig::Cnn(cnn) => {
            let shapes = cnn.shapes(width).unwrap_or_default();
            let maps: usize = shapes.iter().skip(1).map(|shape| shape.len()).sum();
            maps.saturating_add(cnn.hidden.iter().map(|width| width.get()).sum())
        }
    };
    let blended = if config.mixup.is_some() { width } else { 0 };
    let a_row = hidden
        .saturating_mul(4)
        .saturating_add(classes)
        .saturating_add(blended);
    let batch = match config.batch {
        Batch::Examples(size) => size.get().saturating_add(1),
        Batch::All => 0,
    };
    let numbers = weights
        .saturating_mul(COPIES)
        .saturating_add(a_row.saturating_mul(batch));
    numbers
        .saturating_mul(models(config))
        .saturating_mul(size_of::<f32>())
}

/// Models that are in memory at once.
fn models(config: &TrainConfig) -> usize {
    config
        .validation
        .map_or(1, |v| v.folds.get().saturating_mul(v.repeats.get()))
}

/// Whether the models fit in memory side by side.
///
/// # Errors
/// [`HeadError::TooLarge`], or rows that the head cannot take.
pub(in crate::head) fn check_size(
    config: &TrainConfig,
    examples: &Examples<'_>,
) -> Result<(), HeadError> {
    let inputs = examples.width();
    if let HeadConfig::Cnn(cnn) = &config.head {
        cnn.shapes(inputs)?;
    }
    let models = models(config);
    let count = parameter_count(&config.head, inputs, examples.classes);
    match count.and_then(|count| count.checked_mul(models)) {
        Some(count) if count <= MOST_WEIGHTS => Ok(()),
        _ => Err(HeadError::TooLarge {
            models,
            inputs,
            limit: MOST_WEIGHTS,
        }),
    }
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn mean(sum: f64, count: usize) -> f64 {
    sum / count.max(1) as f64
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn share(sums: EpochSums) -> f64 {
    mean(sums.correct as f64, sums.examples)
}
