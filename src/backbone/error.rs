//! What can go wrong with a backbone, and how it is put to a person.

use std::path::PathBuf;

use super::manifest::ForeignError;
use super::onnx::{self, NotPooled};
use super::provider::ProviderKind;
use super::runtime::RuntimeError;
use super::session::Elsewhere;
use crate::yaml::{Place, YamlError};

/// Why a backbone cannot be used or a run of it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// The manifest cannot be read or says something that it can't.
    #[error(transparent)]
    Manifest(#[from] YamlError),
    /// The manifest's ONNX file is not there.
    #[error(
        "{place}: file: {} does not exist; {}{}", path.display(), make_it(build), place.excerpt()
    )]
    NoGraph {
        /// Where the manifest names the file.
        place: Box<Place>,
        /// Where the file was looked for.
        path: PathBuf,
        /// The command that makes it, where the manifest has one.
        build: Option<String>,
    },
    /// The ONNX file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The ONNX file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The ONNX file is not the one that the manifest means.
    #[error(
        "{place}: sha256: {} is not the file that the manifest means\n  \
         expected: {expected}\n  found:    {found}{}\n  \
         {}{}", path.display(), together(*data), make_it(build), place.excerpt()
    )]
    OtherFile {
        /// Where the manifest has the checksum.
        place: Box<Place>,
        /// The ONNX file.
        path: PathBuf,
        /// The manifest's checksum.
        expected: String,
        /// The file's checksum.
        found: String,
        /// How many files of weights it is the checksum of, beside the ONNX file.
        data: usize,
        /// The command that makes the file, where the manifest has one.
        build: Option<String>,
    },
    /// The file is not a usable ONNX graph.
    #[error(transparent)]
    Onnx(#[from] onnx::OnnxError),
    /// The manifest's file is not a usable ONNX graph.
    #[error("{source}; {}", make_it(build))]
    NotAGraph {
        /// What is wrong with it; the message names the file.
        source: onnx::OnnxError,
        /// The command that makes the file, where the manifest has one.
        build: Option<String>,
    },
    /// The manifest and the graph disagree.
    #[error(
        "{place}: {key}: the manifest and {} differ\n  \
         manifest: {declared}\n  graph:    {found}{}", path.display(), place.excerpt()
    )]
    GraphDiffers {
        /// Where the manifest says it.
        place: Box<Place>,
        /// The manifest's key, such as `output.width`.
        key: &'static str,
        /// The ONNX file.
        path: PathBuf,
        /// What the manifest says.
        declared: String,
        /// What the graph says.
        found: String,
    },
    /// A file of another program, which the manifest's preprocessing names, can't be followed.
    #[error("{place}: {key}: {source}{}", place.excerpt())]
    Foreign {
        /// Where the manifest names the file.
        place: Box<Place>,
        /// The manifest's key, such as `preprocess.timm`.
        key: &'static str,
        /// What is wrong with the file.
        source: ForeignError,
    },
    /// Two of the manifest's statements do not go together.
    #[error("{place}: {key}: {reason}{}", place.excerpt())]
    Contradiction {
        /// Where one of them stands.
        place: Box<Place>,
        /// Its key.
        key: &'static str,
        /// What does not go together.
        reason: String,
    },
    /// ONNX Runtime refuses the graph.
    #[error("{}: ONNX Runtime cannot load this graph: {reason}", path.display())]
    Load {
        /// The ONNX file.
        path: PathBuf,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// The provider that was asked for does not take the graph, or the device refuses.
    #[error(
        "{}: provider `{provider}` cannot run this graph here: {reason}\n  \
         `catpipe providers` says what can be used on this machine", path.display()
    )]
    Provider {
        /// The ONNX file.
        path: PathBuf,
        /// The provider.
        provider: ProviderKind,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// Nodes would run elsewhere than on the provider that was asked for.
    #[error(
        "{}: provider `{provider}` does not take the whole graph: {elsewhere}\n  \
         to let those run there: provider: {{{provider}: {{allow_partial: true}}}}", path.display()
    )]
    Elsewhere {
        /// The ONNX file.
        path: PathBuf,
        /// The provider.
        provider: ProviderKind,
        /// What would run elsewhere.
        elsewhere: Elsewhere,
    },
    /// The runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// ONNX Runtime failed while running the graph.
    #[error("{}: a batch of {batch} failed in ONNX Runtime: {reason}", path.display())]
    Run {
        /// The ONNX file.
        path: PathBuf,
        /// The number of rows of the batch.
        batch: usize,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// A batch of more rows than the provider was asked to be built for.
    #[error(
        "{}: a batch of {found} rows, and `{provider}` is built for at most {most}: give it \
         smaller batches, or raise `provider.{provider}.batch.max`", path.display()
    )]
    BatchTooLarge {
        /// The ONNX file.
        path: PathBuf,
        /// The provider.
        provider: ProviderKind,
        /// The batch's rows.
        found: usize,
        /// The most rows.
        most: usize,
    },
    /// There is no memory for the buffers of a batch.
    #[error(
        "{}: no memory for a batch of {rows} rows that the device can fetch: {reason}\n  \
         smaller batches need less: extract.batch", path.display()
    )]
    Memory {
        /// The ONNX file.
        path: PathBuf,
        /// The rows.
        rows: usize,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// The way to the device and back cannot be set up.
    #[error("{}: batches cannot be brought to `{provider}`: {reason}", path.display())]
    Device {
        /// The ONNX file.
        path: PathBuf,
        /// The provider.
        provider: ProviderKind,
        /// What is missing.
        reason: String,
    },
    /// The folder for TensorRT's engines cannot be used.
    #[error(
        "{}: TensorRT's engines cannot be kept here: {source}\n  \
         make the folder writable, or name another cache folder", path.display()
    )]
    Engines {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Batches were started or finished out of order: a mistake in the calling code.
    #[error("{0}")]
    Order(&'static str),
    /// The graph ran and gave something of another shape than the manifest says.
    #[error(
        "{}: output `{output}` has another shape than declared\n  \
         declared: {declared:?}\n  found:    {found:?}", path.display()
    )]
    OutputShape {
        /// The ONNX file.
        path: PathBuf,
        /// The output's name.
        output: String,
        /// `[batch, width]` by the manifest.
        declared: [usize; 2],
        /// What came out.
        found: Vec<i64>,
    },
    /// A feature is NaN or infinite.
    #[error(
        "{}: feature {column} of row {row} of the batch is {value}: \
         the graph or its weights are broken, or its input is far from what it was trained on",
        path.display()
    )]
    NonFinite {
        /// The ONNX file.
        path: PathBuf,
        /// The row within the batch, from 0.
        row: usize,
        /// The feature within the row, from 0.
        column: usize,
        /// Its value.
        value: f32,
    },
    /// There is no map to explain with.
    #[error("{}: {reason}", path.display())]
    NoMap {
        /// The ONNX file.
        path: PathBuf,
        /// Why.
        reason: NotPooled,
    },
    /// The features are not the means of the map that they seemed to be.
    #[error(
        "{}: feature {column} is {feature}, and the mean of its map {mean}: the graph changes them \
         in between, and class activation maps would be wrong", path.display()
    )]
    NotTheMean {
        /// The ONNX file.
        path: PathBuf,
        /// The feature.
        column: usize,
        /// Its value.
        feature: f32,
        /// The mean of the map.
        mean: f32,
    },
    /// A buffer does not hold what the call says: a mistake in the calling code.
    #[error("{what} must hold {expected} values, and holds {found}")]
    BufferLength {
        /// Which buffer.
        what: &'static str,
        /// How many values belong in it.
        expected: usize,
        /// How many fit.
        found: usize,
    },
    /// With `backbone: pixels` an image has another size than the first.
    #[error(
        "image {id} is {}x{} pixels and the first is {}x{}: `backbone: pixels` needs images of one \
         size (a backbone with a network resizes them)", found.0, found.1, expected.0, expected.1
    )]
    ImageSize {
        /// The image that differs.
        id: String,
        /// Width and height of the first image.
        expected: (u32, u32),
        /// Width and height of this one.
        found: (u32, u32),
    },
    /// An image without a pixel, or of a size that can't be resized.
    #[error("image {id} ({}x{} pixels) cannot be resized: {reason}", size.0, size.1)]
    Resize {
        /// The image.
        id: String,
        /// Its width and height.
        size: (u32, u32),
        /// What stands in the way.
        reason: String,
    },
}

/// What a checksum is of, where it is not of one file.
fn together(data: usize) -> String {
    match data {
        0 => String::new(),
        1 => " (of the graph and its file of weights, as `catpipe model inspect` says)".to_owned(),
        n => {
            format!(" (of the graph and its {n} files of weights, as `catpipe model inspect` says)")
        }
    }
}

fn make_it(build: &Option<String>) -> String {
    match build {
        Some(command) => format!("make it with: {command}"),
        None => "put the file that the manifest means there".to_owned(),
    }
}
