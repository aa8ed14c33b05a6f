//! Raising a graph's operator set to 18, whose `Resize` antialiases.

use super::error::ClassifierError;
use crate::backbone::onnx::build::{GraphBuilder, int};
use crate::backbone::onnx::proto::{AttributeProto, ModelProto, NodeProto};
use crate::backbone::onnx::{Shapes, Summary};

/// The operator set that exported files have at least.
pub(super) const OPSET: i64 = 18;

/// Operators of image networks with the set from which on they mean the same as in 18, as far as
/// inference goes (by the operators' changelog in ONNX's own documentation). What is not listed
/// has changed in another way, or nobody has looked.
const SAME_SINCE: &[(&str, i64)] = &[
    ("Abs", 6),
    ("Add", 7),
    ("And", 7),
    ("ArgMax", 12),
    ("ArgMin", 12),
    ("AveragePool", 11),
    ("BatchNormalization", 9),
    ("Cast", 6),
    ("Ceil", 6),
    ("Clip", 11),
    ("Concat", 4),
    ("Constant", 1),
    ("ConstantOfShape", 9),
    ("Conv", 1),
    ("ConvTranspose", 11),
    ("DepthToSpace", 11),
    ("DequantizeLinear", 13),
    ("Div", 7),
    ("Dropout", 12),
    ("Einsum", 12),
    ("Elu", 6),
    ("Equal", 7),
    ("Erf", 9),
    ("Exp", 6),
    ("Expand", 8),
    ("Flatten", 1),
    ("Floor", 6),
    ("Gather", 1),
    ("Gemm", 7),
    ("GlobalAveragePool", 1),
    ("GlobalMaxPool", 1),
    ("Greater", 7),
    ("HardSigmoid", 6),
    ("HardSwish", 14),
    ("Identity", 1),
    ("InstanceNormalization", 6),
    ("LRN", 1),
    ("LayerNormalization", 17),
    ("LeakyRelu", 6),
    ("Less", 7),
    ("Log", 6),
    ("MatMul", 1),
    ("Max", 8),
    ("MaxPool", 8),
    ("Mean", 8),
    ("Min", 8),
    ("Mul", 7),
    ("Neg", 6),
    ("Not", 1),
    ("Or", 7),
    ("PRelu", 7),
    ("Pad", 11),
    ("Pow", 7),
    ("QuantizeLinear", 13),
    ("Reciprocal", 6),
    ("ReduceSum", 13),
    ("Relu", 6),
    ("Reshape", 5),
    ("Resize", 11),
    ("Selu", 6),
    ("Shape", 1),
    ("Sigmoid", 6),
    ("Slice", 10),
    ("Softmax", 13),
    ("Softplus", 1),
    ("SpaceToDepth", 1),
    ("Split", 18),
    ("Sqrt", 6),
    ("Squeeze", 13),
    ("Sub", 7),
    ("Sum", 8),
    ("Tanh", 6),
    ("Tile", 6),
    ("Transpose", 1),
    ("Unsqueeze", 13),
    ("Where", 9),
];

/// Reductions whose axes were an attribute until 18, and are an input since.
const REDUCTIONS: &[&str] = &[
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
];

/// The model in operator set 18 or later: as it is, or raised, with those operators rewritten whose
/// form has changed and whose meaning has not.
///
/// # Errors
/// An operator whose meaning has changed, or of which that is not known.
pub(super) fn raised(mut model: ModelProto) -> Result<ModelProto, ClassifierError> {
    let found = Summary::of(&model).opset.unwrap_or(1);
    if found >= OPSET {
        return Ok(model);
    }
    if let Some(function) = model.functions.first() {
        let name = function.name().to_owned();
        return Err(old(found, name, " (a function of the model's own)"));
    }
    let shapes = Shapes::of(&model);
    if let Some(graph) = &mut model.graph {
        let mut lists = GraphBuilder::new("");
        for (place, node) in graph.node.iter_mut().enumerate() {
            raise(node, place, found, &shapes, &mut lists)?;
        }
        graph.initializer.extend(lists.into_graph().initializer);
    }
    for opset in &mut model.opset_import {
        if matches!(opset.domain(), "" | "ai.onnx") {
            opset.version = Some(OPSET);
        }
    }
    Ok(model)
}

fn old(found: i64, operator: String, reason: &str) -> ClassifierError {
    ClassifierError::OldOpset {
        found,
        needed: OPSET,
        operator,
        reason: reason.to_owned(),
    }
}

