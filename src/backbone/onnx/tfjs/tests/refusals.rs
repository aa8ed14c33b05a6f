//! What can't be converted, and how the error says so.

use serde_json::{Value, json};

use super::super::import;
use super::model::{Keras, Written};

/// A convolution over a 6x6 image whose config is changed at one key.
fn conv_with(key: &str, value: Value) -> Keras {
    let mut config = json!({"filters": 2, "kernel_size": [3, 3], "use_bias": false});
    config[key] = value;
    Keras::image([6, 6, 1])
        .then("c", "Conv2D", config)
        .weight("c/kernel", &[3, 3, 1, 2])
}

fn relu() -> Keras {
    Keras::image([6, 6, 1]).then("r", "Activation", json!({"activation": "relu"}))
}

/// The error of importing the folder, without its path.
fn refusal(written: &Written) -> String {
    let text = import(&written.json_path()).unwrap_err().to_string();
    text.replace(&format!("{}/", written.folder.path().display()), "")
}

#[test]
fn the_first_layer_that_cannot_be_converted_is_named() {
    let model = relu()
        .then("up", "UpSampling2D", json!({}))
        .then("l", "Lambda", json!({}));
    let text = model.refusal();
    let start = "model.json: layer `up` (UpSampling2D): layers of this class can't be converted; \
                 those that can: InputLayer, Conv2D, DepthwiseConv2D,";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn options_that_cannot_be_converted_are_named_with_their_value() {
    let layer = "model.json: layer `c` (Conv2D): ";
    for (key, value, expected) in [
        (
            "data_format",
            json!("channels_first"),
            "data_format is channels_first; supported: channels_last",
        ),
        (
            "dilation_rate",
            json!([2, 2]),
            "dilation_rate is [2, 2]; supported: [1, 1]",
        ),
        (
            "groups",
            json!(3),
            "groups is 3; supported: divisors of 1 channels and 2 filters",
        ),
        (
            "filters",
            json!(3),
            "the weight `c/kernel` has shape [3, 3, 1, 2], expected [3, 3, 1, 3]",
        ),
        (
            "use_bias",
            json!(true),
            "the weight `c/bias` is not in the weights manifest",
        ),
        (
            "padding",
            json!("causal"),
            "its config can't be read: unknown variant `causal`, expected `valid` or `same`",
        ),
        (
            "kernel_size",
            json!([3, 0]),
            "its config can't be read: must be between 1 and 65535, found 0, in [3,0]",
        ),
    ] {
        assert_eq!(
            conv_with(key, value).refusal(),
            format!("{layer}{expected}")
        );
    }
    let text = conv_with("activation", json!("gelu")).refusal();
    assert!(text.starts_with(&format!(
        "{layer}activation is gelu; supported: linear, relu,"
    )));
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let small = Keras::image([2, 2, 1])
        .then(
            "c",
            "Conv2D",
            json!({"filters": 2, "kernel_size": [3, 3], "use_bias": false}),
        )
        .weight("c/kernel", &[3, 3, 1, 2]);
    let expected = "model.json: layer `c` (Conv2D): takes a map of at least 3 x 3, found an input \
                    of shape [2, 2, ..] (without the batch)";
    assert_eq!(small.refusal(), expected);
    let dense = relu().then("d", "Dense", json!({"units": 3}));
    let expected = "model.json: layer `d` (Dense): takes a vector [length], found an input of \
                    shape [6, 6, 1] (without the batch)";
    assert_eq!(dense.refusal(), expected);
    let merged = relu()
        .then(
            "p",
            "MaxPooling2D",
            json!({"pool_size": 2, "padding": "valid"}),
        )
        .join("add", "Add", json!({}), &["r", "p"]);
    let expected = "model.json: layer `add` (Add): takes inputs that fit the first one's \
                    [6, 6, 1], found an input of shape [3, 3, 1] (without the batch)";
    assert_eq!(merged.refusal(), expected);
    let shapeless = Keras {
        layers: Vec::new(),
        weights: Vec::new(),
        output: String::new(),
    }
    .join(
        "image",
        "InputLayer",
        json!({"batch_input_shape": [null, null, null, 3]}),
        &[],
    );
    assert!(
        shapeless
            .refusal()
            .contains("batch_input_shape is [null,null,null,3]; supported")
    );
}

#[test]
fn a_graph_that_is_none_is_refused() {
    let mut lost = relu();
    lost.layers[1]["inbound_nodes"] = json!([[["nowhere", 0, 0, {}]]]);
    assert!(
        lost.refusal()
            .ends_with("its input `nowhere` is no layer of the model")
    );
    lost.layers[1]["inbound_nodes"] = json!([[["r", 0, 0, {}]]]);
    assert!(
        lost.refusal()
            .ends_with("layer `r` (Activation): its inputs depend on itself")
    );
    lost.layers[1]["inbound_nodes"] = json!([[["image", 0, 0]], [["image", 0, 0]]]);
    assert!(lost.refusal().contains("is called 2 times"));
    lost.layers[1]["inbound_nodes"] = json!([{"args": []}]);
    assert!(lost.refusal().contains("inbound_nodes are not of the form"));
    lost.layers[1]["inbound_nodes"] = json!([]);
    assert!(lost.refusal().ends_with("has 0 inputs, expected 1"));
    let twice = relu().then("r", "Activation", json!({"activation": "relu"}));
    assert!(twice.refusal().ends_with("another layer has the same name"));
    let two = relu().join(
        "image2",
        "InputLayer",
        json!({"batch_input_shape": [null, 1, 1, 1]}),
        &[],
    );
    assert!(
        two.refusal().contains("has 2 inputs and 1 outputs"),
        "{}",
        two.refusal()
    );
}

#[test]
fn a_norm_of_negative_variance_is_refused() {
    let model = relu()
        .then(
            "bn",
            "BatchNormalization",
            json!({"scale": false, "center": false}),
        )
        .weight_of("bn/moving_mean", &[1], vec![0.0])
        .weight_of("bn/moving_variance", &[1], vec![-1.0]);
    assert!(
        model.refusal().contains("in channel 0, must be above 0"),
        "{}",
        model.refusal()
    );
}

#[test]
fn other_files_are_told_apart() {
    let written = relu().written();
    for (json, expected) in [
        (
            json!({"modelTopology": {"node": []}}),
            "model.json: holds a graph model; only",
        ),
        (
            json!({"weightsManifest": []}),
            "model.json: holds no modelTopology; only",
        ),
        (
            json!({"modelTopology": {"class_name": "Net", "config": {}}}),
            "model.json: holds a model of the class `Net`",
        ),
        (
            json!({"modelTopology": {"keras_version": "3.1.0", "model_config": {"class_name": "Functional", "config": {}}}}),
            "model.json: holds a model of Keras 3.1.0",
        ),
        (
            json!({"modelTopology": {"class_name": "Model", "config": {}}}),
            "model.json: is not a layers model's JSON: missing field `layers`",
        ),
        (json!([1]), "model.json: is not a layers model's JSON: "),
    ] {
        written.put_json(&json);
        let text = refusal(&written);
        assert!(text.starts_with(expected), "{text}");
    }
    std::fs::write(written.json_path(), "{\n\"modelTopology\": nul").unwrap();
    assert!(refusal(&written).contains("line 2 column"));
    std::fs::remove_file(written.json_path()).unwrap();
    assert!(refusal(&written).starts_with("model.json: no such file"));
}

#[test]
fn shards_that_are_missing_short_or_long_are_named() {
    let model = conv_with("strides", json!([1, 1]));
    let written = model.written();
    let shard = written.folder.path().join("b.bin");
    let whole = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &whole[..whole.len() - 4]).unwrap();
    let expected = "model.json: the weight shard `b.bin` is too short: its group of 2 shards has \
                    68 bytes and needs 72; fetch it again";
    assert_eq!(refusal(&written), expected);
    std::fs::write(&shard, [&whole[..], &[0]].concat()).unwrap();
    assert!(refusal(&written).contains("the weight shard `b.bin` is too long"));
    std::fs::remove_file(&shard).unwrap();
    assert!(refusal(&written).starts_with("b.bin: no such file"));
    written.put_json(&model.json(&["a.bin", "../b.bin"]));
    assert!(refusal(&written).contains("`../b.bin` is not a plain path inside the model's folder"));
}

