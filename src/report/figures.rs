//! The figures of a run, as its `metrics.json` has them.
//!
//! A report reads runs that other versions of the program left: what one of them lacks, or has no
//! value for, is `None` or empty here, and never a zero.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `metrics.json` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// The pipeline's name.
    pub name: String,
    /// What the run worked on.
    pub dataset: DatasetFigures,
    /// The score on the test examples.
    pub test: Option<Scores>,
    /// The out-of-fold score on the training examples.
    pub validation: Option<Scores>,
    /// Epochs of the final training.
    pub epochs: Option<usize>,
    /// The temperature that the logits are divided by.
    pub temperature: Option<f64>,
    /// The path of L2 penalties that one was chosen from.
    pub l2: Option<L2Path>,
    /// What a search tried.
    pub trials: Vec<TrialFigures>,
    /// Scores by the number of training examples.
    pub learning_curve: Vec<SizeScore>,
    /// Labels that are likely wrong.
    pub label_errors: Vec<LabelError>,
    /// What is left, and how right it is, where the least certain are rejected.
    pub coverage: Vec<CoveragePoint>,
    /// The same of the test examples.
    pub test_coverage: Vec<CoveragePoint>,
    /// What the backbone ran on.
    pub provider: ProviderFigures,
    /// How near the features are to those of another arithmetic.
    pub parity: Option<ParityFigures>,
    /// Seconds, and what they were spent on.
    pub timings: TimingFigures,
    /// Versions of what made the result.
    pub versions: BTreeMap<String, String>,
    /// The processor.
    pub hardware: Option<String>,
}

/// What a run worked on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DatasetFigures {
    /// Training examples.
    pub train: usize,
    /// Test examples.
    pub test: usize,
    /// Rows of a training example.
    pub views: usize,
    /// Class names, in the order of labels.
    pub classes: Vec<String>,
}

/// Scores of predictions against the truth; `*_ci95` are 95 % intervals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // named as the field names them, and as `metrics.json` does
pub struct Scores {
    pub correct: usize,
    pub total: usize,
    pub accuracy: f64,
    pub accuracy_ci95: Option<[f64; 2]>,
    pub balanced_accuracy: Option<f64>,
    pub balanced_accuracy_ci95: Option<[f64; 2]>,
    pub log_loss: Option<f64>,
    pub log_loss_ci95: Option<[f64; 2]>,
    pub brier: Option<f64>,
    pub brier_ci95: Option<[f64; 2]>,
    pub ece: Option<f64>,
    pub ece_ci95: Option<[f64; 2]>,
    pub roc_auc: Option<f64>,
    pub roc_auc_ci95: Option<[f64; 2]>,
    pub average_precision: Option<f64>,
    pub average_precision_ci95: Option<[f64; 2]>,
    /// Counts: a row for each true class, a column for each predicted one.
    pub confusion: Vec<Vec<usize>>,
    pub classes: Vec<ClassScores>,
}

/// Scores of one class against the rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // as above
pub struct ClassScores {
    pub class: String,
    pub support: usize,
    pub precision: Option<f64>,
    pub precision_ci95: Option<[f64; 2]>,
    pub recall: Option<f64>,
    pub recall_ci95: Option<[f64; 2]>,
    pub f1: Option<f64>,
    pub f1_ci95: Option<[f64; 2]>,
    pub roc_auc: Option<f64>,
    pub average_precision: Option<f64>,
}

/// The path of L2 penalties.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct L2Path {
    /// The penalty that was taken.
    pub chosen: f64,
    /// By which rule.
    pub rule: String,
    /// What each gave.
    pub path: Vec<L2Point>,
}

/// What one penalty gave in cross-validation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct L2Point {
    /// The penalty.
    pub l2: f64,
    /// Mean out-of-fold log loss.
    pub log_loss: f64,
    /// Standard error of that mean.
    pub standard_error: Option<f64>,
    /// Out-of-fold accuracy.
    pub accuracy: Option<f64>,
}

/// A combination of settings that a search tried.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TrialFigures {
    /// From 1.
    pub trial: usize,
    /// What was set.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The out-of-fold scores, where its training did not diverge.
    pub validated: Option<Scores>,
    /// What happened, where it did.
    pub diverged: Option<String>,
    /// Whether it is the one that was taken.
    pub chosen: bool,
}

/// A head trained on some of the training examples.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SizeScore {
    /// How many.
    pub examples: usize,
    /// Share of the held-out examples that were right.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub accuracy_ci95: Option<[f64; 2]>,
    /// Mean log loss.
    pub log_loss: Option<f64>,
}

/// A label that is likely wrong.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LabelError {
    /// The example.
    pub id: String,
    /// Its label.
    pub label: String,
    /// What it looks like.
    pub suggested: String,
    /// The probability of its label by the model that has not seen it.
    pub p_label: f64,
    /// The probability of what it looks like.
    pub p_suggested: f64,
}

/// What is left where examples of less confidence are rejected.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CoveragePoint {
    /// The least confidence that is accepted.
    pub threshold: f64,
    /// Share of the examples that are.
    pub coverage: f64,
    /// Share of those that are right; none where nothing is accepted.
    pub accuracy: Option<f64>,
}

/// What the backbone ran on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProviderFigures {
    /// The execution provider.
    pub name: String,
    /// The precision of its arithmetic.
    pub precision: String,
    /// The device.
    pub device: String,
    /// Everything that may change a feature's bits.
    pub numeric_class: String,
}

/// How near the features are to those of another arithmetic.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ParityFigures {
    /// What they were compared with.
    pub against: String,
    /// On how many pictures.
    pub images: usize,
    /// The least cosine of a picture.
    pub cosine_min: f64,
    /// The mean of the cosines.
    pub cosine_mean: f64,
    /// The largest absolute difference of a feature.
    pub largest_difference: f64,
}

/// Seconds, and what they were spent on; see the run's own for how they add up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // the names say it
pub struct TimingFigures {
    pub rows_computed: usize,
    pub rows_cached: usize,
    pub batch: usize,
    pub threads: usize,
    pub workers: usize,
    pub extract: f64,
    pub open: f64,
    pub infer: f64,
    pub wait: f64,
    pub write: f64,
    pub others: f64,
    pub read: f64,
    pub decode: f64,
    pub augment: f64,
    pub resize: f64,
    pub train: f64,
    pub evaluate: f64,
    pub export: f64,
}

impl DatasetFigures {
    /// The name of a class.
    #[must_use]
    pub fn class(&self, class: usize) -> String {
        let name = self.classes.get(class);
        name.cloned().unwrap_or_else(|| class.to_string())
    }
}

impl Figures {
    /// The score that counts: of the test examples, else out of fold, with what it is of.
    #[must_use]
    pub fn main_scores(&self) -> Option<(&'static str, &Scores)> {
        let test = self.test.as_ref().map(|scores| ("test", scores));
        let validation = || Some((self.validated_by(), self.validation.as_ref()?));
        test.or_else(validation)
    }

    /// What the validation was: of all training examples, or of a share of them.
    #[must_use]
    pub fn validated_by(&self) -> &'static str {
        let total = self.validation.as_ref().map_or(0, |scores| scores.total);
        match total < self.dataset.train {
            true => "held-out examples",
            false => "cross-validation",
        }
    }
}
