//! The ONNX file behind a manifest: read once, checked, cut to the wanted output.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::Digest;

use super::{Dtype, Manifest};
use crate::backbone::error::BackboneError;
use crate::backbone::onnx::{
    self, Arithmetic, DataFile, Dim, Element, ModelProto, OnnxError, Port, Summary,
};
use crate::digests::{Digests, Stamp};

/// A graph that is the one its manifest means, cut down to the feature output, given and giving
/// float32 where the file has float16.
pub(crate) struct Graph {
    /// The file that it was read from.
    pub(crate) path: PathBuf,
    /// The graph; its one output is the manifest's.
    pub(crate) model: ModelProto,
    /// The name of its one input.
    pub(crate) input: String,
    /// Its checksum: see [`onnx::digest`].
    pub(crate) digest: String,
}

/// What is known of a graph that has passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its checksum: see [`onnx::digest`].
    pub digest: String,
    /// The arithmetic that the features' part of it asks for.
    pub arithmetic: Arithmetic,
}

/// What stands after the checksum of a graph of integers where it is remembered.
const INT8: &str = " int8";

impl Known {
    fn of(graph: &Graph) -> Self {
        Self {
            digest: graph.digest.clone(),
            arithmetic: Arithmetic::of(&graph.model),
        }
    }

    fn remembered(text: &str) -> Self {
        let (digest, arithmetic) = match text.strip_suffix(INT8) {
            Some(digest) => (digest, Arithmetic::Int8),
            None => (text, Arithmetic::Float),
        };
        Self {
            digest: digest.to_owned(),
            arithmetic,
        }
    }

    fn to_be_remembered(&self) -> String {
        let more = match self.arithmetic {
            Arithmetic::Float => "",
            Arithmetic::Int8 => INT8,
        };
        format!("{}{more}", self.digest)
    }
}

/// Reads the graph with its weights, where it has not just been read. What is checked is what
/// runs: the file is read once, and weights in other files are those of the checksum.
pub(crate) fn load(manifest: &Manifest, root: &Path) -> Result<Graph, BackboneError> {
    let kept = manifest
        .kept
        .take(&manifest.config, &manifest.graph_path(root));
    let (mut graph, data) = match kept {
        Some(kept) => kept,
        None => Read::of(manifest, root)?.checked(manifest)?,
    };
    let used = onnx::inline(&graph.path, &mut graph.model)?;
    if let Some(changed) = used.iter().find(|file| !data.contains(file)) {
        return Err(BackboneError::Read {
            path: graph.path.with_file_name(&changed.name),
            source: io::Error::other("it changed while it was read"),
        });
    }
    Ok(graph)
}

/// The name of the input that is given, which is the declared one or stands for it.
fn given_input(model: &ModelProto, declared: &str) -> String {
    let inputs = Summary::of(model).inputs;
    let first = inputs.into_iter().next().map(|port| port.name);
    first.unwrap_or_else(|| declared.to_owned())
}

/// Compares the graph with its manifest.
pub(super) fn check(manifest: &Manifest, root: &Path) -> Result<(), BackboneError> {
    Read::of(manifest, root)?.checked(manifest).map(drop)
}

/// [`check`] of files that have changed since they passed it; the others are not read. `known`
/// is about this manifest and this version of the program.
pub(super) fn check_changed(
    manifest: &Manifest,
    root: &Path,
    known: &Digests,
) -> Result<Known, BackboneError> {
    let path = manifest.graph_path(root);
    if let Some(text) = known.recall_all(&path) {
        return Ok(Known::remembered(&text));
    }
    let mut data = Vec::new();
    let text = known.get(&path, || {
        let before = Stamp::of(&path);
        let (graph, files) = Read::of(manifest, root)?.checked(manifest)?;
        let text = Known::of(&graph).to_be_remembered();
        if let Some(stamp) = before {
            let config = &manifest.config;
            manifest.kept.put(config, stamp, graph, files.clone());
        }
        data = files;
        Ok::<_, BackboneError>(text)
    })?;
    for file in data {
        let path = path.with_file_name(&file.name);
        known.get(&path, || Ok::<_, BackboneError>(file.sha256))?;
    }
    Ok(Known::remembered(&text))
}

