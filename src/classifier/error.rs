//! What can go wrong with a classifier in one file.

use std::path::PathBuf;

use super::config::Form;
use crate::backbone::BackboneError;
use crate::backbone::onnx::OnnxError;

/// Why a classifier cannot be written as one ONNX file, or such a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// The filter has no counterpart in ONNX, or none that ONNX Runtime computes.
    #[error(
        "the backbone's images are resized with `{filter}`, which {why}: export the tensor form \
         (`form: tensor`), which takes preprocessed images"
    )]
    Filter {
        /// The filter, as the manifest has it.
        filter: &'static str,
        /// What is in the way.
        why: &'static str,
    },
    /// The backbone's operator set is old, and an operator of it has changed since.
    #[error(
        "the backbone's graph is of operator set {found}, the exported file needs {needed}, and \
         the meaning of `{operator}` has changed between them{reason}: export the backbone again \
         with opset {needed} or later"
    )]
    OldOpset {
        /// Its operator set.
        found: i64,
        /// The set that is needed.
        needed: i64,
        /// The operator.
        operator: String,
        /// More about it; empty, or beginning with a space.
        reason: String,
    },
    /// The head's own convolutions are not written as a graph.
    #[error(
        "a `cnn` head cannot be exported: its convolutions are catpipe's own; export a `dense` or \
         `logistic` head, or predict with the run folder"
    )]
    Convolutions,
    /// Maps are asked for, and there are none.
    #[error("there is no class activation map: {0}")]
    NoMap(String),
    /// The head does not fit the backbone.
    #[error("the head takes {head} features, and the backbone gives {backbone}")]
    Width {
        /// The head's.
        head: usize,
        /// The backbone's.
        backbone: usize,
    },
    /// A weight is too large for float16.
    #[error(
        "the tensor `{tensor}` holds {value}, and float16 ends at 65504: export it without `half`"
    )]
    TooLargeForHalf {
        /// The tensor.
        tensor: String,
        /// Its value.
        value: f32,
    },
    /// The file was not written by `catpipe export`.
    #[error(
        "{}: is an ONNX file, but not one of `catpipe export`: its metadata lacks `{key}`, without \
         which nobody can know {what}; export a run (`catpipe export runs/NAME`), or use this graph \
         as a backbone (`catpipe model features`)", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its metadata lacks.
        key: &'static str,
        /// What it would have said.
        what: &'static str,
    },
    /// An entry of the metadata cannot be understood.
    #[error("{}: its metadata `{key}` cannot be read: {reason}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was given what its other form takes.
    #[error("{}: is of the {found} form, and was given what the other form takes", path.display())]
    OtherForm {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: Form,
    },
    /// The file gives something else than it says.
    #[error("{}: output `{output}` is {found}, where {expected} is expected", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// The output.
        output: &'static str,
        /// What came out.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// The exported graph does not say what catpipe says.
    #[error(
        "the exported graph differs from catpipe's own path on {id}: {found}; nothing was written.\n  \
         {}", advice(*form)
    )]
    Differs {
        /// The form that was exported.
        form: Form,
        /// The image.
        id: String,
        /// By how much, and what is allowed.
        found: String,
    },
    /// Nothing to compare the exported graph on.
    #[error("there is no image to compare the exported graph with catpipe's own path on")]
    NothingToCompare,
    /// The graph cannot be read or written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The backbone cannot be used.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
}

impl ClassifierError {
    /// Whether another file or other settings are needed, rather than the same call again.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        matches!(
            self,
            Self::Filter { .. }
                | Self::Convolutions
                | Self::OldOpset { .. }
                | Self::NoMap(_)
                | Self::TooLargeForHalf { .. }
                | Self::Foreign { .. }
                | Self::Onnx(_)
        )
    }
}

fn advice(form: Form) -> &'static str {
    match form {
        Form::Image => {
            "ONNX resizes these images too differently; the tensor form (`form: tensor`) takes \
             images that catpipe or Pillow has resized"
        }
        Form::Tensor => {
            "the run's features may come from another arithmetic (`extract.provider`): extract \
             them on `cpu`, or run the exported file where they were made"
        }
    }
}
