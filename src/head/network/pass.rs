//! One training step's passes through a network: forward, loss, backward.

use ndarray::{Array2, ArrayView2};
use rand_chacha::rand_core::Rng;

use super::batch_norm::{Affine, Normalized};
use super::linear::Linear;
use super::loss::{BatchLoss, cross_entropy};
use super::{Hidden, Network, dropout};
use crate::head::real::Real;

/// The gradient of a network's loss; its arrays are kept from step to step.
#[derive(Debug)]
pub(in crate::head) struct Gradient<F> {
    hidden: Vec<(Linear<F>, Option<Affine<F>>)>,
    output: Linear<F>,
}

/// What a hidden layer's backward pass needs of its forward pass.
struct Trace<F> {
    normalized: Option<Normalized<F>>,
    /// What went into the activation.
    before: Array2<F>,
    mask: Option<Array2<F>>,
    /// What the layer gave to the next.
    output: Array2<F>,
}

impl<F: Real> Gradient<F> {
    /// Zeros in the shape of a network.
    pub(in crate::head) fn of(network: &Network<F>) -> Self {
        let linear = |l: &Linear<F>| Linear::zeros(l.inputs(), l.outputs(), l.bias.is_some());
        let hidden = |layer: &Hidden<F>| {
            (
                linear(&layer.linear),
                layer.norm.as_ref().map(|norm| norm.affine.clone()),
            )
        };
        Self {
            hidden: network.hidden.iter().map(hidden).collect(),
            output: linear(&network.output),
        }
    }

    /// In the order of [`Network::parameters`].
    pub(in crate::head) fn arrays(&self) -> Vec<&Array2<F>> {
        let mut all = Vec::new();
        for (linear, affine) in &self.hidden {
            all.extend(
                [Some(&linear.weight), linear.bias.as_ref()]
                    .into_iter()
                    .flatten(),
            );
            if let Some(affine) = affine {
                all.extend([&affine.scale, &affine.shift]);
            }
        }
        all.extend(
            [Some(&self.output.weight), self.output.bias.as_ref()]
                .into_iter()
                .flatten(),
        );
        all
    }

    /// The mean cross-entropy of a batch `x` `[n, inputs]` in training (batch statistics, which
    /// move the network's running ones; dropout drawn from `random`), and its gradient into
    /// `self`.
    pub(in crate::head) fn compute(
        &mut self,
        network: &mut Network<F>,
        x: ArrayView2<F>,
        labels: &[usize],
        dropout: f64,
        random: &mut impl Rng,
    ) -> BatchLoss<F> {
        let mut traces: Vec<Trace<F>> = Vec::with_capacity(network.hidden.len());
        for layer in &mut network.hidden {
            let input = traces.last().map_or(x, |trace| trace.output.view());
            let trace = forward(layer, input, dropout, random);
            traces.push(trace);
        }
        let last = traces.last().map_or(x, |trace| trace.output.view());
        let loss = cross_entropy(network.output.forward(last), labels);
        network
            .output
            .backward(last, loss.gradient.view(), &mut self.output);
        self.backward(network, x, &traces, &loss.gradient);
        loss
    }

    /// From the output layer back to the first hidden one; the features' own gradient, which
    /// nobody needs and which would cost a third of the work, is left out.
    fn backward(
        &mut self,
        network: &Network<F>,
        x: ArrayView2<F>,
        traces: &[Trace<F>],
        dlogits: &Array2<F>,
    ) {
        let mut above = &network.output;
        let mut dy = dlogits.to_owned();
        let layers = network
            .hidden
            .iter()
            .zip(&mut self.hidden)
            .zip(traces)
            .enumerate();
        for (i, ((layer, (linear, affine)), trace)) in layers.rev() {
            dy = above.input_gradient(dy.view());
            if let Some(mask) = &trace.mask {
                dy *= mask;
            }
            layer.activation.backward(&trace.before, &mut dy);
            if let (Some(norm), Some(normalized), Some(affine)) =
                (&layer.norm, &trace.normalized, affine)
            {
                dy = norm.backward(dy, normalized, affine);
            }
            let input = match i.checked_sub(1).and_then(|below| traces.get(below)) {
                Some(below) => below.output.view(),
                None => x,
            };
            layer.linear.backward(input, dy.view(), linear);
            above = &layer.linear;
        }
    }
}

