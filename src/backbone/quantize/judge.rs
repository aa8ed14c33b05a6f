//! How near the quantized network's features are, and which layers to leave in float.

use std::fmt;

use serde::Serialize;

use super::capture::{Capture, Network, Tensor};
use super::emit::Emitter;
use super::error::QuantizeError;
use super::plan::Plan;
use super::{QuantizeConfig, Watch};
use crate::backbone::error::BackboneError;
use crate::backbone::onnx::ModelProto;

/// Cosines between the features of two networks, image by image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cosine {
    /// The mean over the images.
    pub mean: f64,
    /// The least of them.
    pub min: f64,
}

impl Cosine {
    fn passes(&self, config: &QuantizeConfig) -> bool {
        self.mean >= config.bar_mean && self.min >= config.bar_min
    }

    /// Of two networks' rows; 1 where there are none.
    pub(super) fn of(one: &[Vec<f32>], other: &[Vec<f32>]) -> Self {
        let cosines: Vec<f64> = one.iter().zip(other).map(|(a, b)| cosine(a, b)).collect();
        if cosines.is_empty() {
            return Self {
                mean: 1.0,
                min: 1.0,
            };
        }
        Self {
            mean: cosines.iter().sum::<f64>() / cosines.len() as f64,
            min: cosines.iter().copied().fold(1.0, f64::min),
        }
    }
}

impl fmt::Display for Cosine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean {:.5}, minimum {:.5}", self.mean, self.min)
    }
}

/// What a layer in integers costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerEffect {
    /// The convolution.
    pub layer: String,
    /// By how much the mean cosine of the held-out images grows with this layer alone in float.
    pub effect: f64,
}

/// A choice of layers.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) model: ModelProto,
    pub(super) kept: Vec<String>,
    pub(super) all_int8: Cosine,
    pub(super) cosine: Cosine,
    pub(super) sensitivity: Vec<LayerEffect>,
}

/// All convolutions as integers, if that passes the bar on `images`; else the most sensitive ones
/// go back to float, one after another and each only if it helps, until it does.
///
/// # Errors
/// A run that fails; a bar that is not reached when no layer helps any more.
pub(super) fn choose(
    network: &Network<'_>,
    plan: &Plan,
    emitter: &Emitter<'_>,
    images: &[&[f32]],
    config: &QuantizeConfig,
    watch: &mut Watch<'_>,
) -> Result<Outcome, QuantizeError> {
    let expected = features(network, network.model, images)?;
    let measure = |int8: &[bool]| -> Result<(ModelProto, Cosine), QuantizeError> {
        let model = emitter.emit(int8);
        let found = features(network, &model, images)?;
        Ok((model, Cosine::of(&expected, &found)))
    };
    let count = plan.convs.len();
    let mut int8 = vec![true; count];
    let (mut model, all_int8) = measure(&int8)?;
    let mut best = all_int8;
    let outcome = |model, kept, cosine, sensitivity| Outcome {
        model,
        kept,
        all_int8,
        cosine,
        sensitivity,
    };
    if best.passes(config) {
        return Ok(outcome(model, Vec::new(), best, Vec::new()));
    }
    let mut effects = Vec::with_capacity(count);
    for layer in 0..count {
        watch("sensitivity", layer, count);
        int8[layer] = false;
        effects.push((layer, measure(&int8)?.1.mean - all_int8.mean));
        int8[layer] = true;
    }
    effects.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut kept = Vec::new();
    for (tried, &(layer, effect)) in effects.iter().enumerate() {
        if best.passes(config) || effect <= 0.0 {
            break;
        }
        watch("layers to float", tried, count);
        int8[layer] = false;
        let (with, cosine) = measure(&int8)?;
        if cosine.mean > best.mean {
            (model, best) = (with, cosine);
            kept.push(plan.convs[layer].name.clone());
        } else {
            int8[layer] = true;
        }
    }
    // With every layer in float the bar holds, and nothing has been won.
    if !best.passes(config) || kept.len() == count {
        return Err(QuantizeError::BelowBar {
            best,
            kept: kept.len(),
            convolutions: count,
            bar_mean: config.bar_mean,
            bar_min: config.bar_min,
        });
    }
    let sensitivity = effects.iter().map(|&(layer, effect)| LayerEffect {
        layer: plan.convs[layer].name.clone(),
        effect,
    });
    Ok(outcome(model, kept, best, sensitivity.collect()))
}

/// The features of each image, by this model.
fn features(
    network: &Network<'_>,
    model: &ModelProto,
    images: &[&[f32]],
) -> Result<Vec<Vec<f32>>, BackboneError> {
    let output = network.manifest.config.output.name.as_str();
    let mut rows = Vec::with_capacity(images.len());
    let mut capture = Capture::open(network, model, &[output])?;
    let mut gather = |_: usize, tensors: &[Tensor<'_>]| {
        for tensor in tensors {
            let batch = tensor.dims.first().copied().unwrap_or(1).max(1);
            let width = (tensor.values.len() / batch).max(1);
            rows.extend(tensor.values.chunks_exact(width).map(<[f32]>::to_vec));
        }
        Ok::<(), BackboneError>(())
    };
    capture.run(images, &mut gather)?;
    Ok(rows)
}

/// The cosine of the angle between two rows; two rows of zeros are the same, one is nothing like
/// the other.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let terms = a.iter().zip(b);
        terms.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 {
        return dot(a, b) / lengths;
    }
    if a == b { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_by_hand() {
        let rows = |rows: &[[f32; 2]]| rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>();
        let one = rows(&[[1.0, 0.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]]);
        let other = rows(&[[2.0, 0.0], [4.0, 3.0], [0.0, 0.0], [0.0, 1.0]]);
        let found = Cosine::of(&one, &other);
        assert!((found.mean - (1.0 + 0.96 + 1.0) / 4.0).abs() < 1e-12);
        assert_eq!(found.min, 0.0);
        assert_eq!(found.to_string(), "mean 0.74000, minimum 0.00000");
    }
}
