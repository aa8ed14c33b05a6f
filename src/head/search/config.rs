//! The `search:` section.

use serde::{Deserialize, Serialize};

use super::values::{Keys, Values};
use crate::head::Metrics;
use crate::head::config::AtLeast;

/// What is searched, how, and by which metric the best is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSearchConfig", into = "RawSearchConfig")]
pub struct SearchConfig {
    /// Which combinations are tried.
    pub strategy: Strategy,
    /// What the trials are compared by.
    pub metric: SearchMetric,
}

/// Which combinations of values are tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// Every combination.
    Grid(Keys),
    /// Combinations drawn at random.
    Random(RandomConfig),
}

/// Combinations drawn at random, each key by itself; none is tried twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomConfig {
    /// How many. Fewer are tried where there are not as many different ones.
    pub trials: AtLeast<1>,
    /// The values of each key.
    pub keys: Keys,
}

/// An out-of-fold score that trials are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMetric {
    /// Mean log loss; lower is better.
    #[default]
    LogLoss,
    /// The Brier score; lower is better.
    Brier,
    /// The share of examples that are right.
    Accuracy,
    /// The mean over the classes of the share that is right.
    BalancedAccuracy,
    /// The area under the ROC curve.
    RocAuc,
    /// The average precision.
    AveragePrecision,
}

impl SearchMetric {
    /// Its name, as in the pipeline and in `metrics.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::RocAuc => "roc_auc",
            Self::AveragePrecision => "average_precision",
        }
    }

    /// Its value, turned so that lower is better; the worst where it is not defined.
    pub(super) fn cost(self, metrics: &Metrics) -> f64 {
        let negative = |score: Option<f64>| score.map_or(f64::INFINITY, |score| -score);
        match self {
            Self::LogLoss => metrics.log_loss,
            Self::Brier => metrics.brier,
            Self::Accuracy => -metrics.accuracy,
            Self::BalancedAccuracy => -metrics.balanced_accuracy,
            Self::RocAuc => negative(metrics.roc_auc),
            Self::AveragePrecision => negative(metrics.average_precision),
        }
    }
}

/// `search:` as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSearchConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grid: Option<Keys>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    random: Option<RandomConfig>,
    #[serde(default)]
    metric: SearchMetric,
}

/// Keys of `search:` that are right by themselves and wrong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchConfigError {
    /// Nothing to search.
    #[error("needs `grid: {{l2: [0.001, 0.01], ...}}` or `random: {{trials: 20, keys: {{...}}}}`")]
    NoStrategy,
    /// Two ways to search.
    #[error("has both `grid` and `random`: keep one of them")]
    TwoStrategies,
    /// A range whose values nobody can count, in a grid.
    #[error(
        "the range of `{0}` in a grid needs `steps`, e.g. `steps: 5` (without, it is for `random`)"
    )]
    EndlessRange(String),
}

impl TryFrom<RawSearchConfig> for SearchConfig {
    type Error = SearchConfigError;

    fn try_from(raw: RawSearchConfig) -> Result<Self, SearchConfigError> {
        let strategy = match (raw.grid, raw.random) {
            (None, None) => return Err(SearchConfigError::NoStrategy),
            (Some(_), Some(_)) => return Err(SearchConfigError::TwoStrategies),
            (Some(grid), None) => Strategy::Grid(grid),
            (None, Some(random)) => Strategy::Random(random),
        };
        if let Strategy::Grid(keys) = &strategy {
            let endless = |(_, values): &&(String, Values)| values.count().is_none();
            if let Some((key, _)) = keys.iter().find(endless) {
                return Err(SearchConfigError::EndlessRange(key.clone()));
            }
        }
        Ok(Self {
            strategy,
            metric: raw.metric,
        })
    }
}

impl From<SearchConfig> for RawSearchConfig {
    fn from(config: SearchConfig) -> Self {
        let (grid, random) = match config.strategy {
            Strategy::Grid(keys) => (Some(keys), None),
            Strategy::Random(random) => (None, Some(random)),
        };
        Self {
            grid,
            random,
            metric: config.metric,
        }
    }
}

impl SearchConfig {
    /// The keys and their values.
    pub(super) fn keys(&self) -> &Keys {
        match &self.strategy {
            Strategy::Grid(keys) => keys,
            Strategy::Random(random) => &random.keys,
        }
    }

    /// Where the keys stand below `search`.
    pub(super) fn keys_at(&self) -> &'static [&'static str] {
        match &self.strategy {
            Strategy::Grid(_) => &["grid"],
            Strategy::Random(_) => &["random", "keys"],
        }
    }
}
