//! Folding: batch norms into the convolutions before them, paddings into what comes after.

use super::layers::{Activation, Conv, Norm, PoolKind};
use super::plan::{Op, Plan};

/// Folds each batch norm into the convolution before it where nothing else takes the
/// convolution's output, and counts them.
pub(super) fn norms(plan: &mut Plan) -> usize {
    let mut uses = plan.uses();
    let mut instead: Vec<usize> = (0..plan.steps.len()).collect();
    let mut folded = 0;
    for place in 0..plan.steps.len() {
        for input in &mut plan.steps[place].inputs {
            *input = instead[*input];
        }
        let Some(&before) = plan.steps[place].inputs.first() else {
            continue;
        };
        let (head, tail) = plan.steps.split_at_mut(place);
        if let (Some(Op::Conv(conv)), Op::Norm(norm)) =
            (head.get_mut(before).map(|step| &mut step.op), &tail[0].op)
            && uses[before] == 1
            && let Some(merged) = merge(conv, norm)
        {
            **conv = merged;
            plan.steps[place].op = Op::Folded;
            instead[place] = before;
            uses[before] = uses[place];
            folded += 1;
        }
    }
    plan.output = instead[plan.output];
    folded
}

/// The convolution that does what `conv` and `norm` do one after the other. `None` where a weight
/// would leave float32's range.
pub(super) fn merge(conv: &Conv, norm: &Norm) -> Option<Conv> {
    let (kernel, bias) = norm.fold(&conv.kernel, conv.bias.as_deref())?;
    Some(Conv {
        kernel,
        bias: Some(bias),
        ..conv.without_weights()
    })
}

/// Folds each zero padding into the padding, convolution or max pool that alone takes it, where
/// the result is the same to the bit, and counts them.
///
/// A convolution pads with zeros, so that is always so. A max pool pads with minus infinity: the
/// same only if nothing in its input is below zero. Each window must still meet a real element.
pub(super) fn paddings(plan: &mut Plan) -> usize {
    let uses = plan.uses();
    let positive = never_negative(plan);
    let mut folded = 0;
    for place in 0..plan.steps.len() {
        let Some(&before) = plan.steps[place].inputs.first() else {
            continue;
        };
        let Op::Pad(pads) = plan.steps[before].op else {
            continue;
        };
        let source = plan.steps[before].inputs[0];
        let (own, window) = match &mut plan.steps[place].op {
            Op::Pad(own) => (own, None),
            Op::Conv(conv) => (&mut conv.pads, Some(conv.window)),
            Op::Pool(pool) if pool.kind == PoolKind::Max && positive[source] => {
                (&mut pool.pads, Some(pool.window))
            }
            _ => continue,
        };
        let both = own.plus(pads);
        if uses[before] == 1 && window.is_none_or(|window| both.within(window)) {
            *own = both;
            plan.steps[place].inputs[0] = source;
            plan.steps[before].op = Op::Folded;
            folded += 1;
        }
    }
    folded
}

/// For each step, whether its output can be told never to be negative.
fn never_negative(plan: &Plan) -> Vec<bool> {
    let mut positive: Vec<bool> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let inputs = !step.inputs.is_empty() && step.inputs.iter().all(|&input| positive[input]);
        positive.push(match &step.op {
            Op::Activation(activation) => match activation {
                Activation::Relu
                | Activation::Sigmoid
                | Activation::HardSigmoid
                | Activation::Softplus
                | Activation::Softmax(_) => true,
                Activation::Clip { min, .. } => min.is_some_and(|min| min >= 0.0) || inputs,
                _ => inputs,
            },
            Op::Input | Op::Conv(_) | Op::Norm(_) | Op::Dense(_) => false,
            _ => inputs,
        });
    }
    positive
}
