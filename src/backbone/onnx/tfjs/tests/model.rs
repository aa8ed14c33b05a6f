//! A layers model in the making, written to a folder of its own and imported.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::super::proto::ModelProto;
use super::super::{Imported, TfjsError, import};
use super::run::{Tensor, run};

/// A functional model with the input `image`.
pub(super) struct Keras {
    pub(super) layers: Vec<Value>,
    pub(super) weights: Vec<(String, Vec<usize>, Vec<f32>)>,
    pub(super) output: String,
}

impl Keras {
    /// A model that takes images of this height, width and number of channels.
    pub(super) fn image(dims: [usize; 3]) -> Self {
        let [height, width, channels] = dims;
        let mut model = Self {
            layers: Vec::new(),
            weights: Vec::new(),
            output: String::new(),
        };
        let shape = json!({"batch_input_shape": [null, height, width, channels]});
        model.add("image", "InputLayer", shape, &[]);
        model
    }

    /// Appends a layer, which becomes the output.
    pub(super) fn add(&mut self, name: &str, class: &str, mut config: Value, inputs: &[&str]) {
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
        self.layers.push(json!({
            "name": name, "class_name": class, "config": config, "inbound_nodes": inbound,
        }));
        self.output = name.to_owned();
    }

    /// Appends a layer behind the last.
    pub(super) fn then(mut self, name: &str, class: &str, config: Value) -> Self {
        let last = self.output.clone();
        self.add(name, class, config, &[&last]);
        self
    }

    /// Appends a layer behind these.
    pub(super) fn join(mut self, name: &str, class: &str, config: Value, inputs: &[&str]) -> Self {
        self.add(name, class, config, inputs);
        self
    }

    /// A weight of seeded values.
    pub(super) fn weight(self, name: &str, dims: &[usize]) -> Self {
        let seed = self.weights.len() + 1;
        self.weight_of(name, dims, values(dims.iter().product(), seed))
    }

    /// A weight of these values.
    pub(super) fn weight_of(mut self, name: &str, dims: &[usize], values: Vec<f32>) -> Self {
        self.weights.push((name.to_owned(), dims.to_vec(), values));
        self
    }

    /// A batch norm with its weights, behind the last layer.
    pub(super) fn norm(self, name: &str, channels: usize) -> Self {
        let variance = values(channels, 77)
            .iter()
            .map(|value| value.abs() + 0.1)
            .collect();
        self.then(
            name,
            "BatchNormalization",
            json!({"axis": [3], "epsilon": 0.001}),
        )
        .weight(&format!("{name}/gamma"), &[channels])
        .weight(&format!("{name}/beta"), &[channels])
        .weight(&format!("{name}/moving_mean"), &[channels])
        .weight_of(&format!("{name}/moving_variance"), &[channels], variance)
    }

    /// The weight of this name.
    pub(super) fn values(&self, name: &str) -> &[f32] {
        &self
            .weights
            .iter()
            .find(|(weight, ..)| weight == name)
            .unwrap()
            .2
    }

    /// `model.json`.
    pub(super) fn json(&self, shards: &[&str]) -> Value {
        let weights: Vec<Value> = (self.weights.iter())
            .map(|(name, shape, _)| json!({"name": name, "shape": shape, "dtype": "float32"}))
            .collect();
        let config = json!({
            "name": "small", "layers": self.layers,
            "input_layers": [["image", 0, 0]], "output_layers": [[self.output, 0, 0]],
        });
        json!({
            "format": "layers-model",
            "modelTopology": {
                "keras_version": "2.2.4-tf", "backend": "tensorflow",
                "model_config": {"class_name": "Model", "config": config},
            },
            "weightsManifest": [{"paths": shards, "weights": weights}],
        })
    }

    /// All weights one after another.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let values = self.weights.iter().flat_map(|(.., values)| values);
        values.flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Writes the model with its weights cut into two shards.
    pub(super) fn written(&self) -> Written {
        let bytes = self.bytes();
        let (first, second) = bytes.split_at(bytes.len().div_ceil(2));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.bin"), first).unwrap();
        std::fs::write(folder.path().join("b.bin"), second).unwrap();
        let written = Written { folder };
        written.put_json(&self.json(&["a.bin", "b.bin"]));
        written
    }

    pub(super) fn import(&self) -> Result<Imported, TfjsError> {
        import(&self.written().json_path())
    }

    /// What the error is called.
    pub(super) fn refusal(&self) -> String {
        let written = self.written();
        let text = import(&written.json_path()).unwrap_err().to_string();
        text.replace(&format!("{}/", written.folder.path().display()), "")
    }

    /// The imported model's output `name` for these pixels, [height, width, channels], with maps
    /// turned to that order again.
    pub(super) fn output(&self, name: &str, pixels: &Tensor) -> Tensor {
        run(&self.import().unwrap().model, name, pixels)
    }

    /// As [`Self::output`] of the last layer, which must give a map.
    pub(super) fn map(&self, pixels: &Tensor) -> Tensor {
        self.output("feature_map", pixels)
    }
}

/// A model's folder.
pub(super) struct Written {
    pub(super) folder: tempfile::TempDir,
}

impl Written {
    pub(super) fn json_path(&self) -> PathBuf {
        self.folder.path().join("model.json")
    }

    pub(super) fn put_json(&self, json: &Value) {
        std::fs::write(self.json_path(), serde_json::to_vec(json).unwrap()).unwrap();
    }
}

/// Numbers between -1 and 1 without a pattern that a wrong order would leave unseen.
pub(super) fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7_919 + seed * 104_729) % 1_009) as f32 / 504.5 - 1.0)
        .collect()
}

/// An image of such numbers.
pub(super) fn pixels(dims: [usize; 3]) -> Tensor {
    Tensor {
        dims: dims.to_vec(),
        values: values(dims.iter().product(), 5),
    }
}

/// The operators of a model's nodes.
pub(super) fn operators(model: &ModelProto) -> Vec<&str> {
    model
        .graph
        .as_ref()
        .unwrap()
        .node
        .iter()
        .map(|node| node.op_type())
        .collect()
}

/// The names of a model's nodes.
pub(super) fn nodes(model: &ModelProto) -> Vec<&str> {
    model
        .graph
        .as_ref()
        .unwrap()
        .node
        .iter()
        .map(|node| node.name())
        .collect()
}

/// Asserts that two tensors agree up to float32's rounding.
#[track_caller]
pub(super) fn assert_close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims, expected.dims);
    for (place, (found, expected)) in found.values.iter().zip(&expected.values).enumerate() {
        let close = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        assert!(close, "at {place}: {found}, expected {expected}");
    }
}
