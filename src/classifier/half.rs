//! Weights in half precision.

use bytes::Bytes;
use half::f16;

use super::error::ClassifierError;
use crate::backbone::onnx::build::{int, node};
use crate::backbone::onnx::proto::tensor_proto::DataType;
use crate::backbone::onnx::proto::{ModelProto, TensorProto};

/// Smaller tensors (biases, scales, constants) stay as they are: they weigh nothing.
const SMALLEST: usize = 1024;

/// What halving did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halved {
    /// Tensors that are float16 now.
    pub tensors: usize,
    /// Numbers in them.
    pub numbers: usize,
}

/// Stores the large float32 weights of `model` as float16, each rounded to the nearest, with a
/// `Cast` back to float32 behind it. A runtime folds those when it loads the file, so the arithmetic
/// and its speed stay; what changes is the file, half as large, and the weights, by at most one part
/// in 2048 (2^-11), those below 6.1e-5 by at most 3e-8. Arithmetic in float16 would need a device
/// that has it: ONNX Runtime's CPU provider computes such graphs in float32 anyway, and casts.
///
/// # Errors
/// A weight beyond 65504, the end of float16.
pub fn halve(model: &mut ModelProto) -> Result<Halved, ClassifierError> {
    let mut halved = Halved {
        tensors: 0,
        numbers: 0,
    };
    let Some(graph) = &mut model.graph else {
        return Ok(halved);
    };
    let mut casts = Vec::new();
    for tensor in &mut graph.initializer {
        let Some(values) = floats(tensor).filter(|values| values.len() >= SMALLEST) else {
            continue;
        };
        let name = tensor.name().to_owned();
        let mut raw = Vec::with_capacity(2 * values.len());
        for value in &values {
            let half = f16::from_f32(*value);
            if !half.is_finite() {
                let (tensor, value) = (name, *value);
                return Err(ClassifierError::TooLargeForHalf { tensor, value });
            }
            raw.extend(half.to_le_bytes());
        }
        let stored = format!("{name}/float16");
        tensor.name = Some(stored.clone());
        tensor.data_type = Some(DataType::Float16 as i32);
        tensor.raw_data = Some(Bytes::from(raw));
        tensor.float_data.clear();
        let to = vec![int("to", i64::from(DataType::Float as i32))];
        casts.push(node(
            "Cast",
            &format!("{name}/widened"),
            &[&stored],
            &name,
            to,
        ));
        halved.tensors += 1;
        halved.numbers += values.len();
    }
    // In front of all that take them: nodes stand in the order of their running.
    casts.append(&mut graph.node);
    graph.node = casts;
    Ok(halved)
}

/// The numbers of a float32 tensor.
fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type() != DataType::Float as i32 {
        return None;
    }
    match &tensor.raw_data {
        Some(raw) if !raw.is_empty() => {
            let (words, rest) = raw.as_chunks::<4>();
            let floats = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            rest.is_empty().then_some(floats)
        }
        _ => Some(tensor.float_data.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::encode;
    use crate::backbone::onnx::tiny::{TinyConfig, residual};

    fn wide() -> ModelProto {
        let config = TinyConfig {
            width: 32,
            ..TinyConfig::default()
        };
        residual(&config)
    }

    #[test]
    fn large_weights_take_half_the_room() {
        let (mut model, before) = (wide(), wide());
        let halved = halve(&mut model).unwrap();
        // Two convolutions of 32 x 32 x 3 x 3; the first has 3 channels only.
        assert_eq!((halved.tensors, halved.numbers), (2, 2 * 9216));
        let saved = encode(&before).len() - encode(&model).len();
        assert!((35_000..2 * 2 * 9216).contains(&saved), "{saved}");
        let graph = model.graph.unwrap();
        assert_eq!(graph.node[0].op_type(), "Cast");
        assert_eq!(graph.node[0].output, ["block_1/kernel"]);
    }

    #[test]
    fn what_float16_cannot_hold_is_named() {
        let mut model = wide();
        let graph = model.graph.as_mut().unwrap();
        let tensor = &mut graph.initializer[2];
        let mut raw = tensor.raw_data.clone().unwrap().to_vec();
        raw[..4].copy_from_slice(&1e6_f32.to_le_bytes());
        tensor.raw_data = Some(raw.into());
        let error = halve(&mut model).unwrap_err().to_string();
        assert!(
            error.contains("block_1/kernel") && error.contains("1000000"),
            "{error}"
        );
    }
}
