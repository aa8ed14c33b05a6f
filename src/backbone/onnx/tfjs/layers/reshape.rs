//! Layers that only arrange: Keras' order has the channels last, so a map goes back to it first.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::Shape;
use super::{Lowering, need_channels_last};

#[derive(Deserialize)]
struct FlattenConfig {
    data_format: Option<String>,
}

/// `Flatten`.
pub(super) fn flatten(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: FlattenConfig = lowering.config()?;
    need_channels_last(config.data_format.as_deref())?;
    let input = lowering.input()?;
    let shape = lowering.shape(input).clone();
    if shape.dims().len() == 1 {
        return Ok(input);
    }
    let ordered = channels_last(lowering, input);
    Ok(lowering.step(Op::Flatten, vec![ordered], Shape::vector(shape.elements())))
}

#[derive(Deserialize)]
struct ReshapeConfig {
    target_shape: Vec<i64>,
}

/// `Reshape`; one length of the target may be -1.
pub(super) fn reshape(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let config: ReshapeConfig = lowering.config()?;
    let input = lowering.input()?;
    let from = lowering.shape(input).clone();
    let to = target(&config.target_shape, from.elements())?;
    if from == to {
        return Ok(input);
    }
    let ordered = channels_last(lowering, input);
    if to.same_order() {
        return Ok(lowering.step(Op::Reshape(to.onnx()), vec![ordered], to));
    }
    let last = lowering.part(
        "keras",
        Op::Reshape(to.dims().to_vec()),
        vec![ordered],
        to.clone(),
    );
    Ok(lowering.step(Op::Transpose([0, 3, 1, 2]), vec![last], to))
}

/// The step itself, or its map with the channels last where that is another order.
fn channels_last(lowering: &mut Lowering<'_>, input: usize) -> usize {
    let shape = lowering.shape(input).clone();
    if shape.same_order() {
        return input;
    }
    lowering.part(
        "channels_last",
        Op::Transpose([0, 2, 3, 1]),
        vec![input],
        shape,
    )
}

/// The target with its -1 worked out.
fn target(target: &[i64], elements: usize) -> Result<Shape, Problem> {
    let wrong = || Problem::Option {
        name: "target_shape",
        found: format!("{target:?}"),
        supported: format!("shapes of the input's {elements} elements"),
    };
    let known = (target.iter().filter(|&&dim| dim != -1))
        .try_fold(1usize, |product, &dim| {
            product.checked_mul(usize::try_from(dim).ok()?)
        })
        .filter(|&known| known > 0)
        .ok_or_else(wrong)?;
    let free = target.iter().filter(|&&dim| dim == -1).count();
    let fits = match free {
        0 => known == elements,
        1 => elements.is_multiple_of(known),
        _ => false,
    };
    if !fits {
        return Err(wrong());
    }
    let dim = |&dim: &i64| usize::try_from(dim).unwrap_or(elements / known);
    Shape::new(&target.iter().map(dim).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_hold_all_elements() {
        let of = |dims: &[i64]| target(dims, 12).map(|shape| shape.dims().to_vec()).ok();
        assert_eq!(of(&[1, 1, 12]), Some(vec![1, 1, 12]));
        assert_eq!(of(&[-1]), Some(vec![12]));
        assert_eq!(of(&[3, -1]), Some(vec![3, 4]));
        for wrong in [
            &[5, -1][..],
            &[-1, -1],
            &[6],
            &[0, -1],
            &[-2, -6],
            &[i64::MAX, i64::MAX],
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}
