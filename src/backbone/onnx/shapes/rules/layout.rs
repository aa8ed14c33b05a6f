//! What moves, joins and cuts values without computing with them, and reductions.

use super::{Known, bounded, place, product};
use crate::backbone::onnx::shapes::node::Node;

pub(super) fn flatten(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    let axis = bounded(node.int("axis", 1), dims.len() as i64) as usize;
    Some(vec![product(&dims[..axis])?, product(&dims[axis..])?])
}

pub(super) fn reshape(node: &Node<'_, '_>) -> Known {
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

pub(super) fn transpose(node: &Node<'_, '_>) -> Known {
    let dims = node.dims(0)?;
    match node.ints("perm") {
        None => Some(dims.iter().rev().copied().collect()),
        Some(order) => order
            .iter()
            .map(|at| dims.get(place(*at, dims.len())?).copied())
            .collect(),
    }
}

pub(super) fn squeeze(node: &Node<'_, '_>) -> Known {
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

pub(super) fn unsqueeze(node: &Node<'_, '_>) -> Known {
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

pub(super) fn concat(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    let axis = place(node.int("axis", 0), dims.len())?;
    for input in 1..node.inputs() {
        dims[axis] = dims[axis].checked_add(*node.dims(input)?.get(axis)?)?;
    }
    Some(dims)
}

pub(super) fn gather(node: &Node<'_, '_>) -> Known {
    let (from, at) = (node.dims(0)?, node.dims(1)?);
    let axis = place(node.int("axis", 0), from.len())?;
    Some([&from[..axis], at, &from[axis + 1..]].concat())
}

pub(super) fn slice(node: &Node<'_, '_>) -> Known {
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

pub(super) fn pad(node: &Node<'_, '_>) -> Known {
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

pub(super) fn split(node: &Node<'_, '_>) -> Vec<Known> {
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

pub(super) fn expand(node: &Node<'_, '_>) -> Known {
    let (from, to) = (node.dims(0)?, node.values(1)?);
    let rank = from.len().max(to.len());
    let at = |dims: &[i64], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    Some((0..rank).map(|i| at(from, i).max(at(to, i))).collect())
}

pub(super) fn constant_dims(node: &Node<'_, '_>) -> Known {
    let one = |values: &[i64]| vec![values.len() as i64];
    let tensor = node.tensor("value").map(|tensor| tensor.dims.clone());
    tensor
        .or_else(|| node.ints("value_ints").map(one))
        .or_else(|| Some(Vec::new()))
}

pub(super) fn reduce(node: &Node<'_, '_>) -> Known {
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
