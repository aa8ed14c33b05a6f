//! One training step's passes through a network: forward, loss, backward.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::batch_norm::{Affine, Columns};
use super::convolution::Block;
use super::dropout::Dropout;
use super::linear::Linear;
use super::loss::{BatchLoss, Criterion, Targets};
use super::maps::Maps;
use super::pieces::{ROWS, first_rows, first_rows_mut};
use super::{Hidden, Network};
use crate::head::real::Real;

/// The gradient of a network's loss; its arrays are kept from step to step.
#[derive(Debug)]
pub(in crate::head) struct Gradient<F> {
    maps: Vec<Linear<F>>,
    hidden: Vec<(Linear<F>, Option<Affine<F>>)>,
    output: Linear<F>,
}

/// The arrays of a training step, for batches of up to so many rows; no step allocates anew.
#[derive(Debug)]
pub(in crate::head) struct Pass<F> {
    pub(in crate::head) gradient: Gradient<F>,
    maps: Maps<F>,
    hidden: Vec<Trace<F>>,
    /// Then dL/dlogits.
    logits: Array2<F>,
}

/// What a hidden layer's backward pass needs of its forward pass, `[most rows, width]` each.
#[derive(Debug)]
struct Trace<F> {
    /// With BatchNorm x̂, else X Wᵀ.
    product: Array2<F>,
    /// What the layer gives to the next.
    output: Array2<F>,
    /// Dropout's factors; without rows where there is no dropout.
    mask: Array2<F>,
    /// dL/d of what the layer gives, then of what goes into it.
    delta: Array2<F>,
    columns: Columns<F>,
}

impl<F: Real> Gradient<F> {
    /// Zeros in the shape of a network.
    fn of(network: &Network<F>) -> Self {
        let linear = |l: &Linear<F>| Linear::zeros(l.inputs(), l.outputs(), l.bias.is_some());
        let hidden = |layer: &Hidden<F>| {
            (
                linear(&layer.linear),
                layer.norm.as_ref().map(|norm| norm.affine.clone()),
            )
        };
        let block = |block: &Block<F>| linear(&block.linear);
        Self {
            maps: network.maps.iter().map(block).collect(),
            hidden: network.hidden.iter().map(hidden).collect(),
            output: linear(&network.output),
        }
    }

    /// In the order of [`Network::parameters`].
    pub(in crate::head) fn arrays(&self) -> Vec<&Array2<F>> {
        let mut all = Vec::new();
        for linear in &self.maps {
            all.extend(
                [Some(&linear.weight), linear.bias.as_ref()]
                    .into_iter()
                    .flatten(),
            );
        }
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
        let output = [Some(&self.output.weight), self.output.bias.as_ref()];
        all.extend(output.into_iter().flatten());
        all
    }
}

impl<F: Real> Pass<F> {
    /// For batches of up to `most` rows, with or without dropout.
    pub(in crate::head) fn of(network: &Network<F>, most: usize, dropout: bool) -> Self {
        let trace = |layer: &Hidden<F>| {
            let width = layer.linear.outputs();
            let zeros = |rows| Array2::zeros((rows, width));
            Trace {
                product: zeros(most),
                output: zeros(most),
                mask: zeros(if dropout { most } else { 0 }),
                delta: zeros(most),
                columns: Columns::new(width),
            }
        };
        Self {
            gradient: Gradient::of(network),
            maps: Maps::of(&network.maps, most, dropout),
            hidden: network.hidden.iter().map(trace).collect(),
            logits: Array2::zeros((most, network.output.outputs())),
        }
    }

