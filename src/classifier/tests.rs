//! Whole files, built and run.

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

/// The largest difference between the image form and catpipe's own path.
fn off(world: &World, head: &Head) -> f32 {
    let images = images();
    let own = world.own(head, &images);
    let mut classifier = open(&world.trunk(), head, of(Form::Image));
    let mut largest = 0.0_f32;
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let answer = classifier.image(image).unwrap();
        for (own, exported) in own.iter().zip(&answer.probabilities) {
            largest = largest.max((own - exported).abs());
        }
    }
    largest
}

/// The preprocessed tensor alone, by the graph and by catpipe: the largest difference in levels of
/// grey, and the share of values that differ.
fn levels(resize: &str) -> (f32, f32) {
    let resize = format!("resize: {resize}");
    let world = World::new(&[
        (
            "resize: {rule: stretch, filter: bilinear, antialias: true}",
            &resize,
        ),
        ("mean: [127.5, 127.5, 127.5]", "mean: [0.0, 0.0, 0.0]"),
        ("std: [127.5, 127.5, 127.5]", "std: [1.0, 1.0, 1.0]"),
        ("size: [32, 32]", "size: [32, 24]"),
    ]);
    let trunk = match world.trunk_of_free_size() {
        Trunk::Network(network) => network,
        Trunk::Pixels { .. } => panic!("a network"),
    };
    let mut graph = crate::backbone::onnx::build::GraphBuilder::new("x");
    let any = |name: &str| onnx::Dim::Symbol(name.to_owned());
    let dims = [any("N"), any("h"), any("w"), onnx::Dim::Fixed(3)];
    let byte = onnx::proto::tensor_proto::DataType::Uint8;
    graph.take(preprocess::IMAGE, byte, dims.into_iter());
    let input = preprocess::preprocess(&mut graph, &trunk.input, &trunk.preprocess).unwrap();
    graph.node("Identity", "out", &[&input], "out", Vec::new());
    graph.output("out", &[3, 32, 24]);
    let mut model = graph.finish(&[]);
    model.opset_import[0].version = Some(18);
    let content = onnx::encode(&model);
    let options = SessionOptions::default();
    let given = (preprocess::IMAGE, [1; 3]);
    let runtime = testing::runtime();
    let mut session = crate::backbone::session::load_graph_of(
        Path::new("x"),
        &content,
        given,
        &runtime,
        &options,
    )
    .unwrap();
    let (mut largest, mut differ, mut all) = (0.0_f32, 0, 0);
    for image in images() {
        // Of an image that loses more than twice as many rows as columns, Pillow makes the rows
        // first, and ONNX the columns.
        if image.dimensions() == (20, 90) {
            continue;
        }
        let shape = [1, image.height() as usize, image.width() as usize, 3];
        let pixels = image.as_raw().as_slice();
        let tensor = ort::value::TensorRef::from_array_view((shape, pixels)).unwrap();
        let outputs = session
            .run(ort::inputs![preprocess::IMAGE => tensor])
            .unwrap();
        let (_, found) = outputs["out"].try_extract_tensor::<f32>().unwrap();
        let own = world.input(&image);
        assert_eq!(found.len(), own.len());
        for (found, own) in found.iter().zip(&own) {
            let off = (found - own).abs();
            largest = largest.max(off);
            differ += usize::from(off > 0.01);
            all += 1;
        }
    }
    (largest, differ as f32 / all as f32)
}

impl World {
    /// The trunk without a look at its graph, whose size another manifest may not share.
    fn trunk_of_free_size(&self) -> Trunk {
        let Backbone::Onnx(manifest) = &self.backbone else {
            panic!("a network");
        };
        let mut trunk = World::new(&[]).trunk();
        if let Trunk::Network(network) = &mut trunk {
            network.input = manifest.config.input.clone();
            network.preprocess = *manifest.preprocess_keys();
        }
        trunk
    }
}

