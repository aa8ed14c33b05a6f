//! What of a graph becomes integers: its convolutions, and the activations between them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::error::QuantizeError;
use super::geometry::Geometry;
use super::proto::{attribute, floats, label, lengths, operator};
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// A convolution whose weights can be integers.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    /// Its place among the nodes.
    pub(super) node: usize,
    /// What to call it.
    pub(super) name: String,
    /// The activations that it takes.
    pub(super) input: String,
    /// What it gives, after the activation function that integer kernels do on the way.
    pub(super) output: String,
    /// The place of that function's node.
    pub(super) activation: Option<usize>,
    /// Whether that function is a `Clip`, else a `Relu`.
    pub(super) clipped: bool,
    /// Its weights, `[outputs, inputs / groups, height, width]`.
    pub(super) weights: Vec<f32>,
    pub(super) shape: [usize; 4],
    pub(super) groups: usize,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) geometry: Geometry,
}

impl Conv {
    /// Weights of one output channel.
    pub(super) fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// An activation that becomes bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) tensor: String,
    /// What a `Clip` lets through to it.
    pub(super) clip: Option<[f32; 2]>,
    /// The tensor whose grid it shares: a maximum of bytes is one of them.
    pub(super) like: Option<String>,
}

/// The convolutions of a graph and how tensors flow between them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) convs: Vec<Conv>,
    /// Every tensor in the order in which it comes to be.
    order: Vec<String>,
    pools: HashMap<String, String>,
    clips: HashMap<String, [f32; 2]>,
}

impl Plan {
    /// Looks for convolutions of float32 with fixed weights.
    ///
    /// # Errors
    /// A graph that is quantized already, or has no such convolution.
    pub(super) fn of(path: &Path, model: &ModelProto) -> Result<Self, QuantizeError> {
        let empty = GraphProto::default();
        let graph = model.graph.as_ref().unwrap_or(&empty);
        if let Some(node) = graph.node.iter().find(|node| is_quantized(node)) {
            return Err(QuantizeError::AlreadyQuantized {
                path: path.to_owned(),
                node: label(node).to_owned(),
                operator: node.op_type().to_owned(),
            });
        }
        let reader = Reader::of(graph);
        let convs: Vec<Conv> = (0..graph.node.len())
            .filter_map(|place| reader.conv(place))
            .collect();
        if convs.is_empty() {
            let operators: BTreeSet<&str> = graph.node.iter().map(NodeProto::op_type).collect();
            return Err(QuantizeError::NoConvolutions {
                path: path.to_owned(),
                operators: operators.into_iter().map(str::to_owned).collect(),
            });
        }
        let given = graph.input.iter().map(|input| input.name());
        let made = (graph.node.iter()).flat_map(|node| node.output.iter().map(String::as_str));
        Ok(Self {
            convs,
            order: given.chain(made).map(str::to_owned).collect(),
            pools: reader.pools(),
            clips: reader.clips(),
        })
    }

    /// The activations to be bytes where the convolutions marked in `int8` are: what those take
    /// and what they give. What an addition gives is bytes only where a convolution takes it, so
    /// that the last feature map stays in float.
    pub(super) fn points(&self, int8: &[bool]) -> Vec<Point> {
        let chosen = self.convs.iter().zip(int8).filter(|(_, int8)| **int8);
        let wanted: HashSet<&str> = chosen
            .flat_map(|(conv, _)| [conv.input.as_str(), conv.output.as_str()])
            .collect();
        let mut points = Vec::new();
        for tensor in &self.order {
            if !wanted.contains(tensor.as_str()) {
                continue;
            }
            let pooled = self.pools.get(tensor);
            points.push(Point {
                tensor: tensor.clone(),
                clip: self.clips.get(tensor).copied(),
                like: pooled.filter(|of| wanted.contains(of.as_str())).cloned(),
            });
        }
        points
    }
}

fn is_quantized(node: &NodeProto) -> bool {
    let name = node.op_type();
    name.contains("QuantizeLinear") || name.starts_with("QLinear") || name.ends_with("Integer")
}

