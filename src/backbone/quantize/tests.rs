//! Small networks quantized from end to end, in the real ONNX Runtime.

use std::path::Path;

use bytes::Bytes;
use ndarray::Array2;
use proptest::prelude::*;

use super::capture::Tensor;
use super::patches::Grams;
use super::plan::Plan;
use super::*;
use crate::backbone::manifest::Sha256;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use crate::backbone::onnx::{self, Summary};
use crate::backbone::session::{Session, SessionOptions};
use crate::backbone::testing::{self, TINY_MANIFEST, manifest, tiny, values};

const IMAGE: usize = 3 * 32 * 32;
/// Random networks of 8 channels lose more to bytes than trained ones.
const LOW: QuantizeConfig = QuantizeConfig {
    method: Method::MinMax,
    rounding: Rounding::Gptq,
    bar_mean: 0.99,
    bar_min: 0.98,
    seed: 1,
};

fn quiet(_: &'static str, _: usize, _: usize) {}

fn quantized(
    change: impl FnOnce(&mut ModelProto),
    config: &QuantizeConfig,
    images: usize,
) -> Result<Quantized, QuantizeError> {
    let dir = tiny(change);
    let inputs = values(9, images * IMAGE);
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let runtime = testing::runtime();
    quantize(&manifest, dir.path(), &runtime, &inputs, config, &mut quiet)
}

fn graph(model: &ModelProto) -> &GraphProto {
    model.graph.as_ref().unwrap()
}

fn operators(model: &ModelProto) -> Vec<&str> {
    graph(model).node.iter().map(NodeProto::op_type).collect()
}

/// The node that gives a tensor.
fn maker<'a>(model: &'a ModelProto, tensor: &str) -> &'a NodeProto {
    let made = |node: &&NodeProto| node.output.iter().any(|output| output == tensor);
    graph(model).node.iter().find(made).unwrap()
}

#[test]
fn every_convolution_reads_bytes_and_the_last_map_stays_float() {
    for (rounding, method) in [
        (Rounding::Gptq, Method::MinMax),
        (Rounding::Nearest, Method::Percentile(99.999)),
        (Rounding::Gptq, Method::Entropy),
    ] {
        let config = QuantizeConfig {
            rounding,
            method,
            bar_mean: 0.9,
            bar_min: 0.9,
            ..LOW
        };
        let made = quantized(|_| {}, &config, 12).unwrap();
        let model = &made.model;
        let convs = graph(model).node.iter().filter(|n| n.op_type() == "Conv");
        for conv in convs {
            for input in &conv.input {
                assert_eq!(
                    maker(model, input).op_type(),
                    "DequantizeLinear",
                    "{}",
                    conv.name()
                );
            }
        }
        let pool = maker(model, "features");
        assert_eq!(maker(model, &pool.input[0]).op_type(), "Relu");
        assert!(graph(model).node.iter().all(|node| !node.name().is_empty()));
        let report = &made.report;
        assert_eq!((report.convolutions, report.kept_float.len()), (3, 0));
        assert_eq!((report.calibration_images, report.held_out_images), (9, 3));
        assert_eq!(report.cosine, report.all_int8);
        assert!(report.cosine.mean > 0.99, "{method:?} {}", report.cosine);
    }
}

#[test]
fn the_graph_is_small_and_says_what_it_said_before() {
    let made = quantized(|_| {}, &LOW, 8).unwrap();
    let summary = Summary::of(&made.model);
    let inputs: Vec<String> = summary.inputs.iter().map(ToString::to_string).collect();
    let outputs: Vec<String> = summary.outputs.iter().map(ToString::to_string).collect();
    assert_eq!(inputs, ["input: float32 [N, 3, 32, 32]"]);
    assert_eq!(outputs, ["features: float32 [N, 8]"]);
    let floats = graph(&made.model).initializer.iter();
    let floats = floats.filter(|tensor| tensor.data_type() == DataType::Float as i32);
    // Scales: one for each activation, one for each channel of weights and biases.
    assert!(
        floats
            .map(|tensor| tensor.dims.iter().product::<i64>())
            .all(|n| n <= 8)
    );
}

#[test]
fn the_same_again_gives_the_same_bytes() {
    let bytes = || onnx::encode(&quantized(|_| {}, &LOW, 8).unwrap().model);
    assert_eq!(bytes(), bytes());
    let other = QuantizeConfig { seed: 2, ..LOW };
    let other = onnx::encode(&quantized(|_| {}, &other, 8).unwrap().model);
    assert_ne!(bytes(), other);
}