fn raise(
    node: &mut NodeProto,
    place: usize,
    found: i64,
    shapes: &Shapes,
    lists: &mut GraphBuilder,
) -> Result<(), ClassifierError> {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Ok(()); // of another set, whose version stays
    }
    let name = node.op_type().to_owned();
    let as_input = |since: i64| found < since && attribute(node, "axes").is_some();
    if REDUCTIONS.contains(&name.as_str()) {
        return match as_input(18) {
            true => to_input(node, place, "axes", lists),
            false => Ok(()),
        };
    }
    match name.as_str() {
        "Squeeze" | "Unsqueeze" | "ReduceSum" if found < 13 => match as_input(13) {
            true => to_input(node, place, "axes", lists),
            false => Ok(()),
        },
        "Split" if (2..13).contains(&found) && attribute(node, "split").is_some() => {
            to_input(node, place, "split", lists)
        }
        "Split" if node.input.get(1).is_none_or(String::is_empty) => {
            // Equal parts, whose number 18 wants to be told.
            let parts = i64::try_from(node.output.len()).unwrap_or(i64::MAX);
            node.attribute.push(int("num_outputs", parts));
            Ok(())
        }
        "Split" if found >= 13 => Ok(()),
        "Softmax" if (1..13).contains(&found) => last_axis(node, found, shapes),
        _ => match SAME_SINCE.iter().find(|(known, _)| *known == name) {
            Some((_, since)) if *since <= found => Ok(()),
            _ => Err(old(found, name, "")),
        },
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|one| one.name() == name)
}

/// Makes the attribute of integers the node's second input.
fn to_input(
    node: &mut NodeProto,
    place: usize,
    name: &str,
    lists: &mut GraphBuilder,
) -> Result<(), ClassifierError> {
    let values = attribute(node, name).map(|one| one.ints.clone());
    node.attribute.retain(|one| one.name() != name);
    let tensor = lists.integers(
        format!("raised/{place}/{name}"),
        &values.unwrap_or_default(),
    );
    node.input.truncate(1);
    node.input.push(tensor);
    Ok(())
}

/// Until 13 a softmax ran over all axes from its own on; along the last one that is the same.
fn last_axis(node: &mut NodeProto, found: i64, shapes: &Shapes) -> Result<(), ClassifierError> {
    let axis = attribute(node, "axis").map_or(1, AttributeProto::i);
    let rank = node.input.first().and_then(|input| shapes.get(input));
    let rank = rank.and_then(|dims| i64::try_from(dims.len()).ok());
    if axis != -1 && rank != Some(axis + 1) {
        let why = " (it runs along another axis than the last)";
        return Err(old(found, "Softmax".to_owned(), why));
    }
    node.attribute.retain(|one| one.name() != "axis");
    node.attribute.push(int("axis", -1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::build::ints;
    use crate::backbone::onnx::tiny::{TinyConfig, residual};

    fn of(version: i64, change: impl FnOnce(&mut NodeProto)) -> ModelProto {
        let mut model = residual(&TinyConfig::default());
        model.opset_import[0].version = Some(version);
        // The features' part alone: the classifier's shape would depend on what is changed.
        let graph = model.graph.as_mut().unwrap();
        graph.node.truncate(8);
        graph.output.truncate(1);
        change(&mut model.graph.as_mut().unwrap().node[7]);
        model
    }

    #[test]
    fn a_reduction_takes_its_axes_as_an_input() {
        let raised = raised(of(17, |_| ())).unwrap();
        assert_eq!(Summary::of(&raised).opset, Some(18));
        let node = &raised.graph.as_ref().unwrap().node[7];
        assert_eq!(node.op_type(), "ReduceMean");
        assert_eq!(node.input, ["feature_map", "raised/7/axes"]);
        assert!(attribute(node, "axes").is_none());
        let pool = Shapes::of(&raised);
        assert_eq!(pool.get("features"), Some(&[1, 8][..]));
    }

    #[test]
    fn a_newer_set_stays() {
        for version in [18, 21] {
            let model = of(version, |_| ());
            assert_eq!(raised(model.clone()).unwrap(), model);
        }
    }

    #[test]
    fn what_has_changed_is_named() {
        let odd = of(15, |node| {
            node.op_type = Some("RoiAlign".into());
            node.attribute.clear();
        });
        assert_eq!(
            raised(odd).unwrap_err().to_string(),
            "the backbone's graph is of operator set 15, the exported file needs 18, and the \
             meaning of `RoiAlign` has changed between them: export the backbone again with opset \
             18 or later"
        );
        let across = of(12, |node| {
            node.op_type = Some("Softmax".into());
            node.attribute = vec![int("axis", 1)];
        });
        let told = raised(across).unwrap_err().to_string();
        assert!(told.contains("another axis than the last"), "{told}");
        assert!(
            raised(of(12, |node| {
                node.op_type = Some("Softmax".into());
                node.attribute = vec![int("axis", 3)];
            }))
            .is_ok()
        );
    }

    #[test]
    fn parts_are_counted() {
        let split = of(13, |node| {
            node.op_type = Some("Split".into());
            node.attribute = vec![int("axis", 1)];
            node.output.push("rest".into());
        });
        let raised = raised(split).unwrap();
        let node = &raised.graph.as_ref().unwrap().node[7];
        assert_eq!(attribute(node, "num_outputs").unwrap().i(), 2);
        let old = of(11, |node| {
            node.op_type = Some("Split".into());
            node.attribute = vec![ints("split", &[4, 4])];
        });
        let node = &super::raised(old).unwrap().graph.unwrap().node[7];
        assert_eq!(node.input.len(), 2);
    }
}
