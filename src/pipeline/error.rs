//! What can stop a pipeline.

use crate::assets::AssetError;
use crate::backbone::BackboneError;
use crate::backbone::runtime::RuntimeError;
use crate::classifier::ClassifierError;
use crate::dataset::DatasetError;
use crate::extract::ExtractError;
use crate::features::{Damage, ExportError, StoreError};
use crate::head::HeadError;
use crate::yaml::YamlError;

use super::folder::FolderError;
use super::reporting::LeftError;

/// What stopped a pipeline. Each room words its own errors; this only says whose they are.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum PipelineError {
    /// The pipeline itself is wrong; nothing has been computed.
    #[error(transparent)]
    Wrong(#[from] YamlError),
    /// The backbone is not what its manifest says; nothing has been computed.
    #[error(transparent)]
    Manifest(BackboneError),
    /// There is no manifest of that name.
    #[error("{0}")]
    NoManifest(String),
    /// The images of a batch cannot be used; nothing has been computed.
    #[error(transparent)]
    Images(DatasetError),
    #[error(transparent)]
    Assets(#[from] AssetError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Left(#[from] LeftError),
    /// The run cannot be exported.
    #[error(transparent)]
    Classifier(Box<ClassifierError>),
    /// A folder is not what is left of a run.
    #[error("{}: is not a finished run: {reason}", folder.display())]
    NoRun {
        /// The folder.
        folder: std::path::PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// A finished run is not what its pipeline would give now.
    #[error(
        "{}: the run is not up to date ({why}): run its pipeline again first", folder.display()
    )]
    NotUpToDate {
        /// The run folder.
        folder: std::path::PathBuf,
        /// What has changed.
        why: String,
    },
    /// The backbone of a finished run is not there any more.
    #[error(
        "{}: the head was trained on features of another graph than the backbone's file is now\n  \
         trained on: {trained}\n  found:      {found}\n  \
         put that file back, or run the pipeline again", folder.display()
    )]
    OtherBackbone {
        /// The run folder.
        folder: std::path::PathBuf,
        /// The graph that the head was trained on.
        trained: String,
        /// The graph that is there.
        found: String,
    },
    /// Somebody asked an export to end. Nothing is wrong.
    #[error("interrupted while the exported graph was compared; nothing was written")]
    ExportInterrupted,
    /// Pictures stand on both sides, and `dataset.duplicates` is `error`.
    #[error("{0}\n(set `dataset.duplicates` to `warn` to go on)")]
    Duplicates(String),
    /// `auto` has not measured, and was not to.
    #[error(
        "provider `auto` has measured nothing for this model on this machine yet: `catpipe run` \
         does, or name a provider"
    )]
    Undecided,
    /// Rows that are wanted as they are, and are not all there.
    #[error("{missing} of {needed} rows are not computed yet")]
    NotComputed {
        /// Rows that are missing.
        missing: usize,
        /// Rows wanted.
        needed: usize,
    },
    /// Test examples were asked for.
    #[error(
        "this pipeline has no test examples: leave `--split` out, or name some in `dataset.test`"
    )]
    NoTestSide,
    /// `auto` has nothing to compare with.
    #[error("provider `auto` compares with the CPU, and the network does not run there: {0}")]
    NoReference(String),
    /// Not even the CPU, which always passes.
    #[error("provider `auto` found nothing to choose from")]
    NothingPasses,
    /// `auto` is to compare heads, and there is none.
    #[error(
        "provider `auto` with `parity: fast` asks that a head's cross-validation stays as good as it \
         is, and there is no head here, only features: say `close` or `strict`"
    )]
    NoHead,
    /// `auto` is to compare heads, and one cannot be judged.
    #[error(
        "provider `auto` with `parity: fast` judges heads by cross-validation, and class `{class}` \
         has {count} training {}: add examples of it, or say `close` or `strict`",
        if *count == 1 { "example" } else { "examples" }
    )]
    TooFewForFast {
        /// The class.
        class: String,
        /// How many examples it has.
        count: usize,
    },
    /// A candidate that ran before does not run on the examples.
    #[error("provider `auto` cannot judge a head on {candidate}: {reason}")]
    NotJudged {
        /// The candidate.
        candidate: String,
        /// Why.
        reason: String,
    },
    /// The examples that heads are judged on are not what they were.
    #[error("the training images changed while provider `auto` measured: run it again")]
    ChangedExamples,
    /// There is nothing to try a network on.
    #[error("{0}: there are no images")]
    NoPictures(String),
    /// A file between two processes could not be written or read.
    #[error("{}: {source}", path.display())]
    Scratch {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody asked the extraction to end. Nothing is wrong.
    #[error(
        "interrupted: {} of {} rows are kept; run the same command again to go on",
        grouped(*kept), grouped(*needed)
    )]
    Interrupted {
        /// Rows that the store has.
        kept: usize,
        /// Rows that are needed.
        needed: usize,
    },
    /// Somebody asked it to end while it was measuring. Nothing is wrong.
    #[error(
        "interrupted while measuring for `auto`, of which nothing is kept; run the same command \
         again to go on"
    )]
    MeasuringInterrupted,
    /// Somebody asked the training to end. Nothing is wrong.
    #[error("training interrupted: {told}; run the same command again to train anew")]
    TrainingInterrupted {
        /// What is kept of it.
        told: String,
    },
    /// Two batches of rows do not fit.
    #[error(
        "`train.memory` is {memory}, and two batches of feature rows beside the rest of the \
         training take {least}: allow that much, or make `batch` smaller"
    )]
    TooLittleMemory {
        /// What is allowed.
        memory: String,
        /// What is needed.
        least: String,
    },
    /// A result could not be put into its file format.
    #[error("the run's {file} cannot be written: {reason}")]
    Result {
        /// The file of the run folder.
        file: &'static str,
        /// Why.
        reason: String,
    },
}

