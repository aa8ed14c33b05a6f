//! Folding: exact where it is done, and not done where it would not be.

use serde_json::{Value, json};

use super::super::fold::merge;
use super::super::layers::{Conv, Norm};
use super::super::shape::Pads;
use super::model::{Keras, assert_close, nodes, operators, pixels};
use super::run::Tensor;

fn conv_config(bias: bool) -> Value {
    json!({"filters": 3, "kernel_size": [3, 3], "padding": "same", "use_bias": bias})
}

fn conv_norm(bias: bool) -> Keras {
    let mut model = Keras::image([5, 5, 2])
        .then("c", "Conv2D", conv_config(bias))
        .weight("c/kernel", &[3, 3, 2, 3]);
    if bias {
        model = model.weight("c/bias", &[3]);
    }
    model.norm("bn", 3)
}

/// gamma (x - mean) / sqrt(variance + epsilon) + beta over the last axis.
fn keras_norm(model: &Keras, x: &Tensor) -> Tensor {
    let of = |role: &str, channel: usize| f64::from(model.values(&format!("bn/{role}"))[channel]);
    let values = x.values.iter().enumerate().map(|(place, &value)| {
        let c = place % 3;
        let centred = f64::from(value) - of("moving_mean", c);
        (of("gamma", c) * centred / (of("moving_variance", c) + 1e-3).sqrt() + of("beta", c)) as f32
    });
    Tensor {
        dims: x.dims.clone(),
        values: values.collect(),
    }
}

#[test]
fn a_folded_norm_gives_what_the_two_layers_give() {
    for bias in [false, true] {
        let model = conv_norm(bias);
        let imported = model.import().unwrap();
        assert_eq!(
            operators(&imported.model),
            ["Conv", "GlobalAveragePool", "Flatten"]
        );
        assert_eq!(imported.report.folded_norms, 1);
        assert_eq!(
            imported.report.parameters,
            54 + 12 + if bias { 3 } else { 0 }
        );
        let mut alone = Keras::image([5, 5, 2]).then("c", "Conv2D", conv_config(bias));
        alone.weights.clone_from(&model.weights);
        let x = pixels([5, 5, 2]);
        assert_close(&model.map(&x), &keras_norm(&model, &alone.map(&x)));
    }
}

#[test]
fn the_folded_weights_are_rounded_once() {
    let conv = Conv {
        kernel: vec![0.1, -0.3],
        shape: [2, 1, 1, 1],
        bias: Some(vec![0.7, 0.0]),
        window: [1, 1],
        strides: [1, 1],
        pads: Pads::default(),
        groups: 1,
    };
    let norm = Norm {
        gamma: vec![1.3, 0.9],
        beta: vec![0.2, -0.4],
        mean: vec![0.05, 0.6],
        variance: vec![0.01, 7.0],
        epsilon: 1e-3,
    };
    let merged = merge(&conv, &norm).unwrap();
    // By Python's decimal module with 50 digits from the float32 values, rounded to float32.
    assert_eq!(merged.kernel, KERNEL);
    assert_eq!(merged.bias.unwrap(), BIAS);
    assert_eq!((merged.shape, merged.groups), (conv.shape, conv.groups));
    let huge = Norm {
        gamma: vec![f32::MAX, 1.0],
        ..norm
    };
    assert_eq!(
        merge(
            &Conv {
                kernel: vec![f32::MAX, 1.0],
                ..conv
            },
            &huge
        ),
        None
    );
}

const KERNEL: [f32; 2] = [1.239_501_4, -0.102_043_12];
const BIAS: [f32; 2] = [8.256_759, -0.604_086_2];

