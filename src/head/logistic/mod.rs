//! Logistic regression, solved: L-BFGS on all examples at once, to a tolerance.
//!
//! What is minimised is convex (see [`objective`]), so the head that comes out is a function of
//! the examples and `l2` alone: no learning rate, no epochs, no seed but for the folds.
//!
//! # What is exact
//! The head itself is computed in `f64` from the features as they are, until no element of the
//! gradient is larger than `tolerance` (10⁻⁸ unless the pipeline says otherwise); then its weights
//! are rounded to `f32`. The models of a cross-validation, of which only the scores of held-out
//! examples are wanted, are computed in `f32` with sums in `f64`, until no element of the gradient
//! is larger than [`OUT_OF_FOLD`]; along a path of `l2`, than [`ALONG_PATH`]. The gradient is that
//! of the mean loss: scikit-learn's `tol` of the same number is about the same.
//!
//! # Speed
//! All folds are solved side by side, so that a pass over the rows is two wide matrix products; a
//! [preconditioner](preconditioner) nearly removes the dependence on how the features are
//! correlated; along a path each solution is foretold from the three before it, and what was
//! learned of the curvature is kept. One or two passes an `l2` are enough.
//!
//! Rows that do not fit in memory are read block by block, once a pass.

mod axes;
mod blocks;
mod folds;
mod objective;
mod partial;
mod path;
mod preconditioner;
mod search;
mod solve;
mod walk;

#[cfg(test)]
mod tests;

pub use path::{End, L2Path, L2Point};

use ndarray::{Array2, s};

use super::config::{L2, LogisticConfig, NonNegative, TrainConfig, ValidationConfig};
use super::error::{Cause, Diverging, HeadError, Model};
use super::examples::Examples;
use super::model::Head;
use super::network::Network;
use super::network::linear::Linear;
use super::network::loss::argmax;
use super::train::{Best, EpochRow, Fit, Judged, Phase, Validation, Watch};
use super::warning::Warning;
use crate::stop::Stop;
use axes::Axes;
use blocks::{Blocks, Centred};
use folds::Folds;
use objective::Objective;
use search::Search;
use solve::{Ending, Limits, Problem};
use walk::Walk;

/// The largest element of the gradient at which the models along a path of `l2` are good enough:
/// scikit-learn's default `tol`.
const ALONG_PATH: f64 = 1e-4;

/// The same for the models that the figures of the cross-validation are from.
const OUT_OF_FOLD: f64 = 1e-5;

/// The same for the head while its steps are still computed in `f32`.
const IN_F32: f64 = 1e-6;

/// Steps that the search for the head remembers.
const MEMORY: usize = 20;

/// The cross-validation of a logistic head, and the `l2` that it was for.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) validation: Option<Validation>,
    pub(super) path: Option<L2Path>,
    pub(super) l2: f64,
    pub(super) warnings: Vec<Warning>,
    /// A point near the head's, where there is any.
    pub(super) near: Option<Array2<f64>>,
    /// The best model so far, in case the rest is interrupted.
    pub(super) best: Best,
}

/// The examples, made ready to be passed over again and again.
pub(super) struct Prepared<'a> {
    examples: Examples<'a>,
    config: LogisticConfig,
    mean: Vec<f64>,
    /// The rows less their mean, where they lie in memory.
    rows: Option<Array2<f32>>,
    axes: Axes,
}

impl<'a> Prepared<'a> {
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn new(config: LogisticConfig, examples: Examples<'a>) -> Result<Self, HeadError> {
        let mean = blocks::mean(examples.features)?;
        let centred = Centred {
            rows: examples.features,
            mean: &mean,
        };
        let rows = match examples.features.in_memory() {
            Some(_) => Some(blocks::collected(&centred, examples.features.count())?),
            None => None,
        };
        let blocks = rows.as_ref().map_or(&centred as &dyn Blocks<f32>, |r| r);
        let axes = Axes::of(blocks, examples.features.count())?;
        Ok(Self {
            examples,
            config,
            mean,
            rows,
            axes,
        })
    }