impl PipelineError {
    /// Whether a shard went bad after its rows had been planned with, and is out of the way: what
    /// was to be done succeeds when it is begun again.
    #[must_use]
    pub fn has_lost_rows(&self) -> bool {
        let (PipelineError::Store(error) | PipelineError::Export(ExportError::Store(error))) = self
        else {
            return false;
        };
        // One that could not be moved would be met again.
        matches!(
            error,
            StoreError::Damaged {
                moved_to: Some(_),
                ..
            } | StoreError::Damaged {
                damage: Damage::Gone,
                ..
            }
        )
    }

    /// Whether somebody asked for the end.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(
            self,
            PipelineError::Interrupted { .. }
                | PipelineError::TrainingInterrupted { .. }
                | PipelineError::MeasuringInterrupted
                | PipelineError::ExportInterrupted
        )
    }

    /// Whether the user has to change the pipeline (or how it was called) rather than run again.
    #[must_use]
    pub fn is_wrong_pipeline(&self) -> bool {
        match self {
            PipelineError::Wrong(_)
            | PipelineError::Manifest(_)
            | PipelineError::NoManifest(_)
            | PipelineError::Images(_)
            | PipelineError::NoPictures(_)
            | PipelineError::NoTestSide
            | PipelineError::NoHead
            | PipelineError::TooLittleMemory { .. }
            | PipelineError::NoRun { .. }
            | PipelineError::TooFewForFast { .. } => true,
            PipelineError::Export(error) => error.is_wrong_usage(),
            PipelineError::Classifier(error) => error.is_wrong_usage(),
            _ => false,
        }
    }
}

/// A number with its digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_says_in_readable_numbers_what_is_kept() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        let interrupted = PipelineError::Interrupted {
            kept: 1234,
            needed: 5000,
        };
        assert_eq!(
            interrupted.to_string(),
            "interrupted: 1,234 of 5,000 rows are kept; run the same command again to go on"
        );
    }
}
