//! Shapes and counts that can be worked out by hand.

use proptest::prelude::*;

use super::*;
use crate::backbone::onnx::build::{GraphBuilder, int, ints};
use crate::backbone::onnx::tiny::{TinyConfig, residual};
use crate::backbone::onnx::{candidates, decode, encode};

#[test]
fn the_tiny_network_is_followed_to_its_end() {
    let shapes = Shapes::of(&residual(&TinyConfig::default()));
    assert_eq!(shapes.get("stem"), Some(&[1, 8, 16, 16][..]));
    assert_eq!(shapes.get("feature_map"), Some(&[1, 8, 16, 16][..]));
    assert_eq!(shapes.get("features"), Some(&[1, 8][..]));
    assert_eq!(shapes.get("probabilities"), Some(&[1, 10][..]));
    let convolutions = 8 * 16 * 16 * 9 * (3 + 8 + 8);
    assert_eq!(shapes.flops(), Ok(2 * (convolutions + 8 * 10)));
}

#[test]
fn what_can_not_be_told_is_said_to_be_at_a_node() {
    let mut model = residual(&TinyConfig::default());
    let graph = model.graph.as_mut().unwrap();
    graph.node[1].op_type = Some("Mystery".to_owned());
    let shapes = Shapes::of(&model);
    assert_eq!(shapes.get("block_1"), None);
    assert_eq!(shapes.flops(), Err("`block_1` (Conv)"));
}

/// A node after another on an input `x` of [N, 3, 8, 8], each with its expected output.
#[test]
fn operators_do_to_shapes_what_onnx_says() {
    let mut graph = GraphBuilder::new("g");
    graph.input("x", &[3, 8, 8]);
    let weights = graph.floats("w".into(), &[6, 3, 3, 3], &[0.0; 162]);
    let depthwise = graph.floats("d".into(), &[6, 1, 3, 3], &[0.0; 54]);
    let tokens = graph.integers("tokens".into(), &[0, 6, -1]);
    let first = graph.integers("first".into(), &[0]);
    let same = || {
        vec![
            ints("strides", &[2, 2]),
            crate::backbone::onnx::build::text("auto_pad", "SAME_UPPER"),
        ]
    };
    graph.node("Conv", "conv", &["x", &weights], "conv", same());
    let grouped = vec![
        ints("pads", &[0, 0, 1, 1]),
        int("group", 6),
        ints("strides", &[2, 2]),
    ];
    graph.node("Conv", "depth", &["conv", &depthwise], "depth", grouped);
    graph.node("Add", "sum", &["depth", "depth"], "sum", Vec::new());
    graph.node("Reshape", "flat", &["sum", &tokens], "flat", Vec::new());
    graph.node(
        "Transpose",
        "swap",
        &["flat"],
        "swap",
        vec![ints("perm", &[0, 2, 1])],
    );
    graph.node(
        "Gather",
        "one",
        &["swap", &first],
        "one",
        vec![int("axis", 1)],
    );
    graph.node(
        "Concat",
        "two",
        &["one", "swap"],
        "two",
        vec![int("axis", 1)],
    );
    graph.node("MatMul", "product", &["two", "flat"], "product", Vec::new());
    graph.node("Shape", "shape", &["product"], "shape", Vec::new());
    graph.node("Reshape", "back", &["product", "shape"], "back", Vec::new());
    let shapes = Shapes::of(&graph.finish(&[]));
    let expected: [(&str, &[i64]); 9] = [
        ("conv", &[1, 6, 4, 4]),
        ("depth", &[1, 6, 2, 2]),
        ("sum", &[1, 6, 2, 2]),
        ("flat", &[1, 6, 4]),
        ("swap", &[1, 4, 6]),
        ("one", &[1, 1, 6]),
        ("two", &[1, 5, 6]),
        ("product", &[1, 5, 4]),
        ("back", &[1, 5, 4]),
    ];
    for (name, dims) in expected {
        assert_eq!(shapes.get(name), Some(dims), "{name}");
    }
    let products = 6 * 16 * 27 + 6 * 4 * 9 + 5 * 4 * 6;
    assert_eq!(shapes.flops(), Ok(2 * products));
}

proptest! {
    #[test]
    fn a_damaged_graph_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..8),
    ) {
        let mut content = encode(&residual(&TinyConfig::default()));
        for (place, bit) in flips {
            let place = place.index(content.len());
            content[place] ^= 1 << bit;
        }
        if let Ok(model) = decode("x".as_ref(), content.into()) {
            let _ = candidates(&model, &Shapes::of(&model));
            let _ = crate::backbone::onnx::features(&model, None);
        }
    }
}
