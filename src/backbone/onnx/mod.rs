//! The ONNX file format: read, cut, import and write graphs without protoc.
//!
//! A model is a [`proto::ModelProto`], the generated type of the whole ONNX schema. [`read`] and
//! [`write()`] move it between memory and files, [`Summary`] says what it takes and gives, [`prune`]
//! cuts it down to the outputs that are wanted, [`tfjs::import`] makes one from a TensorFlow.js
//! layers model, and [`tiny::residual`] and [`palette::classifier`] make small
//! ones for tests.

mod build;
mod error;
mod external;
mod features;
mod file;
pub mod palette;
#[rustfmt::skip]
pub mod proto;
mod prune;
mod shapes;
mod summary;
pub mod tfjs;
pub mod tiny;

pub use error::OnnxError;
pub use external::inline;
pub use features::{Candidate, candidates, features};
pub use file::{FILE_LIMIT, decode, encode, read, write};
pub use proto::ModelProto;
pub use prune::prune;
pub use shapes::Shapes;
pub use summary::{Dim, Element, Port, Summary};
