//! Each kind of layer against what Keras defines, channels last.

use serde_json::json;

use super::model::{Keras, assert_close, nodes, operators, pixels, values};
use super::run::Tensor;

#[test]
fn pools_ignore_their_padding() {
    let x = Tensor {
        dims: vec![2, 2, 1],
        values: vec![-4.0, -3.0, -2.0, -1.0],
    };
    let config = json!({"pool_size": [3, 3], "strides": [1, 1], "padding": "same"});
    let max = Keras::image([2, 2, 1]).then("p", "MaxPooling2D", config.clone());
    assert_eq!(max.map(&x).values, [-1.0; 4]);
    let average = Keras::image([2, 2, 1]).then("p", "AveragePooling2D", config);
    assert_eq!(average.map(&x).values, [-2.5; 4]);
    // Strides are the window's size where none are given.
    let config = json!({"pool_size": [2, 2], "padding": "valid"});
    let default = Keras::image([2, 2, 1]).then("p", "AveragePooling2D", config);
    assert_eq!(default.map(&x).values, [-2.5]);
}

#[test]
fn flatten_has_the_channels_last() {
    let model = Keras::image([2, 2, 2])
        .then("r", "Activation", json!({"activation": "tanh"}))
        .then("f", "Flatten", json!({}))
        .then("d", "Dense", json!({"units": 3, "activation": "softmax"}))
        .weight("d/kernel", &[8, 3])
        .weight("d/bias", &[3]);
    let x = pixels([2, 2, 2]);
    let flat: Vec<f32> = x.values.iter().map(|x| x.tanh()).collect();
    assert_close(&model.output("features", &x), &Tensor::vector(flat.clone()));
    let (kernel, bias) = (model.values("d/kernel"), model.values("d/bias"));
    let logit = |unit: usize| -> f32 {
        bias[unit]
            + flat
                .iter()
                .enumerate()
                .map(|(i, x)| x * kernel[i * 3 + unit])
                .sum::<f32>()
    };
    let powers: Vec<f32> = (0..3).map(|unit| logit(unit).exp()).collect();
    let sum: f32 = powers.iter().sum();
    let expected = powers.iter().map(|power| power / sum).collect();
    assert_close(
        &model.output("probabilities", &x),
        &Tensor::vector(expected),
    );
}

#[test]
fn reshape_keeps_keras_order() {
    let model = Keras::image([2, 4, 3])
        .then("a", "Activation", json!({"activation": "relu"}))
        .then("r", "Reshape", json!({"target_shape": [4, -1, 3]}))
        .then("b", "Activation", json!({"activation": "relu"}));
    let x = pixels([2, 4, 3]);
    let found = model.map(&x);
    assert_eq!(found.dims, [4, 2, 3]);
    assert_eq!(
        found.values,
        x.values.iter().map(|x| x.max(0.0)).collect::<Vec<_>>()
    );
}

#[test]
fn a_pooled_map_is_reshaped_without_transposing() {
    let model = Keras::image([2, 2, 3])
        .then("a", "Activation", json!({"activation": "relu"}))
        .then(
            "g",
            "GlobalAveragePooling2D",
            json!({"data_format": "channels_last"}),
        )
        .then("r", "Reshape", json!({"target_shape": [1, 1, 3]}))
        .then("drop", "Dropout", json!({"rate": 0.1}))
        .then(
            "c",
            "Conv2D",
            json!({"filters": 4, "kernel_size": [1, 1], "padding": "same"}),
        )
        .weight("c/kernel", &[1, 1, 3, 4])
        .weight("c/bias", &[4])
        .then("s", "Activation", json!({"activation": "softmax"}))
        .then("out", "Reshape", json!({"target_shape": [4]}));
    let imported = model.import().unwrap();
    let expected = [
        "Relu",
        "GlobalAveragePool",
        "Flatten",
        "Reshape",
        "Conv",
        "Softmax",
        "Reshape",
    ];
    assert_eq!(operators(&imported.model), expected);
    let sum: f32 = model
        .output("probabilities", &pixels([2, 2, 3]))
        .values
        .iter()
        .sum();
    assert!((sum - 1.0).abs() < 1e-6);
}

#[test]
fn concatenate_joins_channels_or_rows() {
    let x = pixels([2, 2, 2]);
    let joined = |axis: i64| {
        Keras::image([2, 2, 2])
            .join("a", "Activation", json!({"activation": "relu"}), &["image"])
            .join("b", "Activation", json!({"activation": "tanh"}), &["image"])
            .join("j", "Concatenate", json!({"axis": axis}), &["a", "b"])
            .map(&x)
    };
    let relu = |x: &f32| x.max(0.0);
    let tanh = |x: &f32| x.tanh();
    let pairs = x.values.chunks(2);
    let channels = pairs.flat_map(|p| p.iter().map(relu).chain(p.iter().map(tanh)));
    let channels = Tensor {
        dims: vec![2, 2, 4],
        values: channels.collect(),
    };
    assert_close(&joined(-1), &channels);
    assert_close(&joined(3), &channels);
    let rows = x
        .values
        .iter()
        .map(relu)
        .chain(x.values.iter().map(tanh))
        .collect();
    assert_close(
        &joined(1),
        &Tensor {
            dims: vec![4, 2, 2],
            values: rows,
        },
    );
}

