//! Training one model, an epoch at a time.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use rand_chacha::ChaCha8Rng;

use super::batches;
use super::best::Partial;
use super::feed::Feed;
use super::mixup::Blend;
use super::sampling::{Draw, draw};
use super::schedule::{Progress, factor};
use super::stepper::{Stepper, dropout};
use crate::head::config::{OptimizerConfig, Sampling, TrainConfig};
use crate::head::error::{Cause, Diverging, HeadError, Model};
use crate::head::examples::Examples;
use crate::head::network::Network;
use crate::head::network::dropout::Dropout;
use crate::head::network::loss::Targets;
use crate::head::random::stream;
use crate::head::rows::Rows;
use crate::stop::Stop;

/// The memory for streamed rows where nothing is said: a window of 16,384 rows of ResNet50's.
const WINDOWS: usize = 256 << 20;

/// A model, the examples it learns from, and its optimizer.
pub(super) struct Trainer<'c, 'e> {
    config: &'c TrainConfig,
    examples: Examples<'e>,
    /// The examples this model may see, and whether each of all is among them.
    members: Vec<usize>,
    sees: Vec<bool>,
    seed: u64,
    model: Model,
    stepper: Stepper<f32>,
    feed: Feed<'e>,
    /// Mixup's rows of a batch.
    blended: Array2<f32>,
    /// Steps that were taken.
    steps: usize,
    stop: Option<&'c Stop>,
}

/// Sums over the examples of an epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EpochSums {
    pub(super) loss: f64,
    pub(super) correct: usize,
    pub(super) examples: usize,
}

impl EpochSums {
    /// The sums over several models.
    pub(super) fn of(all: &[Self]) -> Self {
        all.iter().fold(Self::default(), |sum, own| Self {
            loss: sum.loss + own.loss,
            correct: sum.correct + own.correct,
            examples: sum.examples + own.examples,
        })
    }
}

impl<'c, 'e> Trainer<'c, 'e> {
    /// # Errors
    /// Weights for classes that are not there.
    pub(super) fn new(
        config: &'c TrainConfig,
        examples: Examples<'e>,
        members: Vec<usize>,
        seed: u64,
        model: Model,
    ) -> Result<Self, HeadError> {
        let mut random = stream("weights", seed, &[model.key()]);
        let (width, classes) = (examples.width(), examples.classes);
        let network = Network::new(&config.head, width, classes, &mut random);
        let most = config.batch.size(members.len()) + 1;
        let blended = if config.mixup.is_some() { most } else { 0 };
        let weights = class_weights(config, &examples, &members)?;
        let mut sees = vec![false; examples.len()];
        for &member in &members {
            if let Some(sees) = sees.get_mut(member) {
                *sees = true;
            }
        }
        Ok(Self {
            stepper: Stepper::new(config, network, most, weights.as_deref()),
            feed: Feed::new(examples.features, budget(config)),
            blended: Array2::zeros((blended, width)),
            config,
            examples,
            members,
            sees,
            seed,
            model,
            steps: 0,
            stop: None,
        })
    }

    /// The same, ending between two steps once it is asked to.
    pub(super) fn until(self, stop: &'c Stop) -> Self {
        let stop = Some(stop);
        Self { stop, ..self }
    }

    /// One pass over the examples, each by a view drawn at random, in a random order. What is
    /// drawn depends on the seed and the epoch alone (and, where classes are balanced, on the
    /// model): a model takes what it may see of what is drawn for all.
    ///
    /// The sums are of what the network said in training (dropout on), each batch before its step.
    ///
    /// # Errors
    /// A loss or weight that is no number, rows that cannot be read, the request to end.
    pub(super) fn epoch(&mut self, epoch: usize) -> Result<EpochSums, HeadError> {
        // On a thread of the pool, so that no step has to wake it up.
        rayon::scope(|_| self.epoch_here(epoch))
    }

    fn epoch_here(&mut self, epoch: usize) -> Result<EpochSums, HeadError> {
        let own = self.own(&self.draws(epoch));
        let places: Vec<usize> = own.order.iter().map(|draw| self.place(*draw)).collect();
        let mut sums = EpochSums::default();
        let (mut one, feed) = self.apart(&own, &mut sums);
        let fed = feed.each(&places, &own.batches, &mut |batch, x| one.take(batch, x));
        self.ended(epoch, fed.map(|()| sums))
    }

