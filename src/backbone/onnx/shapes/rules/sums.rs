//! Convolutions, pools and matrix products.

use super::Known;
use crate::backbone::onnx::shapes::node::Node;

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

pub(super) fn conv(node: &Node<'_, '_>) -> Known {
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

pub(super) fn pool(node: &Node<'_, '_>) -> Known {
    let &[batch, channels, ref sides @ ..] = node.dims(0)? else {
        return None;
    };
    let mut dims = vec![batch, channels];
    dims.extend(windows(node, sides, node.ints("kernel_shape")?)?);
    Some(dims)
}

pub(super) fn global_pool(node: &Node<'_, '_>) -> Known {
    let mut dims = node.dims(0)?.to_vec();
    dims.iter_mut().skip(2).for_each(|dim| *dim = 1);
    Some(dims)
}

pub(super) fn gemm(node: &Node<'_, '_>) -> Known {
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

pub(super) fn matmul(node: &Node<'_, '_>) -> Known {
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
