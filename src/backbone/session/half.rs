//! Graphs of half precision: all of it, or the weights alone.

use super::tests::{INPUT, WIDTH, open, rows};
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{
    AttributeProto, NodeProto, ValueInfoProto, attribute_proto, type_proto,
};
use crate::backbone::testing::{TINY_MANIFEST, tiny, values};

/// The nearest half of a number of common size; smaller ones become zero.
fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (rounded >> 23 & 0xff) as i32 - 112;
    match exponent {
        ..=0 => sign,
        1..31 => sign | (exponent as u16) << 10 | (rounded >> 13 & 0x3ff) as u16,
        _ => panic!("{value} is too large for a test"),
    }
}

/// Stores every weight as float16.
fn halve_weights(model: &mut ModelProto) {
    let graph = model.graph.as_mut().unwrap();
    for tensor in &mut graph.initializer {
        if tensor.data_type != Some(DataType::Float as i32) {
            continue;
        }
        let raw = tensor.raw_data().to_vec();
        let floats = raw
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let halves: Vec<u8> = floats.flat_map(|x| to_half(x).to_le_bytes()).collect();
        tensor.raw_data = Some(halves.into());
        tensor.data_type = Some(DataType::Float16 as i32);
    }
}

fn halve_port(port: &mut ValueInfoProto) {
    let kind = port.r#type.as_mut().unwrap();
    if let Some(type_proto::Value::TensorType(tensor)) = &mut kind.value {
        tensor.elem_type = Some(DataType::Float16 as i32);
    }
}

fn halve(model: &mut ModelProto) {
    halve_weights(model);
    let graph = model.graph.as_mut().unwrap();
    graph.input.iter_mut().for_each(halve_port);
    graph.output.iter_mut().for_each(halve_port);
}

/// Stores the weights as float16 and computes with float32, as many converters do.
fn halve_weights_alone(model: &mut ModelProto) {
    halve_weights(model);
    let graph = model.graph.as_mut().unwrap();
    let half = Some(DataType::Float16 as i32);
    let mut casts = Vec::new();
    for tensor in graph.initializer.iter_mut().filter(|t| t.data_type == half) {
        let name = tensor.name().to_owned();
        let stored = format!("{name}/half");
        tensor.name = Some(stored.clone());
        casts.push(NodeProto {
            input: vec![stored],
            name: Some(format!("{name}/cast")),
            output: vec![name],
            op_type: Some("Cast".to_owned()),
            attribute: vec![AttributeProto {
                name: Some("to".to_owned()),
                i: Some(DataType::Float as i64),
                r#type: Some(attribute_proto::AttributeType::Int as i32),
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        });
    }
    graph.node.splice(0..0, casts);
}

/// How much the tiny network's rows differ after a change, as a share of the largest feature.
fn compare(text: &str, change: fn(&mut ModelProto)) -> f32 {
    let input = values(3, 5 * INPUT);
    let expected = rows(
        &mut open(&tiny(|_| {}), TINY_MANIFEST, 1).unwrap(),
        &input,
        5,
    );
    let mut session = open(&tiny(change), text, 2).unwrap();
    let found = rows(&mut session, &input, 5);
    assert_eq!(found, rows(&mut session, &input, 2), "whatever the batch");
    let scale = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let worst = found.iter().zip(&expected).map(|(x, y)| (x - y).abs());
    let worst = worst.fold(0.0_f32, f32::max) / scale;
    assert_eq!(found.len(), 5 * WIDTH);
    worst
}

#[test]
fn a_graph_of_float16_runs_on_the_same_values() {
    let text = TINY_MANIFEST.replace("dtype: float32", "dtype: float16");
    let worst = compare(&text, halve);
    assert!(worst > 0.0 && worst < 5e-3, "{worst}");
}

#[test]
fn weights_of_float16_need_no_word_in_the_manifest() {
    let worst = compare(TINY_MANIFEST, halve_weights_alone);
    assert!(worst > 0.0 && worst < 5e-3, "{worst}");
}

#[test]
fn a_graph_of_float16_that_was_declared_float32() {
    let error = open(&tiny(halve), TINY_MANIFEST, 1).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("input: float32 [N, 3, 32, 32]"), "{text}");
    assert!(text.contains("input: float16 [N, 3, 32, 32]"), "{text}");
}
