//! The backbone of a pipeline: a network, or the pixels themselves.

use std::path::Path;

use super::error::BackboneError;
use super::manifest::Manifest;
use super::onnx::Arithmetic;
use super::preprocess::Preprocess;
use super::runtime::Runtime;
use super::session::{Opening, Session, SessionOptions, graph_key};
use crate::digests::Shelf;

/// The name by which a pipeline asks for [`Backbone::Pixels`].
const PIXELS: &str = "pixels";

/// What is known of a backbone's graph before anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// [`Backbone::key`].
    pub key: String,
    /// Its checksum alone; none for pixels.
    pub digest: Option<String>,
    /// The arithmetic that it asks for.
    pub arithmetic: Arithmetic,
}

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
    pub fn named(name: impl AsRef<Path>, root: &Path) -> Result<Self, BackboneError> {
        let name = name.as_ref();
        if name == Path::new(PIXELS) {
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
    /// Where the manifest has the checksum, the file is not read: [`Session::open`] refuses any
    /// other file, so that no row of another network can come to stand under this key.
    ///
    /// # Errors
    /// The manifest has no checksum and the ONNX file under `root` is missing or can't be read.
    pub fn key(&self, root: &Path) -> Result<String, BackboneError> {
        match self {
            Self::Pixels => Ok(PIXELS.to_owned()),
            Self::Onnx(manifest) => {
                let digest = match &manifest.config.sha256 {
                    Some(pinned) => pinned.to_string(),
                    None => manifest.graph_digest(root)?,
                };
                Ok(graph_key(&digest, &manifest.config.output.name))
            }
        }
    }

    /// Compares the network's file with its manifest, where one of them has changed since that was
    /// last done and remembered on `shelf`, and gives [`Backbone::key`] with the arithmetic.
    ///
    /// # Errors
    /// As [`Manifest::check_graph`].
    pub fn check_changed(&self, root: &Path, shelf: &Shelf) -> Result<Graph, BackboneError> {
        match self {
            Self::Pixels => Ok(Graph {
                key: PIXELS.to_owned(),
                digest: None,
                arithmetic: Arithmetic::Float,
            }),
            Self::Onnx(manifest) => {
                let known = manifest.check_changed_graph(root, shelf)?;
                Ok(Graph {
                    key: graph_key(&known.digest, &manifest.config.output.name),
                    digest: Some(known.digest),
                    arithmetic: known.arithmetic,
                })
            }
        }
    }

    /// Whether features need ONNX Runtime.
    #[must_use]
    pub fn needs_runtime(&self) -> bool {
        matches!(self, Self::Onnx(_))
    }

    /// Everything about the arithmetic that can change a feature's bits: the provider's
    /// [`numeric_class`](super::Provider::numeric_class) for a graph of that arithmetic, or for
    /// pixels one that never changes.
    ///
    /// # Errors
    /// Those of `runtime`, which is called only if the backbone needs it.
    pub fn numeric_class<E>(
        &self,
        graph: Arithmetic,
        options: &SessionOptions,
        runtime: impl FnOnce() -> Result<Runtime, E>,
    ) -> Result<String, E> {
        match self {
            Self::Pixels => Ok("exact".to_owned()),
            Self::Onnx(_) => Ok(options.provider.numeric_class(graph, &runtime()?)),
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
        self.open_watched(root, first, options, runtime, &mut |_| ())
    }

    /// [`Backbone::open`], which tells `watch` every second of what takes minutes.
    ///
    /// # Errors
    /// As [`Backbone::open`].
    pub fn open_watched<E: From<BackboneError>>(
        &self,
        root: &Path,
        first: (u32, u32),
        options: &SessionOptions,
        runtime: impl FnOnce() -> Result<Runtime, E>,
        watch: &mut dyn FnMut(&Opening),
    ) -> Result<Network, E> {
        match self {
            Self::Pixels => Ok(Network::Pixels {
                width: self.width(first),
            }),
            Self::Onnx(manifest) => {
                let session = Session::open_watched(manifest, root, &runtime()?, options, watch)?;
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
    /// The session, where batches can be taken in while others are computed:
    /// [`Session::start`] and [`Session::finish`].
    pub fn beside(&mut self) -> Option<&mut Session> {
        match self {
            Self::Onnx(session) if session.depth() > 0 => Some(session),
            Self::Onnx(_) | Self::Pixels { .. } => None,
        }
    }

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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::backbone::testing::{self, TINY_MANIFEST, tiny, values};

    fn no_runtime() -> Result<Runtime, BackboneError> {
        panic!("pixels need no runtime")
    }

    #[test]
    fn pixels_run_without_a_runtime() {
        let backbone = Backbone::named("pixels", Path::new("nowhere")).unwrap();
        let options = SessionOptions::default();
        assert_eq!(backbone.name(), "pixels");
        assert_eq!(backbone.width((2, 1)), 6);
        assert_eq!(backbone.key(Path::new("nowhere")).unwrap(), "pixels");
        assert_eq!(
            backbone
                .numeric_class(Arithmetic::Float, &options, no_runtime)
                .unwrap(),
            "exact"
        );

        let open = backbone.open(Path::new("nowhere"), (2, 1), &options, no_runtime);
        let mut network = open.unwrap();
        let input = values(1, 12);
        let mut out = vec![0.0; 12];
        network.run(&input, 2, &mut out).unwrap();
        assert_eq!(out, input);
        let error = network.run(&input, 2, &mut out[..6]).expect_err("length");
        assert_eq!(
            error.to_string(),
            "the batch's features must hold 12 values, and holds 6"
        );
    }

    #[test]
    fn a_manifest_is_found_under_the_root_and_runs() {
        let dir = tiny(|_| {});
        fs::write(dir.path().join("tiny.yaml"), TINY_MANIFEST).unwrap();
        let backbone = Backbone::named("tiny.yaml", dir.path()).unwrap();
        let options = SessionOptions::default();
        assert_eq!(backbone.name(), "tiny");
        assert_eq!(backbone.width((500, 375)), 8);
        assert_eq!(backbone.preprocess((500, 375)).input_len(), 3 * 32 * 32);
        let runtime = || Ok::<_, BackboneError>(testing::runtime());
        let class = backbone.numeric_class(Arithmetic::Float, &options, runtime);
        let class = class.unwrap();
        assert!(
            class.starts_with("cpu fp32 ") && class.contains("onnxruntime-1."),
            "{class}"
        );

        let mut network = backbone
            .open(dir.path(), (1, 1), &options, runtime)
            .unwrap();
        let mut out = vec![0.0; 16];
        network
            .run(&values(1, 2 * 3 * 32 * 32), 2, &mut out)
            .unwrap();
        assert!(out.iter().any(|feature| *feature > 0.0), "{out:?}");
    }

    #[test]
    fn another_file_is_another_key() {
        let key = |change: fn(&mut crate::backbone::onnx::ModelProto)| {
            let dir = tiny(change);
            fs::write(dir.path().join("tiny.yaml"), TINY_MANIFEST).unwrap();
            let backbone = Backbone::named("tiny.yaml", dir.path()).unwrap();
            backbone.key(dir.path()).unwrap()
        };
        let plain = key(|_| {});
        assert!(plain.starts_with("onnx sha256:") && plain.ends_with(" output features"));
        assert_eq!(plain, key(|_| {}));
        assert_ne!(
            plain,
            key(|model| model.producer_version = Some("2".to_owned()))
        );
    }

    #[test]
    fn a_pinned_file_is_not_read_for_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let pinned = "0123456789abcdef".repeat(4);
        let text = format!("{TINY_MANIFEST}sha256: \"{pinned}\"\n");
        let backbone = Backbone::Onnx(Box::new(testing::manifest(&text).unwrap()));
        let key = backbone.key(dir.path()).unwrap();
        assert_eq!(key, format!("onnx sha256:{pinned} output features"));
    }

    #[test]
    fn a_manifest_that_is_not_there_is_named() {
        let error = Backbone::named("onnx/none.yaml", Path::new("root")).expect_err("missing");
        assert!(
            error
                .to_string()
                .starts_with("root/onnx/none.yaml: there is no such file"),
            "{error}"
        );
    }
}
