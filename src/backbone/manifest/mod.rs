//! A backbone's manifest: where its graph comes from, what goes in, what comes out.

mod config;
mod foreign;
#[cfg(test)]
mod golden_tests;
mod graph;
mod huggingface;
mod kept;
mod number;
mod preprocess;
#[cfg(test)]
mod preprocess_tests;
mod processor;
mod resize;
#[cfg(test)]
mod tests;
mod timm;

use std::path::{Path, PathBuf};

pub use config::{
    Dtype, InputConfig, Layout, ManifestConfig, NpmPackage, Origin, OutputConfig, PypiWheel,
    QuantizedFrom, Sha256, SourceConfig,
};
pub use foreign::ForeignError;
pub use graph::Known;
pub use number::{Crop, Finite, Positive, Side, Width};
pub use preprocess::{Color, PreprocessConfig, PreprocessSource, Preset};
pub use resize::{Centre, Filter, Fit, ResizeConfig, Shortest};

use self::kept::Kept;
use super::error::BackboneError;
use super::preprocess::Preprocess;
use crate::digests::Shelf;
use crate::yaml::Document;

/// A manifest that has been read: its fields, and the document they stand in.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// What the manifest says.
    pub config: ManifestConfig,
    preprocess: PreprocessConfig,
    document: Document,
    /// What [`Manifest::check_changed_graph`] has read.
    kept: Kept,
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
    /// As [`Manifest::read`], and a file that the manifest's `preprocess` names cannot be read or
    /// followed, or does not go with the manifest's `input`.
    pub fn from_document(document: Document) -> Result<Self, BackboneError> {
        let config: ManifestConfig = document.typed()?;
        let preprocess = resolve(&config, &document)?;
        let manifest = Self {
            config,
            preprocess,
            document,
            kept: Kept::default(),
        };
        manifest.check_levels()?;
        Ok(manifest)
    }

    /// An input of bytes takes grey levels as they are: anything else would be rounded away.
    fn check_levels(&self) -> Result<(), BackboneError> {
        let PreprocessConfig {
            scale, mean, std, ..
        } = self.preprocess;
        let identity = scale.get() == 1.0
            && mean.iter().all(|mean| mean.get() == 0.0)
            && std.iter().all(|std| std.get() == 1.0);
        if identity || self.config.input.dtype != Dtype::Uint8 {
            return Ok(());
        }
        Err(BackboneError::Contradiction {
            place: Box::new(self.document.place("preprocess")),
            key: "preprocess",
            reason: "an input of `dtype: uint8` takes grey levels as they are: `scale` must be \
                     1, `mean` 0 and `std` 1, as `preset: none` has them"
                .to_owned(),
        })
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
        Preprocess::network(&self.config.input, &self.preprocess)
    }

    /// The manifest's `preprocess` with every key filled in, whatever it was taken from.
    pub(crate) fn preprocess_keys(&self) -> &PreprocessConfig {
        &self.preprocess
    }

    /// Reads the ONNX file under `root` and compares it with the manifest: checksum, input and
    /// output.
    ///
    /// # Errors
    /// The file is missing (the message has the command that makes it), has another checksum, is
    /// not ONNX, or differs in name, type, dimensions or width: the message shows both sides.
    pub fn check_graph(&self, root: &Path) -> Result<(), BackboneError> {
        graph::check(self, root)
    }

    /// [`Manifest::check_graph`] where file or manifest have changed since they were last found
    /// right, as remembered on `shelf`. Gives the graph's checksum, as [`Manifest::graph_digest`]
    /// does, and its arithmetic. A graph that was read for this is kept in memory until a session
    /// is made of it.
    ///
    /// # Errors
    /// As [`Manifest::check_graph`].
    pub fn check_changed_graph(&self, root: &Path, shelf: &Shelf) -> Result<Known, BackboneError> {
        let about = self.check_about(root)?;
        let known = shelf.open(&about);
        let found = graph::check_changed(self, root, &known)?;
        known.save();
        Ok(found)
    }

    /// Everything but the file that the outcome of [`Manifest::check_graph`] depends on.
    fn check_about(&self, root: &Path) -> Result<String, BackboneError> {
        let config = crate::yaml::to_string(&self.config)?;
        let version = env!("CARGO_PKG_VERSION");
        let path = std::path::absolute(self.graph_path(root)).unwrap_or_default();
        // What is remembered is a checksum with what kind of arithmetic it is of.
        Ok(format!(
            "catpipe {version}, arithmetic: {}\n{config}",
            path.display()
        ))
    }

    /// SHA-256 of the ONNX file under `root`, in hexadecimal, with the files that it keeps weights
    /// in (see [`onnx::digest`](super::onnx::digest)): the network's part of a row's key.
    ///
    /// # Errors
    /// The file is missing or can't be read, or its checksum is not the manifest's.
    pub fn graph_digest(&self, root: &Path) -> Result<String, BackboneError> {
        graph::digest(self, root)
    }
}

/// What the manifest's `preprocess` comes to, key by key.
fn resolve(
    config: &ManifestConfig,
    document: &Document,
) -> Result<PreprocessConfig, BackboneError> {
    let wanted = [config.input.height(), config.input.width()];
    let manifest = document.place("preprocess").file;
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let beside = |path: &Path| folder.join(path);
    let (key, said) = match &config.preprocess {
        PreprocessSource::Keys(config) => return Ok(*config),
        PreprocessSource::Preset(preset, None) => return Ok(preset.config()),
        PreprocessSource::Preset(preset, Some(resize)) => {
            let resize = *resize;
            return Ok(PreprocessConfig {
                resize,
                ..preset.config()
            });
        }
        PreprocessSource::HuggingFace(path) => (
            "preprocess.huggingface",
            foreign::read(&beside(path), huggingface::File::follow),
        ),
        PreprocessSource::Timm(path) => (
            "preprocess.timm",
            foreign::read(&beside(path), |file: timm::File| file.follow(wanted)),
        ),
    };
    let (preprocess, size) = said.map_err(|source| BackboneError::Foreign {
        place: Box::new(document.place(key)),
        key,
        source,
    })?;
    if size != wanted {
        return Err(BackboneError::Contradiction {
            place: Box::new(document.place("input.size")),
            key: "input.size",
            reason: format!("the manifest says {wanted:?} and the file of `{key}` says {size:?}"),
        });
    }
    Ok(preprocess)
}

pub(super) use graph::Graph;
pub(crate) use graph::load as load_graph;
