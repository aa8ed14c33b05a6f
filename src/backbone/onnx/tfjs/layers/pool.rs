//! Pooling, over windows and over the whole map.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::{Padding, Pads, Pair, Shape};
use super::{Lowering, need_channels_last};

/// What a pool takes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum PoolKind {
    /// The largest element; padding never wins.
    Max,
    /// The mean of the elements; padding is not counted.
    Average,
}

/// A pool over windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Pool {
    pub(in super::super) kind: PoolKind,
    /// Height and width.
    pub(in super::super) window: [usize; 2],
    pub(in super::super) strides: [usize; 2],
    pub(in super::super) pads: Pads,
}

#[derive(Deserialize)]
struct Config {
    pool_size: Pair,
    strides: Option<Pair>,
    padding: Padding,
    data_format: Option<String>,
}

/// `MaxPooling2D` and `AveragePooling2D`.
pub(super) fn pool(lowering: &mut Lowering<'_>, kind: PoolKind) -> Result<usize, Problem> {
    let config: Config = lowering.config()?;
    need_channels_last(config.data_format.as_deref())?;
    let input = lowering.input()?;
    let [height, width, channels] = lowering.shape(input).need_map()?;
    let window = config.pool_size.0;
    let strides = config.strides.unwrap_or(config.pool_size).0;
    let (pads, [height, width]) = config.padding.plan([height, width], window, strides)?;
    let shape = Shape::new(&[height, width, channels])?;
    Ok(lowering.step(
        Op::Pool(Pool {
            kind,
            window,
            strides,
            pads,
        }),
        vec![input],
        shape,
    ))
}

#[derive(Deserialize)]
struct GlobalConfig {
    data_format: Option<String>,
    #[serde(default)]
    keepdims: bool,
}

/// `GlobalMaxPooling2D` and `GlobalAveragePooling2D`.
pub(super) fn global(lowering: &mut Lowering<'_>, kind: PoolKind) -> Result<usize, Problem> {
    let config: GlobalConfig = lowering.config()?;
    need_channels_last(config.data_format.as_deref())?;
    let input = lowering.input()?;
    let [_, _, channels] = lowering.shape(input).need_map()?;
    let shape = Shape::new(&[1, 1, channels])?;
    let pooled = lowering.step(Op::GlobalPool(kind), vec![input], shape);
    if config.keepdims {
        return Ok(pooled);
    }
    Ok(lowering.part(
        "flatten",
        Op::Flatten,
        vec![pooled],
        Shape::vector(channels),
    ))
}
