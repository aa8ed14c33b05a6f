//! Finding the features of a graph that only offers classes.

use std::collections::{HashMap, HashSet};

use super::build::{GraphBuilder, int};
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::shapes::Shapes;
use super::summary::{Dim, Summary};
use super::{OnnxError, prune};

/// The name of the output that holds the features.
const FEATURES: &str = "features";
/// The name of the output that holds the map they summarise.
const FEATURE_MAP: &str = "feature_map";

/// A tensor that may serve as the features of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tensor's name.
    pub tensor: String,
    /// Why it may serve.
    pub reason: String,
    /// Its dimensions for one image, where they can be told.
    pub dims: Option<Vec<i64>>,
    /// The map that it is the mean of, with its dimensions.
    pub map: Option<(String, Vec<i64>)>,
}

impl Candidate {
    /// The number of features, where the tensor is a vector for each image.
    #[must_use]
    pub fn width(&self) -> Option<i64> {
        match self.dims.as_deref()? {
            [1, width, rest @ ..] if rest.iter().all(|dim| *dim == 1) => Some(*width),
            _ => None,
        }
    }
}

/// The tensors that may serve as features, the likeliest first: an output that is called so, the
/// input of the last classifier (a matrix product or a 1x1 convolution with fixed weights), the
/// last global pool.
#[must_use]
pub fn candidates(model: &ModelProto, shapes: &Shapes) -> Vec<Candidate> {
    let Some(graph) = &model.graph else {
        return Vec::new();
    };
    let walk = Walk::new(graph, shapes);
    let mut found: Vec<Candidate> = Vec::new();
    let mut add = |candidate: Candidate| {
        if candidate.width().is_some() && found.iter().all(|f| f.tensor != candidate.tensor) {
            found.push(candidate);
        }
    };
    let outputs = || graph.output.iter().map(ValueInfoProto::name);
    for name in outputs().filter(|name| *name == FEATURES) {
        add(walk.candidate(name, "the graph's own output".to_owned()));
    }
    for name in outputs() {
        if let Some((tensor, node)) = walk.classifier_input(name) {
            let label = label(node);
            add(walk.candidate(
                tensor,
                format!("the input of the last {} `{label}`", node.op_type()),
            ));
        }
    }
    for name in outputs() {
        if let Some((tensor, node)) = walk.pool(name) {
            add(walk.candidate(tensor, format!("the last global pool `{}`", label(node))));
        }
    }
    found
}

/// A copy of `model` whose outputs are `features` (`[N, width]`) and, where there is one,
/// `feature_map` (`[N, channels, height, width]`), with all that they do not need stripped.
/// `wanted` is the tensor to take; without it the likeliest candidate is taken. A map that is
/// wanted is averaged.
///
/// # Errors
/// Nothing is found, or the wanted tensor is not there or no vector or map for an image: the error
/// lists the candidates.
pub fn features(
    model: &ModelProto,
    wanted: Option<&str>,
) -> Result<(ModelProto, Candidate), OnnxError> {
    let shapes = Shapes::of(model);
    let found = candidates(model, &shapes);
    let listed = || {
        found
            .iter()
            .map(|candidate| candidate.tensor.clone())
            .collect()
    };
    let chosen = match wanted {
        None => found
            .first()
            .cloned()
            .ok_or_else(|| OnnxError::NoFeatures {
                outputs: Summary::of(model)
                    .outputs
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            })?,
        Some(name) => by_hand(model, &shapes, name).ok_or_else(|| OnnxError::NoSuchTensor {
            wanted: name.to_owned(),
            dims: shapes.get(name).map(<[i64]>::to_vec),
            found: listed(),
        })?,
    };
    let with = with_outputs(model, &chosen)?;
    let names: &[&str] = if chosen.map.is_some() {
        &[FEATURES, FEATURE_MAP]
    } else {
        &[FEATURES]
    };
    Ok((prune(&with, names)?, chosen))
}

