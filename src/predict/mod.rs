//! Images through a trained classifier: a finished run, or a file of `catpipe export`.
//!
//! [`Ready::predict`] hands on one [`Prediction`] an image, in the order of the images, as soon as it is
//! there; memory does not grow with their number. An image that cannot be used is a prediction too:
//! it says what is wrong, and the others go on.
//!
//! A run folder goes the way of its own extraction and head, in batches beside decoding, so that the
//! probabilities are those of `predictions.csv` to the bit. An exported file runs as whoever deploys
//! it would run it, image by image, beside decoding.

mod drawn;
mod file;
mod model;
mod ordered;
mod prediction;
mod run;

use std::path::PathBuf;

use crate::extract::Failure;
use crate::pipeline::PipelineError;
use crate::stop::Stop;

pub use drawn::HeatMaps;
pub use model::{Model, Ready};
pub use prediction::{Prediction, Scores};

/// What is wanted of a prediction, and how it is made.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Images of one inference; a file of `catpipe export` takes one.
    pub batch: usize,
    /// The folder for a heat map of each image.
    pub explain: Option<PathBuf>,
    /// How many training examples are named that look like the image.
    pub looks_like: usize,
    /// The probability that an answer must have, where it is not the model's own.
    pub reject: Option<f32>,
    /// A request to end, which is looked at between images.
    pub stop: Stop,
}

/// Takes one prediction after the other.
pub type Take<'a> = dyn FnMut(Prediction) -> Result<(), Failure> + 'a;

/// Why predicting ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The run or its network.
    #[error(transparent)]
    Pipeline(Box<PipelineError>),
    /// The predictions could not be handed on.
    #[error("{0}")]
    Take(Failure),
    /// Heat maps could not be written.
    #[error("{}: {source}", path.display())]
    Drawing {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An exported file has no maps.
    #[error(
        "{}: gives no class activation maps, without which there are no heat maps: export it with \
         `--map`, or name the run folder", path.display()
    )]
    NoMaps {
        /// The file.
        path: PathBuf,
    },
    /// An exported file has no training examples.
    #[error(
        "{}: an exported file has no training images to compare with: name the run folder for \
         --looks-like", path.display()
    )]
    NoExamples {
        /// The file.
        path: PathBuf,
    },
    /// A path is neither a run folder nor a file.
    #[error("{}: is neither a run folder (runs/NAME) nor an ONNX file of `catpipe export`", path.display())]
    NoModel {
        /// The path.
        path: PathBuf,
    },
    /// Somebody asked it to end. Nothing is wrong.
    #[error("interrupted")]
    Stopped,
}

impl From<PipelineError> for PredictError {
    fn from(error: PipelineError) -> Self {
        Self::Pipeline(Box::new(error))
    }
}

impl From<crate::classifier::ClassifierError> for PredictError {
    fn from(error: crate::classifier::ClassifierError) -> Self {
        PipelineError::from(error).into()
    }
}

impl PredictError {
    /// Whether another call is needed, rather than the same one again.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        match self {
            Self::Pipeline(error) => error.is_wrong_pipeline(),
            Self::NoMaps { .. } | Self::NoExamples { .. } | Self::NoModel { .. } => true,
            _ => false,
        }
    }
}