#[test]
fn every_way_of_resizing_comes_within_levels_of_catpipes_own() {
    // Fit, filter; the most levels off and the most values that are.
    let cases = [
        (
            "{rule: stretch, filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: stretch, filter: bicubic, antialias: true}",
            1.0,
            0.01,
        ),
        (
            "{rule: stretch, filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
        (
            "{rule: stretch, filter: bilinear, antialias: false}",
            1.0,
            0.06,
        ),
        (
            "{rule: shortest_side, crop: 0.875, filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: shortest_side, side: 37, centre: floor, filter: bicubic, antialias: true}",
            1.0,
            0.01,
        ),
        (
            "{rule: shortest_side, side: 20, filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
        (
            "{rule: letterbox, fill: [114, 7, 255], filter: bilinear, antialias: true}",
            2.0,
            0.06,
        ),
        (
            "{rule: letterbox, fill: [0, 0, 0], filter: nearest, antialias: false}",
            0.0,
            0.0,
        ),
    ];
    for (resize, most, share) in cases {
        let (largest, differ) = levels(resize);
        println!("{resize}: {largest} levels, {differ} of the values");
        assert!(
            largest <= most + 1e-3 && differ <= share,
            "{resize}: {largest}, {differ}"
        );
    }
}

#[test]
fn an_image_gets_the_same_probabilities() {
    for (hidden, batch_norm) in [(&[][..], false), (&[7, 5], true)] {
        let head = head(hidden, batch_norm);
        let largest = off(&World::new(&[]), &head);
        assert!(largest < 0.01, "{hidden:?}: {largest}");
    }
    let swapped = World::new(&[
        ("color: rgb", "color: bgr"),
        ("scale: 1.0", "scale: 0.5"),
        ("mean: [127.5, 127.5, 127.5]", "mean: [50.0, 60.0, 70.0]"),
        ("std: [127.5, 127.5, 127.5]", "std: [60.0, 70.0, 80.0]"),
    ]);
    let largest = off(&swapped, &head(&[], false));
    assert!(largest < 0.01, "{largest}");
}

#[test]
fn the_tensor_form_computes_the_same_in_batches() {
    let (world, head) = (World::new(&[]), head(&[7], true));
    let images = images();
    let own = world.own(&head, &images);
    let mut classifier = open(&world.trunk(), &head, of(Form::Tensor));
    let input: Vec<f32> = images.iter().flat_map(|image| world.input(image)).collect();
    let answers = classifier.tensors(&input, images.len()).unwrap();
    let mut parity = Parity::new(Form::Tensor, false, "test", "x");
    for (answer, own) in answers.iter().zip(own.outer_iter()) {
        let exported = ndarray::ArrayView1::from(&answer.probabilities);
        parity.add("x", own, exported, None);
    }
    parity.check(Gate::of(Form::Tensor)).unwrap();
    assert!(parity.largest < 1e-5, "{}", parity.largest);
    assert!(classifier.image(&images[0]).is_err(), "the other form");
}

#[test]
fn the_map_is_that_of_the_heads_gradient() {
    for (hidden, activation) in [
        (&[][..], "relu"),
        (&[7, 5], "relu"),
        (&[7, 5], "gelu"),
        (&[7, 5], "tanh"),
    ] {
        let (world, head) = (World::new(&[]), head_with(hidden, true, activation));
        let wanted = Wanted {
            form: Form::Tensor,
            features: true,
            map: true,
        };
        let mut classifier = open(&world.trunk(), &head, wanted);
        let image = &images()[1];
        let input = world.input(image);
        let answer = classifier.tensors(&input, 1).unwrap().remove(0);
        let own = world.own(&head, std::slice::from_ref(image));
        for (own, exported) in own.iter().zip(&answer.probabilities) {
            assert!(
                (own - exported).abs() < 1e-5,
                "{activation}: {own} {exported}"
            );
        }
        let found = answer.map.unwrap();
        assert_eq!(found.dim(), (3, 16, 16));
        let Backbone::Onnx(manifest) = &world.backbone else {
            panic!("a network");
        };
        let options = SessionOptions::default();
        let runtime = testing::runtime();
        let mut maps = Maps::open(manifest.as_ref(), world.dir.path(), &runtime, &options).unwrap();
        let (features, maps) = maps.run(&input, 1).unwrap();
        let gradients = LogitGradients::of(&head);
        for class in 0..3 {
            let weights = gradients.at(features.row(0), class).unwrap();
            let own = class_map(maps.index_axis(Axis(0), 0), weights.view());
            let off = (&own - &found.index_axis(Axis(0), class)).mapv(f32::abs);
            let off = off.iter().fold(0.0_f32, |most, x| most.max(*x));
            assert!(off < 1e-4, "{hidden:?} {activation} class {class}: {off}");
            if hidden.is_empty() {
                let logit = head.logits(features.view()).unwrap()[[0, class]];
                let bias = head.layers()[0].bias[class];
                let mean = own.mean().unwrap();
                assert!(
                    (mean + bias - logit).abs() < 1e-5,
                    "{mean} + {bias} is not {logit}"
                );
            }
        }
    }
}

#[test]
fn halved_weights_cost_little() {
    let dir = tiny(|model| {
        *model = residual(&TinyConfig {
            width: 12,
            ..TinyConfig::default()
        });
    });
    let world = World {
        dir,
        ..World::new(&[])
    };
    let head = head(&[], false);
    let mut model = build(&world.trunk(), &head, of(Form::Image)).unwrap();
    let halved = halve(&mut model).unwrap();
    assert_eq!(halved.tensors, 2, "the two convolutions of the block");
    metadata(&world.trunk(), &head, Form::Image)
        .write(&mut model)
        .unwrap();
    let options = SessionOptions::default();
    let runtime = testing::runtime();
    let mut classifier = Classifier::of(Path::new("x"), model, &runtime, &options).unwrap();
    let images = images();
    let own = world.own(&head, &images);
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let answer = classifier.image(image).unwrap();
        let off = own
            .iter()
            .zip(&answer.probabilities)
            .map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 0.01);
    }
}

