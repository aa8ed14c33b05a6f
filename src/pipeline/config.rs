//! The pipeline as its YAML says it. Each room owns the shape of its own section; this file only
//! composes them.

use serde::{Deserialize, Serialize};

use crate::augment::AugmentConfig;
use crate::backbone::Providers;
use crate::classifier::ExportConfig;
use crate::dataset::DatasetConfig;
use crate::features::RowType;
use crate::head::{LearningCurveConfig, TrainConfig};

use super::batch_size::BatchSize;
use super::interrupted::ENDING;
use super::sessions::Sessions;

/// A pipeline file. With `dataset` and `extract` alone it is a batch feature extraction.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Names the run folder: `runs/<name>/`.
    pub name: Name,
    /// Seed of everything random: views, folds, weights, batches. Default 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Where the examples come from.
    pub dataset: DatasetConfig,
    /// Augmented views of the training examples; none by default.
    #[serde(default)]
    pub augment: AugmentConfig,
    /// The backbone and what it runs on.
    pub extract: ExtractConfig,
    /// The head to train, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainConfig>,
    /// Whether to score the head on the test examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate: Option<EvaluateConfig>,
    /// Whether to make `report.html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportConfig>,
    /// Whether to write backbone and head as one ONNX file, and which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportConfig>,
}

impl PipelineConfig {
    /// What a model of this pipeline does, to be said after its name, where the run was scored by
    /// several views of each test image too: a prediction looks at the image itself, once.
    #[must_use]
    pub fn plain_view_alone(&self) -> Option<String> {
        let tta = self.evaluate.is_some_and(|evaluate| evaluate.tta);
        tta.then(|| {
            let views = u64::from(self.augment.views) + 1;
            format!(
                "looks at the plain image alone, as for `test` in metrics.json; `test_tta` there \
                 is by the mean over {views} views of each (`evaluate.tta`)"
            )
        })
    }
}

fn default_seed() -> u64 {
    1
}

/// The `extract` section.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractConfig {
    /// A backbone's manifest, relative to the project root, or `pixels`.
    pub backbone: String,
    /// What the backbone runs on: a provider's name, its name with options, a list tried in
    /// order, or `auto`, which takes the fastest here (see [`backbone::auto`](crate::backbone::auto));
    /// options stand in [`backbone::provider`](crate::backbone::provider). Default `cpu`.
    #[serde(default)]
    pub provider: Providers,
    /// Rows of one inference, 1 to 1024, or `auto`. Default 16. Changes the speed only, never a
    /// value: see [`BatchSize`].
    #[serde(default)]
    pub batch: BatchSize,
    /// Threads of one inference on the CPU; default: all cores. Changes the speed only, never a
    /// value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<Threads>,
    /// Sessions that share the threads on the CPU. By default, with `provider: cpu`, one a thread, at
    /// most 4, where 64 rows or more are to be computed; see [`Sessions`]. Changes the speed only, never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Sessions>,
    /// What is kept of a row's numbers: `float32`, the default, or `float16`, which halves the
    /// cache and rounds each number by at most one part in 2048 (see
    /// [`features`](crate::features#half-precision)). Not written where it is the default, so
    /// that runs from before there was a choice stay up to date.
    #[serde(default, skip_serializing_if = "RowType::is_float32")]
    pub rows: RowType,
}

/// The `evaluate` section.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Whether the test examples are also scored by all their views, the probabilities averaged
    /// (test-time augmentation). Their augmented views are then computed as well. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tta: bool,
    /// The least probability that an answer must have: the head gives none where it is less sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject: Option<Probability>,
    /// How good the head is with fewer examples; not by default, see [`LearningCurveConfig`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_curve: Option<LearningCurveConfig>,
}

impl EvaluateConfig {
    /// The threshold of [`EvaluateConfig::reject`].
    pub(super) fn threshold(&self) -> Option<f32> {
        self.reject.map(|Probability(p)| p)
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f32);

impl TryFrom<f64> for Probability {
    type Error = String;

    #[allow(clippy::cast_possible_truncation)] // probabilities are compared as f32
    fn try_from(p: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&p) {
            Ok(Probability(p as f32))
        } else {
            Err(format!("must be a probability from 0 to 1, found {p}"))
        }
    }
}

impl From<Probability> for f64 {
    /// The shortest number that is the same `f32`: 0.9 stays 0.9.
    fn from(Probability(p): Probability) -> f64 {
        p.to_string().parse().unwrap_or_else(|_| p.into())
    }
}

/// The `report` section. It has no settings yet.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReportConfig {}

/// A pipeline's name: letters, digits, `.`, `_` and `-`, not starting with a dot.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name as text; always fit to be a folder's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Name {
    /// The name of what has none of its own: `extract`.
    fn default() -> Self {
        Name("extract".to_owned())
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty()
            || name.len() > 100
            || name.starts_with('.')
            || !name.chars().all(allowed)
        {
            return Err(format!(
                "names a folder: 1 to 100 letters, digits, `.`, `_` or `-`, not starting with a \
                 dot; found \"{name}\""
            ));
        }
        if name.ends_with(ENDING) {
            return Err(format!(
                "must not end in `{ENDING}`: that is where interrupted runs leave their head"
            ));
        }
        Ok(Name(name))
    }
}

/// Threads of one inference.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "u64")]
pub struct Threads(u16);

impl Threads {
    /// The number of threads, 1 to 1024.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.into()
    }
}

impl TryFrom<u64> for Threads {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        within(count, 1024).map(Threads)
    }
}

pub(super) fn within(value: u64, most: u16) -> Result<u16, String> {
    u16::try_from(value)
        .ok()
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| format!("must be between 1 and {most}, found {value}"))
}
