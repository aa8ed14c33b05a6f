//! What a graph takes and gives, without running it.

use std::collections::HashSet;
use std::fmt;

use super::proto::{
    GraphProto, ModelProto, TensorShapeProto, ValueInfoProto, tensor_proto, tensor_shape_proto,
    type_proto,
};

/// One axis of a tensor's declared shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this long.
    Fixed(i64),
    /// As long as the other axes of this name, such as the batch `N`.
    Symbol(String),
    /// Nothing is said about it.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Symbol(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// A tensor's element type, as ONNX numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub tensor_proto::DataType);

impl Element {
    /// 32-bit floating point.
    pub const FLOAT32: Self = Self(tensor_proto::DataType::Float);
    /// 16-bit floating point (IEEE 754 binary16).
    pub const FLOAT16: Self = Self(tensor_proto::DataType::Float16);
    /// Bytes, such as grey levels.
    pub const UINT8: Self = Self(tensor_proto::DataType::Uint8);
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            tensor_proto::DataType::Float => f.write_str("float32"),
            tensor_proto::DataType::Double => f.write_str("float64"),
            other => f.write_str(&other.as_str_name().to_lowercase()),
        }
    }
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The tensor's name.
    pub name: String,
    /// Its element type; `None` for what is not a tensor, or of a type unknown here.
    pub element: Option<Element>,
    /// Its axes; `None` where the graph does not even state how many there are.
    pub dims: Option<Vec<Dim>>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match self.element {
            Some(element) => write!(f, "{element}")?,
            None => f.write_str("not a tensor")?,
        }
        let Some(dims) = &self.dims else {
            return f.write_str(" of unknown shape");
        };
        let dims: Vec<_> = dims.iter().map(Dim::to_string).collect();
        write!(f, " [{}]", dims.join(", "))
    }
}

/// A model at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The program that wrote the model, with its version where one is stated; may be empty.
    pub producer: String,
    /// The graph's name; may be empty.
    pub graph: String,
    /// The file format's version.
    pub ir_version: i64,
    /// The version of the standard operator set; `None` where the model imports none.
    pub opset: Option<i64>,
    /// What must be given to run it. Initializers that old files list as inputs are left out.
    pub inputs: Vec<Port>,
    /// What it can give.
    pub outputs: Vec<Port>,
    /// How many nodes the graph has, subgraphs not counted.
    pub nodes: usize,
    /// How many numbers the initializers hold.
    pub parameters: u64,
    /// The model's own notes, in their order.
    pub metadata: Vec<(String, String)>,
}

impl Summary {
    /// Sums up `model`.
    pub fn of(model: &ModelProto) -> Self {
        let empty = GraphProto::default();
        let graph = model.graph.as_ref().unwrap_or(&empty);
        let given: HashSet<&str> = graph
            .initializer
            .iter()
            .map(|tensor| tensor.name())
            .collect();
        let ports = |values: &[ValueInfoProto]| -> Vec<Port> {
            values
                .iter()
                .filter(|value| !given.contains(value.name()))
                .map(port)
                .collect()
        };
        Self {
            producer: producer(model),
            graph: graph.name().to_owned(),
            ir_version: model.ir_version(),
            opset: standard_opset(model),
            inputs: ports(&graph.input),
            outputs: graph.output.iter().map(port).collect(),
            nodes: graph.node.len(),
            parameters: (graph.initializer.iter()).fold(0, |sum: u64, tensor| {
                sum.saturating_add(elements(&tensor.dims))
            }),
            metadata: (model.metadata_props.iter())
                .map(|entry| (entry.key().to_owned(), entry.value().to_owned()))
                .collect(),
        }
    }

    /// All tensors whose type the graph states: inputs, outputs and those between.
    pub(super) fn stated(model: &ModelProto) -> Vec<Port> {
        let values = model.graph.iter().flat_map(|graph| {
            let between = graph.value_info.iter();
            graph.input.iter().chain(&graph.output).chain(between)
        });
        values.map(port).collect()
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }
}

fn producer(model: &ModelProto) -> String {
    format!("{} {}", model.producer_name(), model.producer_version())
        .trim()
        .to_owned()
}

fn standard_opset(model: &ModelProto) -> Option<i64> {
    (model.opset_import.iter())
        .find(|opset| matches!(opset.domain(), "" | "ai.onnx"))
        .map(|opset| opset.version())
}

/// The product of declared dims; what can't be counted counts as none.
fn elements(dims: &[i64]) -> u64 {
    (dims.iter())
        .try_fold(1u64, |product, &dim| {
            product.checked_mul(u64::try_from(dim).ok()?)
        })
        .unwrap_or(0)
}

fn port(value: &ValueInfoProto) -> Port {
    let tensor = match value.r#type.as_ref().and_then(|of| of.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    };
    let element = tensor
        .and_then(|tensor| tensor_proto::DataType::try_from(tensor.elem_type()).ok())
        .filter(|&element| element != tensor_proto::DataType::Undefined)
        .map(Element);
    Port {
        name: value.name().to_owned(),
        element,
        dims: tensor.and_then(|tensor| tensor.shape.as_ref()).map(dims),
    }
}

fn dims(shape: &TensorShapeProto) -> Vec<Dim> {
    use tensor_shape_proto::dimension::Value;
    (shape.dim.iter())
        .map(|dim| match &dim.value {
            Some(Value::DimValue(length)) => Dim::Fixed(*length),
            Some(Value::DimParam(name)) if !name.is_empty() => Dim::Symbol(name.clone()),
            _ => Dim::Unknown,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tiny::{TinyConfig, residual};
    use super::*;

    #[test]
    fn a_summary_reads_like_the_graph() {
        let summary = Summary::of(&residual(&TinyConfig::default()));
        let inputs: Vec<_> = summary.inputs.iter().map(Port::to_string).collect();
        let outputs: Vec<_> = summary.outputs.iter().map(Port::to_string).collect();
        assert_eq!(inputs, ["input: float32 [N, 3, 32, 32]"]);
        assert_eq!(
            outputs,
            [
                "features: float32 [N, 8]",
                "feature_map: float32 [N, 8, 16, 16]",
                "probabilities: float32 [N, 10]"
            ]
        );
        assert_eq!(summary.opset, Some(17));
        assert_eq!(summary.producer, "catpipe 1");
        assert_eq!(summary.nodes, 10);
        assert_eq!(
            summary.parameters,
            (27 * 8 + 8) + 2 * (72 * 8 + 8) + (8 * 10 + 10)
        );
        assert_eq!(
            summary.output("features").unwrap().element,
            Some(Element::FLOAT32)
        );
    }

    #[test]
    fn initializers_listed_as_inputs_are_not_inputs() {
        let mut model = residual(&TinyConfig::default());
        let graph = model.graph.as_mut().unwrap();
        let listed = ValueInfoProto {
            name: graph.initializer[0].name.clone(),
            ..ValueInfoProto::default()
        };
        graph.input.push(listed);
        assert_eq!(Summary::of(&model).inputs.len(), 1);
    }

    #[test]
    fn what_is_not_stated_is_said_to_be_unknown() {
        let port = port(&ValueInfoProto {
            name: Some("x".into()),
            ..ValueInfoProto::default()
        });
        assert_eq!(port.to_string(), "x: not a tensor of unknown shape");
        assert_eq!(elements(&[i64::MAX, 3]), 0);
        assert_eq!(elements(&[-1, 3]), 0);
        assert_eq!(elements(&[]), 1);
    }
}
