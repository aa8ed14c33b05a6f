//! Layers of several inputs.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::Shape;
use super::Lowering;

/// `Add` and `Multiply`, from left to right; an axis of length 1 is stretched.
pub(super) fn elementwise(
    lowering: &mut Lowering<'_>,
    op: impl Fn() -> Op,
) -> Result<usize, Problem> {
    let inputs = several(lowering)?;
    let last = inputs.len() - 1;
    let mut result = inputs[0];
    for (place, &input) in inputs.iter().enumerate().skip(1) {
        let shape = stretched(lowering.shape(result), lowering.shape(input))?;
        let suffix = if place == last {
            String::new()
        } else {
            format!("part_{place}")
        };
        result = lowering.part(&suffix, op(), vec![result, input], shape);
    }
    Ok(result)
}

fn several(lowering: &Lowering<'_>) -> Result<Vec<usize>, Problem> {
    match lowering.inputs.len() {
        0 | 1 => Err(Problem::InputCount {
            expected: "2 or more",
            found: lowering.inputs.len(),
        }),
        _ => Ok(lowering.inputs.clone()),
    }
}

/// The shape of both after stretching.
fn stretched(left: &Shape, right: &Shape) -> Result<Shape, Problem> {
    let unequal = || Problem::Shape {
        expected: format!("inputs that fit the first one's {left}"),
        found: right.to_string(),
    };
    if left.dims().len() != right.dims().len() {
        return Err(unequal());
    }
    let dims: Option<Vec<usize>> = (left.dims().iter().zip(right.dims()))
        .map(|pair| match pair {
            (&left, &right) if left == right || right == 1 => Some(left),
            (1, &right) => Some(right),
            _ => None,
        })
        .collect();
    Shape::new(&dims.ok_or_else(unequal)?)
}

#[derive(Deserialize)]
struct Config {
    #[serde(default = "last")]
    axis: i64,
}

fn last() -> i64 {
    -1
}

/// `Concatenate` along one axis; the others must be equal.
pub(super) fn concatenate(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: Config = lowering.config()?;
    let inputs = several(lowering)?;
    let first = lowering.shape(inputs[0]).clone();
    let axis = first.axis("axis", config.axis)?;
    // The same axis among Keras' dims, in which shapes are kept.
    let rank = first.dims().len() as i64;
    let place = (if config.axis < 0 {
        config.axis + rank
    } else {
        config.axis - 1
    }) as usize;
    let mut dims = first.dims().to_vec();
    for &input in &inputs[1..] {
        let shape = lowering.shape(input);
        let equal = shape.dims().len() == dims.len()
            && (0..dims.len()).all(|i| i == place || dims[i] == shape.dims()[i]);
        if !equal {
            let expected = format!("inputs that fit the first one's {first}");
            return Err(Problem::Shape {
                expected,
                found: shape.to_string(),
            });
        }
        dims[place] = dims[place].saturating_add(shape.dims()[place]);
    }
    let shape = Shape::new(&dims)?;
    Ok(lowering.step(Op::Concat(axis), inputs, shape))
}
