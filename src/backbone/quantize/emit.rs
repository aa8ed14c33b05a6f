//! Writing the quantized graph.

use std::collections::{HashMap, HashSet};

use super::capture::Network;
use super::grid::Grid;
use super::observe::Grids;
use super::plan::{Conv, Plan, Point};
use super::proto::{self, Names, operator};
use super::weights::IntegerWeights;
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{GraphProto, NodeProto, TensorProto};

/// Everything a quantized graph is made of; which convolutions are integers is said each time.
#[derive(Debug)]
pub(super) struct Emitter<'a> {
    model: &'a ModelProto,
    plan: &'a Plan,
    grids: &'a Grids,
    weights: &'a [IntegerWeights],
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        network: &Network<'a>,
        plan: &'a Plan,
        grids: &'a Grids,
        weights: &'a [IntegerWeights],
    ) -> Self {
        Self {
            model: network.model,
            plan,
            grids,
            weights,
        }
    }

    /// The graph with the convolutions marked in `int8` as integers and the others in float. Its
    /// nodes all have names; what they read and give is called as before.
    pub(super) fn emit(&self, int8: &[bool]) -> ModelProto {
        let empty = GraphProto::default();
        let graph = self.model.graph.as_ref().unwrap_or(&empty);
        let mut writer = Writer {
            names: Names::of(graph),
            points: (self.plan.points(int8).into_iter())
                .map(|point| (point.tensor.clone(), point))
                .collect(),
            grids: self.grids,
            parameters: HashMap::new(),
            bytes: HashMap::new(),
            nodes: Vec::new(),
            tensors: Vec::new(),
        };
        let convs: HashMap<usize, (&Conv, Option<&IntegerWeights>)> = (self.plan.convs.iter())
            .zip(self.weights)
            .zip(int8)
            .map(|((conv, weights), int8)| (conv.node, (conv, Some(weights).filter(|_| *int8))))
            .collect();
        let guarded = guarded(&convs, &writer.points);
        for input in &graph.input {
            writer.quantize(input.name());
        }
        for (place, node) in graph.node.iter().enumerate() {
            let mut node = node.clone();
            if let Some((conv, Some(weights))) = convs.get(&place) {
                writer.integers(&mut node, conv, weights);
            }
            if guarded.insert.contains(&place) || writer.pools_floats(&node) {
                writer.guard(node);
                continue;
            }
            if guarded.replace.contains(&place) {
                // The same function under a name that no optimizer looks for here.
                node.op_type = Some("LeakyRelu".to_owned());
                node.attribute = vec![proto::alpha(0.0)];
            }
            writer.push(node);
        }
        self.finish(graph, writer)
    }

    fn finish(&self, graph: &GraphProto, writer: Writer<'_>) -> ModelProto {
        let mut tensors = writer.tensors;
        let mut graph = GraphProto {
            node: writer.nodes,
            ..graph.clone()
        };
        let mut used = HashSet::new();
        mentioned(&graph, &mut used);
        let gone: HashSet<String> = (graph.initializer.iter())
            .map(TensorProto::name)
            .filter(|name| !used.contains(*name))
            .map(str::to_owned)
            .collect();
        graph
            .initializer
            .retain(|tensor| !gone.contains(tensor.name()));
        // Old files list their weights among the inputs.
        graph.input.retain(|input| !gone.contains(input.name()));
        graph.initializer.append(&mut tensors);
        ModelProto {
            graph: Some(graph),
            ..self.model.clone()
        }
    }
}

/// Every name that a graph's nodes read, those of the graphs inside them included.
fn mentioned(graph: &GraphProto, names: &mut HashSet<String>) {
    names.extend(graph.output.iter().map(|output| output.name().to_owned()));
    for node in &graph.node {
        names.extend(node.input.iter().cloned());
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                mentioned(inner, names);
            }
        }
    }
}

/// Float convolutions between bytes and bytes. ONNX Runtime's optimizer would quantize their
/// weights all by itself (`WeightBiasQuantization`, one scale for the whole tensor, by which much
/// is lost); it looks through a `Relu` or a `Clip` and through nothing else.
struct Guarded {
    /// Convolutions that get a `LeakyRelu` of slope 1 behind them, which changes nothing.
    insert: HashSet<usize>,
    /// `Relu`s that become a `LeakyRelu` of slope 0, which is the same.
    replace: HashSet<usize>,
}

fn guarded(
    convs: &HashMap<usize, (&Conv, Option<&IntegerWeights>)>,
    points: &HashMap<String, Point>,
) -> Guarded {
    let mut guarded = Guarded {
        insert: HashSet::new(),
        replace: HashSet::new(),
    };
    for (place, (conv, weights)) in convs {
        let between = points.contains_key(&conv.input) && points.contains_key(&conv.output);
        if weights.is_some() || !between {
            continue;
        }
        match conv.activation {
            Some(relu) if !conv.clipped => guarded.replace.insert(relu),
            _ => guarded.insert.insert(*place),
        };
    }
    guarded
}

/// The names of a grid's scale and zero point.
#[derive(Debug, Clone)]
struct Parameters {
    scale: String,
    zero: String,
}

/// A graph in the making.
struct Writer<'a> {
    names: Names,
    points: HashMap<String, Point>,
    grids: &'a Grids,
    parameters: HashMap<String, Parameters>,
    /// What came out of bytes, by the tensor that went in.
    bytes: HashMap<String, String>,
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
}

