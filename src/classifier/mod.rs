//! A backbone with its head as one ONNX file: written, checked, read back and run.
//!
//! [`build`] joins what a trained classifier is made of to one graph of operator set 18 or later.
//! Its two forms differ in what they take:
//!
//! | form | input | what the graph does |
//! | --- | --- | --- |
//! | [`Form::Image`] | `image`, uint8 `[N, height, width, 3]`, RGB, any size | resize, crop or pad, colour order, scale, mean, deviation, layout, then as below |
//! | [`Form::Tensor`] | `input`, float32, as the manifest has it | backbone, head, temperature, softmax |
//!
//! | output | | |
//! | --- | --- | --- |
//! | `probabilities` | float32 `[N, classes]` | calibrated: softmax(logits / temperature) |
//! | `label` | string `[N]` | the name of the most probable class, the first of equals |
//! | `features` | float32 `[N, features]` | where asked for |
//! | `map` | float32 `[N, classes, h, w]` | where asked for: how much each place speaks for each class (see [`class_map`](crate::head::explain::class_map)) |
//!
//! Everything that is needed to use the file stands in its metadata: see [`Metadata`]. What the
//! file computes is compared with catpipe's own path before anybody gets it: see [`Parity`].
//!
//! # Resizing
//! ONNX's `Resize` with antialias, as ONNX Runtime computes it on bytes, is Pillow's algorithm with
//! weights in single precision, for `cubic_coeff_a` -0.5 and `exclude_outside` 1, with the image as
//! it lies (channels last). Grey levels off from Pillow's, of the first ten cat pictures (64 to 224
//! pixels) and of twelve photographs (500x375 to 224):
//!
//! | | cats: largest, share of values | photographs: largest, share |
//! | --- | --- | --- |
//! | bilinear | 2, 3.9 % | 1, 0.07 % |
//! | bicubic | 1, 0.009 % | 1, 0.011 % |
//! | bilinear on float32, rounded once | 1, 19 % | 1, 15 % |
//!
//! An image that loses more than twice as many rows as columns is scaled down before across by
//! Pillow, and across before down by ONNX: where sharp edges overshoot, that is up to 6 levels.
//! Without antialias, ONNX Runtime cuts bytes off instead of rounding them: that is done on
//! float32, across and then down, each rounded. The nearest pixel is picked by whole numbers, as
//! `Resize` takes either neighbour where the middle lies between two. ONNX has no `lanczos`, and
//! ONNX Runtime no bicubic shrinking without antialias: such a backbone can be exported in the tensor
//! form alone.

mod build;
mod config;
mod error;
mod half;
mod layers;
mod map;
mod metadata;
mod open;
mod opset;
mod parity;
mod prefix;
mod preprocess;
mod resize;
#[cfg(test)]
mod tests;
mod trunk;

pub use build::{Wanted, build};
pub use config::{ExportConfig, Form};
pub use error::ClassifierError;
pub use half::{Halved, halve};
pub use metadata::{Licence, Metadata, Preprocessing};
pub use open::{Answer, Classifier};
pub use parity::{Gate, Parity};
pub use trunk::Trunk;