#[test]
fn multiply_stretches_a_gate_over_the_map() {
    let model = Keras::image([2, 2, 2])
        .join("a", "Activation", json!({"activation": "tanh"}), &["image"])
        .join("g", "GlobalMaxPooling2D", json!({}), &["a"])
        .join("r", "Reshape", json!({"target_shape": [1, 1, 2]}), &["g"])
        .join("m", "Multiply", json!({}), &["a", "r"])
        .join("s", "Add", json!({}), &["m", "a", "a"]);
    let x = pixels([2, 2, 2]);
    let tanh: Vec<f32> = x.values.iter().map(|x| x.tanh()).collect();
    let top = |c: usize| {
        tanh.iter()
            .skip(c)
            .step_by(2)
            .copied()
            .fold(f32::MIN, f32::max)
    };
    let values = tanh
        .iter()
        .enumerate()
        .map(|(i, value)| value * top(i % 2) + 2.0 * value)
        .collect();
    assert_close(
        &model.map(&x),
        &Tensor {
            dims: vec![2, 2, 2],
            values,
        },
    );
}

#[test]
fn activations_are_keras_own() {
    let x = Tensor {
        dims: vec![1, 7, 1],
        values: vec![-8.0, -2.0, -0.5, 0.0, 1.0, 5.0, 9.0],
    };
    let of = |class: &str, config: serde_json::Value| {
        Keras::image([1, 7, 1])
            .then("a", class, config)
            .map(&x)
            .values
    };
    let named = |name: &str| of("Activation", json!({"activation": name}));
    assert_eq!(named("relu"), [0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 9.0]);
    assert_eq!(named("relu6"), [0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 6.0]);
    let hard = Tensor {
        dims: x.dims.clone(),
        values: vec![0.0, 0.1, 0.4, 0.5, 0.7, 1.0, 1.0],
    };
    assert_close(
        &Tensor {
            dims: x.dims.clone(),
            values: named("hard_sigmoid"),
        },
        &hard,
    );
    let swish = named("swish");
    assert!((swish[1] - -2.0 / (1.0 + 2f32.exp())).abs() < 1e-6);
    assert_eq!(named("silu"), swish);
    let relu = of(
        "ReLU",
        json!({"max_value": 4.0, "negative_slope": 0.5, "threshold": 0.0}),
    );
    assert_eq!(relu, [-4.0, -1.0, -0.25, 0.0, 1.0, 4.0, 4.0]);
    assert_eq!(of("ReLU", json!({"max_value": 6.0})), named("relu6"));
    assert_eq!(of("ReLU", json!({"max_value": null})), named("relu"));
    assert_eq!(of("LeakyReLU", json!({"alpha": 0.25}))[..2], [-2.0, -0.5]);
    assert_eq!(of("LeakyReLU", json!({}))[0], 0.3 * -8.0);
    assert_eq!(of("Softmax", json!({"axis": -1})), [1.0; 7]);
}

#[test]
fn a_sequence_needs_no_input_layer_and_no_names_of_inputs() {
    let model = Keras::image([4, 4, 1])
        .weight("d/kernel", &[2, 3])
        .weight("c/kernel", &[1, 1, 1, 2]);
    let first = json!({
        "name": "c", "batch_input_shape": [null, 4, 4, 1], "filters": 2, "kernel_size": [1, 1],
        "use_bias": false,
    });
    let layers = json!([
        {"class_name": "Conv2D", "config": first},
        {"class_name": "GlobalAveragePooling2D", "config": {"name": "g"}},
        {"class_name": "Dense", "config": {"name": "d", "units": 3, "use_bias": false}},
    ]);
    let written = model.written();
    let mut models = Vec::new();
    for config in [layers.clone(), json!({"name": "small", "layers": layers})] {
        let mut json = model.json(&["a.bin", "b.bin"]);
        json["modelTopology"] = json!({"class_name": "Sequential", "config": config});
        written.put_json(&json);
        let imported = super::super::import(&written.json_path()).unwrap();
        assert_eq!(nodes(&imported.model), ["c", "g", "g/flatten", "d"]);
        assert_eq!(imported.report.layers, 4);
        models.push(imported.model);
    }
    assert_eq!(
        models[0].graph.as_ref().unwrap().node,
        models[1].graph.as_ref().unwrap().node
    );
}

#[test]
fn layers_may_stand_before_their_inputs() {
    let config = json!({"activation": "relu"});
    let mut model = Keras::image([2, 2, 1]).then("a", "Activation", config.clone());
    model = model.then("b", "Activation", json!({"activation": "tanh"}));
    let expected = model.map(&pixels([2, 2, 1]));
    model.layers.reverse();
    assert_close(&model.map(&pixels([2, 2, 1])), &expected);
    assert!(values(3, 1).iter().all(|value| value.abs() <= 1.0));
}
