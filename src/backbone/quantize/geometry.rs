//! Which pixels a convolution sees.

use super::proto::{attribute, lengths, pair};
use crate::backbone::onnx::proto::NodeProto;

/// The window of a convolution of two dimensions and how it moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: Pads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pads {
    /// Before and after, rows and columns.
    Given {
        before: [usize; 2],
        after: [usize; 2],
    },
    /// As many as the output needs to be the input over the stride; the odd one after.
    SameUpper,
    /// The odd one before.
    SameLower,
}

/// Where a convolution's windows stand over an input of some size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    /// How many there are, along rows and columns.
    pub(super) count: [usize; 2],
    before: [usize; 2],
}

impl Geometry {
    /// Of a `Conv` node with weights of this kernel; nothing where its attributes make no sense.
    pub(super) fn of(node: &NodeProto, kernel: [usize; 2]) -> Option<Self> {
        let strides = pair(node, "strides", [1, 1])?;
        let dilations = pair(node, "dilations", [1, 1])?;
        if pair(node, "kernel_shape", kernel)? != kernel
            || [kernel, strides, dilations].concat().contains(&0)
        {
            return None;
        }
        let auto = attribute(node, "auto_pad").map_or(&b"NOTSET"[..], |a| a.s());
        let pads = match auto {
            b"NOTSET" | b"" => {
                let ints = attribute(node, "pads").map_or(&[0; 4][..], |a| &a.ints);
                let [top, left, bottom, right] = lengths(ints)?;
                Pads::Given {
                    before: [top, left],
                    after: [bottom, right],
                }
            }
            b"VALID" => Pads::Given {
                before: [0; 2],
                after: [0; 2],
            },
            b"SAME_UPPER" => Pads::SameUpper,
            b"SAME_LOWER" => Pads::SameLower,
            _ => return None,
        };
        Some(Self {
            kernel,
            strides,
            dilations,
            pads,
        })
    }

    /// The windows over an input of this height and width; nothing where there are none.
    pub(super) fn windows(&self, input: [usize; 2]) -> Option<Windows> {
        let mut windows = Windows {
            count: [0; 2],
            before: [0; 2],
        };
        for side in 0..2 {
            let (stride, length) = (self.strides[side], input[side]);
            let reach = (self.kernel[side] - 1)
                .checked_mul(self.dilations[side])?
                .checked_add(1)?;
            let same = || {
                let count = length.div_ceil(stride);
                let needed = (count.checked_sub(1)? * stride).checked_add(reach)?;
                Some((count, needed.saturating_sub(length)))
            };
            let (count, before) = match self.pads {
                Pads::Given { before, after } => {
                    let padded = length.checked_add(before[side])?.checked_add(after[side])?;
                    (padded.checked_sub(reach)? / stride + 1, before[side])
                }
                Pads::SameUpper => same().map(|(count, pad)| (count, pad / 2))?,
                Pads::SameLower => same().map(|(count, pad)| (count, pad.div_ceil(2)))?,
            };
            windows.count[side] = count;
            windows.before[side] = before;
        }
        Some(windows)
    }

    /// The row or column (`side` 0 or 1) of the input that place `k` of the kernel sees in window
    /// `at`; nothing where that is padding.
    pub(super) fn sees(
        &self,
        windows: &Windows,
        side: usize,
        [at, k]: [usize; 2],
        length: usize,
    ) -> Option<usize> {
        let padded = at * self.strides[side] + k * self.dilations[side];
        let place = padded.checked_sub(windows.before[side])?;
        (place < length).then_some(place)
    }
}
