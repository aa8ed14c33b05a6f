//! Small networks quantized from end to end, in the real ONNX Runtime.

mod parts;

use std::path::Path;

use bytes::Bytes;

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
        let unscaled = maker(model, &pool.input[0]);
        assert_eq!(unscaled.op_type(), "Mul");
        assert_eq!(maker(model, &unscaled.input[0]).op_type(), "Relu");
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
        let mut rows = [0.0_f32; 5 * 8];
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

/// A pool between the stem and all that follows.
fn pool_behind_the_stem(model: &mut ModelProto) {
    let graph = model.graph.as_mut().unwrap();
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if input == "stem_relu" {
            "pooled".clone_into(input);
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
}

#[test]
fn depthwise_clipped_and_pooled_layers_become_integers() {
    let change = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        // block_1 as a depthwise convolution without a bias, with a clip in place of its ReLU.
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
        }
        pool_behind_the_stem(model);
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
    let of = Sha256::try_from("fedcba9876543210".repeat(4)).unwrap();
    let notes = ["one".to_owned(), "two".to_owned()];
    let text = manifest_text(
        &source,
        of.clone(),
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
    let from = back.config.quantized_from.unwrap();
    assert_eq!((from.file, from.sha256), (source.config.file, of));
    assert_eq!(back.config.source.unwrap().build, "make it");
    assert!(
        text.contains("\n# one\n# two\n") && text.contains("2 held-out"),
        "{text}"
    );
}
