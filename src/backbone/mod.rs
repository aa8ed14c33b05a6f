//! Frozen ONNX backbones: manifests, preprocessing, graphs, the runtime and its sessions.
//!
//! A [`Backbone`] is what a pipeline names: a [`Manifest`] of an ONNX file, or the pixels
//! themselves. [`Preprocess`] turns images into its input on any number of threads, a [`Session`]
//! in a [`Runtime`] turns batches of input into features.

pub mod auto;
pub mod detect;
pub mod engines;
mod error;
pub mod manifest;
pub mod measure;
mod model;
pub mod onnx;
pub mod preprocess;
pub mod provider;
pub mod quantize;
pub mod runtime;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
mod winograd;

pub use error::BackboneError;
pub use manifest::Manifest;
pub use model::{Backbone, Graph, Network};
pub use preprocess::{Preprocess, Preprocessor};
pub use provider::{Provider, ProviderKind, Providers};
pub use runtime::{Choice, Runtime, RuntimeError, Search};
pub use session::{Maps, Opening, Session, SessionOptions};
