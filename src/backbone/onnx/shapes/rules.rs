//! What each operator does to shapes.

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

/// The spatial lengths after a window of these sizes.
fn windows(node: &Node<'_, '_>, sides: &[i64], kernel: &[i64]) -> Known {
    let each = |name: &str, default: i64| match node.ints(name) {
        Some(list) if list.len() == sides.len() => Some(list.to_vec()),
        None => Some(vec![default; sides.len()]),
        Some(_) => None,
    };
    let (strides, dilations) = (each("strides", 1)?, each("dilations", 1)?);
    let pads = node
        .ints("pads")
        .map_or_else(|| vec![0; 2 * sides.len()], <[i64]>::to_vec);
    if kernel.len() != sides.len() || pads.len() != 2 * sides.len() {
        return None;
    }
    let same = matches!(node.text("auto_pad"), b"SAME_UPPER" | b"SAME_LOWER");
    let side = |i: usize| {
        let stride = Some(strides[i]).filter(|stride| *stride > 0)?;
        if same {
            return sides[i].checked_add(stride - 1)?.checked_div(stride);
        }
        let reach = kernel[i]
            .checked_sub(1)?
            .checked_mul(dilations[i])?
            .checked_add(1)?;
        let padded = sides[i]
            .checked_add(pads[i])?
            .checked_add(pads[i + sides.len()])?;
        let free = padded.checked_sub(reach).filter(|free| *free >= 0)?;
        let up = if node.int("ceil_mode", 0) == 1 {
            stride - 1
        } else {
            0
        };
        free.checked_add(up)?.checked_div(stride)?.checked_add(1)
    };
    (0..sides.len()).map(side).collect()
}

fn conv(node: &Node<'_, '_>) -> Known {
    let (&[batch, channels, ref sides @ ..], &[filters, each, ref kernel @ ..]) =
        (node.dims(0)?, node.dims(1)?)
    else {
        return None;
    };
    if each.checked_mul(node.int("group", 1))? != channels {
        return None;
    }
    let mut dims = vec![batch, filters];
    dims.extend(windows(node, sides, kernel)?);
    Some(dims)
}

fn pool(node: &Node<'_, '_>) -> Known {
    let &[batch, channels, ref sides @ ..] = node.dims(0)? else {
        return None;
    };
    let mut dims = vec![batch, channels];
    dims.extend(windows(node, sides, node.ints("kernel_shape")?)?);
    Some(dims)
}

fn global_pool(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    dims.iter_mut().skip(2).for_each(|dim| *dim = 1);
    Some(dims)
}

fn gemm(node: &Node<'_, '_>) -> Known {
    let (&[a0, a1], &[b0, b1]) = (node.dims(0)?, node.dims(1)?) else {
        return None;
    };
    let (rows, inner) = if node.int("transA", 0) == 0 {
        (a0, a1)
    } else {
        (a1, a0)
    };
    let (other, columns) = if node.int("transB", 0) == 0 {
        (b0, b1)
    } else {
        (b1, b0)
    };
    (inner == other).then(|| vec![rows, columns])
}

fn matmul(node: &Node<'_, '_>) -> Known {
    let (a, b) = (node.dims(0)?, node.dims(1)?);
    let ([.., rows, inner], [.., other, columns]) = (a, b) else {
        return None;
    };
    if inner != other {
        return None;
    }
    let outer = if a.len() >= b.len() {
        &a[..a.len() - 2]
    } else {
        &b[..b.len() - 2]
    };
    let mut dims = outer.to_vec();
    dims.extend([*rows, *columns]);
    Some(dims)
}

fn flatten(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    let axis = bounded(node.int("axis", 1), dims.len() as i64) as usize;
    Some(vec![product(&dims[..axis])?, product(&dims[axis..])?])
}

fn reshape(node: &Node<'_, '_>) -> Known {
    let (from, to) = (node.dims(0)?, node.values(1)?);
    let zero_is_zero = node.int("allowzero", 0) == 1;
    let mut dims = Vec::with_capacity(to.len());
    for (place, dim) in to.iter().enumerate() {
        dims.push(if *dim == 0 && !zero_is_zero {
            *from.get(place)?
        } else {
            *dim
        });
    }
    let all = product(from)?;
    if let Some(free) = dims.iter().position(|dim| *dim == -1) {
        dims[free] = 1;
        dims[free] = all.checked_div(product(&dims)?)?;
    }
    (product(&dims)? == all).then_some(dims)
}

