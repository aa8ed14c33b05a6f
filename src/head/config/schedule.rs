//! How the learning rate changes over a training.

use serde::{Deserialize, Serialize};

use super::{AtLeast, Fraction, Positive, TrainConfigError};

/// `schedule: {warmup: 5, cosine: {to: 0}}`, `{step: {every: 30, by: 0.1}}`, or the warm-up alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Epochs over which the rate rises to `lr`, in equal steps from one step's share of it (Goyal
    /// et al. 2017, section 2.2; PyTorch's `LinearLR`). Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<AtLeast<1>>,
    /// After that, down along half a cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<CosineConfig>,
    /// After that, down in steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepConfig>,
}

/// From `lr` down to `to * lr` at the end of `epochs`, along half a cosine (Loshchilov & Hutter
/// 2017, without restarts; PyTorch's `CosineAnnealingLR`), step by step. The end is that of all
/// `epochs`, also where early stopping ends the training before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineConfig {
    /// What is left of the rate at the end, as a share of `lr`. Default 0.
    pub to: Fraction,
}

/// Times `by` after every `every` epochs, counted from the end of the warm-up (PyTorch's `StepLR`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Epochs between two reductions.
    pub every: AtLeast<1>,
    /// What a reduction multiplies the rate by. Default 0.1, PyTorch's.
    #[serde(default = "tenth")]
    pub by: Positive,
}

/// How the rate goes down after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// Not at all.
    None,
    /// Along half a cosine.
    Cosine(CosineConfig),
    /// In steps.
    Step(StepConfig),
}

fn tenth() -> Positive {
    Positive::constant(0.1)
}

impl ScheduleConfig {
    /// Epochs of the warm-up.
    pub(in crate::head) fn warmup(&self) -> usize {
        self.warmup.map_or(0, AtLeast::get)
    }

    /// What comes after the warm-up.
    pub(in crate::head) fn decay(&self) -> Decay {
        match (self.cosine, self.step) {
            (Some(cosine), _) => Decay::Cosine(cosine),
            (None, Some(step)) => Decay::Step(step),
            (None, None) => Decay::None,
        }
    }

    pub(super) fn check(&self, epochs: usize) -> Result<(), TrainConfigError> {
        let warmup = self.warmup();
        match (self.cosine, self.step) {
            (None, None) if warmup == 0 => Err(TrainConfigError::EmptySchedule),
            (Some(_), Some(_)) => Err(TrainConfigError::TwoSchedules),
            (_, Some(step)) if step.by.get() > 1.0 => {
                Err(TrainConfigError::GrowingSchedule { by: step.by.get() })
            }
            _ if warmup >= epochs => Err(TrainConfigError::WarmupOnly { warmup, epochs }),
            _ => Ok(()),
        }
    }
}
