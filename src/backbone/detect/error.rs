//! What can be wrong with a graph whose preprocessing is to be found.

use std::path::PathBuf;

use crate::backbone::error::BackboneError;
use crate::backbone::onnx::OnnxError;
use crate::yaml::YamlError;

/// Why nothing could be tried, or nothing written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The ONNX file cannot be read or written, or has no features.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The graph cannot be run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The manifest cannot be put into YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// No output is as long as ImageNet has classes.
    #[error(
        "{}: no output has the 1000 (or 1001) classes of ImageNet; it has {}: conventions can be \
         told apart only by the answers of such a classifier, so write the manifest by hand, or \
         detect before `catpipe model features` cuts the classifier off",
        path.display(), found.join(", ")
    )]
    NoClasses {
        /// The ONNX file.
        path: PathBuf,
        /// Its outputs, with their types and shapes.
        found: Vec<String>,
    },
    /// The graph's input is not one batch of images.
    #[error("{}: the input {found} {reason}", path.display())]
    Input {
        /// The ONNX file.
        path: PathBuf,
        /// The input or inputs, with types and shapes.
        found: String,
        /// What is the matter with it, and what to do.
        reason: String,
    },
    /// The file that would be written is there already.
    #[error("{}: exists already, and is left alone: remove it, or name another file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses to write the manifest.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The manifest.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
