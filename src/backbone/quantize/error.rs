//! What can stop a quantization.

use std::path::PathBuf;

use super::judge::Cosine;
use crate::backbone::error::BackboneError;

/// Why a network was not quantized.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The graph is not what its manifest says, or does not run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The graph takes numbers of 16 bits.
    #[error(
        "{}: takes float16 input: quantize the float32 graph that it was made of", path.display()
    )]
    HalfPrecision {
        /// The ONNX file.
        path: PathBuf,
    },
    /// The graph is quantized, or partly so, already.
    #[error(
        "{}: is quantized already: the node `{node}` is a {operator}; give the manifest of the \
         float graph that it was made of", path.display()
    )]
    AlreadyQuantized {
        /// The ONNX file.
        path: PathBuf,
        /// The first node that says so.
        node: String,
        /// Its operator.
        operator: String,
    },
    /// Nothing in the graph is a convolution that integer kernels could run.
    #[error(
        "{}: has no convolution of two dimensions with fixed float32 weights, and nothing else is \
         quantized; its operators are: {}", path.display(), operators.join(", ")
    )]
    NoConvolutions {
        /// The ONNX file.
        path: PathBuf,
        /// The operators that it has.
        operators: Vec<String>,
    },
    /// The operator set is too old for weights with a scale for each channel.
    #[error(
        "{}: its operator set is {found}; a scale for each channel needs 13, and the meaning of \
         `{operator}` has changed since: export the model again with opset 13 or later",
        path.display()
    )]
    OldOpset {
        /// The ONNX file.
        path: PathBuf,
        /// The operator set.
        found: i64,
        /// The operator that stands in the way.
        operator: String,
    },
    /// There are too few images to calibrate by.
    #[error(
        "{found} images are too few to calibrate by: give at least {needed}, better 100 or more"
    )]
    TooFewImages {
        /// How many there are.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The float network gives something that is no number.
    #[error(
        "{}: the tensor `{tensor}` holds {value} on a calibration image: the graph or its weights \
         are broken", path.display()
    )]
    NonFinite {
        /// The ONNX file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The value.
        value: f32,
    },
    /// A tensor that was asked of ONNX Runtime has another shape than a convolution takes.
    #[error(
        "{}: the convolution `{conv}` has an input of shape {found:?} and weights of shape \
         {weights:?}: they do not fit", path.display()
    )]
    Shape {
        /// The ONNX file.
        path: PathBuf,
        /// The convolution.
        conv: String,
        /// The input's shape.
        found: Vec<usize>,
        /// The weights' shape.
        weights: Vec<usize>,
    },
    /// No choice of layers reaches the bar.
    #[error(
        "the features of held-out images come to a cosine of {best}, with {kept} of {convolutions} \
         convolutions left in float; the bar is mean {bar_mean} and minimum {bar_min}. Nothing has \
         been written: give more images (--images), or lower the bar (--bar, --bar-min)"
    )]
    BelowBar {
        /// The best that was reached.
        best: Cosine,
        /// Convolutions left in float for it.
        kept: usize,
        /// All convolutions.
        convolutions: usize,
        /// The least mean that was asked for.
        bar_mean: f64,
        /// The least minimum that was asked for.
        bar_min: f64,
    },
}
