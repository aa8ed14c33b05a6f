//! Search over settings: every trial is cross-validated on the training examples, the best one
//! becomes the head.
//!
//! ```yaml
//! train:
//!   head: {dense: {hidden: [256], dropout: 0.5}}
//!   validation: {folds: 5}
//!   search:
//!     grid:                                   # every combination
//!       l2: [1.0e-4, 1.0e-3, 1.0e-2]
//!       head.dense.hidden: [[128], [256], [256, 64]]
//!       adam.lr: {from: 1.0e-4, to: 1.0e-2, steps: 3, scale: log}
//!     metric: log_loss                        # the default
//! ```
//!
//! or, with as many trials as are asked for, drawn at random (Bergstra & Bengio 2012):
//!
//! ```yaml
//!   search:
//!     random:
//!       trials: 20
//!       keys:
//!         l2: {from: 1.0e-5, to: 0.1, scale: log}
//!         head.dense.dropout: {from: 0, to: 0.7}
//! ```
//!
//! A key is the path of any setting of `train`, written as for `--set`; a value is whatever may
//! stand there. A trial is the `train` section, defaults filled in, with the trial's values in
//! their places, so it is exactly what a run with these settings would cross-validate: the same
//! folds, the same seed, whatever the other trials are. All trials see the same folds, which makes
//! their scores comparable; the best score of many is a little too good all the same (Cawley &
//! Talbot 2010), and the test examples, which no trial sees, say by how much.

mod apply;
mod combinations;
mod config;
mod error;
mod run;
mod trial;
mod values;

#[cfg(test)]
mod tests;

pub use apply::check;
pub use config::{RandomConfig, SearchConfig, SearchConfigError, SearchMetric, Strategy};
pub use error::SearchError;
pub use trial::{Trial, TrialOutcome};
pub use values::{Keys, RangeConfig, Scale, Values};

pub(super) use run::search;

/// A trial's settings: key paths and values, in the order in which the pipeline names the keys.
pub type Settings = Vec<(String, serde_json::Value)>;