/// A graph with its constants and who reads what.
struct Reader<'a> {
    graph: &'a GraphProto,
    constants: HashMap<&'a str, &'a TensorProto>,
    readers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn of(graph: &'a GraphProto) -> Self {
        let mut constants: HashMap<&str, &TensorProto> = HashMap::new();
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for tensor in &graph.initializer {
            constants.insert(tensor.name(), tensor);
        }
        for (place, node) in graph.node.iter().enumerate() {
            for name in &node.input {
                readers.entry(name).or_default().push(place);
            }
            if let (Some(output), "Constant") = (node.output.first(), operator(node))
                && let Some(tensor) = attribute(node, "value").and_then(|a| a.t.as_ref())
            {
                constants.insert(output, tensor);
            }
        }
        Self {
            graph,
            constants,
            readers,
            outputs: graph.output.iter().map(ValueInfoProto::name).collect(),
        }
    }

    fn conv(&self, place: usize) -> Option<Conv> {
        let node = self.graph.node.get(place)?;
        if operator(node) != "Conv" {
            return None;
        }
        let input = node.input.first()?;
        if self.constants.contains_key(input.as_str()) {
            return None;
        }
        let tensor = self.constants.get(node.input.get(1)?.as_str())?;
        let shape: [usize; 4] = lengths(&tensor.dims)?;
        let weights = floats(tensor).filter(|values| !values.is_empty())?;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => {
                let bias = floats(self.constants.get(name.as_str())?)?;
                Some(Some(bias).filter(|bias| bias.len() == shape[0])?)
            }
        };
        let finite = weights.iter().chain(bias.iter().flatten());
        if !finite.copied().all(f32::is_finite) {
            return None;
        }
        let groups = attribute(node, "group").map_or(1, |a| a.i());
        let groups = usize::try_from(groups).ok().filter(|groups| *groups > 0)?;
        if !shape[0].is_multiple_of(groups) {
            return None;
        }
        let own = node.output.first()?;
        let activation = self.activation(own);
        let output = activation.and_then(|place| self.graph.node[place].output.first());
        Some(Conv {
            node: place,
            name: label(node).to_owned(),
            input: input.clone(),
            output: output.unwrap_or(own).clone(),
            activation,
            clipped: activation.is_some_and(|at| operator(&self.graph.node[at]) == "Clip"),
            weights,
            shape,
            groups,
            bias,
            geometry: Geometry::of(node, [shape[2], shape[3]])?,
        })
    }

    /// The only reader of a tensor, if that cuts its values off: an integer kernel does so anyway.
    fn activation(&self, tensor: &str) -> Option<usize> {
        if self.outputs.contains(tensor) {
            return None;
        }
        let &[place] = self.readers.get(tensor)?.as_slice() else {
            return None;
        };
        let node = &self.graph.node[place];
        let first = node.input.first().map(String::as_str) == Some(tensor);
        (first && matches!(operator(node), "Relu" | "Clip")).then_some(place)
    }

    /// What each maximum pool gives, and what it takes.
    fn pools(&self) -> HashMap<String, String> {
        let pools = self
            .graph
            .node
            .iter()
            .filter(|node| operator(node) == "MaxPool");
        pools
            .filter_map(|node| Some((node.output.first()?.clone(), node.input.first()?.clone())))
            .collect()
    }

    /// What each clip gives, and what it lets through.
    fn clips(&self) -> HashMap<String, [f32; 2]> {
        let clips = self
            .graph
            .node
            .iter()
            .filter(|node| operator(node) == "Clip");
        let end = |node: &NodeProto, name: &str, input: usize, none: f32| {
            let given = node.input.get(input).filter(|name| !name.is_empty());
            match (attribute(node, name), given) {
                (Some(attribute), _) => Some(attribute.f()),
                (None, None) => Some(none),
                (None, Some(tensor)) => {
                    let values = floats(self.constants.get(tensor.as_str())?)?;
                    values.first().copied()
                }
            }
        };
        clips
            .filter_map(|node| {
                let least = end(node, "min", 1, f32::NEG_INFINITY)?;
                let most = end(node, "max", 2, f32::INFINITY)?;
                Some((node.output.first()?.clone(), [least, most]))
            })
            .collect()
    }
}