    fn centred(&self) -> Centred<'_> {
        Centred {
            rows: self.examples.features,
            mean: &self.mean,
        }
    }

    /// Cross-validates as `config` says: first along a path of `l2` where that is `auto`.
    ///
    /// # Errors
    /// A class with fewer examples than folds, rows that cannot be read, a loss that is not finite.
    pub(super) fn choose(
        &self,
        config: &TrainConfig,
        seed: u64,
        watch: &mut dyn Watch,
    ) -> Result<Chosen, HeadError> {
        let mut chosen = Chosen {
            validation: None,
            path: None,
            l2: config.l2.get(),
            warnings: Vec::new(),
            near: None,
            best: Best::default(),
        };
        let validation = match (config.validation, config.l2) {
            (Some(validation), _) => validation,
            (None, L2::Auto(_)) => ValidationConfig::default(),
            (None, L2::Value(_)) => return Ok(chosen),
        };
        let folds = Folds::new(config, &self.examples, validation, seed)?;
        let stop = watch.stop();
        let centred = self.centred();
        let objective = self.objective(&centred, &folds.shares, &folds.judged);
        let walk = |tolerance| {
            let limits = self.limits(tolerance, &stop);
            Walk::new(&objective, &folds, &self.axes, limits)
        };
        let mut last = walk(OUT_OF_FOLD);
        if let L2::Auto(auto) = &config.l2 {
            let mut foremost = None;
            let explored = path::explore(auto, walk(ALONG_PATH), watch, &mut foremost);
            chosen.best = foremost.map_or_else(Best::default, |best| self.best_of_path(&best));
            let explored = explored.map_err(|error| chosen.best.instead(error))?;
            chosen.l2 = explored.path.chosen;
            let best = explored.path.lowest().map_or(chosen.l2, |point| point.l2);
            let warning = explored.end.map(|end| Warning::PathEnd { l2: best, end });
            chosen.warnings.extend(warning);
            chosen.path = Some(explored.path);
            last = last.from(&explored.solutions);
        }
        let judged = last.at(chosen.l2);
        let (log_p, endings) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                return Err(self
                    .or_first(chosen.best, &last, "unfinished")
                    .instead(error));
            }
        };
        chosen.best = self.or_first(chosen.best, &last, "finished");
        chosen.near = last.mean();
        for (fold, ending) in endings.iter().enumerate() {
            let limits = self.limits(OUT_OF_FOLD, &stop);
            let warning = self.judge(Model::Fold(fold), *ending, chosen.l2, &limits)?;
            chosen.warnings.extend(warning);
        }
        #[allow(clippy::cast_possible_truncation)] // scores are kept as f32
        let scores = log_p.iter().map(|one| one.mapv(|x| x as f32)).collect();
        let most = endings.iter().map(|ending| ending.iterations).max();
        chosen.validation = Some(Validation::new(
            most.unwrap_or(0),
            Judged {
                examples: (0..self.examples.len()).collect(),
                scores,
                fold_of: folds.of,
            },
            self.examples.labels,
            config.calibration,
        )?);
        Ok(chosen)
    }

    /// What is minimised, in `f32`.
    fn objective<'o>(
        &'o self,
        centred: &'o Centred<'o>,
        shares: &'o [Vec<f64>],
        judged: &'o [Vec<bool>],
    ) -> Objective<'o, f32> {
        let blocks: &dyn Blocks<f32> = match &self.rows {
            Some(rows) => rows,
            None => centred,
        };
        self.over(blocks, shares, judged)
    }

    fn over<'o, F>(
        &'o self,
        blocks: &'o dyn Blocks<F>,
        shares: &'o [Vec<f64>],
        judged: &'o [Vec<bool>],
    ) -> Objective<'o, F> {
        Objective {
            blocks,
            labels: self.examples.labels,
            views: self.examples.views,
            classes: self.examples.classes,
            shares,
            judged,
        }
    }

    fn limits(&self, tolerance: f64, stop: &Stop) -> Limits {
        Limits {
            tolerance: tolerance.max(self.config.tolerance.get()),
            iterations: self.config.iterations.get(),
            stop: stop.clone(),
        }
    }

    /// Trains on all examples with the `l2` that was chosen.
    ///
    /// # Errors
    /// Rows that cannot be read, a loss that is not finite.
    pub(super) fn finish(
        &self,
        config: &TrainConfig,
        chosen: Chosen,
        watch: &mut dyn Watch,
    ) -> Result<Fit, HeadError> {
        let Examples {
            labels, classes, ..
        } = self.examples;
        let (l2, mut best) = (chosen.l2, chosen.best);
        let shares = [folds::shares(
            config,
            &self.examples,
            &vec![0; labels.len()],
            None,
        )?];
        let stop = watch.stop();
        let centred = self.centred();
        let zero = || Array2::zeros((classes, self.examples.width() + 1));
        let start = chosen.near.unwrap_or_else(zero);
        let mut searches = [Search::new(start, MEMORY)];
        let problem = Problem {
            objective: &self.objective(&centred, &shares, &[]),
            l2,
            axes: &self.axes,
            limits: self.limits(IN_F32, &stop),
        };
        let in_f32 = problem.minimise(&mut searches);
        let in_f32 = in_f32.map_err(|error| self.interrupted(&mut best, &searches, error))?;
        let objective = self.over::<f64>(&centred, &shares, &[]);
        let limits = self.limits(0.0, &stop);
        let taken = in_f32.iter().map(|e| e.iterations).max().unwrap_or(0);
        let problem = Problem {
            objective: &objective,
            l2,
            axes: &self.axes,
            limits: Limits {
                iterations: limits.iterations.saturating_sub(taken),
                ..limits.clone()
            },
        };
        for search in &mut searches {
            search.restart(search.point.clone());
        }
        let endings = problem.minimise(&mut searches);
        let mut endings = endings.map_err(|error| self.interrupted(&mut best, &searches, error))?;
        endings.iter_mut().for_each(|e| e.iterations += taken);
        let ([search], Some(&ending)) = (&searches, endings.first()) else {
            return Err(HeadError::NoExamples {
                examples: labels.len(),
                width: self.examples.width(),
            });
        };
        let mut warnings = chosen.warnings;
        warnings.extend(self.judge(Model::Final, ending, l2, &limits)?);
        let log_p = objective.log_probabilities(&search.point)?;
        let row = last_row(ending.iterations, &log_p, labels);
        watch.epoch(&row);
        let temperature = chosen.validation.as_ref().map_or(1.0, |v| v.temperature);
        // What else is asked of the head is asked at the `l2` that was found.
        let mut config = config.clone();
        config.l2 = NonNegative::try_from(l2).map_or(config.l2, L2::Value);
        Ok(Fit {
            head: Head::new(self.network(&search.point)).with_temperature(temperature),
            config,
            curve: vec![row],
            epochs: ending.iterations,
            validation: chosen.validation,
            trials: Vec::new(),
            l2_path: chosen.path,
            warnings,
        })
    }

    /// The head's layer: the mean that was taken off the features goes into the intercepts.
    #[allow(clippy::cast_possible_truncation)] // a head is kept as f32
    fn network(&self, point: &Array2<f64>) -> Network<f32> {
        let (classes, width) = (self.examples.classes, self.mean.len());
        let weights = point.slice(s![.., ..width]);
        let bias = |(_, class): (usize, usize)| {
            let terms = weights.row(class).into_iter().zip(&self.mean);
            let shift: f64 = terms.map(|(w, mean)| w * mean).sum();
            (point[[class, width]] - shift) as f32
        };
        Network {
            maps: Vec::new(),
            hidden: Vec::new(),
            output: Linear {
                weight: weights.mapv(|w| w as f32),
                bias: Some(Array2::from_shape_fn((1, classes), bias)),
            },
        }
    }

    /// What there is to say of how a minimisation ended.
    ///
    /// # Errors
    /// A loss that is not finite.
    fn judge(
        &self,
        model: Model,
        ending: Ending,
        l2: f64,
        limits: &Limits,
    ) -> Result<Option<Warning>, HeadError> {
        if !ending.gradient.is_finite() {
            let largest = self.examples.largest_feature()?;
            return Err(HeadError::Diverged {
                model,
                epoch: ending.iterations,
                what: Diverging::Loss,
                cause: Cause::Scale { largest },
            });
        }
        // Where rounding ends a search in `f32`, what is left is of no consequence for scores.
        let close = limits.tolerance >= OUT_OF_FOLD && ending.stuck;
        Ok(
            (!ending.converged && !close).then_some(Warning::NotConverged {
                model,
                iterations: ending.iterations,
                limit: limits.iterations,
                gradient: ending.gradient,
                tolerance: limits.tolerance,
                l2,
            }),
        )
    }
}

/// The line of the learning curve that stands for a whole minimisation.
#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn last_row(iterations: usize, log_p: &Array2<f64>, labels: &[usize]) -> EpochRow {
    let rows = || log_p.outer_iter().zip(labels);
    let n = labels.len().max(1) as f64;
    let loss = |(row, &label): (ndarray::ArrayView1<'_, f64>, &usize)| {
        -row.get(label).copied().unwrap_or(f64::NAN)
    };
    let correct = rows()
        .filter(|(row, label)| argmax(row.view()) == **label)
        .count();
    EpochRow {
        phase: Phase::Final,
        epoch: iterations,
        of: iterations,
        train_loss: rows().map(loss).sum::<f64>() / n,
        train_accuracy: correct as f64 / n,
        validation_loss: None,
        validation_accuracy: None,
    }
}
