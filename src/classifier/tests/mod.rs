//! Whole files, built and run.

mod files;
mod forms;
mod maps;
mod resizing;

use std::path::Path;

use image::RgbImage;
use ndarray::{Array2, ArrayView2, Axis};
use tempfile::TempDir;

use super::*;
use crate::backbone::manifest::PreprocessSource;
use crate::backbone::onnx::tiny::{TinyConfig, residual};
use crate::backbone::onnx::{self, ModelProto, Summary};
use crate::backbone::testing::{self, TINY_MANIFEST, manifest, tiny};
use crate::backbone::{Backbone, Maps, Session, SessionOptions};
use crate::dataset::synth;
use crate::head::Head;
use crate::head::explain::testing::{head, head_with};
use crate::head::explain::{LogitGradients, class_map};

/// A network of 12 features for a manifest of these replacements.
struct World {
    dir: TempDir,
    backbone: Backbone,
}

impl World {
    fn new(replaced: &[(&str, &str)]) -> Self {
        let dir = tiny(|model| {
            *model = residual(&TinyConfig {
                width: 12,
                ..TinyConfig::default()
            });
        });
        let mut text = TINY_MANIFEST.replace("width: 8", "width: 12");
        for (from, to) in replaced {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let backbone = Backbone::Onnx(Box::new(manifest(&text).unwrap()));
        Self { dir, backbone }
    }

    fn trunk(&self) -> Trunk {
        Trunk::of(&self.backbone, self.dir.path(), (0, 0)).unwrap()
    }

    /// The backbone's input of an image.
    fn input(&self, image: &RgbImage) -> Vec<f32> {
        let recipe = self.backbone.preprocess(image.dimensions());
        let mut input = vec![0.0; recipe.input_len()];
        recipe.worker().apply("x", image, &mut input).unwrap();
        input
    }

    /// What catpipe's own path says.
    fn own(&self, head: &Head, images: &[RgbImage]) -> Array2<f32> {
        let Backbone::Onnx(manifest) = &self.backbone else {
            let rows: Vec<f32> = images.iter().flat_map(|image| self.input(image)).collect();
            let rows = ArrayView2::from_shape((images.len(), head.inputs()), &rows).unwrap();
            return head.probabilities(rows).unwrap();
        };
        let options = SessionOptions::default();
        let runtime = testing::runtime();
        let mut session = Session::open(manifest, self.dir.path(), &runtime, &options).unwrap();
        let mut features = Array2::zeros((images.len(), head.inputs()));
        for (image, mut row) in images.iter().zip(features.outer_iter_mut()) {
            let input = self.input(image);
            session.run(&input, 1, row.as_slice_mut().unwrap()).unwrap();
        }
        head.probabilities(features.view()).unwrap()
    }
}

fn metadata(trunk: &Trunk, head: &Head, form: Form) -> Metadata {
    let preprocessing = match trunk {
        Trunk::Pixels { width, height } => Preprocessing::Pixels {
            width: *width,
            height: *height,
        },
        Trunk::Network(network) => Preprocessing::Network {
            input: network.input.clone(),
            preprocess: PreprocessSource::Keys(network.preprocess),
        },
    };
    Metadata {
        export: ExportConfig {
            form,
            ..ExportConfig::default()
        },
        labels: head.class_names().to_vec(),
        preprocessing,
        temperature: head.temperature(),
        reject: Some(0.5),
        pipeline: "name: x\n".to_owned(),
        run: "0".repeat(64),
        metrics: serde_json::json!({"test": {"accuracy": 0.9}}),
        parity: vec![Parity::new(form, false, "test", "1.31.0")],
        licences: vec![],
        version: "0.1.0".to_owned(),
    }
}

fn open(trunk: &Trunk, head: &Head, wanted: Wanted) -> Classifier {
    let mut model = build(trunk, head, wanted).unwrap();
    metadata(trunk, head, wanted.form)
        .write(&mut model)
        .unwrap();
    let options = SessionOptions::default();
    Classifier::of(Path::new("x.onnx"), model, &testing::runtime(), &options).unwrap()
}

fn images() -> Vec<RgbImage> {
    let sizes = [
        (32, 32),
        (50, 37),
        (37, 50),
        (64, 64),
        (20, 90),
        (9, 5),
        (33, 32),
        (300, 200),
    ];
    let image = |(seed, (width, height))| synth::image(seed, 0, 0, width, height);
    (1..).zip(sizes).map(image).collect()
}

fn of(form: Form) -> Wanted {
    Wanted {
        form,
        ..Wanted::default()
    }
}
