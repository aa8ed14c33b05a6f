//! Features are found, cut out, and are the same numbers.

use super::super::tiny::{TinyConfig, residual};
use super::*;
use crate::backbone::testing::{self, TINY_MANIFEST, manifest, tiny, values};
use crate::backbone::{Session, SessionOptions};

/// The tiny network as other programs write it: classes alone, and other names.
fn classifier() -> ModelProto {
    let mut model = prune(&residual(&TinyConfig::default()), &["probabilities"]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for node in &mut graph.node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            if [FEATURES, FEATURE_MAP].contains(&name.as_str()) {
                *name = format!("/{name}/out");
            }
        }
    }
    model
}

fn operators(model: &ModelProto) -> Vec<&str> {
    let graph = model.graph.as_ref().unwrap();
    graph.node.iter().map(NodeProto::op_type).collect()
}

fn outputs(model: &ModelProto) -> Vec<String> {
    Summary::of(model)
        .outputs
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_input_of_the_last_product_and_its_map() {
    let (cut, chosen) = features(&classifier(), None).unwrap();
    assert_eq!(chosen.tensor, "/features/out");
    assert_eq!(chosen.reason, "the input of the last Gemm `classifier`");
    assert_eq!(
        outputs(&cut),
        [
            "features: float32 [N, 8]",
            "feature_map: float32 [N, 8, 16, 16]"
        ]
    );
    let operators = operators(&cut);
    assert!(
        !operators.contains(&"Gemm") && !operators.contains(&"Softmax"),
        "{operators:?}"
    );
    let initializers = &cut.graph.as_ref().unwrap().initializer;
    assert!(
        initializers
            .iter()
            .all(|tensor| !tensor.name().starts_with("classifier"))
    );
}

#[test]
fn what_is_cut_out_gives_the_same_numbers() {
    let run = |model: ModelProto| {
        let dir = tiny(|tiny| *tiny = model);
        let manifest = manifest(TINY_MANIFEST).unwrap();
        let options = SessionOptions::default();
        let mut session =
            Session::open(&manifest, dir.path(), &testing::runtime(), &options).unwrap();
        let mut out = vec![0.0; 2 * 8];
        session
            .run(&values(3, 2 * session.input_len()), 2, &mut out)
            .unwrap();
        out
    };
    let expected = run(residual(&TinyConfig::default()));
    let (cut, _) = features(&classifier(), None).unwrap();
    assert_eq!(run(cut), expected);
    // The map chosen by hand is averaged by another operator.
    let (averaged, chosen) = features(&classifier(), Some("/feature_map/out")).unwrap();
    assert_eq!(chosen.dims, Some(vec![1, 8]));
    for (found, expected) in run(averaged).iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn features_that_are_there_are_taken_as_they_are() {
    let (cut, chosen) = features(&residual(&TinyConfig::default()), None).unwrap();
    assert_eq!(chosen.reason, "the graph's own output");
    assert_eq!(outputs(&cut).len(), 2);
}

/// Patches, a class token in front of them, and a classifier on the class token.
#[test]
fn the_class_token_of_a_transformer() {
    let mut graph = GraphBuilder::new("vit");
    graph.input("x", &[3, 8, 8]);
    let weights = graph.floats("w".into(), &[6, 3, 4, 4], &[0.0; 288]);
    let token = graph.floats("cls".into(), &[1, 1, 6], &[0.0; 6]);
    let head = graph.floats("head".into(), &[6, 5], &[0.0; 30]);
    let shape = graph.integers("shape".into(), &[0, 6, -1]);
    let strides = vec![super::super::build::ints("strides", &[4, 4])];
    graph.node("Conv", "patch", &["x", &weights], "patch", strides);
    graph.node("Reshape", "flat", &["patch", &shape], "flat", Vec::new());
    let order = vec![super::super::build::ints("perm", &[0, 2, 1])];
    graph.node("Transpose", "tokens", &["flat"], "tokens", order);
    graph.node(
        "Concat",
        "all",
        &[&token, "tokens"],
        "all",
        vec![int("axis", 1)],
    );
    let mut model = graph.finish(&[]);
    let graph = model.graph.as_mut().unwrap();
    let scalar = super::super::proto::TensorProto {
        data_type: Some(7),
        int64_data: vec![0],
        name: Some("zero".to_owned()),
        ..Default::default()
    };
    graph.initializer.push(scalar);
    let mut builder = GraphBuilder::new("");
    builder.node(
        "Gather",
        "pick",
        &["all", "zero"],
        "pick",
        vec![int("axis", 1)],
    );
    builder.node("MatMul", "logits", &["pick", &head], "logits", Vec::new());
    builder.output("logits", &[5]);
    let end = builder.into_graph();
    graph.node.extend(end.node);
    graph.output = end.output;
    let (cut, chosen) = features(&model, None).unwrap();
    assert_eq!(
        (chosen.tensor.as_str(), chosen.map.is_none()),
        ("pick", true)
    );
    assert_eq!(outputs(&cut), ["features: float32 [N, 6]"]);
}

#[test]
fn what_can_not_be_found_lists_what_there_is() {
    let told = |model: &ModelProto, wanted| features(model, wanted).unwrap_err().to_string();
    let error = told(&classifier(), Some("nothing"));
    assert_eq!(
        error,
        "the tensor `nothing` is not in the graph, or its shape can't be told; candidates are: \
         /features/out"
    );
    let error = told(&classifier(), Some("input"));
    assert!(
        error.contains("of [1, 3, 32, 32] for one image is neither"),
        "{error}"
    );
    let mut odd = classifier();
    odd.graph.as_mut().unwrap().node[0].op_type = Some("Mystery".to_owned());
    odd.graph.as_mut().unwrap().value_info.clear();
    let error = told(&odd, None);
    assert!(error.contains("no features found"), "{error}");
    assert!(error.contains("probabilities: float32 [N, 10]"), "{error}");
    let mut taken = classifier();
    taken.graph.as_mut().unwrap().node[0].output[0] = FEATURES.to_owned();
    taken.graph.as_mut().unwrap().node[1].input[0] = FEATURES.to_owned();
    let error = told(&taken, None);
    assert!(
        error.contains("the graph has a tensor `features` already"),
        "{error}"
    );
}
