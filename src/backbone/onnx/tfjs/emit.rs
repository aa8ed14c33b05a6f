//! The plan as an ONNX graph.

use super::super::build::{GraphBuilder, float, int, ints, text};
use super::super::proto::{AttributeProto, ModelProto};
use super::Report;
use super::layers::{Activation, Conv, Dense, Norm, Pool, PoolKind};
use super::outputs::Outputs;
use super::plan::{Op, Plan, Step};
use super::shape::Pads;

/// The model. Nodes have their steps' names; a step's output is `<name>/output`, unless the graph
/// gives it out, and its weights are `<name>/kernel` and so on. The error is a name that would
/// stand for two things.
pub(super) fn model(plan: &Plan, outputs: &Outputs, report: &Report) -> Result<ModelProto, String> {
    let name = if report.name.is_empty() {
        "model"
    } else {
        &report.name
    };
    let mut emitter = Emitter {
        graph: GraphBuilder::new(name),
        tensors: tensors(plan, outputs),
    };
    for place in 0..plan.steps.len() {
        emitter.step(plan, place);
    }
    for place in outputs.places() {
        emitter
            .graph
            .output(&emitter.tensors[place], &plan.steps[place].shape.onnx());
    }
    if let Some(name) = emitter.graph.shared_name() {
        return Err(name.to_owned());
    }
    let mut notes = vec![
        ("source", "TensorFlow.js layers model"),
        ("name", &report.name),
    ];
    notes.extend(
        report
            .keras_version
            .as_deref()
            .map(|version| ("keras_version", version)),
    );
    notes.push(("features_layer", &report.features));
    notes.extend(
        report
            .feature_map
            .as_deref()
            .map(|layer| ("feature_map_layer", layer)),
    );
    Ok(emitter.graph.finish(&notes))
}

/// The name of each step's output tensor.
fn tensors(plan: &Plan, outputs: &Outputs) -> Vec<String> {
    let mut names: Vec<String> = (plan.steps.iter())
        .map(|step| match step.op {
            Op::Input => "input".to_owned(),
            _ => format!("{}/output", step.name),
        })
        .collect();
    if let Some(classifier) = &outputs.classifier {
        names[classifier.step] = classifier.name.to_owned();
    }
    if let Some(map) = outputs.feature_map {
        names[map] = "feature_map".to_owned();
    }
    names[outputs.features] = "features".to_owned();
    names
}

struct Emitter {
    graph: GraphBuilder,
    tensors: Vec<String>,
}

impl Emitter {
    fn step(&mut self, plan: &Plan, place: usize) {
        let step = &plan.steps[place];
        match &step.op {
            Op::Folded => {}
            Op::Input => self.graph.input(&self.tensors[place], &step.shape.onnx()),
            Op::Conv(conv) => self.conv(place, step, conv),
            Op::Dense(dense) => self.dense(place, step, dense),
            Op::Norm(norm) => self.norm(place, step, norm),
            Op::Pad(pads) => self.pad(place, step, *pads),
            Op::Pool(pool) => {
                let before = step.inputs.iter().map(|&input| &plan.steps[input].op);
                let padded = before.into_iter().any(|op| matches!(op, Op::Pad(_)));
                self.pool(place, step, pool, padded);
            }
            Op::GlobalPool(kind) => {
                let operator = match kind {
                    PoolKind::Max => "GlobalMaxPool",
                    PoolKind::Average => "GlobalAveragePool",
                };
                self.node(operator, place, step, &[], Vec::new());
            }
            Op::Activation(activation) => self.activation(place, step, *activation),
            Op::Add => self.node("Add", place, step, &[], Vec::new()),
            Op::Multiply => self.node("Mul", place, step, &[], Vec::new()),
            Op::Concat(axis) => {
                self.node("Concat", place, step, &[], vec![int("axis", *axis as i64)]);
            }
            Op::Flatten => self.node("Flatten", place, step, &[], vec![int("axis", 1)]),
            Op::Reshape(dims) => {
                // 0 keeps the batch as it is.
                let dims: Vec<i64> = std::iter::once(0)
                    .chain(dims.iter().map(|&dim| dim as i64))
                    .collect();
                let dims = self.graph.integers(format!("{}/shape", step.name), &dims);
                self.node("Reshape", place, step, &[&dims], Vec::new());
            }
            Op::Transpose(order) => {
                self.node("Transpose", place, step, &[], vec![ints("perm", order)]);
            }
        }
    }

    /// Adds the step's node: its inputs, then those that come with it.
    fn node(
        &mut self,
        operator: &str,
        place: usize,
        step: &Step,
        more: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        let own = step
            .inputs
            .iter()
            .map(|&input| self.tensors[input].as_str());
        let inputs: Vec<&str> = own.chain(more.iter().copied()).collect();
        self.graph.node(
            operator,
            &step.name,
            &inputs,
            &self.tensors[place],
            attributes,
        );
    }

    /// Adds one of the step's weights and returns its name.
    fn weight(&mut self, step: &Step, role: &str, dims: &[usize], values: &[f32]) -> String {
        self.graph
            .floats(format!("{}/{role}", step.name), dims, values)
    }

