//! The choice of features, feature map and classifier.

use serde_json::json;

use super::super::super::{Port, Summary, encode};
use super::super::import;
use super::model::{Keras, pixels};

fn outputs(model: &Keras) -> Vec<String> {
    Summary::of(&model.import().unwrap().model)
        .outputs
        .iter()
        .map(Port::to_string)
        .collect()
}

fn convolved() -> Keras {
    Keras::image([4, 6, 3])
        .then(
            "c",
            "Conv2D",
            json!({"filters": 5, "kernel_size": 3, "padding": "same"}),
        )
        .weight("c/kernel", &[3, 3, 3, 5])
        .weight("c/bias", &[5])
}

fn dense(model: Keras, name: &str, length: usize, units: usize, activation: &str) -> Keras {
    model
        .then(
            name,
            "Dense",
            json!({"units": units, "activation": activation}),
        )
        .weight(&format!("{name}/kernel"), &[length, units])
        .weight(&format!("{name}/bias"), &[units])
}

#[test]
fn the_last_global_pooling_gives_the_features() {
    let model = convolved().then("g", "GlobalAveragePooling2D", json!({}));
    let model = dense(dense(model, "hidden", 5, 7, "relu"), "top", 7, 2, "softmax");
    let expected = [
        "features: float32 [N, 5]",
        "feature_map: float32 [N, 5, 4, 6]",
        "probabilities: float32 [N, 2]",
    ];
    assert_eq!(outputs(&model), expected);
    let imported = model.import().unwrap();
    assert_eq!(imported.report.features, "g");
    assert_eq!(imported.report.feature_map.as_deref(), Some("c"));
    let summary = Summary::of(&imported.model);
    assert_eq!(summary.inputs[0].to_string(), "input: float32 [N, 3, 4, 6]");
    let note = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        summary.metadata,
        [
            note("source", "TensorFlow.js layers model"),
            note("name", "small"),
            note("keras_version", "2.2.4-tf"),
            note("features_layer", "g"),
            note("feature_map_layer", "c"),
        ]
    );
}

#[test]
fn without_a_pooling_they_are_the_last_dense_layers_input() {
    let model = convolved().then("f", "Flatten", json!({}));
    let model = dense(dense(model, "fc", 120, 7, "relu"), "top", 7, 2, "linear");
    let expected = [
        "features: float32 [N, 7]",
        "feature_map: float32 [N, 5, 4, 6]",
        "logits: float32 [N, 2]",
    ];
    assert_eq!(outputs(&model), expected);
}

#[test]
fn a_model_without_a_top_gives_its_maps_average() {
    let expected = [
        "features: float32 [N, 5]",
        "feature_map: float32 [N, 5, 4, 6]",
    ];
    assert_eq!(outputs(&convolved()), expected);
    let kept = convolved().then("g", "GlobalAveragePooling2D", json!({"keepdims": true}));
    assert_eq!(outputs(&kept), expected);
    let pooled = convolved().then("g", "GlobalAveragePooling2D", json!({}));
    assert_eq!(outputs(&pooled), expected);
    let x = pixels([4, 6, 3]);
    assert_eq!(kept.output("features", &x), pooled.output("features", &x));
    assert_eq!(
        convolved().output("features", &x),
        pooled.output("features", &x)
    );
}

#[test]
fn a_pooling_in_a_side_branch_is_not_the_last() {
    let model = convolved()
        .join("squeeze", "GlobalAveragePooling2D", json!({}), &["c"])
        .join(
            "r",
            "Reshape",
            json!({"target_shape": [1, 1, 5]}),
            &["squeeze"],
        )
        .join(
            "gate",
            "Activation",
            json!({"activation": "sigmoid"}),
            &["r"],
        )
        .join("m", "Multiply", json!({}), &["c", "gate"]);
    let imported = model.import().unwrap();
    assert_eq!(imported.report.feature_map.as_deref(), Some("m"));
    assert_eq!(imported.report.features, "m");
}

#[test]
fn a_model_without_anything_to_use_is_refused() {
    let bare = Keras::image([2, 2, 3]).then("f", "Flatten", json!({}));
    assert!(
        bare.refusal().starts_with("model.json: found no features"),
        "{}",
        bare.refusal()
    );
    let pixels_alone = Keras::image([2, 2, 3]).then("g", "GlobalAveragePooling2D", json!({}));
    assert!(pixels_alone.refusal().contains("found no features"));
}

#[test]
fn layers_called_like_the_outputs_do_no_harm() {
    let model = Keras::image([4, 4, 3])
        .then("features", "Activation", json!({"activation": "relu"}))
        .then("input", "Activation", json!({"activation": "relu"}))
        .then("output", "GlobalAveragePooling2D", json!({}));
    assert_eq!(outputs(&model)[0], "features: float32 [N, 3]");
    assert_eq!(model.output("features", &pixels([4, 4, 3])).values.len(), 3);
}

#[test]
fn names_that_would_meet_are_refused() {
    let config = json!({"filters": 1, "kernel_size": 1, "use_bias": false, "activation": "relu"});
    let model = Keras::image([2, 2, 1])
        .then("c", "Conv2D", config)
        .weight("c/kernel", &[1, 1, 1, 1])
        .then("c/relu", "Activation", json!({"activation": "tanh"}));
    assert_eq!(
        model.refusal(),
        "model.json: two tensors would be called `c/relu`; rename a layer"
    );
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let written = convolved().norm("bn", 5).written();
    let bytes = || encode(&import(&written.json_path()).unwrap().model);
    assert_eq!(bytes(), bytes());
    let elsewhere = convolved().norm("bn", 5).written();
    assert_eq!(
        bytes(),
        encode(&import(&elsewhere.json_path()).unwrap().model)
    );
}
