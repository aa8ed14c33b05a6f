//! A network, and the steps that train it.

use ndarray::ArrayView2;

use super::optimizer::Optimizer;
use crate::head::config::{Positive, TrainConfig};
use crate::head::network::Network;
use crate::head::network::dropout::Dropout;
use crate::head::network::loss::{BatchLoss, Criterion, Targets};
use crate::head::network::pass::Pass;
use crate::head::real::Real;

/// A network with all that a step needs, kept from step to step.
#[derive(Debug)]
pub(super) struct Stepper<F> {
    pub(super) network: Network<F>,
    pass: Pass<F>,
    criterion: Criterion<F>,
    optimizer: Optimizer<F>,
}

impl<F: Real> Stepper<F> {
    /// For batches of up to `most` rows, with the weights of the classes in the loss.
    pub(super) fn new(
        config: &TrainConfig,
        mut network: Network<F>,
        most: usize,
        class_weights: Option<&[f64]>,
    ) -> Self {
        let clip_norm = config.clip_norm.map(Positive::get);
        let l2 = config.l2.get();
        let optimizer = Optimizer::new(config.optimizer, l2, clip_norm, &network.parameters());
        let weights = class_weights.map(|all| all.iter().map(|&w| F::of(w)).collect());
        Self {
            pass: Pass::of(&network, most, dropout(config) > 0.0),
            criterion: Criterion {
                smoothing: F::of(config.label_smoothing.get()),
                weights,
            },
            optimizer,
            network,
        }
    }

    /// One step on a batch with the learning rate `lr`; the loss is that before it.
    pub(super) fn step(
        &mut self,
        x: ArrayView2<F>,
        targets: Targets<'_>,
        dropout: Option<&Dropout>,
        lr: f64,
    ) -> BatchLoss<F> {
        let network = &mut self.network;
        let loss = self
            .pass
            .compute(network, x, &self.criterion, targets, dropout);
        let gradients = self.pass.gradient.arrays();
        self.optimizer.step(network.parameters(), &gradients, lr);
        loss
    }
}

/// The share of hidden units that a step drops.
pub(super) fn dropout(config: &TrainConfig) -> f64 {
    config.head.dropout()
}
