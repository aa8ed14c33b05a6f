//! Activations, as layers of their own and at the end of others.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::{Lowering, need_f32};

/// A function of each element, or of each vector of channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Activation {
    Relu,
    /// min(max(x, min), max), either end open.
    Clip {
        min: Option<f32>,
        max: Option<f32>,
    },
    /// x where x >= 0, alpha x elsewhere.
    LeakyRelu(f32),
    Sigmoid,
    /// Keras 2's: min(max(0.2 x + 0.5, 0), 1), which is ONNX's default too.
    HardSigmoid,
    /// x sigmoid(x).
    Swish,
    Tanh,
    Elu,
    Selu,
    Softplus,
    Softsign,
    /// Along this ONNX axis.
    Softmax(usize),
}

/// The names that [`named`] knows.
const NAMES: &str = "linear, relu, relu6, softmax, sigmoid, hard_sigmoid, swish, silu, tanh, elu, \
                     selu, softplus, softsign";

/// Appends the activation of this name to the output of the layer's step `input`, as a step of
/// the layer's name with the activation's as suffix.
pub(super) fn named(
    lowering: &mut Lowering<'_>,
    name: Option<&str>,
    input: usize,
) -> Result<usize, Problem> {
    match name {
        None | Some("linear") => Ok(input),
        Some(name) => {
            let op = Op::Activation(of_name(lowering, name, input)?);
            let shape = lowering.shape(input).clone();
            Ok(lowering.part(name, op, vec![input], shape))
        }
    }
}

fn of_name(lowering: &Lowering<'_>, name: &str, input: usize) -> Result<Activation, Problem> {
    Ok(match name {
        "relu" => Activation::Relu,
        "relu6" => Activation::Clip {
            min: Some(0.0),
            max: Some(6.0),
        },
        "softmax" => Activation::Softmax(lowering.shape(input).axis("axis", -1)?),
        "sigmoid" => Activation::Sigmoid,
        "hard_sigmoid" => Activation::HardSigmoid,
        "swish" | "silu" => Activation::Swish,
        "tanh" => Activation::Tanh,
        "elu" => Activation::Elu,
        "selu" => Activation::Selu,
        "softplus" => Activation::Softplus,
        "softsign" => Activation::Softsign,
        other => {
            let supported = NAMES.to_owned();
            return Err(Problem::Option {
                name: "activation",
                found: other.to_owned(),
                supported,
            });
        }
    })
}

#[derive(Deserialize)]
struct Named {
    activation: String,
}

/// `Activation`.
pub(super) fn activation(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: Named = lowering.config()?;
    let input = lowering.input()?;
    if config.activation == "linear" {
        return Ok(input);
    }
    let activation = of_name(lowering, &config.activation, input)?;
    whole(lowering, activation, input)
}

#[derive(Deserialize)]
struct ReluConfig {
    max_value: Option<f64>,
    #[serde(default)]
    negative_slope: Option<f64>,
    #[serde(default)]
    threshold: Option<f64>,
}

/// `ReLU`, with an upper end and a slope below zero.
pub(super) fn relu(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: ReluConfig = lowering.config()?;
    let input = lowering.input()?;
    if let Some(threshold) = config.threshold
        && threshold != 0.0
    {
        let (found, supported) = (threshold.to_string(), "0".to_owned());
        return Err(Problem::Option {
            name: "threshold",
            found,
            supported,
        });
    }
    let max = config
        .max_value
        .map(|max| need_f32("max_value", max))
        .transpose()?;
    if let Some(max) = max
        && max < 0.0
    {
        let (found, supported) = (max.to_string(), "numbers from 0 on".to_owned());
        return Err(Problem::Option {
            name: "max_value",
            found,
            supported,
        });
    }
    let slope = need_f32("negative_slope", config.negative_slope.unwrap_or(0.0))?;
    match (slope == 0.0, max) {
        (true, None) => whole(lowering, Activation::Relu, input),
        (true, max) => whole(
            lowering,
            Activation::Clip {
                min: Some(0.0),
                max,
            },
            input,
        ),
        (false, None) => whole(lowering, Activation::LeakyRelu(slope), input),
        (false, max) => {
            let shape = lowering.shape(input).clone();
            let op = Op::Activation(Activation::LeakyRelu(slope));
            let leaky = lowering.part("leaky", op, vec![input], shape);
            whole(lowering, Activation::Clip { min: None, max }, leaky)
        }
    }
}

#[derive(Deserialize)]
struct LeakyConfig {
    #[serde(default = "leak", alias = "negative_slope")]
    alpha: f64,
}

/// Keras' default.
fn leak() -> f64 {
    0.3
}

/// `LeakyReLU`.
pub(super) fn leaky_relu(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: LeakyConfig = lowering.config()?;
    let input = lowering.input()?;
    let slope = need_f32("alpha", config.alpha)?;
    whole(lowering, Activation::LeakyRelu(slope), input)
}

#[derive(Deserialize)]
struct SoftmaxConfig {
    #[serde(default = "last")]
    axis: i64,
}

fn last() -> i64 {
    -1
}

/// `Softmax`.
pub(super) fn softmax(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: SoftmaxConfig = lowering.config()?;
    let input = lowering.input()?;
    let axis = lowering.shape(input).axis("axis", config.axis)?;
    whole(lowering, Activation::Softmax(axis), input)
}

/// Appends the activation as the layer's own step.
fn whole(
    lowering: &mut Lowering<'_>,
    activation: Activation,
    input: usize,
) -> Result<usize, Problem> {
    let shape = lowering.shape(input).clone();
    Ok(lowering.step(Op::Activation(activation), vec![input], shape))
}