fn forward<F: Real>(
    layer: &mut Hidden<F>,
    x: ArrayView2<F>,
    dropout: f64,
    random: &mut impl Rng,
) -> Trace<F> {
    let mut before = layer.linear.forward(x);
    let mut normalized = None;
    if let Some(norm) = &mut layer.norm {
        let (y, trace) = norm.forward_training(before);
        before = y;
        normalized = Some(trace);
    }
    let mut output = layer.activation.apply(before.clone());
    let mask = dropout::mask(output.dim(), dropout, random);
    if let Some(mask) = &mask {
        output *= mask;
    }
    Trace {
        normalized,
        before,
        mask,
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::config::{DenseConfig, HeadConfig, LogisticConfig};
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use crate::head::random::stream;

    const LABELS: [usize; 6] = [0, 2, 1, 2, 0, 1];

    fn dense(yaml: &str) -> HeadConfig {
        HeadConfig::Dense(serde_saphyr::from_str::<DenseConfig>(yaml).unwrap())
    }

    /// Every parameter of a network with every kind of layer, dropout's mask held fixed by its
    /// seed.
    fn check(config: &HeadConfig, dropout: f64) {
        let mut network: Network<f64> = Network::new(config, 5, 3, &mut stream("init", 4, &[]));
        // Away from zero, so that biases and the affine part matter.
        for (i, parameter) in network.parameters().into_iter().enumerate() {
            let (rows, columns) = parameter.value.dim();
            *parameter.value += &(wave(rows, columns, i as f64) * 0.2);
        }
        let x = wave(6, 5, 0.5);
        let loss = |network: &Network<f64>| {
            let mut network = network.clone();
            let mut gradient = Gradient::of(&network);
            let mut random = stream("mask", 5, &[]);
            gradient
                .compute(&mut network, x.view(), &LABELS, dropout, &mut random)
                .mean
        };
        let mut gradient = Gradient::of(&network);
        let mut random = stream("mask", 5, &[]);
        gradient.compute(
            &mut network.clone(),
            x.view(),
            &LABELS,
            dropout,
            &mut random,
        );

        let found = gradient.arrays();
        assert_eq!(found.len(), network.parameters().len());
        for (i, found) in found.into_iter().enumerate() {
            let expected = derivative(&mut network, |n| n.parameters().swap_remove(i).value, loss);
            agree(found, &expected);
        }
    }

    #[test]
    fn logistic_gradients_agree_with_differences() {
        check(&HeadConfig::Logistic(LogisticConfig {}), 0.0);
    }

    #[test]
    fn dense_gradients_agree_with_differences() {
        check(&dense("{hidden: [4]}"), 0.0);
        check(&dense("{hidden: [7, 4]}"), 0.0);
        check(&dense("{hidden: [7, 4]}"), 0.4);
        check(&dense("{hidden: [7, 4], batch_norm: true}"), 0.0);
        check(&dense("{hidden: [7, 4, 6], batch_norm: true}"), 0.4);
    }

    /// With BatchNorm settled and no dropout, training and afterwards are the same function.
    #[test]
    fn training_and_inference_agree_without_dropout() {
        let mut network: Network<f64> = Network::new(
            &dense("{hidden: [8, 4]}"),
            5,
            3,
            &mut stream("init", 4, &[]),
        );
        let x = wave(6, 5, 0.5);
        let mut gradient = Gradient::of(&network);
        let trained = gradient.compute(
            &mut network,
            x.view(),
            &LABELS,
            0.0,
            &mut stream("", 0, &[]),
        );
        let after = cross_entropy(network.logits(x.view()), &LABELS);
        assert_eq!(trained.mean, after.mean);
    }
}
