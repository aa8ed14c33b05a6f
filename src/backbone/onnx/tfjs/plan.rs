//! The graph between the layers and ONNX: steps that are as simple as ONNX's operators, but whose
//! weights are still numbers that can be folded.

use std::path::Path;

use super::TfjsError;
use super::layers::{self, Activation, Conv, Dense, Norm, Pool, PoolKind};
use super::network::Network;
use super::shape::{Pads, Shape};
use super::weights::Weights;

/// Steps, each after its inputs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The step whose output is the model's.
    pub(super) output: usize,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Step {
    /// The name of its node: the layer's, with a suffix where a layer needs several steps.
    pub(super) name: String,
    /// The layer that it is part of.
    pub(super) layer: String,
    pub(super) op: Op,
    /// The steps whose outputs it takes.
    pub(super) inputs: Vec<usize>,
    /// The shape of its output.
    pub(super) shape: Shape,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Op {
    Input,
    Conv(Box<Conv>),
    Norm(Box<Norm>),
    Pad(Pads),
    Pool(Pool),
    /// Over all of the map, which becomes 1x1.
    GlobalPool(PoolKind),
    Activation(Activation),
    Add,
    Multiply,
    /// Along this ONNX axis.
    Concat(usize),
    Dense(Box<Dense>),
    /// All axes but the batch into one, in the order in which ONNX has them.
    Flatten,
    /// To these axes after the batch, in the order in which ONNX has them.
    Reshape(Vec<usize>),
    /// The axes in this order.
    Transpose([usize; 4]),
    /// Nothing any more: a neighbour does it.
    Folded,
}

impl Plan {
    /// The steps of all layers; the first layer that can't be converted is the error.
    pub(super) fn of(
        path: &Path,
        network: &Network,
        weights: &mut Weights,
    ) -> Result<Self, TfjsError> {
        let mut steps = Vec::with_capacity(network.layers.len());
        // The step that makes each layer's output; a dropout's is its input's.
        let mut outputs: Vec<usize> = Vec::with_capacity(network.layers.len());
        for layer in &network.layers {
            let inputs = layer.inputs.iter().map(|&input| outputs[input]).collect();
            let output = layers::lower(layer, inputs, &mut steps, weights)
                .map_err(|problem| layer.error(path, problem))?;
            outputs.push(output);
        }
        let inputs = steps
            .iter()
            .filter(|step| matches!(step.op, Op::Input))
            .count();
        if inputs != 1 {
            return Err(TfjsError::Ports {
                path: path.into(),
                inputs,
                outputs: 1,
            });
        }
        Ok(Self {
            steps,
            output: outputs[network.output],
        })
    }

    /// How often each step's output is taken, the model's own output counted.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.steps.len()];
        uses[self.output] += 1;
        for step in self
            .steps
            .iter()
            .filter(|step| !matches!(step.op, Op::Folded))
        {
            for &input in &step.inputs {
                uses[input] += 1;
            }
        }
        uses
    }
}
