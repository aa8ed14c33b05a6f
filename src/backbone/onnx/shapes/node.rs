//! A node with what is known of its inputs.

use super::Shapes;
use crate::backbone::onnx::proto::{AttributeProto, NodeProto, TensorProto, tensor_proto};

/// Longer vectors are no shapes.
const MAX_VALUES: usize = 64;

/// A node of the graph (`'g`) with what is known so far of its inputs (`'a`).
pub(super) struct Node<'g, 'a> {
    node: &'g NodeProto,
    shapes: &'a Shapes,
}

impl<'g, 'a> Node<'g, 'a> {
    pub(super) fn new(node: &'g NodeProto, shapes: &'a Shapes) -> Self {
        Self { node, shapes }
    }

    /// The operator, or nothing for one that is not ONNX's own.
    pub(super) fn operator(&self) -> &'g str {
        match self.node.domain() {
            "" | "ai.onnx" => self.node.op_type(),
            _ => "",
        }
    }

    /// What to call it: many exporters leave the name away.
    pub(super) fn label(&self) -> &'g str {
        match self.node.name() {
            "" => self.node.output.first().map_or("", String::as_str),
            name => name,
        }
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = &'g str> + use<'g> {
        self.node.output.iter().map(String::as_str)
    }

    pub(super) fn inputs(&self) -> usize {
        self.node.input.len()
    }

    /// The shape of an input.
    pub(super) fn dims(&self, place: usize) -> Option<&'a [i64]> {
        self.shapes.get(self.node.input.get(place)?)
    }

    /// The integers of an input.
    pub(super) fn values(&self, place: usize) -> Option<&'a [i64]> {
        let values = self.shapes.values.get(self.node.input.get(place)?);
        values.map(Vec::as_slice)
    }

    fn attribute(&self, name: &str) -> Option<&'g AttributeProto> {
        self.node
            .attribute
            .iter()
            .find(|attribute| attribute.name() == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, AttributeProto::i)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'g [i64]> {
        self.attribute(name)
            .map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> &'g [u8] {
        self.attribute(name).map_or(&[], AttributeProto::s)
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'g TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    /// Integers that stood in an attribute in old operator sets and are an input in new ones.
    pub(super) fn list(&self, attribute: &str, input: usize) -> Option<&[i64]> {
        self.ints(attribute).or_else(|| self.values(input))
    }
}

/// The integers of a short int64 or int32 tensor of at most one dimension.
pub(super) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let count = match tensor.dims[..] {
        [] => 1,
        [count] => usize::try_from(count)
            .ok()
            .filter(|count| *count <= MAX_VALUES)?,
        _ => return None,
    };
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    let values: Vec<i64> = match tensor_proto::DataType::try_from(tensor.data_type()).ok()? {
        tensor_proto::DataType::Int64 if raw.is_empty() => tensor.int64_data.clone(),
        tensor_proto::DataType::Int64 => raw
            .chunks_exact(8)
            .filter_map(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)))
            .collect(),
        tensor_proto::DataType::Int32 if raw.is_empty() => tensor
            .int32_data
            .iter()
            .map(|value| i64::from(*value))
            .collect(),
        tensor_proto::DataType::Int32 => raw
            .chunks_exact(4)
            .filter_map(|bytes| Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))))
            .collect(),
        _ => return None,
    };
    (values.len() == count).then_some(values)
}
