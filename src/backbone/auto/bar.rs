//! How near features must be to those of the CPU in fp32.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::measure::Parity;
use super::super::provider::Precision;

/// The parity that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bar {
    /// 32-bit floats throughout, on any provider. Two providers add in another order, so that
    /// features are the same up to rounding (a cosine of at least 0.99999 on every image), and not
    /// bit by bit.
    Strict,
    /// Any precision whose features have a cosine of at least 0.999 with those of the CPU in fp32,
    /// on every image.
    #[default]
    Close,
    /// Any precision whose features have a cosine of at least 0.99 with those of the CPU in fp32,
    /// on average, and on which a logistic head gets as many training examples right in
    /// cross-validation as on those, within the 95 % interval of that figure.
    Fast,
}

impl Bar {
    /// The bars, strictest first.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Close, Self::Fast];

    /// Those of them that features alone can pass.
    pub const OF_FEATURES: [Self; 2] = [Self::Strict, Self::Close];

    /// The name in pipelines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Close => "close",
            Self::Fast => "fast",
        }
    }

    /// The least cosine: of any image, for `fast` the mean of all.
    #[must_use]
    pub const fn least(self) -> f64 {
        match self {
            Self::Strict => 0.999_99,
            Self::Close => 0.999,
            Self::Fast => 0.99,
        }
    }

    /// Whether a precision is worth measuring at all.
    #[must_use]
    pub fn admits(self, precision: Precision) -> bool {
        match self {
            Self::Strict => precision == Precision::Fp32,
            Self::Close | Self::Fast => true,
        }
    }

    /// Why features of a precision do not pass; `None` where they do. What cannot be compared does
    /// not pass. What `fast` asks of heads is not asked here.
    #[must_use]
    pub fn refusal(self, precision: Precision, parity: Option<&Parity>) -> Option<String> {
        if !self.admits(precision) {
            return Some(format!("{self} takes fp32 only"));
        }
        let Some(parity) = parity else {
            return Some("its features cannot be compared".to_owned());
        };
        let (cosine, whose) = match self {
            Self::Strict | Self::Close => (parity.cosine_min, "on an image"),
            Self::Fast => (parity.cosine_mean, "on average"),
        };
        // Written so that a cosine that is no number does not pass.
        if cosine >= self.least() && parity.largest_difference.is_finite() {
            return None;
        }
        Some(format!("below {} {whose}", self.least()))
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Bar> for String {
    fn from(bar: Bar) -> Self {
        bar.name().to_owned()
    }
}

impl TryFrom<String> for Bar {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let bar = Self::ALL.into_iter().find(|bar| bar.name() == name);
        bar.ok_or_else(|| format!("must be `strict`, `close` or `fast`, found \"{name}\""))
    }
}
