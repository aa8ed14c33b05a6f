//! A head as nodes of a graph.

use crate::backbone::onnx::build::{GraphBuilder, float, int};
use crate::head::Layer;
use crate::head::config::Activation;

/// The nodes of a head, by the names of their tensors.
pub(super) struct HeadNodes {
    /// What goes into each layer's activation, `[N, outputs]`; of the last one the logits.
    pub(super) before: Vec<String>,
    /// Each layer's weight, `[outputs, inputs]`.
    pub(super) weights: Vec<String>,
}

/// Adds the layers of a head on `features` `[N, inputs]`.
pub(super) fn head(graph: &mut GraphBuilder, features: &str, layers: &[Layer]) -> HeadNodes {
    let mut nodes = HeadNodes {
        before: Vec::new(),
        weights: Vec::new(),
    };
    let mut x = features.to_owned();
    for (number, layer) in layers.iter().enumerate() {
        let name = match layer.activation {
            Some(_) => format!("hidden.{number}"),
            None => "logits".to_owned(),
        };
        let (outputs, inputs) = layer.weight.dim();
        let weight: Vec<f32> = layer.weight.iter().copied().collect();
        let weight = graph.floats(
            format!("catpipe/{name}.weight"),
            &[outputs, inputs],
            &weight,
        );
        let bias = layer.bias.to_vec();
        let bias = graph.floats(format!("catpipe/{name}.bias"), &[outputs], &bias);
        let transposed = vec![float("alpha", 1.0), float("beta", 1.0), int("transB", 1)];
        let before = graph.add(&name, "Gemm", &[&x, &weight, &bias], transposed);
        if let Some(activation) = layer.activation {
            x = apply(graph, &name, activation, &before);
        }
        nodes.before.push(before);
        nodes.weights.push(weight);
    }
    nodes
}

fn apply(graph: &mut GraphBuilder, name: &str, activation: Activation, x: &str) -> String {
    match activation {
        Activation::Relu => graph.add(&format!("{name}.relu"), "Relu", &[x], Vec::new()),
        Activation::Tanh => graph.add(&format!("{name}.tanh"), "Tanh", &[x], Vec::new()),
        Activation::Gelu => {
            let phi = normal_distribution(graph, name, x);
            graph.add(&format!("{name}.gelu"), "Mul", &[x, &phi], Vec::new())
        }
    }
}

/// (1 + erf(x / sqrt 2)) / 2; operator set 18 has no `Gelu` of its own.
pub(super) fn normal_distribution(graph: &mut GraphBuilder, name: &str, x: &str) -> String {
    let mut constant =
        |what: &str, value: f32| graph.floats(format!("catpipe/{name}.phi/{what}"), &[], &[value]);
    let root = constant("root", std::f32::consts::FRAC_1_SQRT_2);
    let (one, half) = (constant("one", 1.0), constant("half", 0.5));
    let mut step = |what: &str, operator: &str, inputs: &[&str]| {
        graph.add(&format!("{name}.phi/{what}"), operator, inputs, Vec::new())
    };
    let scaled = step("scaled", "Mul", &[x, &root]);
    let erf = step("erf", "Erf", &[&scaled]);
    let above = step("above", "Add", &[&erf, &one]);
    step("phi", "Mul", &[&above, &half])
}

/// Adds the calibrated probabilities and the label, as the graph's outputs.
pub(super) fn answers(graph: &mut GraphBuilder, logits: &str, temperature: f32, labels: &[String]) {
    let calibrated = if temperature == 1.0 {
        logits.to_owned()
    } else {
        let by = graph.floats("catpipe/temperature".into(), &[], &[temperature]);
        graph.add("calibrated", "Div", &[logits, &by], Vec::new())
    };
    let axis = || vec![int("axis", 1)];
    graph.node(
        "Softmax",
        "probabilities",
        &[&calibrated],
        "probabilities",
        axis(),
    );
    let first = vec![int("axis", 1), int("keepdims", 0)];
    let class = graph.add("class", "ArgMax", &["probabilities"], first);
    let names = graph.strings("catpipe/labels".into(), labels);
    let inputs = [names.as_str(), &class];
    graph.node("Gather", "label", &inputs, "label", vec![int("axis", 0)]);
}
