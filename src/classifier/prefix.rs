//! Renaming what is inside a graph, so that it can stand in another.

use crate::backbone::onnx::proto::{GraphProto, NodeProto};

/// Puts `prefix` before the name of every tensor and node of `graph`, those of graphs inside it
/// included; a name left empty (an input or output that is not there) stays empty.
pub(super) fn prefix(graph: &mut GraphProto, prefix: &str) {
    let put = |name: &mut String| {
        if !name.is_empty() {
            name.insert_str(0, prefix);
        }
    };
    let put_some = |name: &mut Option<String>| {
        if let Some(name) = name {
            put(name);
        }
    };
    for tensor in &mut graph.initializer {
        put_some(&mut tensor.name);
    }
    for sparse in &mut graph.sparse_initializer {
        for tensor in sparse.values.iter_mut() {
            put_some(&mut tensor.name);
        }
    }
    let ports = graph.input.iter_mut().chain(&mut graph.output);
    for port in ports.chain(&mut graph.value_info) {
        put_some(&mut port.name);
    }
    // Hints for quantizing tools, about tensors by name: nothing computes with them.
    graph.quantization_annotation.clear();
    for node in &mut graph.node {
        rename(node, prefix, &put);
    }
}

fn rename(node: &mut NodeProto, text: &str, put: &impl Fn(&mut String)) {
    if let Some(name) = &mut node.name {
        put(name);
    }
    node.input.iter_mut().chain(&mut node.output).for_each(put);
    for attribute in &mut node.attribute {
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            prefix(graph, text);
        }
    }
}
