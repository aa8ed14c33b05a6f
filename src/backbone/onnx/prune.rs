//! Cutting a graph down to the outputs that are wanted.

use std::collections::{HashMap, HashSet};

use super::OnnxError;
use super::proto::{GraphProto, ModelProto, NodeProto};

/// A copy of `model` that computes `outputs` and nothing else: the nodes, initializers and inputs
/// that they do not need are gone, what is left keeps its names and order. An output is one of the
/// graph's own or a tensor inside it whose type the graph states (`value_info`). Weights are
/// shared with `model`, not copied.
///
/// # Errors
/// No output is asked for, or one that there is not; the error lists the graph's outputs.
pub fn prune(model: &ModelProto, outputs: &[&str]) -> Result<ModelProto, OnnxError> {
    let Some(graph) = &model.graph else {
        let wanted = outputs.first().copied().unwrap_or_default().to_owned();
        return Err(OnnxError::NoSuchOutput {
            wanted,
            found: Vec::new(),
        });
    };
    let found = || {
        graph
            .output
            .iter()
            .map(|output| output.name().to_owned())
            .collect()
    };
    if outputs.is_empty() {
        return Err(OnnxError::NoOutputWanted { found: found() });
    }
    let mut kept = Vec::with_capacity(outputs.len());
    for &wanted in outputs {
        let typed = graph.output.iter().chain(&graph.value_info);
        let output = typed.into_iter().find(|value| value.name() == wanted);
        let missing = || OnnxError::NoSuchOutput {
            wanted: wanted.to_owned(),
            found: found(),
        };
        kept.push(output.ok_or_else(missing)?.clone());
    }
    let needed = needed(graph, outputs);
    let rest = ModelProto {
        graph: None,
        ..shallow(model)
    };
    Ok(ModelProto {
        graph: Some(cut(graph, &needed, kept)),
        ..rest
    })
}

/// `model` without its graph and training information, which belongs to the whole graph.
fn shallow(model: &ModelProto) -> ModelProto {
    ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        producer_name: model.producer_name.clone(),
        producer_version: model.producer_version.clone(),
        domain: model.domain.clone(),
        model_version: model.model_version,
        doc_string: model.doc_string.clone(),
        graph: None,
        metadata_props: model.metadata_props.clone(),
        training_info: Vec::new(),
        functions: model.functions.clone(),
        configuration: model.configuration.clone(),
    }
}

/// What the wanted outputs stand on: places of nodes, and names of tensors.
struct Needed<'a> {
    nodes: HashSet<usize>,
    tensors: HashSet<&'a str>,
}

/// Walks from the outputs back to the inputs.
fn needed<'a>(graph: &'a GraphProto, outputs: &[&'a str]) -> Needed<'a> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (place, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            makers.insert(output, place);
        }
    }
    let mut needed = Needed {
        nodes: HashSet::new(),
        tensors: HashSet::new(),
    };
    let mut open: Vec<&str> = outputs.to_vec();
    while let Some(name) = open.pop() {
        if !needed.tensors.insert(name) {
            continue;
        }
        if let Some(&place) = makers.get(name)
            && needed.nodes.insert(place)
        {
            reads(&graph.node[place], &mut open);
        }
    }
    needed
}

/// The names that a node reads: its inputs, and whatever the graphs inside it mention, since the
/// body of an `If` or a `Loop` reads tensors of the graph around it by name. A name that the body
/// makes itself is harmless here: it keeps at most a tensor too many.
fn reads<'a>(node: &'a NodeProto, names: &mut Vec<&'a str>) {
    names.extend(
        node.input
            .iter()
            .filter(|name| !name.is_empty())
            .map(String::as_str),
    );
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            names.extend(graph.output.iter().map(|output| output.name()));
            for inner in &graph.node {
                reads(inner, names);
            }
        }
    }
}

