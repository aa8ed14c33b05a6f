//! The network of a head: blocks of convolutions where it has any, hidden layers, each linear,
//! BatchNorm, activation, and a linear output.

mod activation;
pub(super) mod batch_norm;
pub(super) mod convolution;
pub(super) mod dropout;
pub(super) mod linear;
pub(super) mod loss;
mod maps;
pub(super) mod pass;
mod pieces;

#[cfg(test)]
pub(super) mod gradient_check;

use ndarray::{Array2, ArrayView2};
use rand_chacha::rand_core::Rng;

use super::config::{Activation, AtLeast, HeadConfig};
use super::real::Real;
use batch_norm::BatchNorm;
use convolution::Block;
use linear::Linear;

/// The values of a network; without hidden layers it is a logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network<F> {
    /// Convolutions on raw pixels; none but in a convolutional head.
    pub(super) maps: Vec<Block<F>>,
    pub(super) hidden: Vec<Hidden<F>>,
    pub(super) output: Linear<F>,
}

/// A hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hidden<F> {
    pub(super) linear: Linear<F>,
    pub(super) norm: Option<BatchNorm<F>>,
    pub(super) activation: Activation,
}

/// An array that the optimizer moves.
pub(super) struct Parameter<'a, F> {
    pub(super) value: &'a mut Array2<F>,
    /// Whether the L2 penalty counts it: weights of linear layers only.
    pub(super) decays: bool,
}

impl<F: Real> Network<F> {
    /// The network before its first step.
    ///
    /// Logistic regression starts at zero (its loss is convex, so where it starts is of no
    /// consequence); a dense head starts at random, hidden layers after He et al. 2015.
    pub(super) fn new(
        config: &HeadConfig,
        inputs: usize,
        classes: usize,
        random: &mut impl Rng,
    ) -> Self {
        let relu = Activation::Relu;
        let (maps, widths, batch_norm, activation) = match config {
            HeadConfig::Logistic(_) => {
                return Self {
                    maps: Vec::new(),
                    hidden: Vec::new(),
                    output: Linear::zeros(inputs, classes, true),
                };
            }
            HeadConfig::Dense(dense) => {
                let (norm, activation) = (dense.batch_norm, dense.activation);
                (Vec::new(), &dense.hidden, norm, activation)
            }
            HeadConfig::Cnn(cnn) => {
                let maps = convolution::blocks(cnn, inputs, relu.gain(), random);
                (maps, &cnn.hidden, false, relu)
            }
        };
        let mut hidden = Vec::new();
        let mut width = maps.last().map_or(inputs, |block| block.output().len());
        for next in widths.iter().map(|width| width.get()) {
            let gain = activation.gain();
            hidden.push(Hidden {
                linear: Linear::random(width, next, !batch_norm, gain, random),
                norm: batch_norm.then(|| BatchNorm::new(next)),
                activation,
            });
            width = next;
        }
        Self {
            maps,
            hidden,
            output: Linear::random(width, classes, true, 1.0, random),
        }
    }

    /// Features that a row has.
    pub(super) fn inputs(&self) -> usize {
        match self.maps.first() {
            Some(block) => block.input.len(),
            None => self.first_linear().inputs(),
        }
    }

    /// The layer nearest the features: what the last block of convolutions gives, where there is
    /// one.
    fn first_linear(&self) -> &Linear<F> {
        self.hidden
            .first()
            .map_or(&self.output, |layer| &layer.linear)
    }

    /// `[n, inputs] -> [n, classes]`, as trained: running statistics, no dropout.
    pub(super) fn logits(&self, x: ArrayView2<F>) -> Array2<F> {
        let features = maps::features(&self.maps, x);
        let x = features.as_ref().map_or(x, |h| h.view());
        let mut layers = self.hidden.iter();
        let Some(first) = layers.next() else {
            return self.output.forward(x);
        };
        let h = layers.fold(first.forward(x), |h, layer| layer.forward(h.view()));
        self.output.forward(h.view())
    }

    /// Everything that is learned, in the order of [`pass::Gradient::arrays`].
    pub(super) fn parameters(&mut self) -> Vec<Parameter<'_, F>> {
        let mut all = Vec::new();
        for block in &mut self.maps {
            push_linear(&mut all, &mut block.linear);
        }
        for layer in &mut self.hidden {
            push_linear(&mut all, &mut layer.linear);
            if let Some(norm) = &mut layer.norm {
                all.push(Parameter {
                    value: &mut norm.affine.scale,
                    decays: false,
                });
                all.push(Parameter {
                    value: &mut norm.affine.shift,
                    decays: false,
                });
            }
        }
        push_linear(&mut all, &mut self.output);
        all
    }

    /// Whether every value, running statistics included, is a number.
    pub(super) fn is_finite(&self) -> bool {
        let fine = |array: &Array2<F>| array.iter().all(|x| x.is_finite());
        let linear = |l: &Linear<F>| fine(&l.weight) && l.bias.as_ref().is_none_or(fine);
        self.maps.iter().all(|block| linear(&block.linear))
            && self.hidden.iter().all(|layer| {
                linear(&layer.linear)
                    && layer.norm.as_ref().is_none_or(|n| {
                        fine(&n.affine.scale)
                            && fine(&n.affine.shift)
                            && fine(&n.mean)
                            && fine(&n.variance)
                    })
            })
            && linear(&self.output)
    }
}

impl<F: Real> Hidden<F> {
    fn forward(&self, x: ArrayView2<F>) -> Array2<F> {
        let mut h = self.linear.forward(x);
        if let Some(norm) = &self.norm {
            h = norm.forward(h);
        }
        self.activation.apply(h)
    }
}

fn push_linear<'a, F>(all: &mut Vec<Parameter<'a, F>>, layer: &'a mut Linear<F>) {
    all.push(Parameter {
        value: &mut layer.weight,
        decays: true,
    });
    all.extend(layer.bias.as_mut().map(|value| Parameter {
        value,
        decays: false,
    }));
}

/// How many numbers a network of these settings learns; `None` where that overflows.
pub(super) fn parameter_count(config: &HeadConfig, inputs: usize, classes: usize) -> Option<usize> {
    let mut width = inputs;
    let mut count = 0_usize;
    let hidden: &[AtLeast<1>] = match config {
        HeadConfig::Dense(dense) => &dense.hidden,
        HeadConfig::Logistic(_) => &[],
        HeadConfig::Cnn(cnn) => {
            let shapes = cnn.shapes(inputs).unwrap_or_default();
            let square = cnn.kernel.get().checked_mul(cnn.kernel.get())?;
            for (from, to) in shapes.iter().zip(shapes.iter().skip(1)) {
                let patch = square.checked_mul(from.channels)?.checked_add(1)?;
                count = count.checked_add(patch.checked_mul(to.channels)?)?;
                width = to.len();
            }
            &cnn.hidden
        }
    };
    for next in hidden.iter().map(|width| width.get()).chain([classes]) {
        count = count.checked_add(width.checked_add(2)?.checked_mul(next)?)?;
        width = next;
    }
    Some(count)
}
