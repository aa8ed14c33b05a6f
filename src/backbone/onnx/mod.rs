//! The ONNX file format: read, cut, import and write graphs without protoc.
//!
//! A model is a [`proto::ModelProto`], the generated type of the whole ONNX schema. [`read`] and
//! [`write()`] move it between memory and files, [`Summary`] says what it takes and gives, [`prune`]
//! cuts it down to the outputs that are wanted, [`tfjs::import`] makes one from a TensorFlow.js
//! layers model and [`torch::import`] from a PyTorch state dict, and [`tiny::residual`] and
//! [`palette::classifier`] make small ones for tests.

mod arithmetic;
pub(crate) mod build;
mod error;
mod external;
mod features;
mod file;
mod norm;
pub mod palette;
pub(super) mod parts;
mod pooled;
mod ports;
#[rustfmt::skip]
pub mod proto;
mod prune;
mod shapes;
mod summary;
pub mod tfjs;
pub mod tiny;
pub mod torch;

pub use arithmetic::Arithmetic;
pub use error::OnnxError;
pub use external::{DataFile, data_files, digest, inline};
pub use features::{Candidate, candidates, features};
pub use file::{FILE_LIMIT, decode, encode, read, write, write_bytes};
pub use pooled::{NotPooled, PooledMap, pooled_map};
pub(crate) use ports::float32_ports;
pub use proto::ModelProto;
pub use prune::prune;
pub use shapes::Shapes;
pub use summary::{Dim, Element, Port, Summary};
