//! What a cross-validation, or a share that was held out, says of a head.

use ndarray::{Array2, Axis};

use crate::head::calibration::{self, Calibrated};
use crate::head::config::Calibration;
use crate::head::error::HeadError;
use crate::head::metrics::{self, Metrics};
use crate::head::model::softmax_at;

/// Out-of-fold results: each example judged, on its plain view, by the model that has not seen
/// any view of it, nor of anything of its group.
#[derive(Debug)]
pub struct Validation {
    /// The epoch these results are of: with early stopping the one with the lowest mean log loss,
    /// else the last.
    pub epoch: usize,
    /// Accuracy, log loss and the rest of [`Validation::probabilities`]. They are a little too good
    /// where something was chosen by them: the epoch (early stopping), the temperature (one number,
    /// worth about 1 / 2n of log loss).
    pub metrics: Metrics,
    /// The same before calibration, where there was any.
    pub uncalibrated: Option<Metrics>,
    /// The temperature that was fitted to the out-of-fold scores; 1 where none was.
    pub temperature: f32,
    /// The places of the examples that were judged, in order: of all, or of those that `share` held
    /// out.
    pub examples: Vec<usize>,
    /// What was said of them, `[judged examples, classes]`, calibrated. Where the folds were dealt
    /// more than once, each example's mean over the repeats.
    pub probabilities: Array2<f32>,
    /// The fold of each of all training examples, `[repeats][all examples]`.
    pub fold_of: Vec<Vec<usize>>,
}

/// What models said of examples that they had not seen.
#[derive(Debug)]
pub(in crate::head) struct Judged {
    /// The places of those examples, in order.
    pub(in crate::head) examples: Vec<usize>,
    /// Of each repeat, for all examples, `[examples, classes]`: log probabilities, or logits.
    pub(in crate::head) scores: Vec<Array2<f32>>,
    /// See [`Validation::fold_of`].
    pub(in crate::head) fold_of: Vec<Vec<usize>>,
}

impl Validation {
    /// Judges what was said of examples with these `labels` (of all).
    ///
    /// # Errors
    /// Scores that are not finite.
    pub(in crate::head) fn new(
        epoch: usize,
        judged: Judged,
        labels: &[usize],
        calibration: Calibration,
    ) -> Result<Self, HeadError> {
        let Judged {
            examples,
            scores,
            fold_of,
        } = judged;
        let (scores, labels) = match examples.len() == labels.len() {
            true => (scores, labels.to_vec()),
            false => (
                scores
                    .iter()
                    .map(|all| all.select(Axis(0), &examples))
                    .collect(),
                examples.iter().map(|&example| labels[example]).collect(),
            ),
        };
        let judge = |temperature: f32| -> Result<Calibrated, HeadError> {
            let probabilities = mean_probabilities(&scores, temperature);
            let metrics = metrics::evaluate(probabilities.view(), &labels)?;
            Ok((probabilities, metrics))
        };
        let (temperature, uncalibrated) = match calibration {
            Calibration::None => (1.0, None),
            Calibration::Temperature => {
                let views: Vec<_> = scores.iter().map(|one| one.view()).collect();
                (
                    calibration::temperature(&views, &labels),
                    Some(judge(1.0)?.1),
                )
            }
        };
        let (probabilities, metrics) = judge(temperature)?;
        Ok(Self {
            epoch,
            metrics,
            uncalibrated,
            temperature,
            examples,
            probabilities,
            fold_of,
        })
    }
}

/// The mean over the repeats of softmax(scores / temperature).
fn mean_probabilities(scores: &[Array2<f32>], temperature: f32) -> Array2<f32> {
    let mut repeats = scores.iter();
    let first = repeats.next().cloned().unwrap_or_default();
    let first = softmax_at(temperature, first);
    let sum = repeats.fold(first, |sum, one| sum + softmax_at(temperature, one.clone()));
    #[allow(clippy::cast_precision_loss)] // a handful
    let repeats = scores.len().max(1) as f32;
    sum / repeats
}
