//! What of a graph is replaced.

use super::replace::{DOMAIN, OPERATOR, replace_for};
use super::*;
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::build::{int, ints, node};
use crate::backbone::onnx::proto::{GraphProto, NodeProto};
use crate::backbone::onnx::tiny::{TinyConfig, residual};

/// A network whose block has convolutions that can be replaced: `block_1` with its ReLU, and
/// `block_2`, which is added to.
fn network(change: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = residual(&TinyConfig {
        width: 16,
        ..TinyConfig::default()
    });
    change(model.graph.as_mut().unwrap());
    model
}

fn operators_of(model: &ModelProto) -> Vec<String> {
    let nodes = &model.graph.as_ref().unwrap().node;
    nodes
        .iter()
        .map(|node| format!("{} {}", node.op_type(), node.output[0]))
        .collect()
}

fn named<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph
        .node
        .iter_mut()
        .find(|node| node.name() == name)
        .unwrap()
}

#[test]
fn convolutions_go_with_their_relus_and_their_weights() {
    let mut model = network(|_| {});
    let found = replace_for(&mut model, 8);
    let relus: Vec<bool> = found.iter().map(Convolution::has_relu).collect();
    assert_eq!(relus, [true, false]);
    let expected = [
        "Conv stem",
        "Relu stem_relu",
        "Winograd3x3 block_1_relu",
        "Winograd3x3 block_2",
        "Add block_add",
        "Relu feature_map",
        "ReduceMean features",
        "Gemm classifier",
        "Softmax probabilities",
    ];
    assert_eq!(operators_of(&model), expected);
    let graph = model.graph.as_mut().unwrap();
    let names: Vec<_> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name())
        .collect();
    assert_eq!(
        names.len(),
        4,
        "those of the stem and the classifier: {names:?}"
    );
    assert_eq!(named(graph, "block_2").input, ["block_1_relu"]);
    assert_eq!(named(graph, "block_2").domain(), DOMAIN);
    assert_eq!(named(graph, "block_2").op_type(), OPERATOR);
    let domains: Vec<_> = model.opset_import.iter().map(|one| one.domain()).collect();
    assert_eq!(domains, ["", DOMAIN]);
}

#[test]
fn a_relu_that_is_not_alone_stays() {
    let mut model = network(|graph| {
        named(graph, "block_add").input[1] = "block_1".to_owned();
    });
    let found = replace_for(&mut model, 8);
    assert_eq!(
        found.iter().map(Convolution::has_relu).collect::<Vec<_>>(),
        [false, false]
    );
    let operators = operators_of(&model);
    assert_eq!(
        operators[2..4],
        ["Winograd3x3 block_1", "Relu block_1_relu"]
    );
}

#[test]
fn weights_that_another_reads_stay() {
    let mut model = network(|graph| {
        let weights = named(graph, "block_1").input[1].clone();
        graph
            .node
            .push(node("Identity", "copy", &[&weights], "copy", Vec::new()));
    });
    let weights = {
        let graph = model.graph.as_mut().unwrap();
        named(graph, "block_1").input[1].clone()
    };
    assert_eq!(replace_for(&mut model, 8).len(), 2);
    let graph = model.graph.as_ref().unwrap();
    assert!(
        graph
            .initializer
            .iter()
            .any(|tensor| tensor.name() == weights)
    );
}

/// What happens to `block_1` of a changed network: whether it is replaced. A graph that is left
/// alone is left as it was.
fn is_replaced(change: impl FnOnce(&mut GraphProto)) -> bool {
    let mut model = network(change);
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|node| node.name() != "block_2");
    let before = model.clone();
    let replaced = !replace_for(&mut model, 8).is_empty();
    assert_eq!(replaced, model != before);
    replaced
}

#[test]
fn what_is_another_convolution_is_left_alone() {
    let set = |name: &'static str, of: &'static [usize]| {
        is_replaced(move |graph| {
            let node = named(graph, "block_1");
            node.attribute.retain(|attribute| attribute.name() != name);
            if !of.is_empty() {
                node.attribute.push(ints(name, of));
            }
        })
    };
    assert!(is_replaced(|_| {}));
    assert!(set("strides", &[]) && set("kernel_shape", &[]));
    assert!(set("dilations", &[1, 1]));
    assert!(!set("strides", &[2, 2]) && !set("strides", &[1, 2]));
    assert!(!set("dilations", &[2, 2]));
    assert!(!set("pads", &[]) && !set("pads", &[0, 0, 1, 1]));
    assert!(!is_replaced(|graph| named(graph, "block_1")
        .attribute
        .push(int("group", 2))));
    assert!(!is_replaced(
        |graph| named(graph, "block_1").domain = Some("mine".to_owned())
    ));
    assert!(!is_replaced(
        |graph| named(graph, "block_1").input[1] = "stem_relu".to_owned()
    ));
}

#[test]
fn weights_that_are_no_constants_are_left_alone() {
    assert!(!is_replaced(|graph| {
        let mut port = graph.input[0].clone();
        port.name = Some(named(graph, "block_1").input[1].clone());
        graph.input.push(port);
    }));
    let kernel = |graph: &mut GraphProto| {
        let name = named(graph, "block_1").input[1].clone();
        let mut tensors = graph.initializer.iter_mut();
        tensors.position(|tensor| tensor.name() == name).unwrap()
    };
    assert!(!is_replaced(|graph| {
        let at = kernel(graph);
        let raw = graph.initializer[at].raw_data().to_vec();
        let raw = [&f32::NAN.to_le_bytes(), &raw[4..]].concat();
        graph.initializer[at].raw_data = Some(raw.into());
    }));
    assert!(!is_replaced(|graph| {
        let at = kernel(graph);
        let raw = graph.initializer[at].raw_data().to_vec();
        graph.initializer[at].raw_data = Some(raw[4..].to_vec().into());
    }));
    // Channels that do not fill vectors.
    let mut narrow = residual(&TinyConfig::default());
    assert!(replace_for(&mut narrow, 8).is_empty());
    assert_eq!(narrow, residual(&TinyConfig::default()));
    assert!(replace_for(&mut network(|_| {}), 16).is_empty());
}

#[test]
fn a_graph_that_quantizes_is_left_alone() {
    let mut model = network(|graph| {
        let inputs = ["features", "scale"];
        graph
            .node
            .push(node("QuantizeLinear", "q", &inputs, "q", Vec::new()));
    });
    let before = model.clone();
    assert!(replace(&mut model).is_empty());
    assert_eq!(model, before);
}
