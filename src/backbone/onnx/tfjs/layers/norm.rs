//! Batch normalization.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::{Lowering, Norm, yes};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    axis: Axis,
    #[serde(default = "epsilon")]
    epsilon: f64,
    #[serde(default = "yes")]
    center: bool,
    #[serde(default = "yes")]
    scale: bool,
}

/// One axis; some versions of Keras write it as a list of one.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Axis {
    Plain(i64),
    Listed([i64; 1]),
}

impl Default for Axis {
    fn default() -> Self {
        Self::Plain(-1)
    }
}

/// Keras' default.
fn epsilon() -> f64 {
    1e-3
}

/// `BatchNormalization` over the channels.
pub(super) fn batch_normalization(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: Config = lowering.config()?;
    let input = lowering.input()?;
    let shape = lowering.shape(input).clone();
    let (Axis::Plain(axis) | Axis::Listed([axis])) = config.axis;
    shape.need_channel_axis(axis)?;
    let channels = match shape.map() {
        Some([_, _, channels]) => channels,
        None => shape.need_vector()?,
    };
    // These first: they prove that there are as many channels as the shapes claim.
    let mean = lowering.weight("moving_mean", &[channels])?;
    let variance = lowering.weight("moving_variance", &[channels])?;
    let gamma = lowering.weight_if(config.scale, "gamma", &[channels])?;
    let beta = lowering.weight_if(config.center, "beta", &[channels])?;
    let norm = Norm {
        gamma: gamma.unwrap_or_else(|| vec![1.0; channels]),
        beta: beta.unwrap_or_else(|| vec![0.0; channels]),
        mean,
        variance,
        epsilon: config.epsilon,
    };
    if let Some((channel, found)) = norm.impossible_variance() {
        return Err(Problem::Variance { channel, found });
    }
    Ok(lowering.step(Op::Norm(Box::new(norm)), vec![input], shape))
}
