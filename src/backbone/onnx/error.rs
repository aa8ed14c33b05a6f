//! What can be wrong with an ONNX file.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an ONNX file could not be read, cut or written.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// There is no file at the path.
    #[error("{path}: no such ONNX file", path = .path.display())]
    NotThere {
        /// The path asked for.
        path: PathBuf,
    },
    /// The file is there but can't be read.
    #[error("{path}: can't be read: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no bytes.
    #[error("{path}: is empty (0 bytes), not an ONNX file; build or fetch it again", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file, or the model to be written, is over protobuf's limit.
    #[error(
        "{path}: {bytes} bytes are more than the {limit} that one ONNX file can hold: graphs of \
         that size keep their weights in files beside them (external data), so that this is not \
         one, or is to be exported in that form", path = .path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it has or would have.
        bytes: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// The bytes are not a protobuf of this schema.
    #[error("{path}: is not an ONNX file, or is cut off or damaged: {source}", path = .path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What the decoder met.
        source: prost::DecodeError,
    },
    /// The bytes decode, but the model has no format version: some other protobuf.
    #[error("{path}: is not an ONNX file: it states no IR version", path = .path.display())]
    NoIrVersion {
        /// The file.
        path: PathBuf,
    },
    /// The model has no graph, or a graph without nodes.
    #[error("{path}: is an ONNX file with nothing to run: its graph has no nodes", path = .path.display())]
    NoNodes {
        /// The file.
        path: PathBuf,
    },
    /// A graph was to be cut down to an output that it does not have.
    #[error("the graph has no output `{wanted}`; it has: {}", .found.join(", "))]
    NoSuchOutput {
        /// The name asked for.
        wanted: String,
        /// The outputs that there are.
        found: Vec<String>,
    },
    /// A graph was to be cut down to no output at all.
    #[error("no output was asked for; the graph has: {}", .found.join(", "))]
    NoOutputWanted {
        /// The outputs that there are.
        found: Vec<String>,
    },
    /// No tensor of the graph looks like features.
    #[error(
        "no features found: no output comes out of a matrix product, a 1x1 convolution or a global \
         pool in a way that is understood; choose a tensor with --output; the graph's outputs are: \
         {}", .outputs.join("; ")
    )]
    NoFeatures {
        /// The graph's outputs with their shapes.
        outputs: Vec<String>,
    },
    /// The tensor that was asked for cannot be the features.
    #[error(
        "the tensor `{wanted}` {}; candidates are: {}",
        match dims {
            Some(dims) => format!("of {dims:?} for one image is neither a vector nor a map that the graph computes"),
            None => "is not in the graph, or its shape can't be told".to_owned(),
        },
        if found.is_empty() { "(none)".to_owned() } else { found.join(", ") }
    )]
    NoSuchTensor {
        /// The name asked for.
        wanted: String,
        /// The tensor's dimensions for one image, where they are known.
        dims: Option<Vec<i64>>,
        /// The candidates that there are.
        found: Vec<String>,
    },
    /// A name that is to be given to an output belongs to another tensor.
    #[error(
        "the graph has a tensor `{name}` already, which is not the one that was chosen; choose it with --output {name}"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The weights in files beside the graph are over the limit of what is put into one.
    #[error(
        "{path}: the weights that it keeps in other files take more than {limit} bytes, which is \
         the most that a graph can have here: cut it down (`catpipe model features`), or export \
         it with weights of 16 bits", path = .path.display()
    )]
    TooManyWeights {
        /// The ONNX file.
        path: PathBuf,
        /// The most that is allowed.
        limit: u64,
    },
    /// A tensor's external data can't be used.
    #[error("{path}: the external data of `{tensor}`: {reason}", path = .path.display())]
    External {
        /// The ONNX file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        reason: String,
    },
    /// The file can't be written.
    #[error("{path}: can't be written: {source}", path = .path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
