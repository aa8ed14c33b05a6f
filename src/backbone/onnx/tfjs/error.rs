//! What can stand in the way of an import.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a TensorFlow.js layers model could not be converted.
#[derive(Debug, Error)]
pub enum TfjsError {
    /// A file of the model is not there.
    #[error("{path}: no such file; a layers model is model.json with all its shards beside it", path = .path.display())]
    NotThere {
        /// The file.
        path: PathBuf,
    },
    /// A file of the model can't be read.
    #[error("{path}: can't be read: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any that this could be.
    #[error("{path}: {bytes} bytes are more than the {limit} allowed here", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it has, or would have to have.
        bytes: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// `model.json` is not JSON of the form of a layers model.
    #[error("{path}: is not a layers model's JSON: {source}", path = .path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What was wrong, with line and column.
        source: serde_json::Error,
    },
    /// The JSON is that of another kind of model.
    #[error("{path}: holds {found}; only a layers model of Keras 2 can be imported (convert with `tensorflowjs_converter --output_format tfjs_layers_model`)", path = .path.display())]
    NotLayersModel {
        /// The file.
        path: PathBuf,
        /// What the file holds instead.
        found: String,
    },
    /// The model does not take one image batch and give one tensor.
    #[error("{path}: the model has {inputs} inputs and {outputs} outputs; only one of each can be converted", path = .path.display())]
    Ports {
        /// The file.
        path: PathBuf,
        /// How many inputs it has.
        inputs: usize,
        /// How many outputs it has.
        outputs: usize,
    },
    /// A layer can't be converted.
    #[error("{path}: layer `{layer}` ({class}): {problem}", path = .path.display())]
    Layer {
        /// The file.
        path: PathBuf,
        /// The layer's name.
        layer: String,
        /// Its class in Keras.
        class: String,
        /// What is the matter with it.
        #[source]
        problem: Box<Problem>,
    },
    /// The weights are not as they should be.
    #[error("{path}: {problem}", path = .path.display())]
    Weights {
        /// `model.json`, which declares them.
        path: PathBuf,
        /// What is the matter with them.
        #[source]
        problem: Box<WeightProblem>,
    },
    /// Two layers would give the same name to two tensors.
    #[error("{path}: two tensors would be called `{name}`; rename a layer", path = .path.display())]
    SharedName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Nothing in the graph can serve as an image's features.
    #[error("{path}: found no features: the model does not end in a global pooling, a Dense classifier or a feature map", path = .path.display())]
    NoFeatures {
        /// The file.
        path: PathBuf,
    },
}

/// What is the matter with one layer.
#[derive(Debug, Error)]
pub enum Problem {
    /// There is no conversion for layers of this class.
    #[error("layers of this class can't be converted; those that can: {}", .supported.join(", "))]
    UnknownClass {
        /// The classes that can.
        supported: &'static [&'static str],
    },
    /// Another layer has the same name.
    #[error("another layer has the same name")]
    DuplicateName,
    /// The layer's settings can't be read.
    #[error("its config can't be read: {0}")]
    Config(serde_json::Error),
    /// A setting has a value that can't be converted.
    #[error("{name} is {found}; supported: {supported}")]
    Option {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// The values that can be converted.
        supported: String,
    },
    /// `inbound_nodes` is not of the form of Keras 2.
    #[error("its inbound_nodes are not of the form [[[\"layer\", 0, 0, {{}}]]]")]
    Inbound,
    /// The layer is used more than once, with shared weights.
    #[error("is called {calls} times; a layer shared between places can't be converted")]
    Shared {
        /// How often it is called.
        calls: usize,
    },
    /// An input of the layer does not exist.
    #[error("its input `{input}` is no layer of the model")]
    UnknownInput {
        /// The name.
        input: String,
    },
    /// The layer depends on its own output.
    #[error("its inputs depend on itself")]
    Cycle,
    /// The layer has too many or too few inputs.
    #[error("has {found} inputs, expected {expected}")]
    InputCount {
        /// How many it takes.
        expected: &'static str,
        /// How many it has.
        found: usize,
    },
    /// The shapes of the inputs do not fit the layer.
    #[error("takes {expected}, found an input of shape {found} (without the batch)")]
    Shape {
        /// What the layer takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The output would be empty or beyond all measure.
    #[error("its output would have the impossible shape {found}")]
    Impossible {
        /// That shape.
        found: String,
    },
    /// A weight of the layer is missing or wrong.
    #[error(transparent)]
    Weight(WeightProblem),
    /// A batch norm's variance plus epsilon is not positive.
    #[error("moving_variance plus epsilon is {found} in channel {channel}, must be above 0")]
    Variance {
        /// The channel, from 0.
        channel: usize,
        /// The sum.
        found: f64,
    },
}

/// What is the matter with the weights.
#[derive(Debug, Error)]
pub enum WeightProblem {
    /// A shard's path leads out of the model's folder.
    #[error("the weight shard `{shard}` is not a plain path inside the model's folder")]
    ShardOutside {
        /// The path in the manifest.
        shard: String,
    },
    /// The shards of a group hold more or fewer bytes than its weights need.
    #[error(
        "the weight shard `{shard}` is too {what}: its group of {shards} shards has {found} bytes \
         and needs {expected}; fetch it again"
    )]
    GroupLength {
        /// The shard that is most likely at fault.
        shard: String,
        /// `short` or `long`.
        what: &'static str,
        /// How many shards the group has.
        shards: usize,
        /// The bytes that the group's weights need.
        expected: u64,
        /// The bytes that its shards hold.
        found: u64,
    },
    /// A weight's declared shape has too many elements to count.
    #[error("the weight `{weight}` has the impossible shape {shape:?}")]
    ImpossibleShape {
        /// The weight.
        weight: String,
        /// Its shape.
        shape: Vec<u64>,
    },
    /// A weight is not float32.
    #[error("the weight `{weight}` is {dtype}; only float32 can be converted")]
    ElementType {
        /// The weight.
        weight: String,
        /// Its type.
        dtype: String,
    },
    /// A weight is quantized.
    #[error("the weight `{weight}` is quantized to {dtype}; only plain float32 can be converted")]
    Quantized {
        /// The weight.
        weight: String,
        /// The type that it is stored in.
        dtype: String,
    },
    /// Two weights have the same name.
    #[error("the weight `{weight}` is declared twice")]
    Twice {
        /// The weight.
        weight: String,
    },
    /// A weight that a layer needs is not in the manifest.
    #[error("the weight `{weight}` is not in the weights manifest")]
    Missing {
        /// The weight.
        weight: String,
    },
    /// A weight has another shape than its layer needs.
    #[error("the weight `{weight}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The weight.
        weight: String,
        /// The shape that the layer needs.
        expected: Vec<usize>,
        /// The shape in the manifest.
        found: Vec<usize>,
    },
    /// A weight holds a value that is no number.
    #[error("the weight `{weight}` holds {value} at place {place}; the file is damaged")]
    NotFinite {
        /// The weight.
        weight: String,
        /// The value.
        value: f32,
        /// Its place, from 0.
        place: usize,
    },
}
