//! Frozen ONNX backbones: manifests, preprocessing, graphs, the runtime and its sessions.

pub mod onnx;
pub mod runtime;
#[cfg(test)]
mod testing;
