//! Networks: ONNX graphs, TensorFlow.js models, heads.

use std::collections::BTreeMap;

use catpipe::backbone::onnx::proto::StringStringEntryProto;
use catpipe::backbone::onnx::proto::tensor_proto::DataLocation;
use catpipe::backbone::onnx::tiny::{TinyConfig, residual};
use catpipe::backbone::onnx::{encode, prune};
use catpipe::head::{Examples, TrainConfig, fit};
use ndarray::Array2;
use serde_json::{Value, json};

/// A small residual network: whole, as a mere classifier, with its weights in another file.
pub(crate) fn onnx() -> Vec<Vec<u8>> {
    let config = TinyConfig {
        seed: 1,
        size: 8,
        width: 4,
        classes: 3,
    };
    let whole = residual(&config);
    let classifier = prune(&whole, &["probabilities"]).expect("a classifier");
    let mut outside = whole.clone();
    for tensor in &mut outside.graph.as_mut().expect("a graph").initializer {
        let length = tensor.raw_data.as_ref().map_or(0, bytes::Bytes::len);
        if length == 0 {
            continue;
        }
        tensor.raw_data = None;
        tensor.data_location = Some(DataLocation::External.into());
        for (key, value) in [
            ("location", "weights.bin"),
            ("offset", "8"),
            ("length", &length.to_string()),
        ] {
            tensor.external_data.push(StringStringEntryProto {
                key: Some(key.into()),
                value: Some(value.into()),
            });
        }
    }
    [whole, classifier, outside].iter().map(encode).collect()
}

fn layer(name: &str, class: &str, mut config: Value, inputs: &[&str]) -> Value {
    let tensors: Vec<Value> = inputs
        .iter()
        .map(|input| json!([input, 0, 0, {}]))
        .collect();
    let inbound = if inputs.is_empty() {
        json!([])
    } else {
        json!([tensors])
    };
    config["name"] = json!(name);
    json!({"name": name, "class_name": class, "config": config, "inbound_nodes": inbound})
}

/// A layers model with a bit of everything; its 400 weights are the loader's.
pub(crate) fn tfjs() -> Vec<Vec<u8>> {
    let conv = json!({"filters": 2, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same"});
    let layers = [
        layer(
            "image",
            "InputLayer",
            json!({"batch_input_shape": [null, 8, 8, 3]}),
            &[],
        ),
        layer(
            "p",
            "ZeroPadding2D",
            json!({"padding": [[1, 1], [1, 1]]}),
            &["image"],
        ),
        layer("c", "Conv2D", conv, &["p"]),
        layer(
            "bn",
            "BatchNormalization",
            json!({"axis": [3], "epsilon": 0.001}),
            &["c"],
        ),
        layer(
            "r",
            "ReLU",
            json!({"max_value": 6.0, "negative_slope": 0.0}),
            &["bn"],
        ),
        layer(
            "d",
            "DepthwiseConv2D",
            json!({"kernel_size": 3, "use_bias": false}),
            &["r"],
        ),
        layer(
            "pool",
            "MaxPooling2D",
            json!({"pool_size": 3, "strides": 1, "padding": "same"}),
            &["d"],
        ),
        layer("j", "Concatenate", json!({"axis": -1}), &["d", "pool"]),
        layer("m", "Multiply", json!({}), &["j", "j"]),
        layer("g", "GlobalAveragePooling2D", json!({}), &["m"]),
        layer(
            "top",
            "Dense",
            json!({"units": 2, "activation": "softmax", "use_bias": false}),
            &["g"],
        ),
    ];
    let weights = [
        ("c/kernel", vec![3, 3, 3, 2]),
        ("c/bias", vec![2]),
        ("bn/gamma", vec![2]),
        ("bn/beta", vec![2]),
        ("bn/moving_mean", vec![2]),
        ("bn/moving_variance", vec![2]),
        ("d/depthwise_kernel", vec![3, 3, 2, 1]),
        ("top/kernel", vec![4, 2]),
        ("unused", vec![310]),
    ];
    let weights =
        weights.map(|(name, shape)| json!({"name": name, "shape": shape, "dtype": "float32"}));
    let model = json!({
        "format": "layers-model",
        "modelTopology": {"keras_version": "2.2.4-tf", "backend": "tensorflow", "model_config": {
            "class_name": "Model",
            "config": {"name": "small", "layers": layers,
                "input_layers": [["image", 0, 0]], "output_layers": [["top", 0, 0]]},
        }},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    });
    let pretty = serde_json::to_vec_pretty(&model).expect("JSON");
    vec![model.to_string().into_bytes(), pretty]
}

/// A logistic head and a dense one.
pub(crate) fn head() -> Vec<Vec<u8>> {
    let logistic = "head: logistic\nepochs: 1\n";
    let dense = "head: {dense: {hidden: [5, 4], batch_norm: true}}\nepochs: 1\n";
    let features =
        Array2::from_shape_fn((12, 6), |(row, column)| ((row * 7 + column * 3) % 5) as f32);
    let labels: Vec<usize> = (0..12).map(|row| row % 3).collect();
    let names = ["cat", "dog", "owl"].map(str::to_owned);
    let mut all = Vec::new();
    for config in [logistic, dense] {
        let document = catpipe::yaml::Document::parse("t.yaml".as_ref(), config).expect("YAML");
        let config: TrainConfig = document.typed().expect("a training");
        let examples = Examples {
            features: &features,
            views: 1,
            labels: &labels,
            classes: 3,
            groups: None,
        };
        let fit = fit(&config, &examples, 1, &mut |_| ()).expect("a head");
        let head = fit.head.with_class_names(&names).expect("its names");
        let metadata = BTreeMap::from([("backbone".to_owned(), "tiny".to_owned())]);
        all.push(head.to_bytes(&metadata).expect("its bytes"));
    }
    all
}
