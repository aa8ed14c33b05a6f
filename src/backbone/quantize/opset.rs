//! Raising the operator set to 13, from which on scales may go by channel.

use std::path::Path;

use super::error::QuantizeError;
use super::proto::operator;
use crate::backbone::onnx::{ModelProto, Summary};

/// The set that brought `axis` to `DequantizeLinear`.
const NEEDED: i64 = 13;
/// The file format that came with it.
const IR_VERSION: i64 = 7;
/// The oldest set from which the operators below mean the same as in 13.
const OLDEST: i64 = 11;

/// Operators of image networks whose meaning and form are those of set 13 since set 11. Others
/// have changed (`Squeeze`, `Unsqueeze`, `ReduceSum`, `Softmax`, `Split`), or may have.
const UNCHANGED: &[&str] = &[
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Concat",
    "Constant",
    "Conv",
    "Div",
    "Dropout",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "Identity",
    "LRN",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Mul",
    "Pad",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Sub",
    "Tanh",
    "Transpose",
];

/// The model in operator set 13 or later: as it is, or raised where nothing that it uses has
/// changed.
///
/// # Errors
/// An older set and an operator that may mean something else in 13.
pub(super) fn at_least_13(path: &Path, mut model: ModelProto) -> Result<ModelProto, QuantizeError> {
    let found = Summary::of(&model).opset.unwrap_or(1);
    if found < NEEDED {
        let nodes = model.graph.iter().flat_map(|graph| &graph.node);
        let known = |name: &str| UNCHANGED.contains(&name) && (found >= OLDEST);
        let changed = nodes.map(operator).find(|name| !known(name));
        if let Some(operator) = changed {
            return Err(QuantizeError::OldOpset {
                path: path.to_owned(),
                found,
                operator: operator.to_owned(),
            });
        }
        for opset in &mut model.opset_import {
            if matches!(opset.domain(), "" | "ai.onnx") {
                opset.version = Some(NEEDED);
            }
        }
    }
    model.ir_version = Some(model.ir_version().max(IR_VERSION));
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::tiny::{TinyConfig, residual};

    fn set(version: i64) -> ModelProto {
        let mut model = residual(&TinyConfig::default());
        model.opset_import[0].version = Some(version);
        model.ir_version = Some(6);
        let graph = model.graph.as_mut().unwrap();
        graph.node.truncate(8);
        model
    }

    #[test]
    fn an_old_set_is_raised_where_nothing_has_changed() {
        for (from, to) in [(11, 13), (12, 13), (13, 13), (17, 17)] {
            let raised = at_least_13(Path::new("x"), set(from)).unwrap();
            assert_eq!(Summary::of(&raised).opset, Some(to));
            assert_eq!(raised.ir_version, Some(7));
        }
    }

    #[test]
    fn what_has_changed_is_named() {
        let mut model = set(12);
        model.graph.as_mut().unwrap().node[7].op_type = Some("Squeeze".to_owned());
        let error = at_least_13(Path::new("x.onnx"), model).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.onnx: its operator set is 12; a scale for each channel needs 13, and the meaning of \
             `Squeeze` has changed since: export the model again with opset 13 or later"
        );
        assert!(at_least_13(Path::new("x"), set(9)).is_err());
    }
}
