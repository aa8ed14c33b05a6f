//! Why bytes are not a head.

use safetensors::SafeTensorError;
use safetensors::tensor::Dtype;

/// A head could not be written or read. The caller knows the path and names it.
#[derive(Debug, thiserror::Error)]
pub enum SavedHeadError {
    /// The head does not fit the format.
    #[error("the head cannot be written as safetensors")]
    Write {
        /// The format's own words.
        source: SafeTensorError,
    },
    /// No safetensors file.
    #[error("not a whole safetensors file: the header or the size of the data is wrong ({source})")]
    Header {
        /// The format's own words.
        source: SafeTensorError,
    },
    /// A safetensors file of something else.
    #[error("a safetensors file, but not of a catpipe head: its metadata has no `catpipe.head`")]
    NotAHead,
    /// A file of another version of catpipe.
    #[error(
        "a head in format {found}, this catpipe reads format {known}: train it anew, or use the catpipe that wrote it"
    )]
    Version {
        /// The file's.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// A description that is not what this version writes.
    #[error("the head's description (`catpipe.head` in the metadata) is malformed: {source}")]
    Description {
        /// Where and what.
        source: serde_json::Error,
    },
    /// Widths that make no such head.
    #[error("widths {widths:?} do not make this kind of head with {classes} classes")]
    Widths {
        /// From features to classes.
        widths: Vec<usize>,
        /// How many classes are named.
        classes: usize,
    },
    /// A temperature that nothing can be divided by.
    #[error("the head's temperature is {found}, a finite number above 0 is needed")]
    Temperature {
        /// The temperature.
        found: f32,
    },
    /// A threshold that no probability can be compared with.
    #[error("the head rejects below {found}, a probability from 0 to 1 is needed")]
    Threshold {
        /// The threshold.
        found: f32,
    },
    /// Convolutions that do not fit each other or the dense layers.
    #[error("convolutions of {filters:?} maps do not fit their picture, or {features} features")]
    Blocks {
        /// Maps of each.
        filters: Vec<usize>,
        /// Features that the dense layers take.
        features: usize,
    },
    /// A tensor is not there.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor that no part of the head has a use for.
    #[error("tensor `{name}` belongs to no part of the head")]
    ExtraTensor {
        /// Its name.
        name: String,
    },
    /// A tensor of another element type.
    #[error("tensor `{name}` holds {found:?}, F32 is needed")]
    ElementType {
        /// Its name.
        name: String,
        /// The type found.
        found: Dtype,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` has shape {found:?}, {expected:?} is needed")]
    Shape {
        /// Its name.
        name: String,
        /// The shape that the widths ask for.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// A value that no trained head has.
    #[error("value {index} of tensor `{name}` is {value}, {need} is needed")]
    Value {
        /// The tensor's name.
        name: String,
        /// Its place in row-major order.
        index: usize,
        /// What stands there.
        value: f32,
        /// What should.
        need: &'static str,
    },
}