fn cut(
    graph: &GraphProto,
    needed: &Needed<'_>,
    output: Vec<super::proto::ValueInfoProto>,
) -> GraphProto {
    let keep = |name: &str| needed.tensors.contains(name);
    let is_output = |name: &str| output.iter().any(|value| value.name() == name);
    GraphProto {
        node: (graph.node.iter().enumerate())
            .filter(|(place, _)| needed.nodes.contains(place))
            .map(|(_, node)| node.clone())
            .collect(),
        name: graph.name.clone(),
        initializer: graph
            .initializer
            .iter()
            .filter(|t| keep(t.name()))
            .cloned()
            .collect(),
        sparse_initializer: (graph.sparse_initializer.iter())
            .filter(|sparse| {
                sparse
                    .values
                    .as_ref()
                    .is_some_and(|values| keep(values.name()))
            })
            .cloned()
            .collect(),
        doc_string: graph.doc_string.clone(),
        input: graph
            .input
            .iter()
            .filter(|value| keep(value.name()))
            .cloned()
            .collect(),
        value_info: (graph.value_info.iter())
            .filter(|value| keep(value.name()) && !is_output(value.name()))
            .cloned()
            .collect(),
        quantization_annotation: (graph.quantization_annotation.iter())
            .filter(|annotation| keep(annotation.tensor_name()))
            .cloned()
            .collect(),
        metadata_props: graph.metadata_props.clone(),
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::super::proto::{AttributeProto, ValueInfoProto};
    use super::super::tiny::{TinyConfig, residual};
    use super::*;

    fn names(model: &ModelProto) -> Vec<&str> {
        model
            .graph
            .as_ref()
            .unwrap()
            .node
            .iter()
            .map(|node| node.name())
            .collect()
    }

    #[test]
    fn the_classifier_goes_when_only_features_are_wanted() {
        let model = residual(&TinyConfig::default());
        let cut = prune(&model, &["features"]).unwrap();
        assert_eq!(names(&model).len(), 10);
        assert_eq!(names(&cut), names(&model)[..8]);
        let summary = Summary::of(&cut);
        assert_eq!(summary.outputs.len(), 1);
        assert_eq!(summary.inputs, Summary::of(&model).inputs);
        assert_eq!(summary.parameters, Summary::of(&model).parameters - 90);
        assert_eq!(summary.producer, Summary::of(&model).producer);
    }

    #[test]
    fn all_outputs_in_order_leave_the_model_as_it_is() {
        let model = residual(&TinyConfig::default());
        let all = ["features", "feature_map", "probabilities"];
        assert_eq!(prune(&model, &all).unwrap(), model);
    }

    #[test]
    fn an_output_that_is_not_there_lists_those_that_are() {
        let model = residual(&TinyConfig::default());
        let error = prune(&model, &["features", "logits"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the graph has no output `logits`; it has: features, feature_map, probabilities"
        );
        assert!(matches!(
            prune(&model, &[]),
            Err(OnnxError::NoOutputWanted { .. })
        ));
        let bare = ModelProto::default();
        assert!(matches!(
            prune(&bare, &["x"]),
            Err(OnnxError::NoSuchOutput { .. })
        ));
    }

    #[test]
    fn a_tensor_inside_can_be_an_output_where_its_type_is_stated() {
        let mut model = residual(&TinyConfig::default());
        let graph = model.graph.as_mut().unwrap();
        let inner = graph.node[1].output[0].clone();
        graph.value_info.push(ValueInfoProto {
            name: Some(inner.clone()),
            ..Default::default()
        });
        let cut = prune(&model, &[&inner]).unwrap();
        assert_eq!(names(&cut).len(), 2);
        assert!(cut.graph.unwrap().value_info.is_empty());
    }

    #[test]
    fn what_a_body_reads_from_outside_is_kept() {
        let mut model = residual(&TinyConfig::default());
        let graph = model.graph.as_mut().unwrap();
        let outer = graph.node[0].output[0].clone();
        let body = GraphProto {
            node: vec![NodeProto {
                input: vec![outer],
                ..NodeProto::default()
            }],
            ..GraphProto::default()
        };
        graph.node.push(NodeProto {
            name: Some("if".into()),
            output: vec!["chosen".into()],
            attribute: vec![AttributeProto {
                g: Some(body),
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        });
        graph.output.push(ValueInfoProto {
            name: Some("chosen".into()),
            ..Default::default()
        });
        let cut = prune(&model, &["chosen"]).unwrap();
        assert_eq!(names(&cut), [names(&model)[0], "if"]);
    }
}
