//! The `train:` section of a pipeline.
//!
//! ```yaml
//! head: {dense: {hidden: [256], dropout: 0.6, batch_norm: true, activation: relu}}   # or {logistic: {}}
//! l2: 1.0e-3
//! adam: {lr: 1.0e-3, beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8}   # or sgd: {lr: 0.01, momentum: 0.9}
//! batch: 32                       # or all
//! epochs: 200
//! validation: {folds: 5, repeats: 1}   # optional
//! calibration: temperature        # or none; the default is temperature where there is validation
//! early_stopping: {patience: 20}  # optional; needs validation
//! search: {grid: {l2: [1.0e-4, 1.0e-3]}}   # optional; see [`search`](super::search)
//! ```
//!
//! # The scale of `l2`
//! What is minimised is
//!
//! > mean over examples of the cross-entropy + `l2` / 2 * sum of w²
//!
//! where w runs over the weights of the linear layers: never a bias, never a parameter of
//! BatchNorm. The first term is a mean, so `l2` keeps its meaning when examples are added. For n
//! training examples:
//! - **PyTorch**: the same number as `weight_decay` of `torch.optim.SGD` or `torch.optim.Adam`
//!   (coupled decay) in a parameter group that holds the weights only.
//! - **scikit-learn**'s `LogisticRegression`, three classes or more: `C = 1 / (l2 * n)`.
//! - **scikit-learn**'s `LogisticRegression`, two classes: `C = 2 / (l2 * n)`. We keep one weight
//!   vector a class where scikit-learn keeps their difference; at the optimum the two are
//!   opposite, so the same difference costs half as much here.

mod batch;
mod defaults;
mod number;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use number::{AtLeast, Fraction, NonNegative, OutOfRange, Positive};

use serde::{Deserialize, Serialize};

use super::search::SearchConfig;

/// How a head is trained: the `train:` section, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawTrainConfig", into = "RawTrainConfig")]
pub struct TrainConfig {
    /// The kind of head.
    pub head: HeadConfig,
    /// Weight of the L2 penalty; see the [module](self) for its scale.
    pub l2: NonNegative,
    /// How weights follow gradients.
    pub optimizer: OptimizerConfig,
    /// Mini-batch size.
    pub batch: Batch,
    /// Passes over the training examples; with early stopping, at most this many.
    pub epochs: AtLeast<1>,
    /// Cross-validation on the training examples.
    pub validation: Option<ValidationConfig>,
    /// What makes the head as sure as it ought to be.
    pub calibration: Calibration,
    /// Stop at the epoch that validates best.
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// Settings to choose by cross-validation.
    pub search: Option<SearchConfig>,
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
}

/// Logistic regression has no settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticConfig {}

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
}

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerConfig {
    /// Adam.
    Adam(AdamConfig),
    /// Gradient descent.
    Sgd(SgdConfig),
}

/// Adam (Kingma & Ba 2015, algorithm 1), with its bias correction; epsilon is added after the
/// correction, as in the paper's algorithm and in PyTorch (scikit-learn adds it before: the
/// "epsilon hat" form).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Learning rate.
    pub lr: Positive,
    /// Decay of the mean of gradients.
    pub beta1: Fraction,
    /// Decay of the mean of squared gradients.
    pub beta2: Fraction,
    /// What keeps the division finite.
    pub epsilon: Positive,
}

/// Gradient descent: v = momentum * v + g, w = w - lr * v (PyTorch's form, without dampening).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Learning rate.
    pub lr: Positive,
    /// Share of the last step that is kept; 0 is plain gradient descent.
    pub momentum: Fraction,
}

/// Stratified k-fold cross-validation; all views of an example stay on one side, and so does what
/// the dataset calls a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// How many parts the examples are dealt into.
    pub folds: AtLeast<2>,
    /// How often they are dealt anew, each time with models of its own. Which examples happen to
    /// be held out together then matters less; what each example gets is the mean over the repeats.
    #[serde(skip_serializing_if = "defaults::is_once")]
    pub repeats: AtLeast<1>,
}

/// What makes a head as sure as it ought to be.
///
/// The default is `temperature` where there is validation: it costs nothing beside the
/// cross-validation, changes no prediction, and a head trained until its own examples are right
/// is too sure of new ones. Without validation there is nothing to fit it to that the head has not
/// seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Nothing: probabilities are the softmax of the logits.
    #[default]
    None,
    /// Logits are divided by a temperature that is fitted to out-of-fold scores (Guo et al. 2017).
    Temperature,
}

/// Train for the number of epochs that cross-validation finds best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStoppingConfig {
    /// Epochs without a better out-of-fold log loss before the search ends.
    pub patience: AtLeast<1>,
}

/// `train:` as it is written, before its keys are checked against each other.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrainConfig {
    head: HeadConfig,
    #[serde(default)]
    l2: NonNegative,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adam: Option<AdamConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sgd: Option<SgdConfig>,
    #[serde(default = "defaults::batch")]
    batch: Batch,
    #[serde(default = "defaults::epochs")]
    epochs: AtLeast<1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<ValidationConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<Calibration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early_stopping: Option<EarlyStoppingConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<SearchConfig>,
}

/// Keys of `train:` that are right by themselves and wrong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrainConfigError {
    /// Both optimizers.
    #[error("has both `adam` and `sgd`: keep one of them")]
    TwoOptimizers,
    /// Early stopping without anything to watch.
    #[error("`early_stopping` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    EarlyStoppingWithoutValidation,
    /// A search without anything to compare.
    #[error("`search` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    SearchWithoutValidation,
    /// Calibration without anything to fit it to.
    #[error("`calibration: temperature` needs `validation`, e.g. `validation: {{folds: 5}}`")]
    CalibrationWithoutValidation,
    /// BatchNorm over one example.
    #[error("`batch_norm: true` needs a `batch` of at least 2: one example has no variance")]
    BatchNormOfOne,
}

impl TryFrom<RawTrainConfig> for TrainConfig {
    type Error = TrainConfigError;

    fn try_from(raw: RawTrainConfig) -> Result<Self, TrainConfigError> {
        let optimizer = match (raw.adam, raw.sgd) {
            (Some(_), Some(_)) => return Err(TrainConfigError::TwoOptimizers),
            (None, Some(sgd)) => OptimizerConfig::Sgd(sgd),
            (adam, None) => OptimizerConfig::Adam(adam.unwrap_or_default()),
        };
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
        let batch_norm = matches!(&raw.head, HeadConfig::Dense(dense) if dense.batch_norm);
        if batch_norm && matches!(raw.batch, Batch::Examples(size) if size.get() == 1) {
            return Err(TrainConfigError::BatchNormOfOne);
        }
        Ok(Self {
            head: raw.head,
            l2: raw.l2,
            optimizer,
            batch: raw.batch,
            epochs: raw.epochs,
            validation: raw.validation,
            calibration,
            early_stopping: raw.early_stopping,
            search: raw.search,
        })
    }
}

impl From<TrainConfig> for RawTrainConfig {
    fn from(config: TrainConfig) -> Self {
        let (adam, sgd) = match config.optimizer {
            OptimizerConfig::Adam(adam) => (Some(adam), None),
            OptimizerConfig::Sgd(sgd) => (None, Some(sgd)),
        };
        Self {
            head: config.head,
            l2: config.l2,
            adam,
            sgd,
            batch: config.batch,
            epochs: config.epochs,
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