/// SHA-256 of the graph in hexadecimal (see [`onnx::digest`]), compared with the manifest's where
/// it has one.
pub(super) fn digest(manifest: &Manifest, root: &Path) -> Result<String, BackboneError> {
    Ok(Read::of(manifest, root)?.digest)
}

/// A graph whose checksum is that of its manifest.
struct Read {
    path: PathBuf,
    whole: Result<ModelProto, OnnxError>,
    data: Vec<DataFile>,
    digest: String,
}

impl Read {
    fn of(manifest: &Manifest, root: &Path) -> Result<Self, BackboneError> {
        let path = manifest.graph_path(root);
        let mut content = Vec::new();
        open(manifest, &path)?
            .read_to_end(&mut content)
            .map_err(|source| BackboneError::Read {
                path: path.clone(),
                source,
            })?;
        let file = hex(&sha2::Sha256::digest(&content));
        let mut whole = onnx::decode(&path, Bytes::from(content));
        let data = match &mut whole {
            Ok(model) => onnx::data_files(&path, model)?,
            // Another file than is meant may be anything: its checksum says so first.
            Err(_) => Vec::new(),
        };
        let digest = onnx::digest(&file, &data);
        check_digest(manifest, &path, &digest, data.len())?;
        Ok(Read {
            path,
            whole,
            data,
            digest,
        })
    }

    /// The part that the features need, once it is as the manifest says, and the files of weights.
    fn checked(self, manifest: &Manifest) -> Result<(Graph, Vec<DataFile>), BackboneError> {
        let whole = self.whole.map_err(|source| {
            let build = build_command(manifest);
            BackboneError::NotAGraph { source, build }
        })?;
        let mut model = cut(manifest, &self.path, &whole)?;
        let summary = Summary::of(&model);
        let difference =
            check_input(manifest, &summary).or_else(|| check_output(manifest, &summary));
        let path = self.path;
        match difference {
            None => {
                onnx::float32_ports(&mut model);
                let input = given_input(&model, &manifest.config.input.name);
                let digest = self.digest;
                let graph = Graph {
                    path,
                    model,
                    input,
                    digest,
                };
                Ok((graph, self.data))
            }
            Some(difference) => Err(difference.told(manifest, path)),
        }
    }
}

fn open(manifest: &Manifest, path: &Path) -> Result<File, BackboneError> {
    let refuse = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => BackboneError::NoGraph {
            place: Box::new(manifest.document.place("file")),
            path: path.to_path_buf(),
            build: build_command(manifest),
        },
        _ => BackboneError::Read {
            path: path.to_path_buf(),
            source,
        },
    };
    let file = File::open(path).map_err(refuse)?;
    let bytes = file.metadata().map_err(refuse)?.len();
    if bytes > onnx::FILE_LIMIT {
        let (path, limit) = (path.to_path_buf(), onnx::FILE_LIMIT);
        return Err(OnnxError::TooLarge { path, bytes, limit }.into());
    }
    Ok(file)
}

fn check_digest(
    manifest: &Manifest,
    path: &Path,
    found: &str,
    data: usize,
) -> Result<(), BackboneError> {
    match &manifest.config.sha256 {
        Some(expected) if expected.to_string() != found => Err(BackboneError::OtherFile {
            place: Box::new(manifest.document.place("sha256")),
            path: path.to_path_buf(),
            expected: expected.to_string(),
            found: found.to_owned(),
            data,
            build: build_command(manifest),
        }),
        _ => Ok(()),
    }
}