impl Writer<'_> {
    /// Adds a node that reads what came out of bytes, and its outputs' way into bytes.
    fn push(&mut self, mut node: NodeProto) {
        for input in &mut node.input {
            if let Some(bytes) = self.bytes.get(input.as_str()) {
                input.clone_from(bytes);
            }
        }
        if node.name().is_empty() {
            let output = node.output.first().cloned().unwrap_or_default();
            let name = format!("{}_{output}", node.op_type());
            node.name = Some(self.names.fresh(&name));
        }
        let outputs = node.output.clone();
        self.nodes.push(node);
        for output in &outputs {
            self.quantize(output);
        }
    }

    /// Puts a tensor through bytes, if it is one that goes.
    fn quantize(&mut self, tensor: &str) {
        let Some(point) = self.points.get(tensor) else {
            return;
        };
        let owner = point.like.clone().unwrap_or_else(|| tensor.to_owned());
        let Some(&grid) = self.grids.get(tensor) else {
            return;
        };
        let Parameters { scale, zero } = self.parameters(&owner, grid);
        let bytes = self.names.fresh(&format!("{tensor}/quantized"));
        let back = self.names.fresh(&format!("{tensor}/dequantized"));
        let quantize = self.names.fresh(&format!("{tensor}/QuantizeLinear"));
        let dequantize = self.names.fresh(&format!("{tensor}/DequantizeLinear"));
        let inputs = [tensor, scale.as_str(), zero.as_str()];
        let into = proto::node("QuantizeLinear", quantize, &inputs, &bytes);
        let inputs = [bytes.as_str(), scale.as_str(), zero.as_str()];
        let from = proto::node("DequantizeLinear", dequantize, &inputs, &back);
        self.nodes.extend([into, from]);
        self.bytes.insert(tensor.to_owned(), back);
    }

    fn parameters(&mut self, owner: &str, grid: Grid) -> Parameters {
        if let Some(known) = self.parameters.get(owner) {
            return known.clone();
        }
        let scale = self.names.fresh(&format!("{owner}/scale"));
        let zero = self.names.fresh(&format!("{owner}/zero_point"));
        let tensor = proto::float_tensor(&scale, &[], &[grid.scale]);
        self.tensors.push(tensor);
        let tensor = proto::tensor(&zero, &[], DataType::Uint8, vec![grid.zero]);
        self.tensors.push(tensor);
        let parameters = Parameters { scale, zero };
        self.parameters.insert(owner.to_owned(), parameters.clone());
        parameters
    }

    /// Gives a convolution its whole-numbered weights and bias.
    fn integers(&mut self, node: &mut NodeProto, conv: &Conv, integers: &IntegerWeights) {
        let raw = integers
            .weights
            .iter()
            .map(|w| w.to_le_bytes()[0])
            .collect();
        let values = (&conv.shape[..], DataType::Int8, raw);
        let weights = self.by_channel(&conv.name, "weight", values, &integers.scales);
        if let Some(input) = node.input.get_mut(1) {
            *input = weights;
        }
        if let Some(bias) = &integers.bias {
            let raw = bias.iter().flat_map(|b| b.to_le_bytes()).collect();
            let values = (&conv.shape[..1], DataType::Int32, raw);
            let bias = self.by_channel(&conv.name, "bias", values, &integers.bias_scales);
            if let Some(input) = node.input.get_mut(2) {
                *input = bias;
            }
        }
    }

    /// Adds whole numbers with a scale for each channel; gives the name of the floats they stand
    /// for.
    fn by_channel(
        &mut self,
        conv: &str,
        role: &str,
        (dims, of, raw): (&[usize], DataType, Vec<u8>),
        scales: &[f32],
    ) -> String {
        let part = |names: &mut Names, what: &str| names.fresh(&format!("{conv}/{role}{what}"));
        let quantized = part(&mut self.names, "_quantized");
        let scale = part(&mut self.names, "_scale");
        let zero = part(&mut self.names, "_zero_point");
        let name = part(&mut self.names, "_DequantizeLinear");
        let output = part(&mut self.names, "_dequantized");
        let width = match of {
            DataType::Int32 => size_of::<i32>(),
            _ => 1,
        };
        let count = [scales.len()];
        self.tensors.extend([
            proto::tensor(&quantized, dims, of, raw),
            proto::float_tensor(&scale, &count, scales),
            proto::tensor(&zero, &count, of, vec![0; scales.len() * width]),
        ]);
        let inputs = [quantized.as_str(), scale.as_str(), zero.as_str()];
        let mut node = proto::node("DequantizeLinear", name, &inputs, &output);
        node.attribute = vec![proto::axis(0)];
        self.nodes.push(node);
        output
    }

    /// Whether a node is a maximum of floats that become bytes behind it. ONNX Runtime would put
    /// the bytes before it (`QDQPropagation`), where there are four times as many, and where its
    /// maximum of bytes takes six times as long as that of floats: a ninth of a ResNet50.
    fn pools_floats(&self, node: &NodeProto) -> bool {
        let point = node.output.first().and_then(|name| self.points.get(name));
        operator(node) == "MaxPool" && point.is_some_and(|point| point.like.is_none())
    }

    /// Adds a node in float that no optimizer shall touch.
    fn guard(&mut self, mut node: NodeProto) {
        let Some(output) = node.output.first_mut() else {
            return;
        };
        let inner = self.names.fresh(&format!("{output}/float"));
        let outer = std::mem::replace(output, inner.clone());
        let name = self.names.fresh(&format!("{outer}/guard"));
        self.push(node);
        let mut guard = proto::node("LeakyRelu", name, &[&inner], &outer);
        guard.attribute = vec![proto::alpha(1.0)];
        self.push(guard);
    }
}
