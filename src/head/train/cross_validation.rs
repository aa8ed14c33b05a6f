//! Cross-validation: one model a fold (of each repeat), trained side by side, and what they say of
//! the examples that they have not seen. Several cross-validations go on side by side likewise.

use ndarray::Array2;

use super::best::Best;
use super::patience::{Patience, Verdict};
use super::trainer::{EpochSums, Trainer};
use super::{EpochRow, Judged, Phase, Validation, folds, mean, share, together};
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

/// A model for each fold (or for the first alone, where one part is held out), trained epoch by epoch
/// in step, each judged on the plain view of its held-out examples. The best epoch by the metric of
/// early stopping (the mean out-of-fold log loss unless it says otherwise) is chosen where that is
/// on, else the last.
pub(super) struct CrossValidation<'c, 'e> {
    config: &'c TrainConfig,
    examples: Examples<'e>,
    validation: ValidationConfig,
    fold_of: Vec<Vec<usize>>,
    folds: Vec<Fold<'c, 'e>>,
    patience: Option<Patience>,
    /// Of the last epoch, for each repeat.
    scores: Vec<Array2<f32>>,
    /// The best epoch, its scores and what it cost.
    chosen: (usize, Vec<Array2<f32>>, f64),
    /// Epochs until now.
    epoch: usize,
    stopped: bool,
    /// What is kept for the case of an interruption, and as the head where one part is held out.
    best: Best,
}

/// The next epoch of every cross-validation, all in one pass over the rows: what it came to, or why
/// it came to nothing. Streamed rows take `budget` bytes.
///
/// # Errors
/// Rows that cannot be read when models are judged.
pub(super) fn next_epoch(
    all: &mut [&mut CrossValidation<'_, '_>],
    budget: usize,
) -> Result<Vec<Result<EpochRow, HeadError>>, HeadError> {
    let Some((epoch, examples)) = all.first().map(|first| (first.epoch + 1, first.examples)) else {
        return Ok(Vec::new());
    };
    let folds = all.iter_mut().flat_map(|one| &mut one.folds);
    let mut trainers: Vec<_> = folds.map(|fold| &mut fold.trainer).collect();
    let mut sums = together::epoch(&mut trainers, budget, epoch).into_iter();
    let mut trained = Vec::with_capacity(all.len());
    for one in all.iter() {
        let own: Vec<_> = sums.by_ref().take(one.folds.len()).collect();
        let own: Result<Vec<EpochSums>, HeadError> = own.into_iter().collect();
        trained.push(own.map(|own| EpochSums::of(&own)));
    }
    let going = all.iter().zip(&trained).filter(|(_, sums)| sums.is_ok());
    let judged: Vec<(&Trainer<'_, '_>, &[usize])> = going
        .flat_map(|(one, _)| &one.folds)
        .map(|fold| (&fold.trainer, fold.held_out.as_slice()))
        .collect();
    let mut judged = together::log_probabilities(&judged, &examples)?.into_iter();
    let one = |(one, sums): (&mut &mut CrossValidation<'_, '_>, _)| {
        let sums = sums?;
        let own: Vec<_> = judged.by_ref().take(one.folds.len()).collect();
        one.take(sums, &own)
    };
    Ok(all.iter_mut().zip(trained).map(one).collect())
}

impl<'c, 'e> CrossValidation<'c, 'e> {
    /// # Errors
    /// Examples that cannot be dealt into folds, weights for classes that are not there.
    pub(super) fn new(
        config: &'c TrainConfig,
        examples: Examples<'e>,
        validation: ValidationConfig,
        seed: u64,
        stop: &'c Stop,
    ) -> Result<Self, HeadError> {
        let fold_of = folds::divide(&examples, validation, seed)?;
        let k = validation.folds.get();
        let folds = (0..validation.models())
            .map(|place| {
                let of = (place / k, place % k);
                let mut fold = Fold::new(config, examples, &fold_of, of, seed, place)?;
                fold.trainer = fold.trainer.until(stop);
                Ok(fold)
            })
            .collect::<Result<_, HeadError>>()?;
        let early = config.early_stopping;
        let empty = Array2::zeros((examples.len(), examples.classes));
        let scores = vec![empty; fold_of.len()];
        Ok(Self {
            patience: early.map(|early| Patience::new(early.patience.get())),
            chosen: (0, scores.clone(), f64::INFINITY),
            scores,
            config,
            examples,
            validation,
            fold_of,
            folds,
            epoch: 0,
            stopped: false,
            best: Best::default(),
        })
    }

    /// Whether there is another epoch to be trained.
    pub(super) fn goes_on(&self) -> bool {
        !self.stopped && self.epoch < self.config.epochs.get()
    }

    /// What the best epoch until now cost.
    pub(super) fn cost(&self) -> f64 {
        self.chosen.2
    }

    /// The best model until now.
    pub(super) fn take_best(&mut self) -> Best {
        std::mem::take(&mut self.best)
    }

    /// What was found.
    ///
    /// # Errors
    /// Scores that are not finite.
    pub(super) fn end(self) -> Result<Validation, HeadError> {
        let (epoch, scores, _) = self.chosen;
        let judged = match self.validation.one_part {
            true => self.folds.into_iter().flat_map(|f| f.held_out).collect(),
            false => (0..self.examples.len()).collect(),
        };
        let judged = Judged {
            examples: judged,
            scores,
            fold_of: self.fold_of,
        };
        Validation::new(epoch, judged, self.examples.labels, self.config.calibration)
    }

    /// Takes in what an epoch came to: the sums of training, and ln p of each fold's held-out
    /// examples.
    fn take(&mut self, train: EpochSums, said: &[Array2<f32>]) -> Result<EpochRow, HeadError> {
        self.epoch += 1;
        let held_out = self.judge(said)?;
        let cost = match self.config.early_stopping.map(|early| early.metric) {
            Some(StoppingMetric::Accuracy) => -share(held_out),
            Some(StoppingMetric::LogLoss) | None => mean(held_out.loss, held_out.examples),
        };
        let epoch = self.epoch;
        let observed = self.patience.as_mut().map(|p| p.observe(epoch, cost));
        match observed.unwrap_or(Verdict::Best) {
            Verdict::Best => {
                if let Some(first) = self.folds.first() {
                    self.best.keep(first.trainer.network(), epoch);
                }
                self.chosen.0 = epoch;
                self.chosen.1.clone_from(&self.scores);
                self.chosen.2 = cost;
            }
            Verdict::Wait => {}
            Verdict::Stop => self.stopped = true,
        }
        let phase = Phase::CrossValidation;
        Ok(EpochRow::new(
            phase,
            epoch,
            self.config,
            train,
            Some(held_out),
        ))
    }

    /// ln p of every example by the one model of each repeat that has not seen it goes into the
    /// repeat's scores; their loss.
    fn judge(&mut self, said: &[Array2<f32>]) -> Result<EpochSums, HeadError> {
        let mut sums = EpochSums::default();
        for (fold, own) in self.folds.iter().zip(said) {
            for (&example, row) in fold.held_out.iter().zip(own.outer_iter()) {
                let label = self.examples.labels[example];
                sums.loss -= f64::from(row[label]);
                sums.correct += usize::from(argmax(row) == label);
                sums.examples += 1;
                if let Some(scores) = self.scores.get_mut(fold.repeat) {
                    scores.row_mut(example).assign(&row);
                }
            }
            if !sums.loss.is_finite() {
                return Err(fold
                    .trainer
                    .diverged(self.epoch, Diverging::ValidationLoss)?);
            }
        }
        Ok(sums)
    }
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
