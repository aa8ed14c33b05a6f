//! PyTorch state dicts into ONNX.
//!
//! A state dict is a file of `torch.save`: weights by the names of the modules that they belong
//! to, without the network itself. The way through:
//!
//! 1. the pickle in the file is read by a machine that runs nothing, and each tensor is checked
//!    against its storage and each storage against the file;
//! 2. the network is built by its [`Architecture`], which says which tensors there must be, with
//!    batch norm folded into the convolutions and TensorFlow's `same` padding where the weights
//!    were trained with that;
//! 3. a tensor that is missing, of another shape or left over is an error that names it.

mod architecture;
mod calls;
mod error;
mod file;
mod network;
mod pickle;
mod state;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;

pub use architecture::Architecture;
pub use error::{
    MemberProblem, PickleProblem, StorageProblem, TensorProblem, TorchError, WeightProblem,
};

use super::proto::ModelProto;

/// A model made of a state dict, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The ONNX model: input `input` `[N,3,H,W]`; outputs `features` `[N,1280]`, `feature_map`
    /// `[N,1280,h,w]` and `logits` `[N,classes]`.
    pub model: ModelProto,
    /// What was read and folded.
    pub report: Report,
}

/// What an import read and folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The architecture's name.
    pub architecture: &'static str,
    /// How many tensors the state dict has.
    pub tensors: usize,
    /// How many numbers the network's weights hold, before folding.
    pub parameters: usize,
    /// How many batch norms went into the convolutions before them.
    pub folded_norms: usize,
    /// How many classes the classifier tells apart.
    pub classes: usize,
    /// Height and width of the input in pixels.
    pub size: usize,
}

/// Converts the state dict in the file `path`, of either format of `torch.save`, to the network of
/// an architecture.
///
/// The same file gives the same model, byte for byte. Batch norm is folded in double precision,
/// with one rounding at the end. Nothing that the file names is called or run.
///
/// # Errors
/// The file is missing, damaged, no state dict, or that of another architecture.
pub fn import(path: &Path, architecture: Architecture) -> Result<Imported, TorchError> {
    import_as(path, &architecture.blueprint())
}

/// [`import`] of any network of this kind.
fn import_as(path: &Path, blueprint: &architecture::Blueprint) -> Result<Imported, TorchError> {
    let mut state = file::read(path)?;
    let network = network::build(blueprint, &mut state)?;
    let report = Report {
        architecture: blueprint.name,
        tensors: state.len(),
        parameters: network.parameters,
        folded_norms: network.folded_norms,
        classes: network.classes,
        size: blueprint.size,
    };
    Ok(Imported {
        model: network.model,
        report,
    })
}
