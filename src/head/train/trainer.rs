//! Training one model, an epoch at a time.

use ndarray::{Array2, s};
use rand_chacha::ChaCha8Rng;

use super::batches;
use super::optimizer::Optimizer;
use crate::head::config::{HeadConfig, OptimizerConfig, TrainConfig};
use crate::head::error::{Cause, Diverging, HeadError, Model};
use crate::head::examples::Examples;
use crate::head::network::Network;
use crate::head::network::loss::log_softmax;
use crate::head::network::pass::Gradient;
use crate::head::random::{below, shuffle, stream};

/// Rows that are scored at once.
const SCORED_AT_ONCE: usize = 512;

/// A model, the examples it learns from, and its optimizer.
pub(super) struct Trainer<'c, 'e> {
    config: &'c TrainConfig,
    examples: Examples<'e>,
    /// The examples this model may see.
    members: Vec<usize>,
    seed: u64,
    model: Model,
    network: Network<f32>,
    gradient: Gradient<f32>,
    optimizer: Optimizer<f32>,
    /// The rows of a batch.
    rows: Array2<f32>,
}

/// Sums over the examples of an epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EpochSums {
    pub(super) loss: f64,
    pub(super) correct: usize,
    pub(super) examples: usize,
}

impl<'c, 'e> Trainer<'c, 'e> {
    pub(super) fn new(
        config: &'c TrainConfig,
        examples: Examples<'e>,
        members: Vec<usize>,
        seed: u64,
        model: Model,
    ) -> Self {
        let mut random = stream("weights", seed, &[model.key()]);
        let mut network = Network::new(
            &config.head,
            examples.width(),
            examples.classes,
            &mut random,
        );
        let optimizer = Optimizer::new(config.optimizer, config.l2.get(), &network.parameters());
        let most = config.batch.size(members.len()) + 1;
        Self {
            gradient: Gradient::of(&network),
            rows: Array2::zeros((most, examples.width())),
            config,
            examples,
            members,
            seed,
            model,
            network,
            optimizer,
        }
    }

    /// One pass over the examples, each by a view drawn at random, in a random order. What is
    /// drawn depends on the seed, the model and the epoch alone.
    ///
    /// The sums are of what the network said in training (dropout on), each batch before its step.
    pub(super) fn epoch(&mut self, epoch: usize) -> Result<EpochSums, HeadError> {
        let mut random = stream("epoch", self.seed, &[self.model.key(), epoch as u64]);
        let order = draw(&self.members, self.examples.views, &mut random);
        let mut sums = EpochSums::default();
        let size = self.config.batch.size(order.len());
        for range in batches::ranges(order.len(), size) {
            let batch = order.get(range).unwrap_or_default();
            self.step(batch, &mut sums, &mut random)?;
            if !sums.loss.is_finite() {
                return Err(self.diverged(epoch, Diverging::Loss)?);
            }
        }
        if !self.network.is_finite() {
            return Err(self.diverged(epoch, Diverging::Weights)?);
        }
        Ok(sums)
    }

    /// One step on a batch of (example, view).
    fn step(
        &mut self,
        batch: &[(usize, usize)],
        sums: &mut EpochSums,
        random: &mut ChaCha8Rng,
    ) -> Result<(), HeadError> {
        let Examples {
            features,
            views,
            labels,
            ..
        } = self.examples;
        let places: Vec<usize> = batch.iter().map(|(e, view)| e * views + view).collect();
        features.read(&places, self.rows.slice_mut(s![..batch.len(), ..]))?;
        let x = self.rows.slice(s![..batch.len(), ..]);
        let labels: Vec<usize> = batch.iter().map(|&(example, _)| labels[example]).collect();
        let dropout = match &self.config.head {
            HeadConfig::Dense(dense) => dense.dropout.get(),
            HeadConfig::Logistic(_) => 0.0,
        };
        let loss = self
            .gradient
            .compute(&mut self.network, x, &labels, dropout, random);
        self.optimizer
            .step(self.network.parameters(), &self.gradient.arrays());
        #[allow(clippy::cast_precision_loss)] // batches are far below 2^53 rows
        let weight = batch.len() as f64;
        sums.loss += f64::from(loss.mean) * weight;
        sums.correct += loss.correct;
        sums.examples += batch.len();
        Ok(())
    }

    /// ln p of each class for the plain view of some examples, `[examples.len(), classes]`.
    pub(super) fn log_probabilities(&self, examples: &[usize]) -> Result<Array2<f32>, HeadError> {
        let mut scores = Array2::zeros((examples.len(), self.examples.classes));
        let mut done = 0;
        for chunk in examples.chunks(SCORED_AT_ONCE) {
            let rows: Vec<usize> = chunk.iter().map(|e| e * self.examples.views).collect();
            let mut x = Array2::zeros((rows.len(), self.examples.width()));
            self.examples.features.read(&rows, x.view_mut())?;
            let logits = self.network.logits(x.view());
            scores
                .slice_mut(s![done..done + chunk.len(), ..])
                .assign(&log_softmax(logits));
            done += chunk.len();
        }
        Ok(scores)
    }

    pub(super) fn into_network(self) -> Network<f32> {
        self.network
    }

    pub(super) fn diverged(&self, epoch: usize, what: Diverging) -> Result<HeadError, HeadError> {
        let cause = likely_cause(self.config, self.examples.largest_feature()?);
        Ok(HeadError::Diverged {
            model: self.model,
            epoch,
            what,
            cause,
        })
    }
}

impl Model {
    /// Its place among the keys of a random stream.
    fn key(self) -> u64 {
        match self {
            Self::Final => 0,
            Self::Fold(fold) => fold as u64 + 1,
        }
    }
}

/// Each member once, in a random order, with a random one of its views.
fn draw(members: &[usize], views: usize, random: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
    let mut order: Vec<_> = members.iter().map(|&e| (e, below(random, views))).collect();
    shuffle(&mut order, random);
    order
}

/// What to suspect, in this order: a penalty that alone makes gradient descent diverge (its step
/// multiplies a weight by 1 - lr l2), features out of all scale, a learning rate too high.
fn likely_cause(config: &TrainConfig, largest: f32) -> Cause {
    let (lr, descent) = match config.optimizer {
        OptimizerConfig::Adam(adam) => (adam.lr.get(), false),
        OptimizerConfig::Sgd(sgd) => (sgd.lr.get(), true),
    };
    let l2 = config.l2.get();
    if descent && lr * l2 > 2.0 {
        Cause::L2 { l2, lr }
    } else if largest > 1e4 {
        Cause::Scale { largest }
    } else {
        Cause::LearningRate { lr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_epochs_every_view_of_every_example_comes_about_equally_often() {
        let members = [3, 5, 8, 9];
        let mut counts = std::collections::BTreeMap::new();
        let mut orders = std::collections::BTreeSet::new();
        for epoch in 0..2_000 {
            let drawn = draw(&members, 4, &mut stream("epoch", 1, &[0, epoch]));
            let mut order: Vec<usize> = drawn.iter().map(|(example, _)| *example).collect();
            orders.insert(order.clone());
            order.sort_unstable();
            assert_eq!(order, members);
            for pair in drawn {
                *counts.entry(pair).or_insert(0_u32) += 1;
            }
        }
        assert_eq!(orders.len(), 24);
        assert_eq!(counts.len(), 16);
        // 500 expected; five standard deviations are 5 * sqrt(2000 * 3/16) = 97.
        assert!(counts.values().all(|n| n.abs_diff(500) < 97), "{counts:?}");
    }
}