/// The int8 graph in a folder with its manifest, as `catpipe model quantize` leaves it.
fn session(made: &Quantized, threads: usize) -> (tempfile::TempDir, Session) {
    let dir = tempfile::tempdir().unwrap();
    onnx::write(&dir.path().join("tiny.onnx"), &made.model).unwrap();
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let options = SessionOptions {
        threads: Some(threads),
        ..SessionOptions::default()
    };
    let session = Session::open(&manifest, dir.path(), &testing::runtime(), &options);
    (dir, session.unwrap())
}

#[test]
fn rows_have_the_same_bits_in_any_batch_and_on_any_threads() {
    let made = quantized(|_| {}, &LOW, 8).unwrap();
    let inputs = values(31, 5 * IMAGE);
    let mut all = Vec::new();
    for (threads, batch) in [(1, 1), (1, 5), (2, 1), (3, 2), (2, 5)] {
        let (_dir, mut session) = session(&made, threads);
        let mut rows = vec![0.0_f32; 5 * 8];
        for (input, row) in inputs.chunks(batch * IMAGE).zip(rows.chunks_mut(batch * 8)) {
            session.run(input, input.len() / IMAGE, row).unwrap();
        }
        all.push(rows.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    }
    assert!(all.iter().all(|rows| *rows == all[0]));
}

#[test]
fn layers_go_back_to_float_until_the_bar_holds() {
    let first = quantized(|_| {}, &LOW, 16).unwrap().report.all_int8;
    let config = QuantizeConfig {
        bar_mean: first.mean + (1.0 - first.mean) * 0.05,
        bar_min: 0.0,
        ..LOW
    };
    let made = quantized(|_| {}, &config, 16).unwrap();
    let report = &made.report;
    assert!(!report.kept_float.is_empty() && report.kept_float.len() <= 3);
    assert!(report.cosine.mean >= config.bar_mean, "{}", report.cosine);
    assert_eq!(report.all_int8, first);
    assert_eq!(report.sensitivity.len(), 3);
    assert!(report.sensitivity.is_sorted_by(|a, b| a.effect >= b.effect));
    assert_eq!(report.kept_float[0], report.sensitivity[0].layer);
}

#[test]
fn a_bar_out_of_reach_says_how_near_it_came() {
    let config = QuantizeConfig {
        bar_mean: 1.1,
        ..LOW
    };
    let error = quantized(|_| {}, &config, 8).unwrap_err();
    assert!(matches!(
        error,
        QuantizeError::BelowBar {
            convolutions: 3,
            ..
        }
    ));
    let text = error.to_string();
    assert!(
        text.contains("the bar is mean 1.1") && text.contains("--bar"),
        "{text}"
    );
}

/// A float convolution between bytes and bytes is one that ONNX Runtime would quantize itself.
#[test]
fn a_layer_in_float_is_computed_in_float() {
    let dir = tiny(|_| {});
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let runtime = testing::runtime();
    let loaded = load_graph(&manifest, dir.path()).unwrap();
    let plan = Plan::of(&loaded.path, &loaded.model).unwrap();
    let network = Network {
        model: &loaded.model,
        path: &loaded.path,
        manifest: &manifest,
        runtime: &runtime,
    };
    let inputs = values(9, 8 * IMAGE);
    let images: Vec<&[f32]> = inputs.chunks_exact(IMAGE).collect();
    let grids = observe::grids(&network, &plan, &images, &LOW, &mut quiet).unwrap();
    let rounded = weights::round(&network, &plan, &grids, &images, &LOW, &mut quiet).unwrap();
    let emitter = Emitter::new(&network, &plan, &grids, &rounded.weights);
    let model = emitter.emit(&[true, false, true]);
    let leaky = graph(&model)
        .node
        .iter()
        .find(|n| n.op_type() == "LeakyRelu");
    let leaky = leaky.unwrap();
    assert_eq!(maker(&model, &leaky.input[0]).name(), "block_1");
    let weights = &maker(&model, &leaky.input[0]).input[1];
    assert!(
        graph(&model)
            .initializer
            .iter()
            .any(|tensor| tensor.name() == weights)
    );
}

#[test]
fn what_cannot_be_quantized_is_refused() {
    let made = quantized(|_| {}, &LOW, 8).unwrap().model;
    let again = quantized(|model| *model = made, &LOW, 8).unwrap_err();
    assert!(
        again
            .to_string()
            .contains("is quantized already: the node `"),
        "{again}"
    );
    let few = quantized(|_| {}, &LOW, 3).unwrap_err();
    assert_eq!(
        few.to_string(),
        "3 images are too few to calibrate by: give at least 4, better 100 or more"
    );
    let bare = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        // Weights that are computed are not fixed.
        let names: Vec<String> = (graph.initializer.iter())
            .map(|tensor| tensor.name().to_owned())
            .collect();
        for node in graph
            .node
            .iter_mut()
            .filter(|node| node.op_type() == "Conv")
        {
            node.input[1] = format!("{}/computed", node.input[1]);
        }
        for name in names.iter().filter(|name| name.ends_with("kernel")) {
            let computed = proto::node(
                "Identity",
                name.clone(),
                &[name],
                &format!("{name}/computed"),
            );
            graph.node.insert(0, computed);
        }
    };
    let none = quantized(bare, &LOW, 8).unwrap_err().to_string();
    assert!(
        none.ends_with("its operators are: Add, Conv, Identity, ReduceMean, Relu"),
        "{none}"
    );
    let old = quantized(|model| model.opset_import[0].version = Some(9), &LOW, 8).unwrap_err();
    assert!(
        matches!(old, QuantizeError::OldOpset { found: 9, .. }),
        "{old}"
    );
}