/// The tensor of this name, if it is a vector or a map for each image.
fn by_hand(model: &ModelProto, shapes: &Shapes, name: &str) -> Option<Candidate> {
    let graph = model.graph.as_ref()?;
    let made = graph
        .node
        .iter()
        .any(|node| node.output.iter().any(|output| output == name));
    let walk = Walk::new(graph, shapes);
    let reason = "chosen by hand".to_owned();
    let mut candidate = walk.candidate(name, reason);
    if let Some([1, channels, height, width]) = candidate.dims.as_deref()
        && (*height, *width) != (1, 1)
    {
        let dims = vec![1, *channels, *height, *width];
        candidate.map = Some((name.to_owned(), dims));
        candidate.dims = Some(vec![1, *channels]);
    }
    (made && candidate.width().is_some()).then_some(candidate)
}

/// Adds the outputs to a copy of `model`, by nodes that give the tensors their names and shapes.
fn with_outputs(model: &ModelProto, chosen: &Candidate) -> Result<ModelProto, OnnxError> {
    let mut model = model.clone();
    let batch = Summary::of(&model)
        .inputs
        .first()
        .and_then(|input| match input.dims.as_deref() {
            Some([batch, ..]) => Some(batch.clone()),
            _ => None,
        });
    let batch = batch.unwrap_or_else(|| Dim::Symbol("N".to_owned()));
    let Some(graph) = &mut model.graph else {
        return Ok(model);
    };
    let averaged = matches!(&chosen.map, Some((map, _)) if *map == chosen.tensor);
    let rank = chosen.dims.as_ref().map_or(2, Vec::len);
    let mut builder = GraphBuilder::new("");
    let source = if averaged {
        builder.node(
            "GlobalAveragePool",
            "features/pool",
            &[&chosen.tensor],
            "features/pool",
            Vec::new(),
        );
        "features/pool"
    } else {
        chosen.tensor.as_str()
    };
    if averaged || rank > 2 {
        builder.node(
            "Flatten",
            FEATURES,
            &[source],
            FEATURES,
            vec![int("axis", 1)],
        );
    } else if source != FEATURES {
        builder.node("Identity", FEATURES, &[source], FEATURES, Vec::new());
    }
    builder.output_of(FEATURES, &batch, &[chosen.width().unwrap_or(0)]);
    if let Some((map, dims)) = &chosen.map {
        if map != FEATURE_MAP {
            builder.node("Identity", FEATURE_MAP, &[map], FEATURE_MAP, Vec::new());
        }
        builder.output_of(FEATURE_MAP, &batch, &dims[1..]);
    }
    let added = builder.into_graph();
    let names: HashSet<&str> = added
        .node
        .iter()
        .flat_map(|n| &n.output)
        .map(String::as_str)
        .collect();
    let taken = graph
        .node
        .iter()
        .flat_map(|node| &node.output)
        .find(|name| names.contains(name.as_str()));
    if let Some(name) = taken {
        return Err(OnnxError::NameTaken { name: name.clone() });
    }
    graph.node.extend(added.node);
    graph.output = added.output;
    graph
        .value_info
        .retain(|value| ![FEATURES, FEATURE_MAP].contains(&value.name()));
    Ok(model)
}

pub(super) fn label(node: &NodeProto) -> &str {
    match node.name() {
        "" => node.output.first().map_or("", String::as_str),
        name => name,
    }
}

/// Walks a graph from its outputs towards its inputs.
pub(super) struct Walk<'a> {
    makers: HashMap<&'a str, &'a NodeProto>,
    fixed: HashSet<&'a str>,
    shapes: &'a Shapes,
}

