//! How weights follow gradients.

use serde::{Deserialize, Serialize};

use super::{Fraction, NonNegative, Positive, TrainConfigError};

/// How weights follow gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerConfig {
    /// Adam.
    Adam(AdamConfig),
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
    /// Gradient descent.
    Sgd(SgdConfig),
    /// L-BFGS on all examples at once, for the logistic head.
    Lbfgs,
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

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019), PyTorch's `AdamW`: before each
/// step w = w - lr * weight_decay * w, for the weights that `l2` would count; the moments know
/// nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// Learning rate.
    pub lr: Positive,
    /// Decay of the mean of gradients.
    pub beta1: Fraction,
    /// Decay of the mean of squared gradients.
    pub beta2: Fraction,
    /// What keeps the division finite.
    pub epsilon: Positive,
    /// Share of a weight that goes at each step, times the learning rate.
    pub weight_decay: NonNegative,
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

impl AdamWConfig {
    /// The part that it has in common with Adam.
    pub(in crate::head) fn adam(self) -> AdamConfig {
        AdamConfig {
            lr: self.lr,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
        }
    }
}

/// The optimizers' sections, of which at most one is there.
pub(super) type Sections = (Option<AdamConfig>, Option<AdamWConfig>, Option<SgdConfig>);

impl OptimizerConfig {
    /// The learning rate, before any schedule; 0 for L-BFGS, which has none.
    pub(in crate::head) fn lr(self) -> f64 {
        match self {
            Self::Adam(adam) => adam.lr.get(),
            Self::AdamW(adamw) => adamw.lr.get(),
            Self::Sgd(sgd) => sgd.lr.get(),
            Self::Lbfgs => 0.0,
        }
    }

    /// The one that is asked for; where none is, L-BFGS if that is `exact`ly what the rest asks for,
    /// else Adam.
    pub(super) fn one_of(
        adam: Option<AdamConfig>,
        adamw: Option<AdamWConfig>,
        sgd: Option<SgdConfig>,
        exact: bool,
    ) -> Result<Self, TrainConfigError> {
        let two = |a, b| Err(TrainConfigError::TwoOptimizers(a, b));
        match (adam, adamw, sgd) {
            (Some(_), Some(_), _) => two("adam", "adamw"),
            (Some(_), _, Some(_)) => two("adam", "sgd"),
            (_, Some(_), Some(_)) => two("adamw", "sgd"),
            (_, Some(adamw), _) => Ok(Self::AdamW(adamw)),
            (_, _, Some(sgd)) => Ok(Self::Sgd(sgd)),
            (None, None, None) if exact => Ok(Self::Lbfgs),
            (adam, None, None) => Ok(Self::Adam(adam.unwrap_or_default())),
        }
    }

    /// The sections that say the same.
    pub(super) fn apart(self) -> Sections {
        match self {
            Self::Adam(adam) => (Some(adam), None, None),
            Self::AdamW(adamw) => (None, Some(adamw), None),
            Self::Sgd(sgd) => (None, None, Some(sgd)),
            Self::Lbfgs => (None, None, None),
        }
    }
}