    /// The loss of a batch `x` `[n, inputs]` in training (batch statistics, which move the
    /// network's running ones; units dropped), and its gradient into `self.gradient`.
    pub(in crate::head) fn compute(
        &mut self,
        network: &mut Network<F>,
        x: ArrayView2<F>,
        criterion: &Criterion<F>,
        targets: Targets<'_>,
        dropout: Option<&Dropout>,
    ) -> BatchLoss<F> {
        let n = x.nrows();
        // Apart from the dense layers, which take what the blocks give for their batch.
        let none = Maps::of(&[], 0, false);
        let mut maps = std::mem::replace(&mut self.maps, none);
        let below = dropout.map(|dropout| (dropout, network.hidden.len()));
        let pixels = x;
        let x = maps.forward(&network.maps, pixels, below);
        self.forward(network, x, dropout);
        let last = self.hidden.last();
        let input = last.map_or(x, |trace| trace.output.slice(s![..n, ..]));
        let mut logits = self.logits.slice_mut(s![..n, ..]);
        network.output.product(input, logits.view_mut());
        if let Some(bias) = &network.output.bias {
            logits += bias;
        }
        let loss = criterion.loss(targets, logits.view_mut());
        let (output, dlogits) = (&mut self.gradient.output, logits.view());
        network.output.backward(input, dlogits, output);
        self.backward(network, x, dropout.is_some());
        if let Some(delta) = maps.delta(n) {
            let first = self.hidden.first();
            let dy = first.map_or(&self.logits, |trace| &trace.delta);
            let first = network.first_linear();
            first.input_gradient(dy.slice(s![..n, ..]), delta);
            let gradients = &mut self.gradient.maps;
            maps.backward(&network.maps, pixels, gradients, dropout.is_some());
        }
        self.maps = maps;
        loss
    }

    fn forward(&mut self, network: &mut Network<F>, x: ArrayView2<F>, dropout: Option<&Dropout>) {
        let n = x.nrows();
        for (i, layer) in network.hidden.iter_mut().enumerate() {
            let (below, rest) = self.hidden.split_at_mut(i);
            let below = below.last();
            let input = below.map_or(x, |trace| trace.output.slice(s![..n, ..]));
            let Some(trace) = rest.first_mut() else {
                return;
            };
            trace.forward(layer, input, dropout.map(|dropout| (dropout, i)));
        }
    }

    /// From the output layer back to the first hidden one; the features' own gradient, which
    /// nobody needs and which would cost a third of the work, is left out.
    fn backward(&mut self, network: &Network<F>, x: ArrayView2<F>, dropout: bool) {
        let n = x.nrows();
        let mut above = &network.output;
        let layers = network.hidden.iter().zip(&mut self.gradient.hidden);
        for (i, (layer, (linear, affine))) in layers.enumerate().rev() {
            let (rest, higher) = self.hidden.split_at_mut(i + 1);
            let dy = higher.first().map_or(&self.logits, |trace| &trace.delta);
            let (below, own) = rest.split_at_mut(i);
            let Some(trace) = own.first_mut() else {
                return;
            };
            let delta = trace.delta.slice_mut(s![..n, ..]);
            above.input_gradient(dy.slice(s![..n, ..]), delta);
            trace.backward(layer, affine.as_mut(), n, dropout);
            let below = below.last();
            let input = below.map_or(x, |trace| trace.output.slice(s![..n, ..]));
            layer
                .linear
                .backward(input, trace.delta.slice(s![..n, ..]), linear);
            above = &layer.linear;
        }
    }
}

impl<F: Real> Trace<F> {
    /// Linear, BatchNorm, then in one pass the affine part (or the bias), the activation and
    /// dropout.
    fn forward(
        &mut self,
        layer: &mut Hidden<F>,
        input: ArrayView2<F>,
        dropout: Option<(&Dropout, usize)>,
    ) {
        let (n, width) = (input.nrows(), layer.linear.outputs().max(1));
        let product = self.product.slice_mut(s![..n, ..]);
        layer.linear.product(input, product);
        let product = first_rows_mut(&mut self.product, n);
        if let Some(norm) = &mut layer.norm {
            norm.normalize(product, &mut self.columns);
        }
        let mask = first_rows_mut(&mut self.mask, n);
        if let Some((dropout, number)) = dropout {
            dropout.fill(number, width, mask);
        }
        let (mask, product) = (&*mask, &*product);
        let layer = &*layer;
        let piece = |(number, (output, product)): (usize, (&mut [F], &[F]))| {
            before_activation(layer, product, output);
            layer.activation.apply_to(output);
            if dropout.is_some() {
                let start = number * ROWS * width;
                let mask = mask.get(start..).unwrap_or_default();
                output.iter_mut().zip(mask).for_each(|(y, &m)| *y *= m);
            }
        };
        first_rows_mut(&mut self.output, n)
            .par_chunks_mut(ROWS * width)
            .zip(product.par_chunks(ROWS * width))
            .enumerate()
            .for_each(piece);
    }