#[test]
fn of_many_shards_the_odd_one_is_named() {
    let model = conv_with("strides", json!([1, 1]));
    let written = model.written();
    let names = ["s1", "s2", "s3", "s4", "s5"];
    for (name, length) in names.iter().zip([16, 16, 12, 16, 8]) {
        std::fs::write(written.folder.path().join(name), vec![0; length]).unwrap();
    }
    written.put_json(&model.json(&names));
    assert!(refusal(&written).contains("the weight shard `s3` is too short"));
}

#[test]
fn weights_that_are_not_plain_float32_are_refused() {
    let model = conv_with("strides", json!([1, 1]));
    let written = model.written();
    let changed = |key: &str, value: Value| {
        let mut json = model.json(&["a.bin", "b.bin"]);
        json["weightsManifest"][0]["weights"][0][key] = value;
        written.put_json(&json);
        refusal(&written)
    };
    assert_eq!(
        changed("dtype", json!("int32")),
        "model.json: the weight `c/kernel` is int32; only float32 can be converted"
    );
    assert_eq!(
        changed(
            "quantization",
            json!({"dtype": "uint8", "scale": 0.1, "min": 0.0})
        ),
        "model.json: the weight `c/kernel` is quantized to uint8; only plain float32 can be converted"
    );
    let many = changed("shape", json!([u64::MAX, u64::MAX]));
    assert!(many.contains("has the impossible shape"), "{many}");
    assert!(changed("shape", json!([1u64 << 30])).contains("more than the 2147483647 allowed"));
    assert!(changed("shape", json!([0, u64::MAX])).contains("impossible shape"));
    let mut json = model.json(&["a.bin", "b.bin"]);
    let entry = json["weightsManifest"][0]["weights"][0].clone();
    json["weightsManifest"][0]["weights"] =
        json!([entry, {"name": "c/kernel", "shape": [0], "dtype": "float32"}]);
    written.put_json(&json);
    assert!(refusal(&written).ends_with("the weight `c/kernel` is declared twice"));
}

#[test]
fn a_weight_that_is_no_number_is_refused() {
    let mut model = conv_with("strides", json!([1, 1]));
    model.weights[0].2[5] = f32::NAN;
    assert!(
        model
            .refusal()
            .ends_with("`c/kernel` holds NaN at place 5; the file is damaged")
    );
}

#[test]
fn weights_that_no_layer_uses_are_reported() {
    let model = conv_with("strides", json!([1, 1])).weight("old/kernel", &[2]);
    assert_eq!(
        model.import().unwrap().report.unused_weights,
        ["old/kernel"]
    );
}
