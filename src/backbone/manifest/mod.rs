//! A backbone's manifest: where its graph comes from, what goes in, what comes out.

mod config;
mod graph;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use config::{
    Antialias, Color, Dtype, Filter, Finite, InputConfig, Layout, ManifestConfig, NpmPackage,
    Origin, OutputConfig, Positive, PreprocessConfig, ResizeConfig, Rule, Sha256, Side,
    SourceConfig, Width,
};

use super::error::BackboneError;
use super::preprocess::Preprocess;
use crate::yaml::Document;

/// A manifest that has been read: its fields, and the document they stand in.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// What the manifest says.
    pub config: ManifestConfig,
    document: Document,
}

impl Manifest {
    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, or a field is missing, unknown or out of range; the
    /// message names file, line and column.
    pub fn read(path: &Path) -> Result<Self, BackboneError> {
        Self::from_document(Document::read(path)?)
    }

    /// The manifest in a document that has been read already.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn from_document(document: Document) -> Result<Self, BackboneError> {
        let config = document.typed()?;
        Ok(Self { config, document })
    }

    /// Where the ONNX file lies, given the project's root folder.
    #[must_use]
    pub fn graph_path(&self, root: &Path) -> PathBuf {
        root.join(&self.config.file)
    }

    /// The number of features of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.config.output.width.get()
    }

    /// What happens to the pixels before the network.
    #[must_use]
    pub fn preprocess(&self) -> Preprocess {
        Preprocess::network(&self.config.input, &self.config.preprocess)
    }

    /// Reads the ONNX file under `root` and compares it with the manifest: checksum, input and
    /// output.
    ///
    /// # Errors
    /// The file is missing (the message has the command that makes it), has another checksum, is
    /// not ONNX, or differs in name, type, dimensions or width: the message shows both sides.
    pub fn check_graph(&self, root: &Path) -> Result<(), BackboneError> {
        graph::load(self, root).map(|_| ())
    }

    /// SHA-256 of the ONNX file under `root`, in hexadecimal: the network's part of a row's key.
    ///
    /// # Errors
    /// The file is missing or can't be read, or its checksum is not the manifest's.
    pub fn graph_digest(&self, root: &Path) -> Result<String, BackboneError> {
        graph::digest(self, root)
    }
}

pub(super) use graph::load as load_graph;