#[test]
fn pixels_need_no_backbone() {
    let world = World {
        dir: tempfile::tempdir().unwrap(),
        backbone: Backbone::Pixels,
    };
    let trunk = Trunk::of(&world.backbone, world.dir.path(), (2, 2)).unwrap();
    let head = head(&[4], false);
    let images: Vec<_> = (0..3).map(|seed| synth::image(seed, 0, 0, 2, 2)).collect();
    let own = world.own(&head, &images);
    let mut by_image = open(&trunk, &head, of(Form::Image));
    let mut by_tensor = open(&trunk, &head, of(Form::Tensor));
    for (image, own) in images.iter().zip(own.outer_iter()) {
        let input = world.input(image);
        let tensor = by_tensor.tensors(&input, 1).unwrap().remove(0);
        for answer in [by_image.image(image).unwrap(), tensor] {
            let off = own
                .iter()
                .zip(&answer.probabilities)
                .map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-6);
        }
    }
    let other = by_image.image(&synth::image(1, 0, 0, 3, 2)).unwrap_err();
    assert!(
        other.to_string().contains("failed in ONNX Runtime"),
        "{other}"
    );
    let wanted = Wanted {
        map: true,
        ..Wanted::default()
    };
    let told = build(&trunk, &head, wanted).unwrap_err().to_string();
    assert_eq!(
        told,
        "there is no class activation map: `backbone: pixels` has no feature map"
    );
}

#[test]
fn a_file_says_what_it_takes_and_gives() {
    let (world, head) = (World::new(&[]), head(&[], false));
    let wanted = Wanted {
        form: Form::Image,
        features: true,
        map: true,
    };
    let mut model = build(&world.trunk(), &head, wanted).unwrap();
    let written = metadata(&world.trunk(), &head, Form::Image);
    written.write(&mut model).unwrap();
    written.write(&mut model).unwrap();
    assert_eq!(Metadata::read(Path::new("x"), &model).unwrap(), written);
    assert!(written.preprocessing.recipe().is_some());
    let summary = Summary::of(&model);
    let ports: Vec<String> = summary
        .inputs
        .iter()
        .chain(&summary.outputs)
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(ports.join("\n"), @r"
    image: uint8 [N, height, width, 3]
    probabilities: float32 [N, 3]
    label: string [N]
    features: float32 [N, 12]
    map: float32 [N, 3, 16, 16]
    ");
    assert_eq!(summary.opset, Some(18));
}

#[test]
fn what_cannot_be_exported_or_read_says_why() {
    let head = head(&[], false);
    let lanczos = World::new(&[("filter: bilinear", "filter: lanczos")]);
    lanczos.trunk().check(of(Form::Image)).unwrap_err();
    let told = build(&lanczos.trunk(), &head, of(Form::Image)).unwrap_err();
    assert!(told.to_string().contains("filter: lanczos"), "{told}");
    build(&lanczos.trunk(), &head, of(Form::Tensor)).unwrap();
    let foreign: ModelProto = residual(&TinyConfig::default());
    let told = Metadata::read(Path::new("other.onnx"), &foreign).unwrap_err();
    insta::assert_snapshot!(told.to_string(), @"other.onnx: is an ONNX file, but not one of `catpipe export`: its metadata lacks `catpipe.export`, without which nobody can know what it takes and gives; export a run (`catpipe export runs/NAME`), or use this graph as a backbone (`catpipe model features`)");
    let trunk = Trunk::Pixels {
        width: 3,
        height: 3,
    };
    let told = build(&trunk, &head, Wanted::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        told,
        "the head takes 12 features, and the backbone gives 27"
    );
}
