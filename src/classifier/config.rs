//! What is exported: the `export:` section of a pipeline.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an exported file takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// RGB images of any size.
    #[default]
    Image,
    /// What the backbone takes: the preprocessed tensor.
    Tensor,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Self::Image => "image",
            Self::Tensor => "tensor",
        })
    }
}

/// The `export:` section; `export: {}` takes every default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportConfig {
    /// What the file takes. Default `image`.
    pub form: Form,
    /// Whether it also gives the features.
    pub features: bool,
    /// Whether it also gives the class activation maps.
    pub map: bool,
    /// Whether large weights are stored as float16, which halves the file. They are widened when
    /// the file is loaded, and arithmetic stays in float32.
    pub half: bool,
}
