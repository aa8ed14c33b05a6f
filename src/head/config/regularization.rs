//! What keeps a head from learning its examples by heart.

use serde::{Deserialize, Serialize};

use super::Positive;

/// Mixup (Zhang et al. 2018) on feature rows: a batch is blended with itself in another order, x =
/// λ x + (1 - λ) x', and so are the labels; one λ ~ Beta(alpha, alpha) a batch, as in the paper's
/// own program.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixupConfig {
    /// Small: nearly no blending. 1: all shares alike. Default 0.2.
    pub alpha: Positive,
}
