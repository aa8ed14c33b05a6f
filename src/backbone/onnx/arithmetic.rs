//! Whether a graph asks for arithmetic in 8-bit integers.

use serde::{Deserialize, Serialize};

use super::proto::{GraphProto, ModelProto, NodeProto};

/// The arithmetic that a graph itself asks for, whatever runs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Floats throughout.
    #[default]
    Float,
    /// 8-bit integers somewhere: it has nodes that quantize, dequantize, or compute on what was
    /// quantized.
    Int8,
}

impl Arithmetic {
    /// That of a model, with the graphs inside its nodes and its functions.
    ///
    /// Weights alone that are kept as integers count too: a runtime may multiply by them either
    /// way, so that such a graph is no fp32 one.
    #[must_use]
    pub fn of(model: &ModelProto) -> Self {
        let graphs = model.graph.iter().any(graph_quantizes);
        let functions = model.functions.iter().flat_map(|function| &function.node);
        if graphs || functions.into_iter().any(node_quantizes) {
            Self::Int8
        } else {
            Self::Float
        }
    }
}

fn graph_quantizes(graph: &GraphProto) -> bool {
    graph.node.iter().any(node_quantizes)
}

fn node_quantizes(node: &NodeProto) -> bool {
    let inner = node
        .attribute
        .iter()
        .flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    is_quantized(node.op_type.as_deref().unwrap_or_default())
        || inner.into_iter().any(graph_quantizes)
}

/// The operators of ONNX and of ONNX Runtime's own set: `QuantizeLinear`, `DequantizeLinear`,
/// `DynamicQuantizeLinear`, `QLinearConv` and its family, `ConvInteger`, `MatMulInteger`,
/// `MatMulIntegerToFloat`, `QGemm`, `QAttention`, `MatMulNBits`.
fn is_quantized(operator: &str) -> bool {
    let has = |part: &str| operator.contains(part);
    has("QuantizeLinear")
        || has("DequantizeLinear")
        || operator.starts_with("QLinear")
        || has("QuantizeMatMul")
        || has("QuantizeLSTM")
        || has("Integer")
        || ["QGemm", "QAttention", "MatMulNBits"].contains(&operator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::proto::{AttributeProto, FunctionProto};
    use crate::backbone::onnx::tiny::{TinyConfig, residual};

    fn node(operator: &str) -> NodeProto {
        NodeProto {
            op_type: Some(operator.to_owned()),
            ..NodeProto::default()
        }
    }

    fn with(change: impl FnOnce(&mut ModelProto)) -> Arithmetic {
        let mut model = residual(&TinyConfig::default());
        change(&mut model);
        Arithmetic::of(&model)
    }

    #[test]
    fn a_graph_of_floats_is_one() {
        assert_eq!(with(|_| {}), Arithmetic::Float);
        let with_node = |name: &str| {
            with(|model| {
                let graph = model.graph.as_mut().unwrap();
                graph.node.push(node(name));
            })
        };
        for name in ["Conv", "QuickGelu", "Round", "Cast", "SampleOp"] {
            assert_eq!(with_node(name), Arithmetic::Float, "{name}");
        }
        for name in [
            "QuantizeLinear",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "QLinearConv",
            "QLinearGlobalAveragePool",
            "ConvInteger",
            "MatMulIntegerToFloat",
            "DynamicQuantizeMatMul",
            "QGemm",
        ] {
            assert_eq!(with_node(name), Arithmetic::Int8, "{name}");
        }
        assert_eq!(
            Arithmetic::of(&ModelProto::default()),
            Arithmetic::Float,
            "a model without a graph"
        );
    }

    #[test]
    fn what_stands_inside_a_node_or_a_function_counts() {
        let inner = GraphProto {
            node: vec![node("QLinearMatMul")],
            ..GraphProto::default()
        };
        let found = with(|model| {
            let mut outer = node("If");
            outer.attribute.push(AttributeProto {
                g: Some(inner),
                ..AttributeProto::default()
            });
            model.graph.as_mut().unwrap().node.push(outer);
        });
        assert_eq!(found, Arithmetic::Int8);
        let found = with(|model| {
            model.functions.push(FunctionProto {
                node: vec![node("QuantizeLinear")],
                ..FunctionProto::default()
            });
        });
        assert_eq!(found, Arithmetic::Int8);
    }
}