    /// `delta`, dL/d of the layer's output, becomes that of X Wᵀ.
    fn backward(
        &mut self,
        layer: &Hidden<F>,
        affine: Option<&mut Affine<F>>,
        n: usize,
        dropout: bool,
    ) {
        let width = layer.linear.outputs().max(1);
        let product = first_rows(&self.product, n);
        let mask = first_rows(&self.mask, n);
        let delta = first_rows_mut(&mut self.delta, n);
        // The layer above has taken what it needs of the output: its place serves for what the
        // activation was given, computed again because that is nearer than memory.
        let before = first_rows_mut(&mut self.output, n);
        let piece = |(number, (delta, (before, product))): (usize, Both<'_, F>)| {
            before_activation(layer, product, before);
            if dropout {
                let start = number * ROWS * width;
                let mask = mask.get(start..).unwrap_or_default();
                delta.iter_mut().zip(mask).for_each(|(dy, &m)| *dy *= m);
            }
            layer.activation.backward_to(before, delta);
        };
        let both = before
            .par_chunks_mut(ROWS * width)
            .zip(product.par_chunks(ROWS * width));
        delta
            .par_chunks_mut(ROWS * width)
            .zip(both)
            .enumerate()
            .for_each(piece);
        if let (Some(norm), Some(affine)) = (&layer.norm, affine) {
            norm.backward(delta, product, &self.columns, affine);
        }
    }
}

/// A piece of delta, of what went into the activation, and of the product.
type Both<'a, F> = (&'a mut [F], (&'a mut [F], &'a [F]));

