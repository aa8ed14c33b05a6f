//! No file, however damaged, makes the import panic or ask for memory without end.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::import;
use super::model::Keras;

/// A model with a bit of everything.
fn mixed() -> Keras {
    let conv = json!({"filters": 2, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same"});
    Keras::image([8, 8, 3])
        .then("p", "ZeroPadding2D", json!({"padding": [[1, 1], [1, 1]]}))
        .then("c", "Conv2D", conv)
        .weight("c/kernel", &[3, 3, 3, 2])
        .weight("c/bias", &[2])
        .norm("bn", 2)
        .then(
            "r",
            "ReLU",
            json!({"max_value": 6.0, "negative_slope": 0.0}),
        )
        .then(
            "d",
            "DepthwiseConv2D",
            json!({"kernel_size": 3, "use_bias": false}),
        )
        .weight("d/depthwise_kernel", &[3, 3, 2, 1])
        .join(
            "pool",
            "MaxPooling2D",
            json!({"pool_size": 3, "strides": 1, "padding": "same"}),
            &["d"],
        )
        .join("j", "Concatenate", json!({"axis": -1}), &["d", "pool"])
        .join("m", "Multiply", json!({}), &["j", "j"])
        .then("f", "Flatten", json!({}))
        .then("s", "Reshape", json!({"target_shape": [3, 3, -1]}))
        .then("g", "GlobalAveragePooling2D", json!({}))
        .then(
            "top",
            "Dense",
            json!({"units": 2, "activation": "softmax", "use_bias": false}),
        )
        .weight("top/kernel", &[4, 2])
}

/// The numbers and strings inside a JSON value.
fn leaves<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| leaves(item, found)),
        Value::Object(items) => items.values_mut().for_each(|item| leaves(item, found)),
        leaf => found.push(leaf),
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3i64..12).prop_map(Value::from),
        prop_oneof![Just(65_535u64), Just(1 << 31), Just(1 << 40)].prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        "[a-z]{0,6}".prop_map(Value::from),
        prop::sample::select(vec![
            "same", "valid", "softmax", "c", "Add", "Flatten", "Conv2D"
        ])
        .prop_map(Value::from),
    ]
}

#[test]
fn the_model_itself_is_whole() {
    let imported = mixed().import().unwrap();
    assert_eq!(
        (
            imported.report.folded_norms,
            imported.report.folded_paddings
        ),
        (1, 1)
    );
}

proptest! {
    #[test]
    fn damaged_json_is_an_error_or_a_model(
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..7), 0..4),
        whole in any::<bool>(),
    ) {
        let written = mixed().written();
        let mut text = std::fs::read(written.json_path()).unwrap();
        for (place, bit) in flips {
            let place = place.index(text.len());
            text[place] ^= 1 << bit;
        }
        if !whole {
            text.truncate(cut.index(text.len()));
        }
        std::fs::write(written.json_path(), text).unwrap();
        let _ = import(&written.json_path());
    }

    #[test]
    fn odd_values_are_an_error_or_a_model(
        changes in prop::collection::vec((any::<prop::sample::Index>(), odd_value()), 1..4),
    ) {
        let model = mixed();
        let written = model.written();
        let mut json = model.json(&["a.bin", "b.bin"]);
        for (place, value) in changes {
            let mut found = Vec::new();
            leaves(&mut json, &mut found);
            let place = place.index(found.len());
            *found[place] = value;
        }
        written.put_json(&json);
        let _ = import(&written.json_path());
    }

    #[test]
    fn damaged_shards_are_an_error_or_a_model(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
    ) {
        let model = mixed();
        let written = model.written();
        let shard = written.folder.path().join("a.bin");
        let mut bytes = std::fs::read(&shard).unwrap();
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        std::fs::write(&shard, bytes).unwrap();
        let _ = import(&written.json_path());
    }
}