impl<'a> Walk<'a> {
    pub(super) fn new(graph: &'a GraphProto, shapes: &'a Shapes) -> Self {
        let mut makers = HashMap::new();
        let mut fixed: HashSet<&str> = graph.initializer.iter().map(|t| t.name()).collect();
        for node in &graph.node {
            // Constants, and what is made of constants alone, such as dequantized weights.
            let given = node.input.iter().filter(|name| !name.is_empty());
            let constant = given.clone().all(|name| fixed.contains(name.as_str()));
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                makers.insert(output.as_str(), node);
                if constant {
                    fixed.insert(output);
                }
            }
        }
        Self {
            makers,
            fixed,
            shapes,
        }
    }

    fn candidate(&self, tensor: &str, reason: String) -> Candidate {
        let map = self.pool(tensor).filter(|(_, node)| self.pools_a_map(node));
        let map = map.and_then(|(_, node)| node.input.first());
        Candidate {
            tensor: tensor.to_owned(),
            reason,
            dims: self.shapes.get(tensor).map(<[i64]>::to_vec),
            map: map.and_then(|map| Some((map.clone(), self.shapes.get(map)?.to_vec()))),
        }
    }

    /// The one input of a node that is not fixed.
    fn input(&self, node: &'a NodeProto) -> Option<&'a str> {
        let mut open = node
            .input
            .iter()
            .filter(|n| !n.is_empty() && !self.fixed.contains(n.as_str()));
        match (open.next(), open.next()) {
            (Some(input), None) => Some(input),
            _ => None,
        }
    }

    /// The nodes from `from` back, as long as each has one input that is not fixed. A graph with a
    /// circle, which no runtime takes, ends the walk too.
    pub(super) fn back(&self, from: &str) -> Vec<(&'a str, &'a NodeProto)> {
        let mut steps = Vec::new();
        let mut next = self.makers.get(from).copied();
        while let Some(node) = next.filter(|_| steps.len() <= self.makers.len()) {
            let Some(input) = self.input(node) else { break };
            steps.push((input, node));
            next = self.makers.get(input).copied();
        }
        steps
    }

    /// What goes into the classifier that an output comes out of.
    fn classifier_input(&self, output: &str) -> Option<(&'a str, &'a NodeProto)> {
        for (input, node) in self.back(output) {
            let classifies = match node.op_type() {
                "Gemm" | "MatMul" => true,
                "Conv" => matches!(self.shapes.get(input), Some([1, _, 1, 1])),
                // What may stand between a classifier and its output.
                "Softmax" | "LogSoftmax" | "Sigmoid" | "Identity" | "Reshape" | "Flatten"
                | "Squeeze" | "Cast" | "Add" | "Sub" | "Mul" | "Div" | "Clip"
                | "QuantizeLinear" | "DequantizeLinear" => false,
                _ => return None,
            };
            if classifies {
                return Some((self.before_dropout(input), node));
            }
        }
        None
    }

    /// The tensor without what does nothing when a network is used.
    fn before_dropout(&self, tensor: &'a str) -> &'a str {
        let through = self.back(tensor);
        let idle = |node: &NodeProto| matches!(node.op_type(), "Dropout" | "Identity");
        let last = through.iter().take_while(|(_, node)| idle(node)).last();
        last.map_or(tensor, |(input, _)| input)
    }

    /// The last global pool before a tensor, with what follows it of mere changes of shape.
    fn pool(&self, from: &str) -> Option<(&'a str, &'a NodeProto)> {
        let steps = self.back(from);
        let (_, node) = steps.iter().find(|(_, node)| self.pools_a_map(node))?;
        Some((node.output.first()?, node))
    }

    /// Whether a node makes one value of each channel of a map.
    pub(super) fn pools_a_map(&self, node: &NodeProto) -> bool {
        let shape = |name: Option<&String>| name.and_then(|name| self.shapes.get(name));
        let from = shape(node.input.first());
        let to = shape(node.output.first());
        let pooled = match node.op_type() {
            "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" | "ReduceMax" | "AveragePool" => {
                matches!(to, Some([1, _] | [1, _, 1, 1]))
            }
            _ => false,
        };
        pooled
            && matches!((from, to), (Some([1, channels, ..]), Some([1, out, ..]))
            if from.is_some_and(|dims| dims.len() == 4) && channels == out)
    }
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
