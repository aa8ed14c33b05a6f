//! TensorFlow.js layers models into ONNX.
//!
//! A layers model is a folder: `model.json` with the layer graph as Keras writes it, and shards
//! with the weights. The way through:
//!
//! 1. the JSON is read and the weights are checked against their shards;
//! 2. each layer becomes one or a few steps of a plan, channels first, shapes and `same` padding
//!    worked out as TensorFlow does (`layers/`);
//! 3. batch norms and zero paddings are folded into their neighbours where that is exact;
//! 4. the outputs are chosen and the plan is written as an ONNX graph.
//!
//! What can't be converted is an error that names the first such layer; nothing is approximated.

mod emit;
mod error;
mod fold;
mod json;
mod layers;
mod network;
mod outputs;
mod plan;
mod shape;
#[cfg(test)]
mod tests;
mod weights;

use std::path::Path;

pub use error::{Problem, TfjsError, WeightProblem};

use super::proto::ModelProto;
use json::Topology;
use network::Network;
use plan::Plan;
use weights::Weights;

/// A model made of a TensorFlow.js layers model, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The ONNX model: input `input` `[N,C,H,W]`; outputs `features` `[N,width]`, `feature_map`
    /// `[N,C,h,w]` where there is one, and `probabilities` `[N,classes]` (or `logits`, where the
    /// model ends without a softmax or sigmoid; neither, where it has no classifier).
    pub model: ModelProto,
    /// What was read, folded and chosen.
    pub report: Report,
}

/// What an import read, folded and chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The model's own name.
    pub name: String,
    /// The Keras that wrote the layer graph, as it states it.
    pub keras_version: Option<String>,
    /// How many layers there are.
    pub layers: usize,
    /// How many numbers the layers' weights hold, before folding.
    pub parameters: usize,
    /// How many batch norms went into the convolutions before them.
    pub folded_norms: usize,
    /// How many zero paddings went into the convolutions and pools after them.
    pub folded_paddings: usize,
    /// The layer whose output `features` is.
    pub features: String,
    /// The layer whose output `feature_map` is.
    pub feature_map: Option<String>,
    /// Weights of the manifest that no layer uses.
    pub unused_weights: Vec<String>,
}

/// Converts the layers model whose topology is the file `model_json`, its shards beside it.
///
/// The same files give the same model, byte for byte. Batch norm is folded in double precision,
/// with one rounding at the end.
///
/// # Errors
/// A file is missing, damaged or of another format; weights are not float32 or not as their
/// manifest says; or a layer, which the error names, can't be converted.
pub fn import(model_json: &Path) -> Result<Imported, TfjsError> {
    let file = json::read(model_json)?;
    let topology = Topology::of(model_json, file.topology)?;
    let network = Network::of(model_json, &topology)?;
    let mut weights = Weights::read(model_json, &file.weights)?;
    let mut plan = Plan::of(model_json, &network, &mut weights)?;
    let folded_norms = fold::norms(&mut plan);
    let folded_paddings = fold::paddings(&mut plan);
    let outputs = outputs::choose(&mut plan).ok_or_else(|| TfjsError::NoFeatures {
        path: model_json.into(),
    })?;
    let report = Report {
        name: network.name.clone(),
        keras_version: topology.keras_version.clone(),
        layers: network.layers.len(),
        parameters: weights.used(),
        folded_norms,
        folded_paddings,
        features: plan.steps[outputs.features].layer.clone(),
        feature_map: outputs
            .feature_map
            .map(|step| plan.steps[step].layer.clone()),
        unused_weights: weights.unused(),
    };
    let model = emit::model(&plan, &outputs, &report).map_err(|name| TfjsError::SharedName {
        path: model_json.into(),
        name,
    })?;
    Ok(Imported { model, report })
}
