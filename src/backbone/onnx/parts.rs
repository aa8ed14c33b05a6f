//! Reading the parts of a graph.

use super::proto::tensor_proto::DataType;
use super::proto::{AttributeProto, NodeProto, TensorProto};

/// The operator of a node, or nothing for one that is not ONNX's own.
pub(in crate::backbone) fn operator(node: &NodeProto) -> &str {
    match node.domain() {
        "" | "ai.onnx" => node.op_type(),
        _ => "",
    }
}

/// The attribute of a node that has this name.
pub(in crate::backbone) fn attribute<'a>(
    node: &'a NodeProto,
    name: &str,
) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name() == name)
}

/// Two lengths of an attribute; `default` where there is no such attribute, nothing where they are
/// no lengths.
pub(in crate::backbone) fn pair(
    node: &NodeProto,
    name: &str,
    default: [usize; 2],
) -> Option<[usize; 2]> {
    match attribute(node, name) {
        None => Some(default),
        Some(attribute) => lengths(&attribute.ints),
    }
}

/// The integers as that many lengths.
pub(in crate::backbone) fn lengths<const N: usize>(values: &[i64]) -> Option<[usize; N]> {
    let lengths: Option<Vec<usize>> = (values.iter())
        .map(|value| usize::try_from(*value).ok())
        .collect();
    lengths?.try_into().ok()
}

/// The float32 values of a tensor that has as many as its dimensions say.
pub(in crate::backbone) fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type() != DataType::Float as i32 {
        return None;
    }
    let values: Vec<f32> = match &tensor.raw_data {
        None => tensor.float_data.clone(),
        Some(raw) => (raw.chunks_exact(4))
            .filter_map(|bytes| Some(f32::from_le_bytes(bytes.try_into().ok()?)))
            .collect(),
    };
    let count = tensor.dims.iter().try_fold(1_usize, |product, dim| {
        product.checked_mul(usize::try_from(*dim).ok()?)
    });
    (count == Some(values.len())).then_some(values)
}
