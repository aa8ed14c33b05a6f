//! Scaling channels so that all of a tensor's channels use its bytes alike.
//!
//! A tensor has one grid for all of its channels, and in a trained network some channels are ten
//! times as large as others. A positive factor for each channel passes through `Relu`, `MaxPool`
//! and an `Add` of equals, so the convolution before can divide by it and the one behind multiply:
//! the network stays what it is (Nagel et al. 2019, "Data-Free Quantization Through Weight
//! Equalization and Bias Correction"; factors by activations as Xiao et al. 2023, "SmoothQuant").
//! What leaves for a global mean is multiplied back.

use std::collections::{HashMap, HashSet};

use super::capture::{Capture, Network, Tensor};
use super::error::QuantizeError;
use super::plan::{Conv, Plan};
use super::proto::{self, Names, operator};
use super::{Watch, parallel};
use crate::backbone::onnx::proto::{GraphProto, NodeProto};
use crate::backbone::onnx::{ModelProto, Shapes};

/// The share of the differences that is taken away, as a power: the square root. With all of it,
/// weights would differ as much as activations do now.
const STRENGTH: f64 = 0.5;
/// The largest factor, and one over the smallest, before that.
const MOST: f64 = 30.0;

/// Tensors that are scaled together.
#[derive(Debug, Default)]
struct Group {
    /// Places of the plan's convolutions that give one of them, and of those that take one.
    writers: Vec<usize>,
    readers: Vec<usize>,
    /// Activations that become bytes.
    points: Vec<String>,
    /// What something else reads: places of nodes, and which of their inputs.
    leaves: Vec<(usize, usize)>,
}

/// The network with its channels scaled by what they hold on the images, and the same features.
///
/// # Errors
/// A run that fails, an activation that is not finite.
pub(super) fn equalise(
    network: &Network<'_>,
    plan: &Plan,
    images: &[&[f32]],
    watch: &mut Watch<'_>,
) -> Result<ModelProto, QuantizeError> {
    let empty = GraphProto::default();
    let graph = network.model.graph.as_ref().unwrap_or(&empty);
    let groups = groups(network.model, graph, plan);
    let wanted: Vec<&str> = (groups.iter())
        .flat_map(|group| group.points.iter().map(String::as_str))
        .collect();
    if wanted.is_empty() {
        return Ok(network.model.clone());
    }
    let mut largest: Vec<Vec<f32>> = vec![Vec::new(); wanted.len()];
    let mut capture = Capture::open(network, network.model, &wanted)?;
    let mut look = |before: usize, tensors: &[Tensor<'_>]| {
        watch("channels", before, images.len());
        let looked = parallel::each(&mut largest, |place, largest| {
            channels(&tensors[place], largest).map_err(|value| (place, value))
        });
        looked
            .into_iter()
            .collect::<Result<(), _>>()
            .map_err(|(place, value)| QuantizeError::NonFinite {
                path: network.path.to_owned(),
                tensor: wanted[place].to_owned(),
                value,
            })
    };
    capture.run(images, &mut look)?;
    let seen: HashMap<&str, &[f32]> = (wanted.into_iter())
        .zip(largest.iter().map(Vec::as_slice))
        .collect();
    let mut scaled = Scaled {
        graph: graph.clone(),
        names: Names::of(graph),
        convs: plan.convs.clone(),
        unscaled: Vec::new(),
    };
    for group in &groups {
        if let Some(factors) = factors(group, plan, &seen) {
            scaled.apply(group, &factors);
        }
    }
    Ok(ModelProto {
        graph: Some(scaled.finish()),
        ..network.model.clone()
    })
}

/// Keeps each channel's largest magnitude; gives back what is not finite.
fn channels(tensor: &Tensor<'_>, largest: &mut Vec<f32>) -> Result<(), f32> {
    let [_, count, height, width] = tensor.dims[..] else {
        return Ok(());
    };
    largest.resize(count, 0.0);
    let planes = tensor.values.chunks_exact((height * width).max(1));
    for (place, plane) in planes.enumerate() {
        let most = &mut largest[place % count.max(1)];
        for &value in plane {
            if !value.is_finite() {
                return Err(value);
            }
            *most = most.max(value.abs());
        }
    }
    Ok(())
}

