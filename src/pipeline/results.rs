//! What a run leaves for programs: `metrics.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backbone::runtime::Versions;
use crate::classifier::Parity;
use crate::head::{Coverage, L2Path, LearningPoint, Metrics, Trial};

use super::auto::AutoSummary;
use super::probe::ParitySummary;

/// `metrics.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct RunMetrics {
    /// The pipeline's name.
    pub name: String,
    /// What the run worked on.
    pub dataset: DatasetSummary,
    /// The head's score on the test examples (plain view).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<Metrics>,
    /// The score of the heads of cross-validation on the examples that each had not seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validation: Option<Metrics>,
    /// The head's score on the test examples by the mean probabilities of all their views, where
    /// `evaluate` has `tta`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_tta: Option<Metrics>,
    /// What the head's logits are divided by; 1 where nothing was fitted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub temperature: Option<f32>,
    /// How sure the probabilities were before they were calibrated, where they were.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncalibrated: Option<Uncalibrated>,
    /// The probability below which the head gives no answer, where `evaluate` has `reject`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reject_below: Option<f32>,
    /// Coverage against accuracy of out-of-fold scores (by which a threshold is chosen); without
    /// cross-validation empty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub coverage: Vec<Coverage>,
    /// The same of the test examples.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub test_coverage: Vec<Coverage>,
    /// Training examples whose label is likely wrong, the most doubtful first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub label_errors: Vec<DoubtfulLabel>,
    /// How good the head is with fewer examples, where `evaluate` has `learning_curve`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub learning_curve: Vec<LearningPoint>,
    /// Epochs that the head was trained for; steps where L-BFGS solved it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epochs: Option<usize>,
    /// How `l2: auto` chose.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub l2: Option<L2Path>,
    /// What a `search` tried, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trials: Vec<Trial>,
    /// What the backbone ran on.
    pub provider: ProviderSummary,
    /// How near the features are to those of another arithmetic, where a certificate beside the
    /// backbone's manifest says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parity: Option<ParitySummary>,
    /// How near the exported file comes to what is told here, where there is one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub export: Vec<Parity>,
    /// Where the time went.
    pub timings: Timings,
    /// Versions of what made the result.
    pub versions: BTreeMap<String, String>,
    /// The processor that it was made on.
    #[serde(default)]
    pub hardware: String,
}

impl RunMetrics {
    /// What the validation was: of all training examples, or of a share of them.
    #[must_use]
    pub fn validated_by(&self) -> &'static str {
        let total = self.validation.as_ref().map_or(0, |scores| scores.total);
        match total < self.dataset.train {
            true => "held out",
            false => "cross-validation",
        }
    }
}

/// Scores of probabilities before calibration.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Uncalibrated {
    /// Of the out-of-fold scores.
    pub validation: Sureness,
    /// Of the test examples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<Sureness>,
}

/// The scores that calibration changes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Sureness {
    /// Mean log loss.
    pub log_loss: f64,
    /// Brier score.
    pub brier: f64,
    /// Expected calibration error.
    pub ece: f64,
}

impl Sureness {
    pub(super) fn of(metrics: &Metrics) -> Self {
        Self {
            log_loss: metrics.log_loss,
            brier: metrics.brier,
            ece: metrics.ece,
        }
    }
}

/// A training example that models which had not seen it are confident of being another class.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DoubtfulLabel {
    /// The example.
    pub id: String,
    /// The class that it is labelled as.
    pub label: String,
    /// The class that it seems to be.
    pub suggested: String,
    /// The out-of-fold probability of its label.
    pub p_label: f32,
    /// That of the class that it seems to be.
    pub p_suggested: f32,
}

/// What a run worked on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct DatasetSummary {
    /// Number of training examples.
    pub train: usize,
    /// Number of test examples.
    pub test: usize,
    /// Rows of a training example: the plain view and its augmented ones.
    pub views: usize,
    /// Class names, in the order of labels.
    pub classes: Vec<String>,
}

/// What the backbone ran on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ProviderSummary {
    /// The execution provider.
    pub name: String,
    /// The precision of its arithmetic.
    #[serde(default)]
    pub precision: String,
    /// The device, as the provider calls it.
    #[serde(default)]
    pub device: String,
    /// Everything that may change a feature's bits: provider, precision, runtime version.
    pub numeric_class: String,
    /// Versions of the driver and of the libraries below it, where they are known.
    #[serde(flatten)]
    pub versions: Versions,
    /// The figures that it was chosen by, where that was left to `auto`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auto: Option<AutoSummary>,
}

/// Seconds, and what they were spent on.
///
/// `open`, `infer`, `wait`, `write` and `others` follow each other on one thread and make up
/// `extract`.
/// `read`, `decode`, `augment` and `resize` are those of all workers together, beside inference.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Timings {
    /// Rows that this run computed.
    pub rows_computed: usize,
    /// Rows that the cache already had.
    pub rows_cached: usize,
    /// Rows of one inference, where any ran.
    pub batch: usize,
    /// Threads that inferred, where any did.
    pub threads: usize,
    /// Sessions that shared those threads, where any ran.
    pub sessions: usize,
    /// Threads that prepare images, where any did.
    pub workers: usize,
    /// The extraction stage as a whole.
    pub extract: f64,
    /// Of that, loading the network.
    pub open: f64,
    /// Of that, inference.
    pub infer: f64,
    /// Of that, waiting for prepared images.
    pub wait: f64,
    /// Of that, writing rows.
    pub write: f64,
    /// Of that, waiting for rows that another run was computing.
    pub others: f64,
    /// On worker threads, beside inference: reading files.
    pub read: f64,
    /// On worker threads: decoding.
    pub decode: f64,
    /// On worker threads: augmentation.
    pub augment: f64,
    /// On worker threads: resizing, scaling and layout.
    #[serde(alias = "preprocess")]
    pub resize: f64,
    /// Training, cross-validation included.
    pub train: f64,
    /// Scoring.
    pub evaluate: f64,
    /// Exporting, with the comparison.
    pub export: f64,
}
