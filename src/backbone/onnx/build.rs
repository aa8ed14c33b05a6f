//! Building a graph node by node.

use std::collections::HashSet;

use bytes::Bytes;

use super::Dim;
use super::proto::tensor_shape_proto::{Dimension, dimension};
use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto, tensor_proto,
    type_proto,
};

/// The standard operator set of the graphs made here.
const OPSET: i64 = 17;
/// The file format that came with it, which ONNX Runtime 1.20 and later read.
const IR_VERSION: i64 = 8;
/// Counts the changes of what is written for the same input; the crate's own version would change
/// the checksum of every model with each release.
const PRODUCER_VERSION: &str = "1";

/// A graph in the making.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    graph: GraphProto,
}

impl GraphBuilder {
    /// An empty graph of this name.
    pub(crate) fn new(name: &str) -> Self {
        let graph = GraphProto {
            name: Some(name.to_owned()),
            ..GraphProto::default()
        };
        Self { graph }
    }

    /// Declares a float32 input; the batch axis `N` comes before `dims`.
    pub(crate) fn input(&mut self, name: &str, dims: &[usize]) {
        self.graph.input.push(batch_of(name, dims));
    }

    /// Declares a float32 input whose dimensions may be free; the batch axis `N` comes before
    /// `dims`.
    pub(crate) fn input_of(&mut self, name: &str, dims: &[Dim]) {
        let batch = std::iter::once(Dim::Symbol("N".to_owned()));
        let dims = batch.chain(dims.iter().cloned());
        self.graph.input.push(float_tensor(name, dims));
    }

    /// Declares a float32 output; the batch axis `N` comes before `dims`.
    pub(crate) fn output(&mut self, name: &str, dims: &[usize]) {
        self.graph.output.push(batch_of(name, dims));
    }

    /// Declares a float32 output with a batch axis of its own.
    pub(crate) fn output_of(&mut self, name: &str, batch: &Dim, dims: &[i64]) {
        let rest = dims.iter().map(|&dim| Dim::Fixed(dim));
        let dims = std::iter::once(batch.clone()).chain(rest);
        self.graph.output.push(float_tensor(name, dims));
    }

    /// The graph as it is, to be put into another.
    pub(crate) fn into_graph(self) -> GraphProto {
        self.graph
    }

    /// Adds a float32 initializer and returns its name. An empty `dims` makes a scalar.
    pub(crate) fn floats(&mut self, name: String, dims: &[usize], values: &[f32]) -> String {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, dims, tensor_proto::DataType::Float, raw)
    }

    /// Adds a one-dimensional int64 initializer and returns its name.
    pub(crate) fn integers(&mut self, name: String, values: &[i64]) -> String {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, &[values.len()], tensor_proto::DataType::Int64, raw)
    }

    /// Adds an int64 scalar and returns its name.
    pub(crate) fn integer(&mut self, name: String, value: i64) -> String {
        let raw = value.to_le_bytes().to_vec();
        self.initializer(name, &[], tensor_proto::DataType::Int64, raw)
    }

    /// Adds a one-dimensional float64 initializer and returns its name.
    pub(crate) fn doubles(&mut self, name: String, values: &[f64]) -> String {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.initializer(name, &[values.len()], tensor_proto::DataType::Double, raw)
    }

    /// Adds a one-dimensional initializer of texts and returns its name.
    pub(crate) fn strings(&mut self, name: String, values: &[String]) -> String {
        let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
        self.graph.initializer.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(tensor_proto::DataType::String as i32),
            name: Some(name.clone()),
            string_data: values.iter().map(bytes).collect(),
            ..TensorProto::default()
        });
        name
    }

    fn initializer(
        &mut self,
        name: String,
        dims: &[usize],
        element: tensor_proto::DataType,
        raw: Vec<u8>,
    ) -> String {
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(element as i32),
            name: Some(name.clone()),
            raw_data: Some(Bytes::from(raw)),
            ..TensorProto::default()
        });
        name
    }

    /// Adds a node with one output.
    pub(crate) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        let node = node(operator, name, inputs, output, attribute);
        self.graph.node.push(node);
    }

    /// Adds a node whose one output has its own name, `catpipe/<name>`, and returns that.
    pub(crate) fn add(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let name = format!("catpipe/{name}");
        self.node(operator, &name, inputs, &name, attribute);
        name
    }

    /// Declares an input of any type and shape.
    pub(crate) fn take(
        &mut self,
        name: &str,
        element: tensor_proto::DataType,
        dims: impl Iterator<Item = Dim>,
    ) {
        self.graph.input.push(tensor(name, element, dims));
    }

    /// Declares an output of any type and shape.
    pub(crate) fn give(
        &mut self,
        name: &str,
        element: tensor_proto::DataType,
        dims: impl Iterator<Item = Dim>,
    ) {
        self.graph.output.push(tensor(name, element, dims));
    }

    /// The graph as it is so far.
    pub(crate) fn graph_mut(&mut self) -> &mut GraphProto {
        &mut self.graph
    }

    /// The first name that two tensors or two nodes share, which no graph may have.
    pub(crate) fn shared_name(&self) -> Option<&str> {
        let inputs = self.graph.input.iter().map(ValueInfoProto::name);
        let given = self.graph.initializer.iter().map(TensorProto::name);
        let made = self
            .graph
            .node
            .iter()
            .flat_map(|node| &node.output)
            .map(String::as_str);
        let mut tensors = HashSet::new();
        let mut nodes = HashSet::new();
        (inputs.chain(given).chain(made))
            .find(|name| !tensors.insert(*name))
            .or_else(|| {
                self.graph
                    .node
                    .iter()
                    .map(NodeProto::name)
                    .find(|name| !nodes.insert(*name))
            })
    }

    /// The finished model with its notes.
    pub(crate) fn finish(self, notes: &[(&str, &str)]) -> ModelProto {
        let opset = OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        };
        let note = |&(key, value): &(&str, &str)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import: vec![opset],
            producer_name: Some("catpipe".to_owned()),
            producer_version: Some(PRODUCER_VERSION.to_owned()),
            graph: Some(self.graph),
            metadata_props: notes.iter().map(note).collect(),
            ..ModelProto::default()
        }
    }
}