/// What the writers of a group divide by.
fn factors(group: &Group, plan: &Plan, seen: &HashMap<&str, &[f32]>) -> Option<Vec<f64>> {
    let count = plan.convs.get(*group.writers.first()?)?.shape[0];
    let mut largest = vec![0.0_f64; count];
    for point in &group.points {
        let seen = seen
            .get(point.as_str())
            .filter(|seen| seen.len() == count)?;
        for (largest, seen) in largest.iter_mut().zip(*seen) {
            *largest = largest.max(f64::from(*seen));
        }
    }
    let most = largest.iter().copied().fold(0.0, f64::max);
    // All zeros, or too small to be divided by.
    if most < 1e-20 {
        return None;
    }
    let logs: Vec<f64> = (largest.iter())
        .map(|largest| libm::log(largest.max(most * 1e-3)))
        .collect();
    let mean = logs.iter().sum::<f64>() / count as f64;
    let limit = libm::log(MOST);
    let factor = |log: &f64| libm::exp(STRENGTH * (log - mean).clamp(-limit, limit));
    Some(logs.iter().map(factor).collect())
}

/// Tensors by the set that they belong to.
struct Sets<'a> {
    of: HashMap<&'a str, usize>,
    parent: Vec<usize>,
}

impl<'a> Sets<'a> {
    fn find(&mut self, tensor: &'a str) -> usize {
        let next = self.parent.len();
        let mut at = *self.of.entry(tensor).or_insert(next);
        if at == next {
            self.parent.push(next);
        }
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }

    fn join(&mut self, a: &'a str, b: &'a str) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b)] = a.min(b);
    }
}

/// The groups that can be scaled, in the order of the graph.
fn groups(model: &ModelProto, graph: &GraphProto, plan: &Plan) -> Vec<Group> {
    let inner = graph.node.iter().flat_map(|node| &node.attribute);
    if (inner.into_iter()).any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty()) {
        // Graphs inside nodes read tensors by name, unseen from here.
        return Vec::new();
    }
    let shapes = Shapes::of(model);
    let convs: HashMap<usize, usize> = (plan.convs.iter().enumerate())
        .map(|(place, conv)| (conv.node, place))
        .collect();
    let mut sets = Sets {
        of: HashMap::new(),
        parent: Vec::new(),
    };
    let mut fixed: Vec<&str> = Vec::new();
    let mut leaves: Vec<(&str, (usize, usize))> = Vec::new();
    let ports = graph
        .input
        .iter()
        .chain(&graph.output)
        .map(|port| port.name());
    fixed.extend(ports.chain(graph.initializer.iter().map(|tensor| tensor.name())));
    for (place, node) in graph.node.iter().enumerate() {
        let names = || node.input.iter().chain(&node.output).map(String::as_str);
        match operator(node) {
            _ if convs.contains_key(&place) => {}
            "Relu" | "MaxPool" => join(&mut sets, names()),
            "Add" if equal(node, &shapes) => join(&mut sets, names()),
            "GlobalAveragePool" | "ReduceMean" => {
                if let Some(input) = node.input.first() {
                    leaves.push((input, (place, 0)));
                }
                fixed.extend(names().skip(1));
            }
            _ => fixed.extend(names()),
        }
    }
    let mut groups: HashMap<usize, Group> = HashMap::new();
    for (place, conv) in plan.convs.iter().enumerate() {
        let node = &graph.node[conv.node];
        if let Some(output) = node.output.first() {
            groups
                .entry(sets.find(output))
                .or_default()
                .writers
                .push(place);
        }
        if let Some(input) = node.input.first() {
            groups
                .entry(sets.find(input))
                .or_default()
                .readers
                .push(place);
        }
    }
    for (tensor, leaf) in leaves {
        groups
            .entry(sets.find(tensor))
            .or_default()
            .leaves
            .push(leaf);
    }
    let points = plan.points(&vec![true; plan.convs.len()]);
    for point in &points {
        let name = graph_name(graph, &point.tensor);
        if let Some(group) = name.and_then(|name| groups.get_mut(&sets.find(name))) {
            group.points.push(point.tensor.clone());
        }
    }
    let fixed: HashSet<usize> = fixed.into_iter().map(|name| sets.find(name)).collect();
    let mut groups: Vec<(usize, Group)> = (groups.into_iter())
        .filter(|(set, group)| !fixed.contains(set) && agrees(group, plan))
        .collect();
    groups.sort_by_key(|(set, _)| *set);
    groups.into_iter().map(|(_, group)| group).collect()
}

fn join<'a>(sets: &mut Sets<'a>, mut names: impl Iterator<Item = &'a str>) {
    if let Some(first) = names.next() {
        for name in names.filter(|name| !name.is_empty()) {
            sets.join(first, name);
        }
    }
}

/// A tensor's name as the graph holds it.
fn graph_name<'a>(graph: &'a GraphProto, tensor: &str) -> Option<&'a str> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    made.map(String::as_str).find(|name| *name == tensor)
}

