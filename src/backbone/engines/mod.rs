//! The engines that TensorRT builds: minutes of work for one graph, one precision, one range of
//! batch sizes, one version and one kind of GPU.
//!
//! Each has a folder of its own under `<cache>/engines`, named by all that it depends on
//! ([`EngineKey`]): one that was built for anything else is never looked at. A folder is built
//! under another name and given its own when it is whole; what it holds is checked against the
//! list in it before it is used, and built anew where they differ. The timings of kernels, by
//! which another engine is built faster, are kept by what they depend on ([`Machine`]).

mod folder;
mod key;
#[cfg(test)]
mod tests;

pub use folder::{Engines, Origin};
pub use key::{EngineKey, Machine};
