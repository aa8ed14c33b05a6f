//! What training examples that are held out say of a head.

use serde::{Deserialize, Serialize};

use super::{AtLeast, Fraction};

/// `validation: {folds: 5, repeats: 1}`, k-fold cross-validation, or `validation: {share: 0.2}`, one
/// part that is held out.
///
/// Both are stratified; all views of an example stay on one side, and so does what the dataset calls
/// a group. After a cross-validation the head is trained anew on all examples, for as many epochs as
/// were best. With a share there is one training, on the rest of the examples: the head has the
/// weights of its best epoch by the metric of early stopping, kept and restored (without early
/// stopping, of the last epoch). That costs a fifth or so of the time and a part of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawValidation", into = "RawValidation")]
pub struct ValidationConfig {
    /// How many parts the examples are dealt into.
    pub folds: AtLeast<2>,
    /// How often they are dealt anew, each time with models of its own. Which examples happen to
    /// be held out together then matters less; what each example gets is the mean over the repeats.
    pub repeats: AtLeast<1>,
    /// Whether the first part alone is held out, once, and the model that has not seen it is the
    /// head.
    pub one_part: bool,
}

/// As it is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawValidation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folds: Option<AtLeast<2>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeats: Option<AtLeast<1>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<Fraction>,
}

/// A way of validating that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ValidationConfigError {
    /// Two ways at once.
    #[error("has both `share` and `{0}`: keep one of them")]
    TwoWays(&'static str),
    /// A share that is no part of a whole number of parts.
    #[error(
        "`share` holds out one part of a whole number of equal parts, 0.5, 0.33, 0.25, 0.2, ... \
         down to 0.01: found {found}; did you mean {near:.2}?"
    )]
    Share {
        /// What was written.
        found: f64,
        /// The nearest share that can be had.
        near: f64,
    },
}

/// The most parts of which a share may be one.
const MOST_PARTS: f64 = 100.0;

/// How far a share may be from one part: what rounding it to two digits makes of it.
const ROUNDED: f64 = 0.005;

impl ValidationConfig {
    /// Models that are trained for it.
    #[must_use]
    pub fn models(&self) -> usize {
        match self.one_part {
            true => 1,
            false => self.folds.get().saturating_mul(self.repeats.get()),
        }
    }
}

impl TryFrom<RawValidation> for ValidationConfig {
    type Error = ValidationConfigError;

    fn try_from(raw: RawValidation) -> Result<Self, ValidationConfigError> {
        let Some(share) = raw.share else {
            let default = Self::default();
            return Ok(Self {
                folds: raw.folds.unwrap_or(default.folds),
                repeats: raw.repeats.unwrap_or(default.repeats),
                one_part: false,
            });
        };
        match (raw.folds, raw.repeats) {
            (Some(_), _) => return Err(ValidationConfigError::TwoWays("folds")),
            (_, Some(_)) => return Err(ValidationConfigError::TwoWays("repeats")),
            (None, None) => {}
        }
        let found = share.get();
        let parts = (1.0 / found).round().clamp(2.0, MOST_PARTS);
        let near = 1.0 / parts;
        #[allow(clippy::cast_possible_truncation)] // between 2 and 100
        let folds = AtLeast::try_from(parts as i64);
        match folds {
            Ok(folds) if (near - found).abs() < ROUNDED => Ok(Self {
                folds,
                repeats: AtLeast::constant(1),
                one_part: true,
            }),
            _ => Err(ValidationConfigError::Share { found, near }),
        }
    }
}

impl From<ValidationConfig> for RawValidation {
    #[allow(clippy::cast_precision_loss)] // at most 100
    fn from(config: ValidationConfig) -> Self {
        let share = || Fraction::try_from(1.0 / config.folds.get() as f64).ok();
        let folds = !config.one_part;
        Self {
            folds: folds.then_some(config.folds),
            // Not written where it is 1, so that pipelines without repeats look as they always did.
            repeats: (folds && config.repeats.get() > 1).then_some(config.repeats),
            share: if folds { None } else { share() },
        }
    }
}

/// What makes a head as sure as it ought to be.
///
/// The default is `temperature` where there is validation: it costs nothing beside the
/// cross-validation, changes no prediction, and a head trained until its own examples are right
/// is too sure of new ones. Without validation there is nothing to fit it to that the head has not
/// seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Nothing: probabilities are the softmax of the logits.
    #[default]
    None,
    /// Logits are divided by a temperature that is fitted to out-of-fold scores (Guo et al. 2017).
    Temperature,
}

/// Train for the number of epochs that cross-validation finds best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStoppingConfig {
    /// Epochs without a better out-of-fold result before the search ends.
    pub patience: AtLeast<1>,
    /// What is better.
    #[serde(skip_serializing_if = "StoppingMetric::is_default")]
    pub metric: StoppingMetric,
}

/// What an epoch is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppingMetric {
    /// The mean log loss of the held-out examples: it sees every improvement.
    #[default]
    LogLoss,
    /// The share of the held-out examples that are right: what is asked for in the end, in coarse
    /// steps. The first of equal epochs counts.
    Accuracy,
}

impl StoppingMetric {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's way
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