/// Whether an addition is one of two equal shapes.
fn equal(node: &NodeProto, shapes: &Shapes) -> bool {
    let dims = |place: usize| shapes.get(node.input.get(place)?).map(<[i64]>::to_vec);
    dims(0).is_some() && dims(0) == dims(1)
}

/// Whether there is something to win, and all have the same channels.
fn agrees(group: &Group, plan: &Plan) -> bool {
    let convs =
        |places: &[usize]| -> Vec<&Conv> { places.iter().map(|p| &plan.convs[*p]).collect() };
    let given = convs(&group.writers).into_iter().map(|conv| conv.shape[0]);
    let taken = (convs(&group.readers).into_iter()).map(|conv| conv.shape[1] * conv.groups);
    let mut counts: Vec<usize> = given.chain(taken).collect();
    counts.dedup();
    counts.len() == 1 && !group.writers.is_empty() && !group.points.is_empty()
}

/// A graph whose channels are being scaled.
struct Scaled {
    graph: GraphProto,
    names: Names,
    convs: Vec<Conv>,
    /// Nodes that scale back, and the place of the node that they go before.
    unscaled: Vec<(usize, NodeProto)>,
}

impl Scaled {
    fn apply(&mut self, group: &Group, factors: &[f64]) {
        for &writer in &group.writers {
            let conv = &mut self.convs[writer];
            let size = conv.fan_in().max(1);
            let weights = conv.weights.chunks_exact_mut(size);
            for (weights, factor) in weights.zip(factors) {
                scale(weights, 1.0 / factor);
            }
            for (bias, factor) in conv.bias.iter_mut().flatten().zip(factors) {
                *bias = (f64::from(*bias) / factor) as f32;
            }
        }
        for &reader in &group.readers {
            let conv = &mut self.convs[reader];
            let [outputs, inputs, height, width] = conv.shape;
            let of_group = (outputs / conv.groups).max(1);
            let planes = conv.weights.chunks_exact_mut((height * width).max(1));
            for (place, plane) in planes.enumerate() {
                let (output, input) = (place / inputs.max(1), place % inputs.max(1));
                if let Some(factor) = factors.get(output / of_group * inputs + input) {
                    scale(plane, *factor);
                }
            }
        }
        for &(place, input) in &group.leaves {
            self.scale_back(place, input, factors);
        }
    }

    /// Multiplies what a mean reads; or what it gives, where that is one value a channel still,
    /// which is much less to multiply.
    fn scale_back(&mut self, place: usize, input: usize, factors: &[f64]) {
        let node = &mut self.graph.node[place];
        let tensor = node.input[input].clone();
        let values: Vec<f32> = factors.iter().map(|factor| *factor as f32).collect();
        let by = self.names.fresh(&format!("{tensor}/channel_scale"));
        let name = self.names.fresh(&format!("{tensor}/Mul"));
        let values = proto::float_tensor(&by, &[1, values.len(), 1, 1], &values);
        self.graph.initializer.push(values);
        let after = operator(node) == "GlobalAveragePool";
        let (between, at) = match node.output.first_mut().filter(|_| after) {
            Some(output) => (output, place + 1),
            None => (&mut node.input[input], place),
        };
        let fresh = self.names.fresh(&format!("{between}/unscaled"));
        let was = std::mem::replace(between, fresh.clone());
        let (from, to) = if after { (fresh, was) } else { (was, fresh) };
        let back = proto::node("Mul", name, &[&from, &by], &to);
        self.unscaled.push((at, back));
    }

    /// The graph with the scaled weights in place of the old ones.
    fn finish(mut self) -> GraphProto {
        for conv in &self.convs {
            let node = &mut self.graph.node[conv.node];
            let mut put = |role: &str, place: usize, dims: &[usize], values: &[f32]| {
                let name = self.names.fresh(&format!("{}/{role}_equalised", conv.name));
                let tensor = proto::float_tensor(&name, dims, values);
                self.graph.initializer.push(tensor);
                if let Some(input) = node.input.get_mut(place) {
                    *input = name;
                }
            };
            put("weight", 1, &conv.shape, &conv.weights);
            if let Some(bias) = &conv.bias {
                put("bias", 2, &conv.shape[..1], bias);
            }
        }
        // From the back, so that the places before stay what they are.
        self.unscaled.sort_by_key(|(place, _)| *place);
        for (place, node) in self.unscaled.into_iter().rev() {
            self.graph.node.insert(place, node);
        }
        self.graph
    }
}

fn scale(values: &mut [f32], factor: f64) {
    for value in values {
        *value = (f64::from(*value) * factor) as f32;
    }
}
