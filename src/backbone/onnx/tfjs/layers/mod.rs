//! The layers of Keras, one kind a file: the settings that are read, and the steps they become.

mod activation;
mod conv;
mod dense;
mod input;
mod merge;
mod norm;
mod pad;
mod pool;
mod reshape;

use serde::de::DeserializeOwned;

pub(super) use activation::Activation;
pub(super) use conv::Conv;
pub(super) use dense::Dense;
pub(super) use pool::{Pool, PoolKind};

pub(super) use super::super::norm::Norm;

use super::Problem;
use super::network::Layer;
use super::plan::{Op, Step};
use super::shape::Shape;
use super::weights::Weights;

/// The classes that [`lower`] knows, as they stand in the error for the others.
const CLASSES: &[&str] = &[
    "InputLayer",
    "Conv2D",
    "DepthwiseConv2D",
    "SeparableConv2D",
    "Dense",
    "BatchNormalization",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "Softmax",
    "ZeroPadding2D",
    "MaxPooling2D",
    "AveragePooling2D",
    "GlobalMaxPooling2D",
    "GlobalAveragePooling2D",
    "Add",
    "Multiply",
    "Concatenate",
    "Flatten",
    "Reshape",
    "Dropout",
    "SpatialDropout2D",
];

/// Appends the steps of `layer` and returns the one that makes its output.
pub(super) fn lower(
    layer: &Layer,
    inputs: Vec<usize>,
    steps: &mut Vec<Step>,
    weights: &mut Weights,
) -> Result<usize, Problem> {
    let mut lowering = Lowering {
        layer,
        inputs,
        steps,
        weights,
    };
    match layer.class.as_str() {
        "InputLayer" => input::input(&mut lowering),
        "Conv2D" => conv::conv(&mut lowering),
        "DepthwiseConv2D" => conv::depthwise(&mut lowering),
        "SeparableConv2D" => conv::separable(&mut lowering),
        "Dense" => dense::dense(&mut lowering),
        "BatchNormalization" => norm::batch_normalization(&mut lowering),
        "Activation" => activation::activation(&mut lowering),
        "ReLU" => activation::relu(&mut lowering),
        "LeakyReLU" => activation::leaky_relu(&mut lowering),
        "Softmax" => activation::softmax(&mut lowering),
        "ZeroPadding2D" => pad::zero_padding(&mut lowering),
        "MaxPooling2D" => pool::pool(&mut lowering, PoolKind::Max),
        "AveragePooling2D" => pool::pool(&mut lowering, PoolKind::Average),
        "GlobalMaxPooling2D" => pool::global(&mut lowering, PoolKind::Max),
        "GlobalAveragePooling2D" => pool::global(&mut lowering, PoolKind::Average),
        "Add" => merge::elementwise(&mut lowering, || Op::Add),
        "Multiply" => merge::elementwise(&mut lowering, || Op::Multiply),
        "Concatenate" => merge::concatenate(&mut lowering),
        "Flatten" => reshape::flatten(&mut lowering),
        "Reshape" => reshape::reshape(&mut lowering),
        // They do something in training only.
        "Dropout" | "SpatialDropout2D" => lowering.input(),
        _ => Err(Problem::UnknownClass { supported: CLASSES }),
    }
}

/// A layer on its way into steps.
struct Lowering<'a> {
    layer: &'a Layer,
    inputs: Vec<usize>,
    steps: &'a mut Vec<Step>,
    weights: &'a mut Weights,
}

impl Lowering<'_> {
    /// The settings of the layer that `T` names; others only matter in training.
    fn config<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        T::deserialize(&self.layer.config).map_err(Problem::Config)
    }

    /// The one input.
    fn input(&self) -> Result<usize, Problem> {
        match self.inputs[..] {
            [input] => Ok(input),
            _ => Err(Problem::InputCount {
                expected: "1",
                found: self.inputs.len(),
            }),
        }
    }

    fn shape(&self, step: usize) -> &Shape {
        &self.steps[step].shape
    }

    fn weight(&mut self, role: &str, shape: &[usize]) -> Result<Vec<f32>, Problem> {
        self.weights.take(&self.layer.name, role, shape)
    }

    /// The weight, if the layer has it.
    fn weight_if(
        &mut self,
        has: bool,
        role: &str,
        shape: &[usize],
    ) -> Result<Option<Vec<f32>>, Problem> {
        if has {
            self.weight(role, shape).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Appends a step called like the layer.
    fn step(&mut self, op: Op, inputs: Vec<usize>, shape: Shape) -> usize {
        self.part("", op, inputs, shape)
    }

    /// Appends a step called like the layer with a suffix, since the layer needs several.
    fn part(&mut self, suffix: &str, op: Op, inputs: Vec<usize>, shape: Shape) -> usize {
        let layer = self.layer.name.clone();
        let name = match suffix {
            "" => layer.clone(),
            suffix => format!("{layer}/{suffix}"),
        };
        self.steps.push(Step {
            name,
            layer,
            op,
            inputs,
            shape,
        });
        self.steps.len() - 1
    }
}

/// Refuses every layout but the one whose weights and axes are read here.
fn need_channels_last(data_format: Option<&str>) -> Result<(), Problem> {
    match data_format {
        None | Some("channels_last") => Ok(()),
        Some(other) => Err(Problem::Option {
            name: "data_format",
            found: other.to_owned(),
            supported: "channels_last".to_owned(),
        }),
    }
}

/// The setting as float32, which it must fit.
fn need_f32(name: &'static str, value: f64) -> Result<f32, Problem> {
    let narrow = value as f32;
    if narrow.is_finite() {
        return Ok(narrow);
    }
    let supported = "numbers in the range of float32".to_owned();
    Err(Problem::Option {
        name,
        found: value.to_string(),
        supported,
    })
}

fn yes() -> bool {
    true
}
