//! What each operator does to shapes.

mod layout;
mod sums;

use self::layout::{
    concat, constant_dims, expand, flatten, gather, pad, reduce, reshape, slice, split, squeeze,
    transpose, unsqueeze,
};
use self::sums::{conv, gemm, global_pool, matmul, pool};
use super::node::{self, Node};

/// A shape, or that it can't be told.
type Known = Option<Vec<i64>>;

/// The shapes of a node's outputs.
pub(super) fn outputs(node: &Node<'_, '_>) -> Vec<Known> {
    let one = match node.operator() {
        "Relu"
        | "LeakyRelu"
        | "Elu"
        | "Selu"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Clip"
        | "Tanh"
        | "Erf"
        | "Gelu"
        | "Mish"
        | "Softplus"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Neg"
        | "Abs"
        | "Reciprocal"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Not"
        | "Cast"
        | "Identity"
        | "Dropout"
        | "Softmax"
        | "LogSoftmax"
        | "BatchNormalization"
        | "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "LRN"
        | "LpNormalization"
        | "QuantizeLinear"
        | "DequantizeLinear" => node.dims(0).map(<[i64]>::to_vec),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Sum" | "PRelu" | "Equal"
        | "Greater" | "Less" | "And" | "Or" | "Where" => broadcast(node),
        "Conv" => conv(node),
        "MaxPool" | "AveragePool" | "LpPool" => pool(node),
        "GlobalAveragePool" | "GlobalMaxPool" => global_pool(node),
        "Gemm" => gemm(node),
        "MatMul" => matmul(node),
        "Flatten" => flatten(node),
        "Reshape" => reshape(node),
        "Transpose" => transpose(node),
        "Squeeze" => squeeze(node),
        "Unsqueeze" => unsqueeze(node),
        "Concat" => concat(node),
        "Gather" => gather(node),
        "Slice" => slice(node),
        "Pad" => pad(node),
        "Split" => return split(node),
        "Expand" => expand(node),
        "Shape" => node.dims(0).map(|dims| vec![dims.len() as i64]),
        "Constant" => constant_dims(node),
        "ConstantOfShape" => node.values(0).map(<[i64]>::to_vec),
        name if name.starts_with("Reduce") => reduce(node),
        _ => None,
    };
    vec![one]
}

/// The integers of a node's output, where it computes a shape.
pub(super) fn values(node: &Node<'_, '_>) -> Known {
    match node.operator() {
        "Constant" => node
            .tensor("value")
            .and_then(node::integers)
            .or_else(|| node.ints("value_ints").map(<[i64]>::to_vec)),
        "Shape" => {
            let dims = node.dims(0)?;
            let start = place(node.int("start", 0), dims.len() + 1)?;
            let end = node.int("end", dims.len() as i64).min(dims.len() as i64);
            dims.get(start..place(end, dims.len() + 1)?)
                .map(<[i64]>::to_vec)
        }
        "Gather" => {
            let (from, at) = (node.values(0)?, node.values(1)?);
            at.iter()
                .map(|at| from.get(place(*at, from.len())?).copied())
                .collect()
        }
        "Concat" => {
            let parts: Option<Vec<_>> = (0..node.inputs()).map(|i| node.values(i)).collect();
            Some(parts?.concat()).filter(|all| all.len() <= 64)
        }
        "Slice" => {
            let from = node.values(0)?;
            let (start, end) = (node.list("starts", 1)?, node.list("ends", 2)?);
            let step = node.values(4).is_none_or(|steps| steps == [1]);
            let (&[start], &[end], true) = (start, end, step) else {
                return None;
            };
            let clamp = |at: i64| bounded(at, from.len() as i64) as usize;
            from.get(clamp(start)..clamp(end)).map(<[i64]>::to_vec)
        }
        "Unsqueeze" | "Squeeze" | "Cast" | "Identity" => node.values(0).map(<[i64]>::to_vec),
        "Mul" | "Add" => {
            let (a, b) = (node.values(0)?, node.values(1)?);
            let (&[a], &[b]) = (a, b) else { return None };
            let result = if node.operator() == "Mul" {
                a.checked_mul(b)
            } else {
                a.checked_add(b)
            };
            Some(vec![result?])
        }
        _ => None,
    }
}

/// Two for each multiplication of a convolution or matrix product; `None` where it can't be told.
pub(super) fn flops(node: &Node<'_, '_>, results: &[Known]) -> Option<u64> {
    let inner = match node.operator() {
        "Conv" => product(node.dims(1)?.get(1..)?)?,
        "Gemm" => {
            let a = node.dims(0)?;
            *a.get(usize::from(node.int("transA", 0) == 0))?
        }
        "MatMul" => *node.dims(0)?.last()?,
        "ConvTranspose" | "Einsum" | "LSTM" | "GRU" | "RNN" | "QLinearConv" | "QLinearMatMul"
        | "ConvInteger" | "MatMulInteger" | "If" | "Loop" | "Scan" | "Attention" | "" => {
            return None;
        }
        _ => return Some(0),
    };
    let outer = product(results.first()?.as_deref()?)?;
    u64::try_from(inner.checked_mul(outer)?.checked_mul(2)?).ok()
}

fn product(dims: &[i64]) -> Option<i64> {
    dims.iter()
        .try_fold(1_i64, |product, dim| product.checked_mul(*dim))
}

/// An index that may count from the end.
fn place(at: i64, length: usize) -> Option<usize> {
    let at = if at < 0 {
        at.checked_add(length as i64)?
    } else {
        at
    };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// A bound of a slice, which may count from the end and lie outside.
fn bounded(at: i64, length: i64) -> i64 {
    let at = if at < 0 {
        at.saturating_add(length)
    } else {
        at
    };
    at.clamp(0, length)
}

fn broadcast(node: &Node<'_, '_>) -> Known {
    let mut all: Vec<i64> = Vec::new();
    for input in 0..node.inputs() {
        let dims = node.dims(input)?;
        while all.len() < dims.len() {
            all.insert(0, 1);
        }
        let offset = all.len() - dims.len();
        for (to, from) in all[offset..].iter_mut().zip(dims) {
            *to = match (*to, *from) {
                (to, from) if to == from || from == 1 => to,
                (1, from) => from,
                _ => return None,
            };
        }
    }
    Some(all)
}
