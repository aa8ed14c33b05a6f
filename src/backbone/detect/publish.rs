//! Writing down what was found: a manifest, and where it is needed the graph cut to its features.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::Digest;

use super::classifier::Classifier;
use super::convention::{Convention, Rule};
use super::error::DetectError;
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{Manifest, ManifestConfig, OutputConfig, Sha256, Width};
use crate::backbone::onnx::{self, Candidate, Dim, Element, ModelProto, OnnxError, Summary};
use crate::yaml::{self, Document};

/// What is going to be written, known before any convention is tried.
#[derive(Debug)]
pub struct Plan {
    manifest: PathBuf,
    /// The features that the manifest will name.
    pub feature: Candidate,
    graph: Graph,
}

#[derive(Debug)]
enum Graph {
    /// The classifier's own file offers the features.
    Own,
    /// It has to be cut, into a file beside the manifest.
    Cut {
        path: PathBuf,
        model: Box<ModelProto>,
    },
}

impl Plan {
    /// A plan for a manifest at `manifest`. Where the classifier's file does not offer its
    /// features as an output, or keeps weights in other files, `<manifest>-features.onnx` comes to
    /// stand beside it.
    ///
    /// # Errors
    /// The graph has no features to be found, or a file is there already.
    pub fn new(classifier: &Classifier, manifest: &Path) -> Result<Self, DetectError> {
        let path = &classifier.path;
        let (model, feature) = onnx::features(&classifier.model, None)?;
        let graph = if !classifier.scattered && offers(&classifier.model, &feature) {
            Graph::Own
        } else {
            let stem = manifest.file_stem().unwrap_or(path.as_os_str());
            let name = format!("{}-features.onnx", stem.to_string_lossy());
            let path = manifest.with_file_name(name);
            Graph::Cut {
                path,
                model: Box::new(model),
            }
        };
        let plan = Self {
            manifest: manifest.to_owned(),
            feature,
            graph,
        };
        for path in [Some(manifest), plan.cut()].into_iter().flatten() {
            if path.exists() {
                return Err(DetectError::Exists { path: path.into() });
            }
        }
        let folder = folder(manifest);
        if !folder.is_dir() {
            return Err(unwritable(manifest)(io::Error::other(format!(
                "there is no folder {}",
                folder.display()
            ))));
        }
        Ok(plan)
    }

    /// The cut graph's file, where one is needed.
    #[must_use]
    pub fn cut(&self) -> Option<&Path> {
        match &self.graph {
            Graph::Own => None,
            Graph::Cut { path, .. } => Some(path),
        }
    }

    /// Writes the cut graph and then the manifest. `root` is the project's folder, which the
    /// manifest's `file` is relative to; `notes` become its first lines.
    ///
    /// # Errors
    /// A file cannot be written, or is there by now; the manifest and the graph do not go
    /// together.
    pub fn write(
        &self,
        classifier: &Classifier,
        found: (&Convention, Option<Rule>),
        root: &Path,
        notes: &[String],
    ) -> Result<(), DetectError> {
        let graph = match &self.graph {
            Graph::Own => &classifier.path,
            Graph::Cut { path, model } => {
                onnx::write(path, model)?;
                path
            }
        };
        let output = match &self.graph {
            Graph::Own => &self.feature.tensor,
            Graph::Cut { .. } => "features",
        };
        let config = ManifestConfig {
            name: stem(&self.manifest),
            description: format!(
                "{}, an ImageNet classifier's features",
                stem(&classifier.path)
            ),
            licence: String::new(),
            file: graph.strip_prefix(root).unwrap_or(graph).to_owned(),
            sha256: Some(digest(graph)?),
            source: None,
            quantized_from: None,
            input: classifier.input.clone(),
            preprocess: found.0.source(found.1),
            output: OutputConfig {
                name: output.to_owned(),
                width: self.width()?,
            },
        };
        let mut text = String::new();
        for note in notes {
            text.push_str(&format!("# {note}\n"));
        }
        text.push_str(&yaml::to_string(&config)?);
        let document = Document::parse(&self.manifest, &text)?;
        Manifest::from_document(document)?.check_graph(root)?;
        publish(&self.manifest, &text)
    }

    fn width(&self) -> Result<Width, DetectError> {
        let width = self.feature.width().unwrap_or(0);
        let width = u32::try_from(width).unwrap_or(0);
        Width::try_from(width).map_err(|_| {
            DetectError::Onnx(OnnxError::NoSuchTensor {
                wanted: self.feature.tensor.clone(),
                dims: self.feature.dims.clone(),
                found: Vec::new(),
            })
        })
    }
}

/// Whether the graph gives the features as an output that a manifest can name.
fn offers(model: &ModelProto, feature: &Candidate) -> bool {
    let summary = Summary::of(model);
    let Some(port) = summary.output(&feature.tensor) else {
        return false;
    };
    let free = matches!(
        port.dims.as_deref(),
        Some([Dim::Symbol(_) | Dim::Unknown, ..])
    );
    free && port.element == Some(Element::FLOAT32)
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn digest(path: &Path) -> Result<Sha256, DetectError> {
    let refuse = |source| BackboneError::Read {
        path: path.to_owned(),
        source,
    };
    let content = std::fs::read(path).map_err(refuse)?;
    let digest = sha2::Sha256::digest(content);
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Sha256::try_from(text).map_err(|reason| refuse(io::Error::other(reason)).into())
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> DetectError + '_ {
    |source| DetectError::Write {
        path: path.to_owned(),
        source,
    }
}

/// Writes the text beside its place and moves it there, unless something is there by now.
fn publish(path: &Path, text: &str) -> Result<(), DetectError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".manifest-");
    // A temporary file is its owner's alone; a manifest is a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let refuse = unwritable(path);
    let mut file = builder.tempfile_in(folder(path)).map_err(&refuse)?;
    file.write_all(text.as_bytes()).map_err(&refuse)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(DetectError::Exists { path: path.into() })
        }
        Err(error) => Err(refuse(error.error)),
    }
}
