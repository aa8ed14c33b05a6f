//! Graphs of half precision, given float32 and giving float32.

use std::collections::HashSet;

use super::build::int;
use super::proto::tensor_proto::DataType;
use super::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

/// Makes every float16 input and output of the graph a float32 one, with a `Cast` behind or before
/// it. Other ports stay, and so do all names inside; a port that changes gets another name.
///
/// Numbers are rounded to the nearest half on the way in and out, unless the provider computes such
/// a graph in float32, as ONNX Runtime's CPU provider does: it then leaves the rounding out.
///
/// Inputs that are initializers too stay as they are: nobody gives them.
pub(crate) fn float32_ports(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else {
        return;
    };
    let weights: Vec<&str> = graph.initializer.iter().map(TensorProto::name).collect();
    let inputs: Vec<usize> = (0..graph.input.len())
        .filter(|&place| is_half(&graph.input[place]))
        .filter(|&place| !weights.contains(&graph.input[place].name()))
        .collect();
    let outputs: Vec<usize> = (0..graph.output.len())
        .filter(|&place| is_half(&graph.output[place]))
        .collect();
    let mut names = names(graph);
    for place in inputs {
        let inside = graph.input[place].name().to_owned();
        let outside = rename(&mut graph.input[place], &mut names);
        // In front of all that take it: nodes stand in the order of their running.
        let node = cast(&outside, &inside, DataType::Float16);
        graph.node.insert(0, node);
    }
    for place in outputs {
        let inside = graph.output[place].name().to_owned();
        let outside = rename(&mut graph.output[place], &mut names);
        graph.node.push(cast(&inside, &outside, DataType::Float));
    }
}

/// Every name of a tensor or node in the graph.
fn names(graph: &GraphProto) -> HashSet<String> {
    let ports = graph.input.iter().chain(&graph.output);
    let ports = ports.map(|port| port.name().to_owned());
    let weights = graph.initializer.iter().map(|w| w.name().to_owned());
    let nodes = graph.node.iter().flat_map(|node| {
        let made = node.output.iter().cloned();
        made.chain([node.name().to_owned()])
    });
    ports.chain(weights).chain(nodes).collect()
}

fn is_half(port: &ValueInfoProto) -> bool {
    let value = port.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    match value {
        Some(type_proto::Value::TensorType(tensor)) => {
            tensor.elem_type == Some(DataType::Float16 as i32)
        }
        _ => false,
    }
}

/// Makes the port float32 and gives it a name that nothing has.
fn rename(port: &mut ValueInfoProto, names: &mut HashSet<String>) -> String {
    let mut name = format!("{}/float32", port.name());
    while !names.insert(name.clone()) {
        name.push('_');
    }
    let value = port.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    if let Some(type_proto::Value::TensorType(tensor)) = value {
        tensor.elem_type = Some(DataType::Float as i32);
    }
    port.name = Some(name.clone());
    name
}

fn cast(from: &str, to: &str, kind: DataType) -> NodeProto {
    NodeProto {
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        name: Some(format!("{from}/cast")),
        op_type: Some("Cast".to_owned()),
        attribute: vec![int("to", i64::from(kind as i32))],
        ..NodeProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::super::tiny::{TinyConfig, residual};
    use super::*;

    fn halve(port: &mut ValueInfoProto) {
        let kind = port.r#type.as_mut().unwrap();
        if let Some(type_proto::Value::TensorType(tensor)) = &mut kind.value {
            tensor.elem_type = Some(DataType::Float16 as i32);
        }
    }

    #[test]
    fn ports_of_float32_stay_as_they_are() {
        let mut model = residual(&TinyConfig::default());
        let before = model.clone();
        float32_ports(&mut model);
        assert_eq!(model, before);
        float32_ports(&mut ModelProto::default());
    }

    #[test]
    fn a_half_port_gets_a_cast_and_a_free_name() {
        let mut model = residual(&TinyConfig::default());
        let graph = model.graph.as_mut().unwrap();
        halve(&mut graph.input[0]);
        halve(&mut graph.output[0]);
        graph.node[0].name = Some("input/float32".to_owned());
        let count = graph.node.len();
        float32_ports(&mut model);
        let summary = Summary::of(&model);
        let input = summary.inputs[0].to_string();
        assert!(
            input.starts_with("input/float32_: float32 [N, 3"),
            "{input}"
        );
        let output = summary.outputs[0].to_string();
        assert!(output.starts_with("features/float32: float32"), "{output}");
        let nodes = &model.graph.as_ref().unwrap().node;
        assert_eq!(nodes.len(), count + 2);
        assert_eq!(nodes[0].output, ["input"]);
        assert_eq!(nodes[count + 1].input, ["features"]);
        let before = model.clone();
        float32_ports(&mut model);
        assert_eq!(model, before, "nothing is left to do");
    }
}
