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
mod size;
mod stepper;
mod together;
pub(super) mod trainer;
mod validated;
mod validation;
mod watch;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod golden_torch;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::config::{HeadConfig, OptimizerConfig, TrainConfig};
use super::error::{HeadError, Model};
use super::examples::Examples;
use super::logistic::{Chosen, L2Path, Prepared};
use super::model::Head;
use super::search::{Trial, search};
use super::warning::Warning;
pub(in crate::head) use best::Best;
pub use best::Partial;
use trainer::{EpochSums, Trainer};
use watch::Epochs;
pub use watch::Watch;

pub use size::working_memory;
pub(in crate::head) use size::{check_size, side_by_side};
pub(in crate::head) use trainer::budget;
pub(in crate::head) use validated::{Validated, validate, validate_together};
pub(in crate::head) use validation::Judged;
pub use validation::Validation;

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
    /// A model for each fold, or the one whose examples to judge it by are a share.
    CrossValidation,
    /// One model on all examples: the head.
    Final,
}

/// Trains a head.
///
/// Where `config` has `validation`, the training examples are cross-validated first (stratified
/// folds); with `early_stopping` the number of epochs comes from there. The final model then
/// trains on all examples for that number of epochs, and takes over the temperature that was fitted
/// to the out-of-fold scores. Where a share is held out instead, the model that was judged by it is
/// the head, with the weights of its best epoch. With `search`, each trial is cross-validated so, and the best one's
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

/// The second half of [`fit`]: the head, trained on all examples.
pub(in crate::head) fn finish(
    config: &TrainConfig,
    examples: &Examples<'_>,
    seed: u64,
    validated: Validated,
    watch: &mut dyn Watch,
) -> Result<Fit, HeadError> {
    if config.validation.is_some_and(|v| v.one_part) {
        return validated.kept(config);
    }
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
            best,
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

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn mean(sum: f64, count: usize) -> f64 {
    sum / count.max(1) as f64
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn share(sums: EpochSums) -> f64 {
    mean(sums.correct as f64, sums.examples)
}