#[test]
fn a_norm_is_kept_where_something_else_reads_the_convolution() {
    let model = conv_norm(false).join("sum", "Add", json!({}), &["c", "bn"]);
    let imported = model.import().unwrap();
    assert_eq!(
        operators(&imported.model)[..3],
        ["Conv", "BatchNormalization", "Add"]
    );
    assert_eq!(imported.report.folded_norms, 0);
    let mut alone = Keras::image([5, 5, 2]).then("c", "Conv2D", conv_config(false));
    alone.weights.clone_from(&model.weights);
    let x = pixels([5, 5, 2]);
    let mut expected = alone.map(&x);
    let normed = keras_norm(&model, &expected);
    expected
        .values
        .iter_mut()
        .zip(normed.values)
        .for_each(|(sum, norm)| *sum += norm);
    assert_close(&model.map(&x), &expected);
}

#[test]
fn a_norm_behind_an_activation_is_kept() {
    let mut config = conv_config(false);
    config["activation"] = json!("relu");
    let model = Keras::image([5, 5, 2])
        .then("c", "Conv2D", config)
        .weight("c/kernel", &[3, 3, 2, 3])
        .norm("bn", 3);
    let imported = model.import().unwrap();
    assert_eq!(
        operators(&imported.model)[..3],
        ["Conv", "Relu", "BatchNormalization"]
    );
    assert_eq!(nodes(&imported.model)[..3], ["c", "c/relu", "bn"]);
}

#[test]
fn two_norms_fold_one_after_the_other() {
    let imported = conv_norm(true).norm("bn2", 3).import().unwrap();
    assert_eq!(imported.report.folded_norms, 2);
    assert_eq!(operators(&imported.model)[0], "Conv");
}

#[test]
fn a_norm_without_scale_and_centre_has_one_and_zero() {
    let config = json!({"axis": -1, "epsilon": 0.5, "scale": false, "center": false});
    let model = Keras::image([1, 1, 1])
        .then("bn", "BatchNormalization", config)
        .weight_of("bn/moving_mean", &[1], vec![2.0])
        .weight_of("bn/moving_variance", &[1], vec![3.5]);
    let x = Tensor {
        dims: vec![1, 1, 1],
        values: vec![8.0],
    };
    assert_eq!(model.map(&x).values, [3.0]);
}

#[test]
fn zero_padding_goes_into_a_convolution() {
    let padded = |padding: Value, then: &str| {
        let config = json!({
            "filters": 3, "kernel_size": [3, 3], "strides": [2, 2], "padding": then,
            "use_bias": false,
        });
        Keras::image([6, 6, 2])
            .then("a", "Activation", json!({"activation": "tanh"}))
            .then("p", "ZeroPadding2D", json!({"padding": padding}))
            .then("c", "Conv2D", config)
            .weight("c/kernel", &[3, 3, 2, 3])
    };
    let x = pixels([6, 6, 2]);
    for (padding, then) in [(json!([[0, 1], [0, 1]]), "valid"), (json!([1, 1]), "same")] {
        let model = padded(padding.clone(), then);
        let imported = model.import().unwrap();
        assert_eq!(operators(&imported.model)[..2], ["Tanh", "Conv"]);
        assert_eq!(imported.report.folded_paddings, 1);
        // The same with the padding kept, since an average pool of one pixel stands between.
        let mut kept = padded(padding, then);
        kept.layers.pop();
        let pool = json!({"pool_size": [1, 1], "padding": "valid"});
        let config = model.layers[3]["config"].clone();
        let kept = kept.join("pool", "AveragePooling2D", pool, &["p"]);
        let kept = kept.join("c", "Conv2D", config, &["pool"]);
        assert_eq!(
            operators(&kept.import().unwrap().model)[..2],
            ["Tanh", "Pad"]
        );
        assert_close(&model.map(&x), &kept.map(&x));
    }
    // A window that would see nothing but padding.
    let wide = padded(json!(3), "valid").import().unwrap();
    assert_eq!(wide.report.folded_paddings, 0);
}