    /// What an epoch draws: for all models at once, or, where classes are balanced, for this one.
    pub(super) fn draws(&self, epoch: usize) -> Vec<Draw> {
        let Examples { labels, views, .. } = self.examples;
        let sampling = self.config.sampling;
        let key = if self.is_alone() { self.model.key() } else { 0 };
        let random = &mut stream("epoch", self.seed, &[key, epoch as u64]);
        match sampling {
            Sampling::Once => {
                let all: Vec<usize> = (0..self.examples.len()).collect();
                draw(sampling, &all, labels, views, random)
            }
            Sampling::Balanced => draw(sampling, &self.members, labels, views, random),
        }
    }

    /// Whether its draws are nobody else's.
    pub(super) fn is_alone(&self) -> bool {
        self.config.sampling == Sampling::Balanced
    }

    /// What this model takes of the draws.
    pub(super) fn own(&self, draws: &[Draw]) -> Own {
        let sees = |&(_, (example, _)): &(usize, &Draw)| self.sees.get(*example) == Some(&true);
        let (at, order): (Vec<usize>, Vec<Draw>) = draws.iter().enumerate().filter(sees).unzip();
        let batches = batches::ranges(order.len(), self.config.batch.size(order.len()));
        Own { at, order, batches }
    }

    /// The row of a view of an example.
    pub(super) fn place(&self, (example, view): Draw) -> usize {
        example * self.examples.views + view
    }

    /// Bytes of the rows of its largest batch.
    pub(super) fn batch_bytes(&self) -> usize {
        let rows = self.config.batch.size(self.members.len()).saturating_add(1);
        let a_row = self.examples.width().saturating_mul(size_of::<f32>());
        rows.min(self.members.len()).saturating_mul(a_row)
    }

    /// What steps need, and apart from that what fetches rows for them.
    pub(super) fn apart<'t>(
        &'t mut self,
        own: &'t Own,
        sums: &'t mut EpochSums,
    ) -> (OneStep<'t>, &'t mut Feed<'e>) {
        let one = OneStep {
            config: self.config,
            labels: self.examples.labels,
            keys: [self.seed, self.model.key()],
            own,
            stepper: &mut self.stepper,
            blended: &mut self.blended,
            steps: &mut self.steps,
            stop: self.stop,
            sums,
        };
        (one, &mut self.feed)
    }

    /// The sums of an epoch, or why there are none.
    pub(super) fn ended(
        &self,
        epoch: usize,
        sums: Result<EpochSums, HeadError>,
    ) -> Result<EpochSums, HeadError> {
        match sums {
            Err(HeadError::NotFinite) => Err(self.diverged(epoch, Diverging::Loss)?),
            Ok(_) if !self.stepper.network.is_finite() => {
                Err(self.diverged(epoch, Diverging::Weights)?)
            }
            sums => sums,
        }
    }

    /// The rows that it learns from.
    pub(super) fn rows(&self) -> &'e dyn Rows {
        self.examples.features
    }

    /// Whether its rows are read from elsewhere.
    pub(super) fn is_streamed(&self) -> bool {
        self.feed.is_streamed()
    }

    /// Steps that were taken.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// The network as it is now.
    pub(super) fn network(&self) -> &Network<f32> {
        &self.stepper.network
    }

    pub(super) fn into_network(self) -> Network<f32> {
        self.stepper.network
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

/// What a model takes of an epoch's draws.
#[derive(Debug)]
pub(super) struct Own {
    /// Where among the draws, in order.
    pub(super) at: Vec<usize>,
    /// The draws.
    pub(super) order: Vec<Draw>,
    /// Ranges of `order`.
    pub(super) batches: Vec<Range<usize>>,
}

/// Bytes that windows of streamed rows may take.
pub(in crate::head) fn budget(config: &TrainConfig) -> usize {
    config.memory.map_or(WINDOWS, |memory| memory.count())
}

/// What a step needs besides its rows.
pub(super) struct OneStep<'t> {
    config: &'t TrainConfig,
    labels: &'t [usize],
    /// Seed and model.
    keys: [u64; 2],
    own: &'t Own,
    stepper: &'t mut Stepper<f32>,
    blended: &'t mut Array2<f32>,
    steps: &'t mut usize,
    stop: Option<&'t Stop>,
    sums: &'t mut EpochSums,
}

