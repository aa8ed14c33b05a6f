//! The `train:` section of a pipeline.
//!
//! ```yaml
//! head: {dense: {hidden: [256], dropout: 0.6, batch_norm: true, activation: relu}}
//!                                 # activation: relu, gelu or tanh; or head: {logistic: {}}
//!                                 # or, on `pixels`, cnn: {filters: [32, 64], kernel: 3, pool: 2, hidden: [64]}
//! l2: 1.0e-3                      # for the logistic head also auto; see [`L2`]
//! adam: {lr: 1.0e-3, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8}   # or sgd: {lr: 0.01, momentum: 0.9}
//!                                 # or adamw: {lr: 1.0e-3, weight_decay: 0.01}, without l2
//! schedule: {warmup: 5, cosine: {to: 0}}   # optional; or step: {every: 30, by: 0.1}
//! label_smoothing: 0.1            # optional
//! mixup: {alpha: 0.2}             # optional
//! clip_norm: 1.0                  # optional
//! class_weights: balanced         # optional; or {cat: 2, dog: 1}; or sampling: balanced
//! memory: 2GiB                    # optional: feature rows beyond that are streamed
//! batch: 32                       # or all
//! epochs: 200
//! validation: {folds: 5, repeats: 1}   # optional; or {share: 0.2}: see [`ValidationConfig`]
//! calibration: temperature        # or none; the default is temperature where there is validation
//! early_stopping: {patience: 20}  # optional; needs validation; metric: log_loss or accuracy
//! search: {grid: {l2: [1.0e-4, 1.0e-3]}}   # optional; see [`search`](super::search)
//! ```
//!
//! A logistic head is solved exactly, by L-BFGS, unless something asks for steps on mini-batches: an
//! optimizer, `batch`, `epochs`, `early_stopping`, `schedule`, `label_smoothing`, `mixup`,
//! `clip_norm` or `sampling`. Then, and for a dense head, Adam takes them unless another is named.
//!
//! # The scale of `l2`
//! What is minimised is
//!
//! > mean over examples of the cross-entropy + `l2` / 2 * sum of w²
//!
//! where w runs over the weights of the linear layers: never a bias, never a parameter of
//! BatchNorm. The first term is a mean, so `l2` keeps its meaning when examples are added. For n
//! training examples:
//! - **PyTorch**, coupled decay: the same number as `weight_decay` of `torch.optim.SGD` or
//!   `torch.optim.Adam`, in a parameter group that holds the weights only, under a loss with
//!   `reduction="mean"`.
//! - **PyTorch**, decoupled decay: no number of `torch.optim.AdamW` has the same minimum. It takes
//!   `lr * weight_decay * w` off each weight a step, whatever Adam's scaling does to gradients, so
//!   what it converges to depends on how large those were. Its `weight_decay` is our `l2` only
//!   where that scaling is 1, as in plain gradient descent.
//! - **scikit-learn**'s `LogisticRegression`, three classes or more: `C = 1 / (l2 * n)`.
//! - **scikit-learn**'s `LogisticRegression`, two classes: `C = 2 / (l2 * n)`. We keep one weight
//!   vector a class where scikit-learn keeps their difference; at the optimum the two are
//!   opposite, so the same difference costs half as much here.

mod balance;
mod batch;
mod cnn;
mod defaults;
mod error;
mod l2;
mod number;
mod optimizer;
mod regularization;
mod schedule;
mod validation;

#[cfg(test)]
mod tests;

pub use balance::{ClassWeights, Sampling, UnknownClass};
pub use batch::Batch;
pub(in crate::head) use cnn::Shape;
pub use cnn::{CnnConfig, LayoutError};
pub use error::TrainConfigError;
pub use l2::{AutoL2, L2, Rule};
pub use number::{AtLeast, Fraction, NonNegative, OutOfRange, Positive};
pub use optimizer::{AdamConfig, AdamWConfig, OptimizerConfig, SgdConfig};
pub use regularization::MixupConfig;
pub use schedule::{CosineConfig, Decay, ScheduleConfig, StepConfig};
pub use validation::{Calibration, EarlyStoppingConfig, StoppingMetric, ValidationConfig};

use serde::{Deserialize, Serialize};

use super::search::SearchConfig;
use crate::size::Bytes;

