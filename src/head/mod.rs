//! Native heads on cached feature rows: logistic regression and dense networks.
//!
//! [`fit`] trains a [`Head`] on [`Examples`] as a [`TrainConfig`] says; [`metrics::evaluate`]
//! scores what it predicts; [`Head::to_bytes`] saves it. The room knows arrays and labels only:
//! no image, no ONNX, no file.
//!
//! Same config, examples and seed give the same bits, on one machine and whatever the number of
//! threads (all cores, or as many as `RAYON_NUM_THREADS` says): work is cut into pieces that depend
//! on shapes alone, each computed in a fixed order by one thread; of products see [`linalg`]. (Another processor may have
//! other vector instructions, and round differently.)

mod calibration;
pub mod config;
mod coverage;
pub mod curves;
mod error;
mod examples;
pub mod explain;
mod label_errors;
mod layers;
mod learning_curve;
pub mod linalg;
mod logistic;
pub mod metrics;
mod model;
mod network;
pub mod paired;
pub mod projection;
mod random;
mod real;
mod rows;
mod saved;
pub mod search;
mod train;
mod warning;

pub use config::TrainConfig;
pub use coverage::{Coverage, coverage};
pub use error::{Cause, Dealt, Diverging, HeadError, Model, Parts};
pub use examples::Examples;
pub use label_errors::{LabelError, label_errors};
pub use layers::Layer;
pub use learning_curve::{LearningCurveConfig, LearningPoint, learning_curve};
pub use logistic::{End, L2Path, L2Point};
pub use metrics::{ClassMetrics, Metrics};
pub use model::Head;
pub use real::Real;
pub use rows::Rows;
pub use saved::SavedHeadError;
pub use search::Trial;
pub use train::{
    EpochRow, Fit, Partial, Phase, Validation, Watch, fit, fit_watched, working_memory,
};
pub use warning::Warning;
