//! Cross-validation: one model a fold (of each repeat), trained side by side, and what they say of
//! the examples that they have not seen.

use ndarray::Array2;
use rayon::prelude::*;

use super::best::Best;
use super::patience::{Patience, Verdict};
use super::trainer::{EpochSums, Trainer};
use super::{EpochRow, Phase, Validation, folds, mean, share};
use crate::head::config::{StoppingMetric, TrainConfig, ValidationConfig};
use crate::head::error::{Diverging, HeadError, Model};
use crate::head::examples::Examples;
use crate::head::network::loss::argmax;
use crate::stop::Stop;

/// A fold's model and the examples that it is judged on.
struct Fold<'c, 'e> {
    trainer: Trainer<'c, 'e>,
    repeat: usize,
    held_out: Vec<usize>,
}

/// Who watches a cross-validation.
pub(super) struct Watched<'w> {
    /// The request to end.
    pub(super) stop: &'w Stop,
    /// Told of every epoch.
    pub(super) report: &'w mut dyn FnMut(EpochRow),
    /// What is kept for the case of an interruption.
    pub(super) best: &'w mut Best,
}

/// Trains a model for each fold, epoch by epoch in step, each judged on the plain view of its
/// held-out examples. The best epoch by the metric of early stopping (the mean out-of-fold log loss
/// unless it says otherwise) is chosen where that is on, else the last.
pub(super) fn cross_validate(
    config: &TrainConfig,
    examples: Examples<'_>,
    validation: ValidationConfig,
    seed: u64,
    watched: Watched<'_>,
) -> Result<Validation, HeadError> {
    let Watched { stop, report, best } = watched;
    let fold_of = folds::divide(&examples, validation, seed)?;
    let k = validation.folds.get();
    let mut folds: Vec<Fold<'_, '_>> = (0..k * fold_of.len())
        .map(|place| {
            let of = (place / k, place % k);
            let mut fold = Fold::new(config, examples, &fold_of, of, seed, place)?;
            fold.trainer = fold.trainer.until(stop);
            Ok(fold)
        })
        .collect::<Result<_, HeadError>>()?;
    let mut patience = config
        .early_stopping
        .map(|e| Patience::new(e.patience.get()));
    let empty = Array2::zeros((examples.len(), examples.classes));
    let mut scores = vec![empty; fold_of.len()];
    let mut chosen = (0, scores.clone());
    for epoch in 1..=config.epochs.get() {
        let train = train_epoch(&mut folds, epoch)?;
        let held_out = judge(&folds, examples.labels, epoch, &mut scores)?;
        report(EpochRow::new(
            Phase::CrossValidation,
            epoch,
            config,
            train,
            Some(held_out),
        ));
        let cost = match config.early_stopping.map(|early| early.metric) {
            Some(StoppingMetric::Accuracy) => -share(held_out),
            Some(StoppingMetric::LogLoss) | None => mean(held_out.loss, held_out.examples),
        };
        let verdict = patience
            .as_mut()
            .map_or(Verdict::Best, |p| p.observe(epoch, cost));
        match verdict {
            Verdict::Best => {
                if let Some(first) = folds.first() {
                    best.keep(first.trainer.network(), epoch);
                }
                chosen.0 = epoch;
                chosen.1.clone_from(&scores);
            }
            Verdict::Wait => {}
            Verdict::Stop => break,
        }
    }
    let (epoch, scores) = chosen;
    Validation::new(epoch, &scores, fold_of, examples.labels, config.calibration)
}

impl<'c, 'e> Fold<'c, 'e> {
    fn new(
        config: &'c TrainConfig,
        examples: Examples<'e>,
        fold_of: &[Vec<usize>],
        (repeat, fold): (usize, usize),
        seed: u64,
        place: usize,
    ) -> Result<Self, HeadError> {
        let fold_of = fold_of.get(repeat).map(Vec::as_slice).unwrap_or_default();
        let (held_out, members) =
            (0..fold_of.len()).partition(|&example| fold_of.get(example) == Some(&fold));
        let trainer = Trainer::new(config, examples, members, seed, Model::Fold(place))?;
        Ok(Self {
            trainer,
            repeat,
            held_out,
        })
    }
}

/// The next epoch of every fold, summed over the folds.
fn train_epoch(folds: &mut [Fold<'_, '_>], epoch: usize) -> Result<EpochSums, HeadError> {
    let epoch = |fold: &mut Fold<'_, '_>| fold.trainer.epoch(epoch);
    // Side by side where their rows are in memory; those that are read come one fold after another.
    let own: Vec<_> = match folds.iter().any(|fold| fold.trainer.is_streamed()) {
        false => folds.par_iter_mut().map(epoch).collect(),
        true => folds.iter_mut().map(epoch).collect(),
    };
    let mut sums = EpochSums::default();
    for own in own {
        let own = own?;
        sums.loss += own.loss;
        sums.correct += own.correct;
        sums.examples += own.examples;
    }
    Ok(sums)
}

/// ln p of every example by the one model of each repeat that has not seen it, into the repeat's
/// `scores`, and their loss.
fn judge(
    folds: &[Fold<'_, '_>],
    labels: &[usize],
    epoch: usize,
    scores: &mut [Array2<f32>],
) -> Result<EpochSums, HeadError> {
    let mut sums = EpochSums::default();
    for fold in folds {
        let own = fold.trainer.log_probabilities(&fold.held_out)?;
        for (&example, row) in fold.held_out.iter().zip(own.outer_iter()) {
            let label = labels[example];
            sums.loss -= f64::from(row[label]);
            sums.correct += usize::from(argmax(row) == label);
            sums.examples += 1;
            if let Some(scores) = scores.get_mut(fold.repeat) {
                scores.row_mut(example).assign(&row);
            }
        }
        if !sums.loss.is_finite() {
            return Err(fold.trainer.diverged(epoch, Diverging::ValidationLoss)?);
        }
    }
    Ok(sums)
}