/// How a head is trained: the `train:` section, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTrainConfig", into = "RawTrainConfig")]
pub struct TrainConfig {
    /// The kind of head.
    pub head: HeadConfig,
    /// Weight of the L2 penalty; see the [module](self) for its scale.
    pub l2: L2,
    /// How weights follow gradients.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes over the training; constant by default.
    pub schedule: Option<ScheduleConfig>,
    /// The share of each label that is spread evenly over all classes (Szegedy et al. 2016, section
    /// 7; PyTorch's `label_smoothing`). Default 0.
    pub label_smoothing: Fraction,
    /// Blends of two examples and of their labels instead of examples.
    pub mixup: Option<MixupConfig>,
    /// The largest Euclidean norm of the whole gradient of a step; a longer one is scaled down to
    /// it (Pascanu et al. 2013; PyTorch's `clip_grad_norm_`). It is that of the loss, before `l2`.
    pub clip_norm: Option<Positive>,
    /// What an example of each class weighs in the loss; all the same by default.
    pub class_weights: Option<ClassWeights>,
    /// Which examples an epoch takes.
    pub sampling: Sampling,
    /// The most memory that training takes. Where the feature rows do not fit, they are read from
    /// the store as they are needed; the head is the same, bit by bit. Default: half of what the
    /// machine has free when training starts.
    pub memory: Option<Bytes>,
    /// Mini-batch size.
    pub batch: Batch,
    /// Passes over the training examples; with early stopping, at most this many.
    pub epochs: AtLeast<1>,
    /// What is found out on training examples that are held out.
    pub validation: Option<ValidationConfig>,
    /// What makes the head as sure as it ought to be.
    pub calibration: Calibration,
    /// Stop at the epoch that validates best.
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// Settings to choose by cross-validation.
    pub search: Option<SearchConfig>,
}

impl TrainConfig {
    /// The same for classes of these names: what says something of a class by its name says it
    /// by its number.
    ///
    /// # Errors
    /// A weight for a class that is not there.
    pub fn for_classes(&self, names: &[String]) -> Result<Self, UnknownClass> {
        let weights = self.class_weights.as_ref();
        let class_weights = weights.map(|weights| weights.numbered(names)).transpose()?;
        Ok(Self {
            class_weights,
            ..self.clone()
        })
    }
}

/// The kind of head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadConfig {
    /// Multinomial logistic regression: one linear layer and a softmax (two classes also as a
    /// softmax of two).
    Logistic(LogisticConfig),
    /// Hidden layers before the softmax.
    Dense(DenseConfig),
    /// Convolutions on raw pixels, then dense layers.
    Cnn(CnnConfig),
}

impl HeadConfig {
    /// The share of a hidden layer's units that is dropped at a training step.
    pub(in crate::head) fn dropout(&self) -> f64 {
        match self {
            Self::Logistic(_) => 0.0,
            Self::Dense(dense) => dense.dropout.get(),
            Self::Cnn(cnn) => cnn.dropout.get(),
        }
    }
}

/// How exactly L-BFGS solves a logistic regression. (Adam and gradient descent have settings of
/// their own, and leave these alone.)
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticConfig {
    /// The largest element of the gradient of what is minimised that ends the search: what
    /// scikit-learn's `tol` is about.
    pub tolerance: Positive,
    /// Steps that are taken at most; a head that needs more is used as it is, with a warning.
    pub iterations: AtLeast<1>,
}

/// A stack of hidden layers: linear, BatchNorm, activation, dropout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DenseConfig {
    /// Units of each hidden layer, the first nearest the features; at least one layer.
    #[serde(deserialize_with = "some_widths")]
    pub hidden: Vec<AtLeast<1>>,
    /// The share of each hidden layer's units that is dropped at a training step.
    pub dropout: Fraction,
    /// Whether each hidden layer is normalised over its batch.
    pub batch_norm: bool,
    /// The hidden layers' nonlinearity.
    pub activation: Activation,
}

/// A nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// x Φ(x), where Φ is the normal distribution (Hendrycks & Gimpel 2016); the exact form with
    /// erf, PyTorch's default.
    Gelu,
    /// tanh(x).
    Tanh,
}

impl TrainConfig {
    /// The most epochs of one training; 1 for L-BFGS, which knows none.
    #[must_use]
    pub fn most_epochs(&self) -> usize {
        match self.optimizer {
            OptimizerConfig::Lbfgs => 1,
            _ => self.epochs.get(),
        }
    }
}

/// `train:` as it is written, before its keys are checked against each other.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrainConfig {
    head: HeadConfig,
    #[serde(default)]
    l2: L2,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adam: Option<AdamConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adamw: Option<AdamWConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sgd: Option<SgdConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleConfig>,
    // What follows is not written where it is the default, so that it stays out of the way of
    // those who do not use it.
    #[serde(default, skip_serializing_if = "defaults::is_zero")]
    label_smoothing: Fraction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mixup: Option<MixupConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clip_norm: Option<Positive>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_weights: Option<ClassWeights>,
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    sampling: Sampling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<Batch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epochs: Option<AtLeast<1>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<ValidationConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<Calibration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early_stopping: Option<EarlyStoppingConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<SearchConfig>,
}