#[test]
fn activations_that_are_no_numbers_name_their_tensor() {
    let huge = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        for tensor in &mut graph.initializer {
            let values = proto::floats(tensor).unwrap();
            let raw = values.iter().flat_map(|x| (x * 1e30).to_le_bytes());
            tensor.raw_data = Some(Bytes::from(raw.collect::<Vec<u8>>()));
        }
    };
    let error = quantized(huge, &LOW, 8).unwrap_err();
    assert!(matches!(error, QuantizeError::NonFinite { .. }), "{error}");
}

#[test]
fn depthwise_clipped_and_pooled_layers_become_integers() {
    let change = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        // block_1 as a depthwise convolution without a bias, with a clip in place of its ReLU,
        // and a pool between the stem and all that follows.
        for tensor in &mut graph.initializer {
            if tensor.name() == "block_1/kernel" {
                tensor.dims[1] = 1;
                tensor.raw_data = tensor.raw_data.as_ref().map(|raw| raw.slice(..8 * 9 * 4));
            }
        }
        graph
            .initializer
            .push(proto::float_tensor("zero", &[], &[0.0]));
        graph
            .initializer
            .push(proto::float_tensor("six", &[], &[0.37]));
        for node in &mut graph.node {
            match node.name() {
                "block_1" => {
                    node.input.truncate(2);
                    let mut group = proto::axis(8);
                    group.name = Some("group".to_owned());
                    node.attribute.push(group);
                }
                "block_1_relu" => {
                    node.op_type = Some("Clip".to_owned());
                    node.input.extend(["zero".to_owned(), "six".to_owned()]);
                }
                _ => {}
            }
            for input in &mut node.input {
                if input == "stem_relu" {
                    "pooled".clone_into(input);
                }
            }
        }
        let mut pool = proto::node("MaxPool", String::new(), &["stem_relu"], "pooled");
        let ints = |name: &str| AttributeProto {
            name: Some(name.to_owned()),
            r#type: Some(7),
            ints: vec![2, 2],
            ..AttributeProto::default()
        };
        pool.attribute = vec![ints("kernel_shape"), ints("strides")];
        graph.node.insert(2, pool);
    };
    let config = QuantizeConfig {
        bar_mean: 0.9,
        bar_min: 0.9,
        ..LOW
    };
    let made = quantized(change, &config, 12).unwrap();
    let model = &made.model;
    assert_eq!(
        (made.report.convolutions, made.report.kept_float.len()),
        (3, 0)
    );
    assert!(made.report.cosine.mean > 0.98, "{}", made.report.cosine);
    let scale_of = |tensor: &str| {
        let quantize = graph(model).node.iter();
        let mut quantize = quantize.filter(|n| n.op_type() == "QuantizeLinear");
        quantize.find(|n| n.input[0] == tensor).unwrap().input[1].clone()
    };
    assert_eq!(scale_of("pooled"), scale_of("stem_relu"));
    let scale = scale_of("block_1_relu");
    let scale = graph(model)
        .initializer
        .iter()
        .find(|tensor| tensor.name() == scale);
    let scale = proto::floats(scale.unwrap()).unwrap()[0];
    assert!(scale * 255.0 <= 0.37 && scale * 255.0 > 0.3699, "{scale}");
    assert!(operators(model).contains(&"MaxPool"));
    assert!(graph(model).node.iter().all(|node| !node.name().is_empty()));
}