/// What goes into a layer's activation: scale * x̂ + shift, or X Wᵀ + b.
fn before_activation<F: Real>(layer: &Hidden<F>, product: &[F], out: &mut [F]) {
    let width = layer.linear.outputs().max(1);
    let rows = out.chunks_mut(width).zip(product.chunks(width));
    if let Some(norm) = &layer.norm {
        let (scale, shift) = norm.affine.slices();
        for (out, x) in rows {
            for ((y, &x), (&scale, &shift)) in out.iter_mut().zip(x).zip(scale.iter().zip(shift)) {
                *y = scale * x + shift;
            }
        }
        return;
    }
    let bias = layer.linear.bias.as_ref().and_then(|bias| bias.as_slice());
    match bias {
        Some(bias) => rows.for_each(|(out, x)| {
            for ((y, &x), &b) in out.iter_mut().zip(x).zip(bias) {
                *y = x + b;
            }
        }),
        None => rows.for_each(|(out, x)| out.copy_from_slice(x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::config::{CnnConfig, DenseConfig, HeadConfig, LogisticConfig};
    use crate::head::network::gradient_check::{agree, derivative, wave};
    use crate::head::random::stream;

    const LABELS: [usize; 6] = [0, 2, 1, 2, 0, 1];
    const OTHERS: [usize; 6] = [1, 2, 0, 0, 0, 2];

    fn dense(yaml: &str) -> HeadConfig {
        HeadConfig::Dense(serde_saphyr::from_str::<DenseConfig>(yaml).unwrap())
    }

    /// Every parameter of a network with every kind of layer, dropout's mask held fixed by its
    /// seed.
    fn check_with(config: &HeadConfig, dropout: f64, criterion: &Criterion<f64>, mixed: bool) {
        check_on(5, config, dropout, criterion, mixed);
    }

    fn check_on(
        inputs: usize,
        config: &HeadConfig,
        dropout: f64,
        criterion: &Criterion<f64>,
        mixed: bool,
    ) {
        let mut random = stream("init", 4, &[]);
        let mut network: Network<f64> = Network::new(config, inputs, 3, &mut random);
        // Away from zero, so that biases and the affine part matter.
        for (i, parameter) in network.parameters().into_iter().enumerate() {
            let (rows, columns) = parameter.value.dim();
            *parameter.value += &(wave(rows, columns, i as f64) * 0.2);
        }
        let x = wave(6, inputs, 0.5);
        let targets = Targets {
            labels: &LABELS,
            blended: mixed.then_some((&OTHERS[..], 0.3)),
        };
        let pass = |network: &Network<f64>| {
            // Larger than the batch, and full of what another batch left.
            let mut pass = Pass::of(network, 9, dropout > 0.0);
            pass.logits.fill(7.0);
            let dropout = Dropout::new(dropout, stream("mask", 5, &[]));
            let mut network = network.clone();
            let loss = pass.compute(&mut network, x.view(), criterion, targets, dropout.as_ref());
            (loss.mean, pass)
        };
        let (_, found) = pass(&network);
        let found = found.gradient.arrays();
        assert_eq!(found.len(), network.parameters().len());
        for (i, found) in found.into_iter().enumerate() {
            let expected = derivative(
                &mut network,
                |n| n.parameters().swap_remove(i).value,
                |n| pass(n).0,
            );
            agree(found, &expected);
        }
    }

    fn check(config: &HeadConfig, dropout: f64) {
        check_with(config, dropout, &Criterion::plain(), false);
    }

    #[test]
    fn logistic_gradients_agree_with_differences() {
        check(&HeadConfig::Logistic(LogisticConfig::default()), 0.0);
    }

    #[test]
    fn convolutional_gradients_agree_with_differences() {
        for (hidden, dropout) in [("[]", 0.0), ("[4]", 0.0), ("[4, 3]", 0.4)] {
            let yaml =
                format!("{{filters: [2, 3], kernel: 2, image: [7, 8, 1], hidden: {hidden}}}");
            let cnn = HeadConfig::Cnn(serde_saphyr::from_str::<CnnConfig>(&yaml).unwrap());
            check_on(56, &cnn, dropout, &Criterion::plain(), false);
        }
    }

    #[test]
    fn dense_gradients_agree_with_differences() {
        check(&dense("{hidden: [4]}"), 0.0);
        check(&dense("{hidden: [7, 4]}"), 0.0);
        check(&dense("{hidden: [7, 4]}"), 0.4);
        check(&dense("{hidden: [7, 4], batch_norm: true}"), 0.0);
        check(&dense("{hidden: [7, 4, 6], batch_norm: true}"), 0.4);
    }

    #[test]
    fn gradients_of_every_activation_and_loss_agree_with_differences() {
        let weights = Some(vec![0.5, 2.0, 1.0]);
        for activation in ["relu", "gelu", "tanh"] {
            for norm in [false, true] {
                let yaml =
                    format!("{{hidden: [6, 4], activation: {activation}, batch_norm: {norm}}}");
                let criterion = Criterion {
                    smoothing: 0.1,
                    weights: weights.clone(),
                };
                check_with(&dense(&yaml), 0.3, &criterion, true);
            }
        }
    }

    /// With BatchNorm settled and no dropout, training and afterwards are the same function.
    #[test]
    fn training_and_inference_agree_without_dropout() {
        let config = dense("{hidden: [8, 4]}");
        let mut network: Network<f64> = Network::new(&config, 5, 3, &mut stream("init", 4, &[]));
        let x = wave(6, 5, 0.5);
        let (criterion, targets) = (Criterion::plain(), Targets::plain(&LABELS));
        let mut pass = Pass::of(&network, 6, false);
        let trained = pass.compute(&mut network, x.view(), &criterion, targets, None);
        let mut logits = network.logits(x.view());
        let after = criterion.loss(targets, logits.view_mut());
        assert_eq!(trained.mean, after.mean);
    }
}