fn build_command(manifest: &Manifest) -> Option<String> {
    let source = manifest.config.source.as_ref();
    source.map(|source| source.build.clone())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the manifest says, what the graph says, and which key of the manifest it is about.
struct Difference {
    key: &'static str,
    declared: String,
    found: String,
}

impl Difference {
    fn told(self, manifest: &Manifest, path: PathBuf) -> BackboneError {
        let Self {
            key,
            declared,
            found,
        } = self;
        let place = Box::new(manifest.document.place(key));
        BackboneError::GraphDiffers {
            place,
            key,
            path,
            declared,
            found,
        }
    }
}

/// The part of the graph that the manifest's output stands on: the rest is never computed, and
/// its inputs need not be given.
fn cut(manifest: &Manifest, path: &Path, whole: &ModelProto) -> Result<ModelProto, BackboneError> {
    onnx::prune(whole, &[&manifest.config.output.name]).map_err(|error| match error {
        OnnxError::NoSuchOutput { wanted, found } => {
            let found = format!("outputs {}", list(found.iter().map(String::as_str)));
            let declared = format!("output {wanted}");
            Difference {
                key: "output.name",
                declared,
                found,
            }
            .told(manifest, path.to_path_buf())
        }
        other => other.into(),
    })
}

fn check_input(manifest: &Manifest, summary: &Summary) -> Option<Difference> {
    let config = &manifest.config.input;
    let [first, second, third] = config.dims();
    let declared = format!(
        "{}: {} [N, {first}, {second}, {third}]",
        config.name,
        config.dtype.name()
    );
    let differs = |key, found: String| {
        Some(Difference {
            key,
            declared: declared.clone(),
            found,
        })
    };
    let [port] = &summary.inputs[..] else {
        let names = summary.inputs.iter().map(|port| port.name.as_str());
        return differs("input.name", format!("inputs {}", list(names)));
    };
    if port.name != config.name {
        return differs("input.name", port.to_string());
    }
    let element = match config.dtype {
        Dtype::Float32 => Element::FLOAT32,
        Dtype::Float16 => Element::FLOAT16,
        Dtype::Uint8 => Element::UINT8,
    };
    if port.element != Some(element) {
        return differs("input.dtype", port.to_string());
    }
    let fits = rest_of_batch(port).is_none_or(|rest| {
        rest.is_some_and(|rest| {
            rest.len() == 3
                && rest
                    .iter()
                    .zip(config.dims())
                    .all(|(dim, length)| can_be(dim, length))
        })
    });
    if fits {
        None
    } else {
        differs("input.size", port.to_string())
    }
}

/// `[N, width]`, or with further dimensions of length 1 as some exporters leave them.
fn check_output(manifest: &Manifest, summary: &Summary) -> Option<Difference> {
    let config = &manifest.config.output;
    let width = config.width.get();
    let port = summary.output(&config.name)?;
    let fits = rest_of_batch(port).is_none_or(|rest| {
        rest.is_some_and(|rest| match rest {
            [] => false,
            [first, ones @ ..] => can_be(first, width) && ones.iter().all(|dim| can_be(dim, 1)),
        })
    });
    let key = match port.element {
        Some(Element::FLOAT32 | Element::FLOAT16) if fits => return None,
        Some(Element::FLOAT32 | Element::FLOAT16) => "output.width",
        _ => "output.name",
    };
    let declared = format!("{}: float32 [N, {width}]", config.name);
    Some(Difference {
        key,
        declared,
        found: port.to_string(),
    })
}

/// The dimensions after the batch; `None` where the graph states nothing (the run will tell),
/// `Some(None)` where the first dimension is missing or not free to be any batch.
fn rest_of_batch(port: &Port) -> Option<Option<&[Dim]>> {
    let dims = port.dims.as_ref()?;
    Some(match &dims[..] {
        [Dim::Symbol(_) | Dim::Unknown, rest @ ..] => Some(rest),
        _ => None,
    })
}

fn can_be(dim: &Dim, length: usize) -> bool {
    match dim {
        Dim::Fixed(fixed) => usize::try_from(*fixed) == Ok(length),
        Dim::Symbol(_) | Dim::Unknown => true,
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        "(none)".to_owned()
    } else {
        names.join(", ")
    }
}