#[test]
fn a_manifest_reads_back() {
    let made = quantized(|_| {}, &LOW, 8).unwrap();
    let source = manifest(TINY_MANIFEST).unwrap();
    let sha256 = Sha256::try_from("0123456789abcdef".repeat(4)).unwrap();
    let notes = ["one".to_owned(), "two".to_owned()];
    let text = manifest_text(
        &source,
        "x/tiny8.onnx".into(),
        sha256,
        "make it",
        &notes,
        &made.report,
    );
    let text = text.unwrap();
    let back = manifest(&text).unwrap();
    assert_eq!(back.config.name, "tiny-int8");
    assert_eq!(back.config.input, source.config.input);
    assert_eq!(back.config.preprocess, source.config.preprocess);
    assert_eq!(back.config.output, source.config.output);
    assert_eq!(back.config.file, Path::new("x/tiny8.onnx"));
    assert_eq!(back.config.source.unwrap().build, "make it");
    assert!(
        text.contains("\n# one\n# two\n") && text.contains("2 held-out"),
        "{text}"
    );
}

/// Sums of products of patches, against a convolution done by hand.
#[test]
fn patches_are_what_a_convolution_multiplies() {
    let node = NodeProto {
        attribute: vec![
            AttributeProto {
                name: Some("strides".into()),
                ints: vec![2, 1],
                ..Default::default()
            },
            AttributeProto {
                name: Some("pads".into()),
                ints: vec![1, 0, 0, 2],
                ..Default::default()
            },
            AttributeProto {
                name: Some("dilations".into()),
                ints: vec![1, 2],
                ..Default::default()
            },
        ],
        ..NodeProto::default()
    };
    let geometry = geometry::Geometry::of(&node, [2, 2]).unwrap();
    let conv = plan::Conv {
        node: 0,
        name: "c".into(),
        input: "x".into(),
        output: "y".into(),
        activation: None,
        clipped: false,
        weights: vec![0.0; 8],
        shape: [1, 2, 2, 2],
        groups: 1,
        bias: None,
        geometry,
    };
    let input = values(5, 2 * 2 * 4 * 5);
    let tensor = Tensor {
        dims: vec![2, 2, 4, 5],
        values: &input,
    };
    let mut grams = Grams::new(&conv);
    assert!(grams.add(&conv, &tensor, 0, 1));
    // 4 rows and 1 above, by two: 2 windows; 5 columns and 2 after, seeing 3: 5 windows.
    let mut patches = Array2::<f32>::zeros((2 * 2 * 5, 8));
    for (row, mut patch) in patches.rows_mut().into_iter().enumerate() {
        let (image, y, x) = (row / 10, row % 10 / 5, row % 5);
        for place in 0..8 {
            let (channel, ky, kx) = (place / 4, place % 4 / 2, place % 2);
            let (line, column) = ((2 * y + ky).wrapping_sub(1), x + 2 * kx);
            if line < 4 && column < 5 {
                patch[place] = input[((image * 2 + channel) * 4 + line) * 5 + column];
            }
        }
    }
    let wanted = patches.t().dot(&patches);
    for row in 0..8 {
        for column in row..8 {
            let off = (grams.of[0][[row, column]] - wanted[[row, column]]).abs();
            assert!(off < 1e-4, "{row} {column}");
        }
    }
    let wrong = Tensor {
        dims: vec![2, 1, 8, 5],
        values: &input,
    };
    assert!(!grams.add(&conv, &wrong, 0, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a graph's nodes and weights claim, planning is an error or a plan.
    #[test]
    fn a_damaged_graph_is_an_error_or_a_plan(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..8),
        dims in prop::collection::vec(-3_i64..9, 0..6),
        ints in prop::collection::vec(any::<i64>(), 0..6),
    ) {
        let mut model = onnx::tiny::residual(&onnx::tiny::TinyConfig::default());
        let graph = model.graph.as_mut().unwrap();
        graph.initializer[0].dims = dims;
        for attribute in &mut graph.node[2].attribute {
            attribute.ints.clone_from(&ints);
        }
        let mut content = onnx::encode(&model);
        for (place, bit) in flips {
            let place = place.index(content.len());
            content[place] ^= 1 << bit;
        }
        if let Ok(model) = onnx::decode(Path::new("x"), content.into())
            && let Ok(plan) = Plan::of(Path::new("x"), &model)
        {
            for conv in &plan.convs {
                let size = [usize::MAX / 2, 7];
                let _ = conv.geometry.windows(size);
                let _ = conv.geometry.windows([0, 7]);
            }
            let _ = plan.points(&vec![true; plan.convs.len()]);
        }
    }
}

#[test]
fn a_weight_tensor_of_another_length_is_no_weight() {
    let tensor = TensorProto {
        dims: vec![2, i64::MAX, 4],
        ..proto::float_tensor("x", &[2], &[1.0, 2.0])
    };
    assert_eq!(proto::floats(&tensor), None);
    assert_eq!(
        proto::floats(&proto::float_tensor("x", &[2], &[1.0, 2.0])),
        Some(vec![1.0, 2.0])
    );
}

/// Weights of very different channels: the same features out of much more even tensors.
#[test]
fn equalising_keeps_the_features_and_evens_the_channels() {
    let uneven = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        for tensor in &mut graph.initializer {
            if !tensor.name().starts_with("stem/") && tensor.name() != "block_1/kernel" {
                continue;
            }
            let mut values = proto::floats(tensor).unwrap();
            let fan_in = values.len() / 8;
            for (channel, values) in values.chunks_exact_mut(fan_in).enumerate() {
                let factor = [1.0, 20.0][usize::from(channel == 3)];
                values.iter_mut().for_each(|value| *value *= factor);
            }
            let raw = values.iter().flat_map(|x| x.to_le_bytes());
            tensor.raw_data = Some(Bytes::from(raw.collect::<Vec<u8>>()));
        }
    };
    let dir = tiny(uneven);
    let manifest = manifest(TINY_MANIFEST).unwrap();
    let runtime = testing::runtime();
    let loaded = load_graph(&manifest, dir.path()).unwrap();
    let plan = Plan::of(&loaded.path, &loaded.model).unwrap();
    let network = Network {
        model: &loaded.model,
        path: &loaded.path,
        manifest: &manifest,
        runtime: &runtime,
    };
    let inputs = values(9, 6 * IMAGE);
    let images: Vec<&[f32]> = inputs.chunks_exact(IMAGE).collect();
    let equal = equalise::equalise(&network, &plan, &images, &mut quiet).unwrap();
    let run = |model: &ModelProto, tensor: &str| {
        let mut rows = Vec::new();
        let mut capture = capture::Capture::open(&network, model, &[tensor]).unwrap();
        let mut take = |_: usize, tensors: &[Tensor<'_>]| -> Result<(), QuantizeError> {
            rows.extend_from_slice(tensors[0].values);
            Ok(())
        };
        capture.run(&images, &mut take).unwrap();
        rows
    };
    let (before, after) = (run(&loaded.model, "features"), run(&equal, "features"));
    for (before, after) in before.iter().zip(&after) {
        assert!(
            (before - after).abs() <= 1e-4 * before.abs().max(1.0),
            "{before} {after}"
        );
    }
    // How many times the largest channel is the median one.
    let spread = |map: &[f32]| {
        let plane = map.len() / 6 / 8;
        let mut largest = [0.0_f32; 8];
        for (place, plane) in map.chunks_exact(plane).enumerate() {
            let most = plane.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            largest[place % 8] = largest[place % 8].max(most);
        }
        largest.sort_by(f32::total_cmp);
        largest[7] / largest[4]
    };
    for tensor in ["stem_relu", "block_1_relu"] {
        let (before, after) = (
            spread(&run(&loaded.model, tensor)),
            spread(&run(&equal, tensor)),
        );
        assert!(
            after < 0.5 * before && before > 5.0,
            "{tensor}: {before} {after}"
        );
    }
    assert_eq!(
        operators(&equal)
            .iter()
            .filter(|name| **name == "Mul")
            .count(),
        1
    );
}
