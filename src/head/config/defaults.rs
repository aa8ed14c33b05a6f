//! Every default of `train:`, in one place.

use super::{
    Activation, AdamConfig, AdamWConfig, AtLeast, Batch, CnnConfig, CosineConfig, DenseConfig,
    EarlyStoppingConfig, Fraction, LogisticConfig, MixupConfig, NonNegative, Positive, SgdConfig,
    StoppingMetric, ValidationConfig,
};

pub(super) fn batch() -> Batch {
    Batch::Examples(AtLeast::constant(32))
}

pub(super) fn epochs() -> AtLeast<1> {
    AtLeast::constant(100)
}

/// Whether a share is none at all.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's way
pub(super) fn is_zero(share: &Fraction) -> bool {
    share.get() == 0.0
}

impl Default for DenseConfig {
    fn default() -> Self {
        Self {
            hidden: vec![AtLeast::constant(256)],
            dropout: Fraction::constant(0.0),
            batch_norm: false,
            activation: Activation::Relu,
        }
    }
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self {
            filters: [32, 64].map(AtLeast::constant).to_vec(),
            kernel: AtLeast::constant(3),
            pool: AtLeast::constant(2),
            hidden: vec![AtLeast::constant(64)],
            dropout: Fraction::constant(0.0),
            image: None,
        }
    }
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            tolerance: Positive::constant(1e-8),
            iterations: AtLeast::constant(1000),
        }
    }
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            lr: Positive::constant(1e-3),
            beta1: Fraction::constant(0.9),
            beta2: Fraction::constant(0.999),
            epsilon: Positive::constant(1e-8),
        }
    }
}

impl Default for AdamWConfig {
    fn default() -> Self {
        let AdamConfig {
            lr,
            beta1,
            beta2,
            epsilon,
        } = AdamConfig::default();
        Self {
            lr,
            beta1,
            beta2,
            epsilon,
            // PyTorch's.
            weight_decay: NonNegative::constant(0.01),
        }
    }
}

impl Default for MixupConfig {
    fn default() -> Self {
        Self {
            // Zhang et al. 2018 on ImageNet: 0.2, from their range of 0.1 to 0.4.
            alpha: Positive::constant(0.2),
        }
    }
}

impl Default for CosineConfig {
    fn default() -> Self {
        Self {
            to: Fraction::constant(0.0),
        }
    }
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            lr: Positive::constant(1e-2),
            momentum: Fraction::constant(0.0),
        }
    }
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            folds: AtLeast::constant(5),
            repeats: AtLeast::constant(1),
            one_part: false,
        }
    }
}

impl Default for EarlyStoppingConfig {
    fn default() -> Self {
        Self {
            patience: AtLeast::constant(20),
            metric: StoppingMetric::LogLoss,
        }
    }
}
