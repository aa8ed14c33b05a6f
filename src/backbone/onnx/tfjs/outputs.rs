//! Which tensors of the graph become its outputs.

use super::layers::{Activation, PoolKind};
use super::plan::{Op, Plan, Step};
use super::shape::Shape;

/// The steps whose outputs are the graph's.
#[derive(Debug)]
pub(super) struct Outputs {
    /// A vector an image.
    pub(super) features: usize,
    /// The map that the features summarise.
    pub(super) feature_map: Option<usize>,
    /// What the model itself gives, where that is a vector behind the features.
    pub(super) classifier: Option<Classifier>,
}

/// The model's own output.
#[derive(Debug)]
pub(super) struct Classifier {
    pub(super) step: usize,
    /// `probabilities` after a softmax or sigmoid, otherwise `logits`.
    pub(super) name: &'static str,
}

/// Chooses the outputs, walking from the model's output back as long as each step has one input,
/// so that a pooling in a side branch (squeeze and excitation) is not mistaken for the last one:
///
/// 1. features is the last global pooling, feature_map its input;
/// 2. without one, the input of the last dense layer, and the last map before it;
/// 3. without that, if the model gives a map, its global average, which is added.
pub(super) fn choose(plan: &mut Plan) -> Option<Outputs> {
    let walk = walk(plan);
    let op = |step: usize| &plan.steps[step].op;
    let pool = walk
        .iter()
        .position(|&step| matches!(op(step), Op::GlobalPool(_)));
    let dense = walk
        .iter()
        .position(|&step| matches!(op(step), Op::Dense(_)));
    let (features, feature_map) = if let Some(pool) = pool {
        let map = plan.steps[walk[pool]].inputs[0];
        (pooled(plan, &walk[..=pool]), Some(map))
    } else if let Some(dense) = dense {
        let behind = &walk[dense + 1..];
        let map = behind.iter().copied().find(|&step| {
            plan.steps[step].shape.map().is_some()
                && !matches!(op(step), Op::Input | Op::Transpose(_) | Op::Pad(_))
        });
        (*behind.first()?, map)
    } else if plan.steps[plan.output].shape.map().is_some() {
        let map = plan.output;
        (average(plan, map)?, Some(map))
    } else {
        return None;
    };
    let is_input = |step: usize| matches!(plan.steps[step].op, Op::Input);
    if is_input(features) || feature_map.is_some_and(is_input) {
        return None;
    }
    let classifier = classifier(plan, features, feature_map);
    Some(Outputs {
        features,
        feature_map,
        classifier,
    })
}

/// The steps from the model's output back to the first that has not exactly one input.
fn walk(plan: &Plan) -> Vec<usize> {
    let mut walk = vec![plan.output];
    let mut step = plan.output;
    while let [input] = plan.steps[step].inputs[..] {
        walk.push(input);
        step = input;
    }
    walk
}

/// The step that gives the pooled map as a vector; the pooling is the last of `walk`.
fn pooled(plan: &mut Plan, walk: &[usize]) -> usize {
    let (&pool, after) = match walk.split_last() {
        Some((pool, after)) => (pool, after.last()),
        None => return plan.output,
    };
    match after {
        Some(&flat) if matches!(plan.steps[flat].op, Op::Flatten) => flat,
        _ => flatten(plan, pool),
    }
}

fn flatten(plan: &mut Plan, pool: usize) -> usize {
    let Step { layer, shape, .. } = &plan.steps[pool];
    let (name, layer) = (format!("{layer}/features"), layer.clone());
    // A pooled map is 1x1, so its channels are all its elements.
    let shape = Shape::vector(shape.elements());
    plan.steps.push(Step {
        name,
        layer,
        op: Op::Flatten,
        inputs: vec![pool],
        shape,
    });
    plan.steps.len() - 1
}

/// Adds a global average of the map.
fn average(plan: &mut Plan, map: usize) -> Option<usize> {
    let Step { layer, shape, .. } = &plan.steps[map];
    let (name, layer) = (format!("{layer}/pool"), layer.clone());
    let [_, _, channels] = shape.map()?;
    let shape = Shape::new(&[1, 1, channels]).ok()?;
    let op = Op::GlobalPool(PoolKind::Average);
    plan.steps.push(Step {
        name,
        layer,
        op,
        inputs: vec![map],
        shape,
    });
    Some(flatten(plan, plan.steps.len() - 1))
}

fn classifier(plan: &Plan, features: usize, feature_map: Option<usize>) -> Option<Classifier> {
    let step = plan.output;
    let vector = plan.steps[step].shape.dims().len() == 1;
    if !vector || step == features || Some(step) == feature_map {
        return None;
    }
    let mut last = step;
    while let (Op::Flatten | Op::Reshape(_) | Op::Transpose(_), [input]) =
        (&plan.steps[last].op, &plan.steps[last].inputs[..])
    {
        last = *input;
    }
    let name = match plan.steps[last].op {
        Op::Activation(Activation::Softmax(_) | Activation::Sigmoid) => "probabilities",
        _ => "logits",
    };
    Some(Classifier { step, name })
}
