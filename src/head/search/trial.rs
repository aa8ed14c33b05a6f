//! A trial and what it came to.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Settings;
use super::config::SearchMetric;
use crate::head::Metrics;
use crate::head::config::{HeadConfig, TrainConfig};

/// One combination of settings that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1, in the order of the search.
    pub trial: usize,
    /// What was set.
    #[serde(with = "as_map")]
    pub settings: Settings,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: TrialOutcome,
    /// Whether this is the one that the head is trained with.
    pub chosen: bool,
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialOutcome {
    /// It was cross-validated.
    Validated {
        /// The epoch that the scores are of.
        epochs: usize,
        /// The out-of-fold scores.
        #[serde(flatten)]
        metrics: Box<Metrics>,
    },
    /// Its training diverged; what happened, and the likely cause.
    Diverged(String),
}

impl Trial {
    /// Its settings in words: `l2 0.001, adam.lr 0.01`.
    #[must_use]
    pub fn words(&self) -> String {
        words(&self.settings)
    }

    /// The out-of-fold scores; none where it diverged.
    #[must_use]
    pub fn metrics(&self) -> Option<&Metrics> {
        match &self.outcome {
            TrialOutcome::Validated { metrics, .. } => Some(metrics),
            TrialOutcome::Diverged(_) => None,
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trial {}: {}: ", self.trial, self.words())?;
        match &self.outcome {
            TrialOutcome::Validated { epochs, metrics: m } => write!(
                f,
                "log loss {:.4}, {} of {} right, epoch {epochs}",
                m.log_loss, m.correct, m.total
            ),
            TrialOutcome::Diverged(why) => f.write_str(why),
        }
    }
}

/// Settings in words: `l2 0.001, adam.lr 0.01`.
pub(super) fn words(settings: &Settings) -> String {
    let each: Vec<_> = settings.iter().map(|(k, v)| format!("{k} {v}")).collect();
    each.join(", ")
}

/// What is compared: the metric, and the configuration for where it does not decide.
pub(super) struct Rank<'a> {
    pub(super) metrics: &'a Metrics,
    pub(super) config: &'a TrainConfig,
}

impl Rank<'_> {
    /// `Less` is better: the metric first; of equals the lower log loss, then the stronger
    /// regularisation: more L2, more dropout, fewer hidden units.
    pub(super) fn compare(&self, other: &Self, metric: SearchMetric) -> Ordering {
        let strength = |rank: &Self| {
            let hidden = match &rank.config.head {
                HeadConfig::Logistic(_) => &[][..],
                HeadConfig::Dense(dense) => &dense.hidden,
                HeadConfig::Cnn(cnn) => &cnn.hidden,
            };
            let units: usize = hidden.iter().map(|width| width.get()).sum();
            let dropout = rank.config.head.dropout();
            (rank.config.l2.get(), dropout, units)
        };
        let (a, b) = (strength(self), strength(other));
        metric
            .cost(self.metrics)
            .total_cmp(&metric.cost(other.metrics))
            .then(b.0.total_cmp(&a.0))
            .then(b.1.total_cmp(&a.1))
            .then(a.2.cmp(&b.2))
    }
}

/// Settings as a mapping of keys to values.
mod as_map {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    use super::Settings;

    pub(super) fn serialize<S: Serializer>(
        settings: &Settings,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(settings.iter().map(|(key, value)| (key, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Settings, D::Error> {
        Ok(Map::<String, Value>::deserialize(from)?
            .into_iter()
            .collect())
    }
}
