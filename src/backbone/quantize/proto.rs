//! Making the parts of a graph.

use std::collections::HashSet;

use bytes::Bytes;

pub(super) use crate::backbone::onnx::parts::{attribute, floats, lengths, operator, pair};
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{
    AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, attribute_proto,
};

/// What to call a node: many exporters leave the name away.
pub(super) fn label(node: &NodeProto) -> &str {
    match node.name() {
        "" => node.output.first().map_or("", String::as_str),
        name => name,
    }
}

/// A tensor of whole numbers in as few bytes as their type has.
pub(super) fn tensor(name: &str, dims: &[usize], of: DataType, raw: Vec<u8>) -> TensorProto {
    TensorProto {
        dims: dims.iter().map(|dim| *dim as i64).collect(),
        data_type: Some(of as i32),
        name: Some(name.to_owned()),
        raw_data: Some(Bytes::from(raw)),
        ..TensorProto::default()
    }
}

/// A tensor of float32.
pub(super) fn float_tensor(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, dims, DataType::Float, raw)
}

/// A node with one output.
pub(super) fn node(operator: &str, name: String, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(name),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

/// The attribute that counts a tensor's axes.
pub(super) fn axis(axis: i64) -> AttributeProto {
    AttributeProto {
        name: Some("axis".to_owned()),
        r#type: Some(attribute_proto::AttributeType::Int as i32),
        i: Some(axis),
        ..AttributeProto::default()
    }
}

/// The slope of a `LeakyRelu`.
pub(super) fn alpha(slope: f32) -> AttributeProto {
    AttributeProto {
        name: Some("alpha".to_owned()),
        r#type: Some(attribute_proto::AttributeType::Float as i32),
        f: Some(slope),
        ..AttributeProto::default()
    }
}

/// Every name of a graph, so that new ones are new.
#[derive(Debug, Clone)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub(super) fn of(graph: &GraphProto) -> Self {
        let ports = graph
            .input
            .iter()
            .chain(&graph.output)
            .chain(&graph.value_info);
        let nodes = graph.node.iter().flat_map(|node| {
            let own = std::iter::once(node.name());
            own.chain(node.input.iter().chain(&node.output).map(String::as_str))
        });
        let all = (ports.map(ValueInfoProto::name))
            .chain(graph.initializer.iter().map(TensorProto::name))
            .chain(nodes);
        Self(all.map(str::to_owned).collect())
    }

    /// `wanted`, or that with a number where it is taken.
    pub(super) fn fresh(&mut self, wanted: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{wanted}_{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(name));
        let name = free.unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}