impl RawTrainConfig {
    /// Whether something only makes sense where steps are taken on mini-batches.
    fn asks_for_batches(&self) -> bool {
        let given = [
            self.batch.is_some(),
            self.epochs.is_some(),
            self.early_stopping.is_some(),
            self.schedule.is_some(),
            self.label_smoothing.get() > 0.0,
            self.mixup.is_some(),
            self.clip_norm.is_some(),
            self.sampling != Sampling::default(),
        ];
        given.contains(&true)
    }
}

impl TryFrom<RawTrainConfig> for TrainConfig {
    type Error = TrainConfigError;

    fn try_from(raw: RawTrainConfig) -> Result<Self, TrainConfigError> {
        let exact = matches!(raw.head, HeadConfig::Logistic(_)) && !raw.asks_for_batches();
        let optimizer = OptimizerConfig::one_of(raw.adam, raw.adamw, raw.sgd, exact)?;
        let batch = raw.batch.unwrap_or_else(defaults::batch);
        let epochs = raw.epochs.unwrap_or_else(defaults::epochs);
        if let L2::Auto(auto) = &raw.l2 {
            auto.check()?;
            match (&raw.head, optimizer) {
                (HeadConfig::Dense(_), _) => {
                    return Err(TrainConfigError::AutoL2OfLayers { head: "dense" });
                }
                (HeadConfig::Cnn(_), _) => {
                    return Err(TrainConfigError::AutoL2OfLayers { head: "cnn" });
                }
                (_, OptimizerConfig::Lbfgs) => {}
                _ => return Err(TrainConfigError::AutoL2WithoutLbfgs),
            }
        }
        if matches!(optimizer, OptimizerConfig::AdamW(_)) && raw.l2.get() > 0.0 {
            return Err(TrainConfigError::L2WithAdamW);
        }
        if let Some(schedule) = &raw.schedule {
            schedule.check(epochs.get())?;
        }
        if raw.class_weights.is_some() && raw.sampling == Sampling::Balanced {
            return Err(TrainConfigError::TwoBalances);
        }
        if raw.early_stopping.is_some() && raw.validation.is_none() {
            return Err(TrainConfigError::EarlyStoppingWithoutValidation);
        }
        if raw.search.is_some() && raw.validation.is_none() {
            return Err(TrainConfigError::SearchWithoutValidation);
        }
        let calibration = match (raw.calibration, raw.validation) {
            (Some(Calibration::Temperature), None) => {
                return Err(TrainConfigError::CalibrationWithoutValidation);
            }
            (Some(asked), _) => asked,
            (None, Some(_)) => Calibration::Temperature,
            (None, None) => Calibration::None,
        };
        if raw.validation.is_some_and(|v| v.one_part) && optimizer == OptimizerConfig::Lbfgs {
            return Err(TrainConfigError::ShareOfLbfgs);
        }
        let batch_norm = matches!(&raw.head, HeadConfig::Dense(dense) if dense.batch_norm);
        if batch_norm && matches!(batch, Batch::Examples(size) if size.get() == 1) {
            return Err(TrainConfigError::BatchNormOfOne);
        }
        Ok(Self {
            head: raw.head,
            l2: raw.l2,
            optimizer,
            schedule: raw.schedule,
            label_smoothing: raw.label_smoothing,
            mixup: raw.mixup,
            clip_norm: raw.clip_norm,
            class_weights: raw.class_weights,
            sampling: raw.sampling,
            memory: raw.memory,
            batch,
            epochs,
            validation: raw.validation,
            calibration,
            early_stopping: raw.early_stopping,
            search: raw.search,
        })
    }
}

impl From<TrainConfig> for RawTrainConfig {
    fn from(config: TrainConfig) -> Self {
        let (adam, adamw, sgd) = config.optimizer.apart();
        let steps = config.optimizer != OptimizerConfig::Lbfgs;
        Self {
            head: config.head,
            l2: config.l2,
            adam,
            adamw,
            sgd,
            schedule: config.schedule,
            label_smoothing: config.label_smoothing,
            mixup: config.mixup,
            clip_norm: config.clip_norm,
            class_weights: config.class_weights,
            sampling: config.sampling,
            memory: config.memory,
            batch: steps.then_some(config.batch),
            epochs: steps.then_some(config.epochs),
            validation: config.validation,
            // Without validation there is nothing to say.
            calibration: config.validation.map(|_| config.calibration),
            early_stopping: config.early_stopping,
            search: config.search,
        }
    }
}

fn some_widths<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<AtLeast<1>>, D::Error> {
    let widths = Vec::<AtLeast<1>>::deserialize(from)?;
    if widths.is_empty() {
        let message = "must list at least one width; without hidden layers use `logistic: {}`";
        return Err(serde::de::Error::custom(message));
    }
    Ok(widths)
}
