//! The steps, one by one.

use std::path::Path;

use bytes::Bytes;
use ndarray::Array2;
use proptest::prelude::*;

use super::*;

/// Writes the tiny network, changed, with the convolutions marked in `int8` as integers.
fn emitted(change: impl FnOnce(&mut ModelProto), int8: &[bool]) -> ModelProto {
    let dir = tiny(change);
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
    Emitter::new(&network, &plan, &grids, &rounded.weights).emit(int8)
}

fn leaky(model: &ModelProto) -> Vec<&NodeProto> {
    let nodes = graph(model).node.iter();
    nodes.filter(|n| n.op_type() == "LeakyRelu").collect()
}

/// A float convolution between bytes and bytes is one that ONNX Runtime would quantize itself.
#[test]
fn a_layer_in_float_is_computed_in_float() {
    let model = emitted(|_| {}, &[true, false, true]);
    let leaky = leaky(&model)[0];
    assert_eq!(maker(&model, &leaky.input[0]).name(), "block_1");
    let weights = &maker(&model, &leaky.input[0]).input[1];
    assert!(
        graph(&model)
            .initializer
            .iter()
            .any(|tensor| tensor.name() == weights)
    );
}

/// Behind a stem in float the maximum is one of floats, and the bytes are made of what is left.
#[test]
fn floats_are_pooled_before_they_become_bytes() {
    let model = emitted(pool_behind_the_stem, &[false, true, true]);
    let made = maker(&model, "pooled");
    assert_eq!(made.op_type(), "LeakyRelu");
    assert_eq!(maker(&model, &made.input[0]).op_type(), "MaxPool");
    // Bytes are pooled as they are.
    let model = emitted(pool_behind_the_stem, &[true; 3]);
    assert_eq!(leaky(&model).len(), 0);
    let pool = maker(&model, "pooled");
    assert_eq!(maker(&model, &pool.input[0]).op_type(), "DequantizeLinear");
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
    equalised(|_| {});
    equalised(|mean| {
        mean.op_type = Some("GlobalAveragePool".to_owned());
        mean.input.truncate(1);
        mean.attribute.clear();
    });
}

/// Equalises the tiny network with such a node at its end.
fn equalised(end: impl FnOnce(&mut NodeProto)) {
    let uneven = |model: &mut ModelProto| {
        let graph = model.graph.as_mut().unwrap();
        let last = graph.node.iter_mut().find(|n| n.output[0] == "features");
        end(last.unwrap());
        for tensor in &mut graph.initializer {
            if !tensor.name().starts_with("block_1/") {
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
    let inside = |model| spread(&run(model, "block_1_relu"));
    let (before, after) = (inside(&loaded.model), inside(&equal));
    assert!(after < 0.5 * before && before > 5.0, "{before} {after}");
    let back = graph(&equal).node.iter().filter(|n| n.op_type() == "Mul");
    let back: Vec<&NodeProto> = back.collect();
    assert_eq!(back.len(), 1);
    let from = maker(&equal, &back[0].input[0]).op_type();
    match maker(&loaded.model, "features").op_type() {
        // One number a channel, where that many are left.
        "GlobalAveragePool" => assert_eq!(
            (from, &*back[0].output[0]),
            ("GlobalAveragePool", "features")
        ),
        _ => assert_eq!(from, "Relu"),
    }
}
