//! The `augment:` part of a pipeline.

use serde::{Deserialize, Serialize};

use super::op::Op;

/// How many augmented views are made of each training image, and by which ops.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct AugmentConfig {
    /// The number of augmented views beside the plain image; 0 for none.
    pub views: u32,
    /// The ops that make a view, in their order.
    pub ops: Vec<Op>,
}

/// The most views an image may have.
pub const MAX_VIEWS: u32 = 10_000;

/// As typed: what is missing is still known to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    views: Option<u32>,
    #[serde(default)]
    ops: Vec<Op>,
}

impl TryFrom<Raw> for AugmentConfig {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let views = match raw.views {
            // Zero views with ops is how augmentation is switched off for once.
            None if !raw.ops.is_empty() => {
                return Err(
                    "`ops` are given but `views` is not: say how many views to make".into(),
                );
            }
            views => views.unwrap_or(0),
        };
        if views > MAX_VIEWS {
            return Err(format!(
                "`views` must be between 0 and {MAX_VIEWS}, found {views}"
            ));
        }
        if views > 0 && raw.ops.is_empty() {
            return Err(format!(
                "`views` is {views} but there are no `ops`: every view would be the plain image"
            ));
        }
        Ok(AugmentConfig {
            views,
            ops: raw.ops,
        })
    }
}
