//! Dense layers.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::Shape;
use super::{Lowering, activation, yes};

/// A matrix product and a bias.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Dense {
    /// [length, units], row by row.
    pub(in super::super) kernel: Vec<f32>,
    /// Inputs and outputs.
    pub(in super::super) shape: [usize; 2],
    /// One a unit.
    pub(in super::super) bias: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct Config {
    units: usize,
    activation: Option<String>,
    #[serde(default = "yes")]
    use_bias: bool,
}

/// `Dense` on a vector: kernel [length, units].
pub(super) fn dense(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: Config = lowering.config()?;
    let input = lowering.input()?;
    let length = lowering.shape(input).need_vector()?;
    let shape = [length, config.units];
    let kernel = lowering.weight("kernel", &shape)?;
    let bias = lowering.weight_if(config.use_bias, "bias", &[config.units])?;
    let op = Op::Dense(Box::new(Dense {
        kernel,
        shape,
        bias,
    }));
    let output = lowering.step(op, vec![input], Shape::new(&[config.units])?);
    activation::named(lowering, config.activation.as_deref(), output)
}
