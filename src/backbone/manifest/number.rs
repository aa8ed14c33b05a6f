//! Numbers of a manifest, each within its range.

use serde::{Deserialize, Serialize};

/// The largest side of a network's input that is believed.
const MAX_SIDE: u32 = 8192;
/// The largest number of features that is believed.
const MAX_WIDTH: u32 = 1 << 20;

/// A number between -1e9 and 1e9: no input value can then overflow `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

/// A number between 1e-9 and 1e9.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

macro_rules! number {
    ($name:ident, $holds:expr, $wording:literal) => {
        impl $name {
            /// The number.
            #[must_use]
            pub fn get(self) -> f64 {
                self.0
            }

            /// A number of this program's own, which is within the range.
            pub(in crate::backbone) const fn known(number: f64) -> Self {
                Self(number)
            }
        }

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(number: f64) -> Result<Self, Self::Error> {
                let holds: fn(f64) -> bool = $holds;
                let refuse = || format!(concat!("must be ", $wording, ", found {}"), number);
                holds(number).then_some(Self(number)).ok_or_else(refuse)
            }
        }

        impl From<$name> for f64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

/// The share of the resized image's shorter side that a centre crop keeps, 0.01 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Crop(f64);

number!(Finite, |number| number.abs() <= 1e9, "between -1e9 and 1e9");
number!(
    Positive,
    |number| (1e-9..=1e9).contains(&number),
    "between 1e-9 and 1e9"
);
number!(
    Crop,
    |number| (0.01..=1.0).contains(&number),
    "between 0.01 and 1"
);

macro_rules! count {
    ($name:ident, $most:expr) => {
        impl TryFrom<u32> for $name {
            type Error = String;

            fn try_from(count: u32) -> Result<Self, Self::Error> {
                let refuse = || format!("must be between 1 and {}, found {count}", $most);
                (1..=$most)
                    .contains(&count)
                    .then_some(Self(count))
                    .ok_or_else(refuse)
            }
        }

        impl From<$name> for u32 {
            fn from(count: $name) -> Self {
                count.0
            }
        }
    };
}

/// One side of the input in pixels, 1..=8192.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Side(u32);

/// A number of features, 1..=1048576.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Width(u32);

count!(Side, MAX_SIDE);
count!(Width, MAX_WIDTH);

impl Side {
    /// The number of pixels.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Width {
    /// The number of features.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }
}