fn transpose(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    match node.ints("perm") {
        None => Some(dims.iter().rev().copied().collect()),
        Some(order) => order
            .iter()
            .map(|at| dims.get(place(*at, dims.len())?).copied())
            .collect(),
    }
}

fn squeeze(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    let gone = axes(node.list("axes", 1), dims.len())?;
    let all = gone.is_empty();
    let stays = |&(place, dim): &(usize, &i64)| {
        !(if all {
            *dim == 1
        } else {
            gone.contains(&place)
        })
    };
    Some(
        dims.iter()
            .enumerate()
            .filter(stays)
            .map(|(_, dim)| *dim)
            .collect(),
    )
}

fn unsqueeze(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    let list = node.list("axes", 1)?;
    let mut new = axes(Some(list), dims.len() + list.len())?;
    new.sort_unstable();
    for axis in new {
        if axis > dims.len() {
            return None;
        }
        dims.insert(axis, 1);
    }
    Some(dims)
}

fn axes(list: Option<&[i64]>, rank: usize) -> Option<Vec<usize>> {
    list.unwrap_or_default()
        .iter()
        .map(|axis| place(*axis, rank))
        .collect()
}

fn concat(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    let axis = place(node.int("axis", 0), dims.len())?;
    for input in 1..node.inputs() {
        dims[axis] = dims[axis].checked_add(*node.dims(input)?.get(axis)?)?;
    }
    Some(dims)
}

fn gather(node: &Node<'_, '_>) -> Known {
    let (from, at) = (node.dims(0)?, node.dims(1)?);
    let axis = place(node.int("axis", 0), from.len())?;
    Some([&from[..axis], at, &from[axis + 1..]].concat())
}

fn slice(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    let (starts, ends) = (node.list("starts", 1)?, node.list("ends", 2)?);
    let axes: Vec<i64> = match node.list("axes", 3) {
        Some(axes) => axes.to_vec(),
        None => (0..starts.len() as i64).collect(),
    };
    for (i, axis) in axes.iter().enumerate() {
        let step = node
            .values(4)
            .map_or(Some(1), |steps| steps.get(i).copied())?;
        let dim = &mut dims[place(*axis, node.dims(0)?.len())?];
        let (start, end) = (bounded(*starts.get(i)?, *dim), bounded(*ends.get(i)?, *dim));
        if step < 1 {
            return None;
        }
        *dim = (end - start).max(0).checked_add(step - 1)? / step;
    }
    Some(dims)
}

fn pad(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    let pads = node.list("pads", 1)?;
    if pads.len() != 2 * dims.len() {
        return None;
    }
    let (before, after) = pads.split_at(dims.len());
    for ((dim, before), after) in dims.iter_mut().zip(before).zip(after) {
        *dim = dim.checked_add(*before)?.checked_add(*after)?;
    }
    Some(dims)
}

fn split(node: &Node<'_, '_>) -> Vec<Known> {
    let count = node.outputs().count();
    let unknown = || vec![None; count];
    let Some(dims) = node.dims(0) else {
        return unknown();
    };
    let Some(axis) = place(node.int("axis", 0), dims.len()) else {
        return unknown();
    };
    let part = dims[axis] / (count.max(1) as i64);
    let parts = node
        .list("split", 1)
        .map_or_else(|| vec![part; count], <[i64]>::to_vec);
    let with = |length: &i64| {
        let mut dims = dims.to_vec();
        dims[axis] = *length;
        Some(dims)
    };
    parts.iter().map(with).collect()
}

fn expand(node: &Node<'_, '_>) -> Known {
    let (from, to) = (node.dims(0)?, node.values(1)?);
    let rank = from.len().max(to.len());
    let at = |dims: &[i64], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    Some((0..rank).map(|i| at(from, i).max(at(to, i))).collect())
}

fn constant_dims(node: &Node<'_, '_>) -> Known {
    let one = |values: &[i64]| vec![values.len() as i64];
    let tensor = node.tensor("value").map(|tensor| tensor.dims.clone());
    tensor
        .or_else(|| node.ints("value_ints").map(one))
        .or_else(|| Some(Vec::new()))
}

fn reduce(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    let mut gone = axes(node.list("axes", 1), dims.len())?;
    if gone.is_empty() {
        gone = (0..dims.len()).collect();
    }
    let keep = node.int("keepdims", 1) == 1;
    let each = dims
        .iter()
        .enumerate()
        .filter_map(|(place, dim)| match gone.contains(&place) {
            true if keep => Some(1),
            true => None,
            false => Some(*dim),
        });
    Some(each.collect())
}
