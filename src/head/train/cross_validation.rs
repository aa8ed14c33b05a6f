//! Cross-validation: one model a fold, trained side by side, and what they say of the examples
//! that they have not seen.

use ndarray::Array2;

use super::patience::{Patience, Verdict};
use super::trainer::{EpochSums, Trainer};
use super::{EpochRow, Phase, Validation, folds, mean};
use crate::head::config::TrainConfig;
use crate::head::error::{Diverging, HeadError, Model};
use crate::head::examples::Examples;
use crate::head::metrics;
use crate::head::network::loss::argmax;

/// A fold's model and the examples that it is judged on.
struct Fold<'c, 'e> {
    trainer: Trainer<'c, 'e>,
    held_out: Vec<usize>,
}

/// Trains a model for each fold, epoch by epoch in step, each judged on the plain view of its
/// held-out examples. The epoch with the lowest mean out-of-fold log loss is chosen where early
/// stopping is on, else the last.
pub(super) fn cross_validate(
    config: &TrainConfig,
    examples: Examples<'_>,
    k: usize,
    seed: u64,
    report: &mut dyn FnMut(EpochRow),
) -> Result<Validation, HeadError> {
    let fold_of = folds::stratified(examples.labels, examples.classes, k, seed)?;
    let mut folds: Vec<Fold<'_, '_>> = (0..k)
        .map(|fold| Fold::new(config, examples, &fold_of, fold, seed))
        .collect();
    let mut patience = config
        .early_stopping
        .map(|e| Patience::new(e.patience.get()));
    let mut scores = Array2::zeros((examples.len(), examples.classes));
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
        let loss = mean(held_out.loss, held_out.examples);
        let verdict = patience
            .as_mut()
            .map_or(Verdict::Best, |p| p.observe(epoch, loss));
        match verdict {
            Verdict::Best => {
                chosen.0 = epoch;
                chosen.1.assign(&scores);
            }
            Verdict::Wait => {}
            Verdict::Stop => break,
        }
    }
    let (epoch, scores) = chosen;
    let probabilities = scores.mapv_into(f32::exp);
    let metrics = metrics::evaluate(probabilities.view(), examples.labels)?;
    Ok(Validation {
        epoch,
        metrics,
        probabilities,
        fold_of,
    })
}

impl<'c, 'e> Fold<'c, 'e> {
    fn new(
        config: &'c TrainConfig,
        examples: Examples<'e>,
        fold_of: &[usize],
        fold: usize,
        seed: u64,
    ) -> Self {
        let (held_out, members) =
            (0..fold_of.len()).partition(|&example| fold_of.get(example) == Some(&fold));
        let trainer = Trainer::new(config, examples, members, seed, Model::Fold(fold));
        Self { trainer, held_out }
    }
}

/// The next epoch of every fold, summed over the folds.
fn train_epoch(folds: &mut [Fold<'_, '_>], epoch: usize) -> Result<EpochSums, HeadError> {
    let mut sums = EpochSums::default();
    for fold in folds {
        let own = fold.trainer.epoch(epoch)?;
        sums.loss += own.loss;
        sums.correct += own.correct;
        sums.examples += own.examples;
    }
    Ok(sums)
}

/// ln p of every example by the one model that has not seen it, into `scores`, and their loss.
fn judge(
    folds: &[Fold<'_, '_>],
    labels: &[usize],
    epoch: usize,
    scores: &mut Array2<f32>,
) -> Result<EpochSums, HeadError> {
    let mut sums = EpochSums::default();
    for fold in folds {
        let own = fold.trainer.log_probabilities(&fold.held_out)?;
        for (&example, row) in fold.held_out.iter().zip(own.outer_iter()) {
            let label = labels[example];
            sums.loss -= f64::from(row[label]);
            sums.correct += usize::from(argmax(row) == label);
            sums.examples += 1;
            scores.row_mut(example).assign(&row);
        }
        if !sums.loss.is_finite() {
            return Err(fold.trainer.diverged(epoch, Diverging::ValidationLoss)?);
        }
    }
    Ok(sums)
}
