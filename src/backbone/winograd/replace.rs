//! Taking the convolutions out of a graph.

use std::collections::HashMap;
use std::sync::Arc;

use catpipe_winograd::{Convolution, is_available, lanes};

use crate::backbone::onnx::build::{int, node};
use crate::backbone::onnx::parts::{attribute, floats, lengths, operator, pair};
use crate::backbone::onnx::proto::{
    GraphProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use crate::backbone::onnx::{Arithmetic, ModelProto};

/// The domain of catpipe's operators.
pub(super) const DOMAIN: &str = "catpipe";

/// The operator's name.
pub(super) const OPERATOR: &str = "Winograd3x3";

/// The attribute that says which of the convolutions a node is.
pub(super) const PLACE: &str = "place";

/// The attribute that says how many channels its output has.
pub(super) const CHANNELS: &str = "channels";

/// Puts an operator of catpipe's own in the place of each 3x3 convolution with stride 1 of a graph
/// of floats, and of the `Relu` behind it, whose weights are constants of float32; gives what they
/// compute. The graph is left as it was, and the list is empty, where there is none, where the
/// graph quantizes, and on a machine without the vectors.
pub(in crate::backbone) fn replace(model: &mut ModelProto) -> Arc<[Convolution]> {
    match Arithmetic::of(model) {
        Arithmetic::Float if is_available() => replace_for(model, lanes()),
        _ => Arc::new([]),
    }
}

pub(super) fn replace_for(model: &mut ModelProto, lanes: usize) -> Arc<[Convolution]> {
    let mut convolutions = Vec::new();
    let Some(graph) = &mut model.graph else {
        return Arc::new([]);
    };
    let uses = uses(graph);
    let constants = constants(graph);
    let mut gone = Vec::new();
    let mut replaced = Vec::new();
    for (at, conv) in graph.node.iter().enumerate() {
        let Some(found) = Found::of(conv, &constants, lanes) else {
            continue;
        };
        let [made] = conv.output.as_slice() else {
            continue;
        };
        let alone = uses.get(made.as_str()) == Some(&1);
        let relu = graph
            .node
            .iter()
            .position(|node| alone && operator(node) == "Relu" && node.input.first() == Some(made));
        let output = relu.map_or(made, |relu| graph.node[relu].output.first().unwrap_or(made));
        let Some(convolution) = found.convolution(relu.is_some(), lanes) else {
            continue;
        };
        let place = int(PLACE, convolutions.len() as i64);
        let channels = int(CHANNELS, convolution.outputs() as i64);
        let mut new = node(
            OPERATOR,
            conv.name(),
            &[&conv.input[0]],
            output,
            vec![place, channels],
        );
        new.domain = Some(DOMAIN.to_owned());
        convolutions.push(convolution);
        replaced.push((at, new));
        gone.extend(relu);
    }
    for (at, node) in replaced {
        graph.node[at] = node;
    }
    gone.sort_unstable();
    for at in gone.into_iter().rev() {
        graph.node.remove(at);
    }
    if !convolutions.is_empty() {
        drop_unused(graph);
        model.opset_import.push(OperatorSetIdProto {
            domain: Some(DOMAIN.to_owned()),
            version: Some(1),
        });
    }
    convolutions.into()
}

/// The constants that nobody can put others in the place of, by their names.
fn constants(graph: &GraphProto) -> HashMap<&str, &TensorProto> {
    let given = |name: &str| graph.input.iter().any(|input| input.name() == name);
    let all = graph.initializer.iter();
    all.filter(|tensor| !given(tensor.name()))
        .map(|tensor| (tensor.name(), tensor))
        .collect()
}

/// How often each tensor is read, by nodes (and the graphs inside them) and as an output.
fn uses(graph: &GraphProto) -> HashMap<&str, usize> {
    let mut uses = HashMap::new();
    count(graph, &mut uses);
    uses
}

fn count<'a>(graph: &'a GraphProto, uses: &mut HashMap<&'a str, usize>) {
    let outputs = graph.output.iter().map(ValueInfoProto::name);
    let read = graph.node.iter().flat_map(|node| &node.input);
    for name in outputs.chain(read.map(String::as_str)) {
        *uses.entry(name).or_default() += 1;
    }
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        for inner in attribute.g.iter().chain(&attribute.graphs) {
            count(inner, uses);
        }
    }
}

/// Removes the initializers that are not read any more.
fn drop_unused(graph: &mut GraphProto) {
    let read: Vec<bool> = {
        let uses = uses(graph);
        let names = graph.initializer.iter().map(TensorProto::name);
        names.map(|name| uses.contains_key(name)).collect()
    };
    let mut read = read.into_iter();
    graph.initializer.retain(|_| read.next() == Some(true));
}

/// A convolution that can be computed this way.
struct Found<'a> {
    weights: &'a TensorProto,
    bias: Option<&'a TensorProto>,
    channels: [usize; 2],
}

impl<'a> Found<'a> {
    fn of(
        node: &NodeProto,
        constants: &HashMap<&str, &'a TensorProto>,
        lanes: usize,
    ) -> Option<Self> {
        let (weights, bias) = match node.input.as_slice() {
            [_, weights] => (weights, None),
            [_, weights, bias] => (weights, Some(bias).filter(|name| !name.is_empty())),
            _ => return None,
        };
        let weights = *constants.get(weights.as_str())?;
        let bias = match bias {
            Some(bias) => Some(*constants.get(bias.as_str())?),
            None => None,
        };
        let [outputs, inputs, 3, 3] = lengths(&weights.dims)? else {
            return None;
        };
        let channels = [outputs, inputs];
        let is = operator(node) == "Conv" && is_plain(node) && Convolution::takes(channels, lanes);
        is.then_some(Self {
            weights,
            bias,
            channels,
        })
    }

    fn convolution(&self, relu: bool, lanes: usize) -> Option<Convolution> {
        let bias = match self.bias {
            Some(bias) => floats(bias)?,
            None => vec![0.0; self.channels[0]],
        };
        let weights = floats(self.weights)?;
        // What is no number in the weights is to show itself as it does elsewhere.
        let finite = weights.iter().all(|weight| weight.is_finite());
        finite
            .then(|| Convolution::new(&weights, bias, self.channels, relu, lanes))
            .flatten()
    }
}

/// Whether a convolution has stride 1, one group, and a border of one pixel.
fn is_plain(node: &NodeProto) -> bool {
    let of = |name: &str| attribute(node, name);
    let auto = of("auto_pad").map_or(&b"NOTSET"[..], |auto| auto.s());
    let padded = match auto {
        b"NOTSET" | b"" => of("pads").is_some_and(|pads| pads.ints == [1; 4]),
        b"SAME_UPPER" | b"SAME_LOWER" => true,
        _ => false,
    };
    padded
        && pair(node, "kernel_shape", [3, 3]) == Some([3, 3])
        && pair(node, "strides", [1, 1]) == Some([1, 1])
        && pair(node, "dilations", [1, 1]) == Some([1, 1])
        && of("group").is_none_or(|group| group.i() == 1)
}
