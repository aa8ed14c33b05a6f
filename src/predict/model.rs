//! What predicts: a finished run or an exported file.

use std::path::Path;

use super::PredictError;
use super::file::FileModel;
use super::run::RunModel;
use crate::backbone::{Providers, SessionOptions};
use crate::classifier::Classifier;
use crate::pipeline::{FinishedRun, Options, PipelineError, runtime_search};

/// A trained classifier, ready to predict.
#[derive(Debug)]
pub enum Model {
    /// The backbone and the head of a run.
    Run(Box<RunModel>),
    /// A file of `catpipe export`.
    File(Box<FileModel>),
}

impl Model {
    /// Opens the run folder or the ONNX file at `path`; a provider that is given takes the place of
    /// the run's own (an exported file runs on `cpu` unless one is given). `root` is where a run's
    /// pipeline has its relative paths start, two folders above it unless said.
    ///
    /// # Errors
    /// Neither of the two, or one that cannot be run.
    pub fn open(
        path: &Path,
        root: Option<&Path>,
        provider: Option<Providers>,
        options: Options,
    ) -> Result<Self, PredictError> {
        if FinishedRun::is_run(path) || path.is_dir() {
            let run = FinishedRun::open(path, root, options)?;
            return Ok(Self::Run(Box::new(RunModel::open(run, provider)?)));
        }
        if !path.is_file() {
            return Err(PredictError::NoModel {
                path: path.to_owned(),
            });
        }
        let search = runtime_search(options.ort_dylib, &options.cache);
        let choice = search
            .choose(&provider.unwrap_or_default())
            .map_err(PipelineError::from)?;
        let session = SessionOptions {
            provider: choice.provider,
            ..SessionOptions::default()
        };
        let classifier = Classifier::open(path, &choice.runtime, &session)?;
        Ok(Self::File(Box::new(FileModel::new(path, classifier))))
    }

    /// The names of the classes, in the order of the probabilities.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        match self {
            Self::Run(run) => run.labels(),
            Self::File(file) => file.labels(),
        }
    }

    /// What is to be said before the first prediction, a line each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Run(run) => run.notes(),
            Self::File(file) => file.notes(),
        }
    }
}
