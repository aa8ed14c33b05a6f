//! Zero padding.

use serde::Deserialize;
use serde_json::Value;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::{Pads, Shape};
use super::{Lowering, need_channels_last};

#[derive(Deserialize)]
struct Config {
    padding: Value,
    data_format: Option<String>,
}

/// `ZeroPadding2D`: [[top, bottom], [left, right]], [both, both] or one number for all.
pub(super) fn zero_padding(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: Config = lowering.config()?;
    need_channels_last(config.data_format.as_deref())?;
    let wrong = || Problem::Option {
        name: "padding",
        found: config.padding.to_string(),
        supported: "[[top, bottom], [left, right]] of up to 65535 each".to_owned(),
    };
    let sides = |value: &Value| two(value, length);
    let ([top, bottom], [left, right]) = two(&config.padding, sides).ok_or_else(wrong)?.into();
    let input = lowering.input()?;
    let [height, width, channels] = lowering.shape(input).need_map()?;
    let shape = Shape::new(&[height + top + bottom, width + left + right, channels])?;
    let pads = Pads {
        top,
        left,
        bottom,
        right,
    };
    Ok(lowering.step(Op::Pad(pads), vec![input], shape))
}

/// The two parts of a list, or one value for both.
fn two<T: Copy>(value: &Value, part: impl Fn(&Value) -> Option<T>) -> Option<[T; 2]> {
    match value {
        Value::Array(parts) => match &parts[..] {
            [first, second] => Some([part(first)?, part(second)?]),
            _ => None,
        },
        both => part(both).map(|both| [both, both]),
    }
}

fn length(value: &Value) -> Option<usize> {
    value
        .as_u64()
        .filter(|&length| length <= 65_535)
        .map(|length| length as usize)
}
