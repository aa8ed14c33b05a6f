//! The image that goes in.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::{Length, Shape};
use super::Lowering;

#[derive(Deserialize)]
struct Config {
    #[serde(alias = "batch_shape")]
    batch_input_shape: Option<Vec<Option<u64>>>,
}

/// `InputLayer`: the shape is [null, height, width, channels].
pub(super) fn input(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    if !lowering.inputs.is_empty() {
        return Err(Problem::InputCount {
            expected: "0",
            found: lowering.inputs.len(),
        });
    }
    let config: Config = lowering.config()?;
    let wrong = || Problem::Option {
        name: "batch_input_shape",
        found: serde_json::to_string(&config.batch_input_shape).unwrap_or_default(),
        supported: "[null, height, width, channels] with all three stated".to_owned(),
    };
    let Some([_, Some(height), Some(width), Some(channels)]) = config.batch_input_shape.as_deref()
    else {
        return Err(wrong());
    };
    let length = |value: &u64| {
        Length::try_from(*value)
            .map(|length| length.0)
            .map_err(|_| wrong())
    };
    let shape = Shape::new(&[length(height)?, length(width)?, length(channels)?])?;
    Ok(lowering.step(Op::Input, Vec::new(), shape))
}
