//! What predicts: a finished run or an exported file.

use std::path::Path;

use super::file::{self, FileModel};
use super::run::{self, RunModel};
use super::{PredictError, Take, Wanted};
use crate::backbone::{Providers, SessionOptions};
use crate::classifier::Classifier;
use crate::dataset::Found;
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

    /// Makes it ready for `images`. What is wanted and cannot be had is told here, before the first
    /// prediction.
    ///
    /// # Errors
    /// Heat maps or neighbours that it cannot give, a folder that cannot be made.
    pub fn ready<'a>(
        &'a mut self,
        images: &'a [Found],
        wanted: &'a Wanted,
    ) -> Result<Ready<'a>, PredictError> {
        let with = match self {
            Self::Run(run) => {
                let beside = run.beside(images, wanted)?;
                With::Run(run, Box::new(beside))
            }
            Self::File(file) => {
                let beside = file.beside(wanted)?;
                With::File(file, Box::new(beside))
            }
        };
        Ok(Ready {
            with,
            images,
            wanted,
        })
    }
}

/// A model that has all that it needs to predict some images.
#[derive(Debug)]
pub struct Ready<'a> {
    with: With<'a>,
    images: &'a [Found],
    wanted: &'a Wanted,
}

#[derive(Debug)]
enum With<'a> {
    Run(&'a mut RunModel, Box<run::Beside>),
    File(&'a mut FileModel, Box<file::Beside>),
}

impl Ready<'_> {
    /// Predicts each of the images and hands it on, in order.
    ///
    /// # Errors
    /// A model that does not run, a heat map that cannot be written, a `take` that fails; a bad
    /// image is none.
    pub fn predict(self, take: &mut Take<'_>) -> Result<(), PredictError> {
        let (images, wanted) = (self.images, self.wanted);
        match self.with {
            With::Run(run, beside) => run.predict(*beside, images, wanted, take),
            With::File(file, beside) => file.predict(*beside, images, wanted, take),
        }
    }
}
