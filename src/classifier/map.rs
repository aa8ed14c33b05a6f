//! Class activation maps as nodes of a graph.

use super::layers::{HeadNodes, normal_distribution};
use crate::backbone::onnx::PooledMap;
use crate::backbone::onnx::build::GraphBuilder;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::head::Layer;
use crate::head::config::Activation;

use super::resize::cast;

/// Adds the output `map` `[N, classes, h, w]`: the feature map's channels weighed by the gradient
/// of each class's logit, which passes the layers from the last to the first. Of a linear head
/// that is its weights.
pub(super) fn class_maps(
    graph: &mut GraphBuilder,
    map: &PooledMap,
    map_tensor: &str,
    nodes: &HeadNodes,
    layers: &[Layer],
) {
    let channels = cast(graph, "channels", map_tensor, DataType::Float);
    let Some((last, hidden)) = nodes.weights.split_last() else {
        return;
    };
    let one = graph.integers("catpipe/gradient/axis".into(), &[1]);
    // [classes, inputs], which the batch's own part of the gradient makes [N, classes, inputs].
    let mut gradient = last.clone();
    let steps = hidden.iter().zip(&nodes.before).zip(layers).enumerate();
    for (number, ((weight, before), layer)) in steps.rev() {
        let Some(activation) = layer.activation else {
            continue;
        };
        let name = format!("gradient.{number}");
        let slope = slope(graph, &name, activation, before);
        let slope = graph.add(
            &format!("{name}/row"),
            "Unsqueeze",
            &[&slope, &one],
            Vec::new(),
        );
        let gated = graph.add(
            &format!("{name}/gated"),
            "Mul",
            &[&gradient, &slope],
            Vec::new(),
        );
        gradient = graph.add(&name, "MatMul", &[&gated, weight], Vec::new());
    }
    let flat = graph.integers("catpipe/channels/shape".into(), &[0, 0, -1]);
    let flat = graph.add("channels/flat", "Reshape", &[&channels, &flat], Vec::new());
    let maps = graph.add("maps/flat", "MatMul", &[&gradient, &flat], Vec::new());
    let sides = [0, 0, map.height, map.width];
    let shape = graph.integers("catpipe/maps/shape".into(), &sides);
    graph.node("Reshape", "map", &[&maps, &shape], "map", Vec::new());
}

/// The derivative of an activation at what goes into it.
fn slope(graph: &mut GraphBuilder, name: &str, activation: Activation, before: &str) -> String {
    match activation {
        Activation::Relu => {
            let zero = graph.floats(format!("catpipe/{name}/zero"), &[], &[0.0]);
            let on = graph.add(
                &format!("{name}/on"),
                "Greater",
                &[before, &zero],
                Vec::new(),
            );
            cast(graph, &format!("{name}/slope"), &on, DataType::Float)
        }
        // 1 - tanh(x)^2.
        Activation::Tanh => {
            let one = graph.floats(format!("catpipe/{name}/one"), &[], &[1.0]);
            let mut step = |what: &str, operator: &str, inputs: &[&str]| {
                graph.add(&format!("{name}/{what}"), operator, inputs, Vec::new())
            };
            let y = step("tanh", "Tanh", &[before]);
            let square = step("square", "Mul", &[&y, &y]);
            step("slope", "Sub", &[&one, &square])
        }
        // Phi(x) + x phi(x), with phi(x) = exp(-x^2 / 2) / sqrt(2 pi).
        Activation::Gelu => {
            let phi = normal_distribution(graph, name, before);
            let minus_half = graph.floats(format!("catpipe/{name}/minus_half"), &[], &[-0.5]);
            let root = 1.0 / (2.0 * std::f32::consts::PI).sqrt();
            let root = graph.floats(format!("catpipe/{name}/root"), &[], &[root]);
            let mut step = |what: &str, operator: &str, inputs: &[&str]| {
                graph.add(&format!("{name}/{what}"), operator, inputs, Vec::new())
            };
            let square = step("square", "Mul", &[before, before]);
            let power = step("power", "Mul", &[&square, &minus_half]);
            let bell = step("bell", "Exp", &[&power]);
            let density = step("density", "Mul", &[&bell, &root]);
            let steep = step("steep", "Mul", &[before, &density]);
            step("slope", "Add", &[&phi, &steep])
        }
    }
}