    fn conv(&mut self, place: usize, step: &Step, conv: &Conv) {
        let mut weights = vec![self.weight(step, "kernel", &conv.shape, &conv.kernel)];
        if let Some(bias) = &conv.bias {
            weights.push(self.weight(step, "bias", &[bias.len()], bias));
        }
        let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
        let attributes = vec![
            ints("kernel_shape", &conv.window),
            ints("strides", &conv.strides),
            ints("pads", &conv.pads.onnx()),
            int("group", conv.groups as i64),
        ];
        self.node("Conv", place, step, &weights, attributes);
    }

    fn dense(&mut self, place: usize, step: &Step, dense: &Dense) {
        let mut weights = vec![self.weight(step, "kernel", &dense.shape, &dense.kernel)];
        if let Some(bias) = &dense.bias {
            weights.push(self.weight(step, "bias", &[bias.len()], bias));
        }
        let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
        self.node("Gemm", place, step, &weights, Vec::new());
    }

    fn norm(&mut self, place: usize, step: &Step, norm: &Norm) {
        let channels = [norm.variance.len()];
        let weights = [
            self.weight(step, "gamma", &channels, &norm.gamma),
            self.weight(step, "beta", &channels, &norm.beta),
            self.weight(step, "moving_mean", &channels, &norm.mean),
            self.weight(step, "moving_variance", &channels, &norm.variance),
        ];
        let attributes = vec![float("epsilon", norm.epsilon as f32)];
        let weights = weights.each_ref().map(String::as_str);
        self.node("BatchNormalization", place, step, &weights, attributes);
    }

    fn pad(&mut self, place: usize, step: &Step, pads: Pads) {
        // Both begins of all four axes, then their ends; the value is zero by default.
        let [top, left, bottom, right] = pads.onnx().map(|length| length as i64);
        let pads = [0, 0, top, left, 0, 0, bottom, right];
        let pads = self.graph.integers(format!("{}/pads", step.name), &pads);
        self.node("Pad", place, step, &[&pads], Vec::new());
    }

    /// ONNX Runtime (1.31, `Pad_Fusion`) moves the zeros of a `Pad` node into the `pads` of the
    /// pool behind it, where they count as minus infinity or not at all: a wrong result. It keeps
    /// off pools that state `auto_pad`, so behind a `Pad` a pool says `VALID` or `SAME_UPPER`,
    /// which are the paddings of TensorFlow that it can have there.
    fn pool(&mut self, place: usize, step: &Step, pool: &Pool, padded: bool) {
        let operator = match pool.kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => "AveragePool",
        };
        let padding = match (padded, pool.pads == Pads::default()) {
            (false, _) => ints("pads", &pool.pads.onnx()),
            (true, true) => text("auto_pad", "VALID"),
            (true, false) => text("auto_pad", "SAME_UPPER"),
        };
        let window = ints("kernel_shape", &pool.window);
        let attributes = vec![window, ints("strides", &pool.strides), padding];
        self.node(operator, place, step, &[], attributes);
    }

    fn activation(&mut self, place: usize, step: &Step, activation: Activation) {
        let plain = |operator: &'static str| (operator, Vec::new());
        let (operator, attributes) = match activation {
            Activation::Relu => plain("Relu"),
            Activation::Sigmoid => plain("Sigmoid"),
            Activation::HardSigmoid => plain("HardSigmoid"),
            Activation::Tanh => plain("Tanh"),
            Activation::Elu => plain("Elu"),
            Activation::Selu => plain("Selu"),
            Activation::Softplus => plain("Softplus"),
            Activation::Softsign => plain("Softsign"),
            Activation::LeakyRelu(alpha) => ("LeakyRelu", vec![float("alpha", alpha)]),
            Activation::Softmax(axis) => ("Softmax", vec![int("axis", axis as i64)]),
            Activation::Clip { min, max } => return self.clip(place, step, min, max),
            Activation::Swish => return self.swish(place, step),
        };
        self.node(operator, place, step, &[], attributes);
    }

    /// An end that is open is an input without a name.
    fn clip(&mut self, place: usize, step: &Step, min: Option<f32>, max: Option<f32>) {
        let mut end = |role, end: Option<f32>| {
            end.map_or_else(String::new, |end| self.weight(step, role, &[], &[end]))
        };
        let (min, max) = (end("min", min), end("max", max));
        self.node("Clip", place, step, &[&min, &max], Vec::new());
    }

    fn swish(&mut self, place: usize, step: &Step) {
        let gate = format!("{}/sigmoid", step.name);
        let gate_output = format!("{gate}/output");
        for &input in &step.inputs {
            let input = &self.tensors[input];
            self.graph
                .node("Sigmoid", &gate, &[input], &gate_output, Vec::new());
        }
        self.node("Mul", place, step, &[&gate_output], Vec::new());
    }
}

impl Outputs {
    /// The steps given out, in the order of the graph's outputs.
    fn places(&self) -> impl Iterator<Item = usize> {
        let classifier = self.classifier.as_ref().map(|classifier| classifier.step);
        [Some(self.features), self.feature_map, classifier]
            .into_iter()
            .flatten()
    }
}
