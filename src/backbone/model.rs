//! The backbone of a pipeline: a network, or the pixels themselves.

use std::path::Path;

use super::error::BackboneError;
use super::manifest::Manifest;
use super::preprocess::Preprocess;
use super::runtime::Runtime;
use super::session::{Session, SessionOptions};

/// The name by which a pipeline asks for [`Backbone::Pixels`].
const PIXELS: &str = "pixels";

/// What turns an image into features.
#[derive(Debug, Clone)]
pub enum Backbone {
    /// The image's own values, 0..=1, in the order row, column, colour: no network, no runtime.
    Pixels,
    /// A network with its manifest.
    Onnx(Box<Manifest>),
}

impl Backbone {
    /// The backbone that a pipeline names: `pixels`, or the path of a manifest relative to `root`.
    ///
    /// # Errors
    /// The manifest cannot be read: see [`Manifest::read`].
    pub fn named(name: &str, root: &Path) -> Result<Self, BackboneError> {
        if name == PIXELS {
            return Ok(Self::Pixels);
        }
        Ok(Self::Onnx(Box::new(Manifest::read(&root.join(name))?)))
    }

    /// The backbone's short name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pixels => PIXELS,
            Self::Onnx(manifest) => &manifest.config.name,
        }
    }

    /// What happens to the pixels. `first` is the width and height of the first image: with
    /// `pixels` every image must have that size, a network does not ask.
    #[must_use]
    pub fn preprocess(&self, first: (u32, u32)) -> Preprocess {
        match self {
            Self::Pixels => Preprocess::pixels(first.0, first.1),
            Self::Onnx(manifest) => manifest.preprocess(),
        }
    }

    /// The number of features of a row, given the first image's size.
    #[must_use]
    pub fn width(&self, first: (u32, u32)) -> usize {
        match self {
            Self::Pixels => self.preprocess(first).input_len(),
            Self::Onnx(manifest) => manifest.width(),
        }
    }

    /// The network's part of a row's key, in one printable line: the file's checksum and the
    /// output's name.
    ///
    /// # Errors
    /// The ONNX file under `root` is missing, or not the one that the manifest means.
    pub fn key(&self, root: &Path) -> Result<String, BackboneError> {
        match self {
            Self::Pixels => Ok(PIXELS.to_owned()),
            Self::Onnx(manifest) => {
                let digest = manifest.graph_digest(root)?;
                Ok(format!(
                    "onnx sha256:{digest} output {}",
                    manifest.config.output.name
                ))
            }
        }
    }

    /// Whether features need ONNX Runtime.
    #[must_use]
    pub fn needs_runtime(&self) -> bool {
        matches!(self, Self::Onnx(_))
    }

    /// Everything about the arithmetic that can change a feature's bits: the provider's
    /// [`numeric_class`](super::Provider::numeric_class), or for pixels one that never changes.
    ///
    /// # Errors
    /// Those of `runtime`, which is called only if the backbone needs it.
    pub fn numeric_class<E>(
        &self,
        options: &SessionOptions,
        runtime: impl FnOnce() -> Result<Runtime, E>,
    ) -> Result<String, E> {
        match self {
            Self::Pixels => Ok("exact".to_owned()),
            Self::Onnx(_) => Ok(options.provider.numeric_class(&runtime()?)),
        }
    }

    /// Makes the backbone ready to run; `runtime` is called only if it is needed.
    ///
    /// # Errors
    /// Those of `runtime` and of [`Session::open`].
    pub fn open<E: From<BackboneError>>(
        &self,
        root: &Path,
        first: (u32, u32),
        options: &SessionOptions,
        runtime: impl FnOnce() -> Result<Runtime, E>,
    ) -> Result<Network, E> {
        match self {
            Self::Pixels => Ok(Network::Pixels {
                width: self.width(first),
            }),
            Self::Onnx(manifest) => {
                let session = Session::open(manifest, root, &runtime()?, options)?;
                Ok(Network::Onnx(Box::new(session)))
            }
        }
    }
}

/// A backbone that is ready to run.
#[derive(Debug)]
pub enum Network {
    /// Features are the input.
    Pixels {
        /// The number of values of a row.
        width: usize,
    },
    /// Features come out of a session.
    Onnx(Box<Session>),
}

impl Network {
    /// Computes `out` (`[batch, width]`) from the preprocessed `input` of `batch` images.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run(
        &mut self,
        input: &[f32],
        batch: usize,
        out: &mut [f32],
    ) -> Result<(), BackboneError> {
        match self {
            Self::Onnx(session) => session.run(input, batch, out),
            Self::Pixels { width } => {
                let expected = batch.saturating_mul(*width);
                for (what, found) in [
                    ("the batch's input", input.len()),
                    ("the batch's features", out.len()),
                ] {
                    if found != expected {
                        return Err(BackboneError::BufferLength {
                            what,
                            expected,
                            found,
                        });
                    }
                }
                out.copy_from_slice(input);
                Ok(())
            }
        }
    }
}