#[test]
fn zero_padding_goes_into_a_max_pool_only_over_what_is_not_negative() {
    let pooled = |activation: &str| {
        Keras::image([4, 4, 1])
            .then("a", "Activation", json!({"activation": activation}))
            .then("p", "ZeroPadding2D", json!({"padding": [[1, 1], [1, 1]]}))
            .then(
                "m",
                "MaxPooling2D",
                json!({"pool_size": 3, "strides": 2, "padding": "valid"}),
            )
    };
    let operators_of = |model: &Keras| operators(&model.import().unwrap().model).join(" ");
    assert!(operators_of(&pooled("relu")).starts_with("Relu MaxPool "));
    assert!(operators_of(&pooled("relu6")).starts_with("Clip MaxPool "));
    assert!(operators_of(&pooled("tanh")).starts_with("Tanh Pad MaxPool "));
    // What a wrong fold would change: the padding is the largest.
    let x = Tensor {
        dims: vec![4, 4, 1],
        values: vec![-1.0; 16],
    };
    assert_eq!(
        pooled("tanh").map(&x).values,
        [0.0, 0.0, 0.0, (-1f32).tanh()]
    );
    assert_eq!(pooled("relu").map(&x).values, [0.0; 4]);
}

/// ONNX Runtime folds a zero padding into any pool without `auto_pad`, whatever that changes.
#[test]
fn a_pool_behind_a_kept_padding_states_auto_pad() {
    let of = |class: &str, padding: &str| {
        let config = json!({"pool_size": 3, "strides": 1, "padding": padding});
        Keras::image([4, 4, 1])
            .then("a", "Activation", json!({"activation": "tanh"}))
            .then("p", "ZeroPadding2D", json!({"padding": 1}))
            .then("m", class, config)
    };
    for (class, padding, corner, side) in [
        ("MaxPooling2D", "valid", 0.0, 4),
        ("MaxPooling2D", "same", 0.0, 6),
        ("AveragePooling2D", "valid", 4.0 / 9.0, 4),
        ("AveragePooling2D", "same", 1.0 / 4.0, 6),
    ] {
        let model = of(class, padding);
        let imported = model.import().unwrap();
        assert_eq!(operators(&imported.model)[1], "Pad");
        let pool = &imported.model.graph.as_ref().unwrap().node[2];
        assert!(
            pool.attribute
                .iter()
                .any(|attribute| attribute.name() == "auto_pad")
        );
        let x = Tensor {
            dims: vec![4, 4, 1],
            values: vec![-1.0; 16],
        };
        let found = model.map(&x);
        assert_eq!(found.dims, [side, side, 1]);
        let expected = corner * (-1f32).tanh();
        assert!(
            (found.values[0] - expected).abs() < 1e-6,
            "{class} {padding}: {found:?}"
        );
    }
}

#[test]
fn paddings_in_a_row_become_one() {
    let model = Keras::image([4, 4, 1])
        .then("p", "ZeroPadding2D", json!({"padding": [[0, 1], [2, 0]]}))
        .then("q", "ZeroPadding2D", json!({"padding": 1}))
        .then("a", "Activation", json!({"activation": "tanh"}));
    let imported = model.import().unwrap();
    assert_eq!(operators(&imported.model)[..2], ["Pad", "Tanh"]);
    assert_eq!(model.map(&pixels([4, 4, 1])).dims, [7, 8, 1]);
}

#[test]
fn a_padding_that_something_else_reads_is_kept() {
    let model = Keras::image([4, 4, 1])
        .then("p", "ZeroPadding2D", json!({"padding": 1}))
        .join(
            "c",
            "Conv2D",
            json!({
                "filters": 1, "kernel_size": 3, "padding": "same", "use_bias": false,
            }),
            &["p"],
        )
        .weight("c/kernel", &[3, 3, 1, 1])
        .join("sum", "Add", json!({}), &["p", "c"]);
    let imported = model.import().unwrap();
    assert_eq!(operators(&imported.model)[..3], ["Pad", "Conv", "Add"]);
    assert_eq!(imported.report.folded_paddings, 0);
}