impl OneStep<'_> {
    /// A step on the rows of a batch, which are those of a range of the order.
    ///
    /// # Errors
    /// A loss that is no number, the request to end.
    pub(super) fn take(
        &mut self,
        batch: Range<usize>,
        x: ArrayView2<'_, f32>,
    ) -> Result<(), HeadError> {
        if self.stop.is_some_and(Stop::is_asked) {
            return Err(HeadError::Interrupted(Box::new(Partial::none())));
        }
        let order = self.own.order.get(batch).unwrap_or_default();
        let label = |&(example, _): &Draw| self.labels.get(example).copied();
        let labels: Vec<usize> = order.iter().filter_map(label).collect();
        let at = Progress {
            step: *self.steps,
            steps_an_epoch: self.own.batches.len(),
            epochs: self.config.epochs.get(),
        };
        let lr = self.config.optimizer.lr() * factor(self.config.schedule.as_ref(), at);
        let dropped = dropout(self.config);
        let dropped = (dropped > 0.0).then(|| Dropout::new(dropped, self.random("dropout")));
        let dropped = dropped.flatten();
        let loss = match self.config.mixup {
            None => {
                let targets = Targets::plain(&labels);
                self.stepper.step(x, targets, dropped.as_ref(), lr)
            }
            Some(mixup) => {
                let mut random = self.random("mixup");
                let blend = Blend::draw(x.nrows(), mixup.alpha.get(), &mut random);
                blend.rows(x, self.blended);
                let others = blend.others.iter().filter_map(|&row| labels.get(row));
                let others: Vec<usize> = others.copied().collect();
                let targets = Targets {
                    labels: &labels,
                    blended: Some((&others, blend.share)),
                };
                let x = self.blended.slice(s![..x.nrows(), ..]);
                self.stepper.step(x, targets, dropped.as_ref(), lr)
            }
        };
        *self.steps += 1;
        #[allow(clippy::cast_precision_loss)] // batches are far below 2^53 rows
        let weight = order.len() as f64;
        self.sums.loss += f64::from(loss.mean) * weight;
        self.sums.correct += loss.correct;
        self.sums.examples += order.len();
        if self.sums.loss.is_finite() {
            Ok(())
        } else {
            Err(HeadError::NotFinite)
        }
    }

    /// The stream of this step for a purpose.
    fn random(&self, purpose: &str) -> ChaCha8Rng {
        let [seed, model] = self.keys;
        stream(purpose, seed, &[model, *self.steps as u64])
    }
}

/// What an example of each class weighs, by the examples that a model may see.
pub(in crate::head) fn class_weights(
    config: &TrainConfig,
    examples: &Examples<'_>,
    members: &[usize],
) -> Result<Option<Vec<f64>>, HeadError> {
    let Some(weights) = &config.class_weights else {
        return Ok(None);
    };
    let mut counts = vec![0; examples.classes];
    for label in members.iter().filter_map(|&e| examples.labels.get(e)) {
        if let Some(count) = counts.get_mut(*label) {
            *count += 1;
        }
    }
    let numbers: Vec<String> = (0..examples.classes)
        .map(|class| class.to_string())
        .collect();
    let weights = weights
        .of(&numbers, &counts)
        .map_err(HeadError::ClassWeights)?;
    let counts_something = |(&count, &weight): (&usize, &f64)| count > 0 && weight > 0.0;
    if !counts.iter().zip(&weights).any(counts_something) {
        return Err(HeadError::NoWeight);
    }
    Ok(Some(weights))
}

/// What to suspect, in this order: a penalty or decay that alone makes weights diverge (a step
/// multiplies a weight by 1 - lr l2), features out of all scale, a learning rate too high.
fn likely_cause(config: &TrainConfig, largest: f32) -> Cause {
    let lr = config.optimizer.lr();
    let l2 = config.l2.get();
    match config.optimizer {
        OptimizerConfig::Sgd(_) if lr * l2 > 2.0 => return Cause::L2 { l2, lr },
        OptimizerConfig::AdamW(adamw) if lr * adamw.weight_decay.get() > 2.0 => {
            let decay = adamw.weight_decay.get();
            return Cause::Decay { decay, lr };
        }
        _ => {}
    }
    if largest > 1e4 {
        Cause::Scale { largest }
    } else {
        let clipped = config.clip_norm.is_some();
        Cause::LearningRate { lr, clipped }
    }
}