/// A node with one output.
pub(crate) fn node(
    operator: &str,
    name: &str,
    inputs: &[&str],
    output: &str,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(name.to_owned()),
        op_type: Some(operator.to_owned()),
        attribute,
        ..NodeProto::default()
    }
}

/// An integer attribute.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, attribute_proto::AttributeType::Int)
    }
}

/// An attribute that is a list of integers.
pub(crate) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto {
        ints,
        ..attribute(name, attribute_proto::AttributeType::Ints)
    }
}

/// A float attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, attribute_proto::AttributeType::Float)
    }
}

/// A string attribute.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    let s = Some(Bytes::copy_from_slice(value.as_bytes()));
    AttributeProto {
        s,
        ..attribute(name, attribute_proto::AttributeType::String)
    }
}

fn attribute(name: &str, of: attribute_proto::AttributeType) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(of as i32),
        ..AttributeProto::default()
    }
}

fn batch_of(name: &str, dims: &[usize]) -> ValueInfoProto {
    let batch = std::iter::once(Dim::Symbol("N".to_owned()));
    float_tensor(
        name,
        batch.chain(dims.iter().map(|&dim| Dim::Fixed(dim as i64))),
    )
}

pub(crate) fn float_tensor(name: &str, dims: impl Iterator<Item = Dim>) -> ValueInfoProto {
    tensor(name, tensor_proto::DataType::Float, dims)
}

fn tensor(
    name: &str,
    element: tensor_proto::DataType,
    dims: impl Iterator<Item = Dim>,
) -> ValueInfoProto {
    let tensor = type_proto::Tensor {
        elem_type: Some(element as i32),
        shape: Some(TensorShapeProto {
            dim: dims.map(dimension).collect(),
        }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn dimension(dim: Dim) -> Dimension {
    let value = match dim {
        Dim::Fixed(length) => Some(dimension::Value::DimValue(length)),
        Dim::Symbol(name) => Some(dimension::Value::DimParam(name)),
        Dim::Unknown => None,
    };
    Dimension {
        value,
        ..Dimension::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_used_twice_is_found() {
        let mut builder = GraphBuilder::new("g");
        builder.input("x", &[3]);
        builder.node("Relu", "a", &["x"], "y", Vec::new());
        assert_eq!(builder.shared_name(), None);
        builder.node("Relu", "a", &["y"], "z", Vec::new());
        assert_eq!(builder.shared_name(), Some("a"));
        builder.floats("y".into(), &[1], &[0.0]);
        assert_eq!(builder.shared_name(), Some("y"));
    }
}
