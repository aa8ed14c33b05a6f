//! Numbers that cannot be out of their range: checked where YAML is read, so that the error
//! points at the number itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number out of its range: `must be <need>, found <found>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {need}, found {found}")]
pub struct OutOfRange {
    need: String,
    found: String,
}

impl OutOfRange {
    fn new(need: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            need: need.to_string(),
            found: found.to_string(),
        }
    }
}

/// A finite number of at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct NonNegative(f64);

/// A finite number above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

/// A number of at least 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

/// A whole number of at least `MIN` and at most 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct AtLeast<const MIN: i64>(i32);

impl NonNegative {
    /// A default, known to be in range.
    pub(super) const fn constant(x: f64) -> Self {
        Self(x)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Positive {
    /// A default, known to be in range.
    pub(super) const fn constant(x: f64) -> Self {
        Self(x)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Fraction {
    /// A default, known to be in range.
    pub(super) const fn constant(x: f64) -> Self {
        Self(x)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl<const MIN: i64> AtLeast<MIN> {
    /// A default, known to be in range.
    pub(in crate::head) const fn constant(n: i32) -> Self {
        Self(n)
    }

    /// The number.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }
}

impl TryFrom<f64> for NonNegative {
    type Error = OutOfRange;

    fn try_from(x: f64) -> Result<Self, OutOfRange> {
        let fits = x.is_finite() && x >= 0.0;
        if fits {
            Ok(Self(x))
        } else {
            Err(OutOfRange::new("a number of at least 0", x))
        }
    }
}

impl TryFrom<f64> for Positive {
    type Error = OutOfRange;

    fn try_from(x: f64) -> Result<Self, OutOfRange> {
        let fits = x.is_finite() && x > 0.0;
        if fits {
            Ok(Self(x))
        } else {
            Err(OutOfRange::new("a number above 0", x))
        }
    }
}

impl TryFrom<f64> for Fraction {
    type Error = OutOfRange;

    fn try_from(x: f64) -> Result<Self, OutOfRange> {
        let fits = (0.0..1.0).contains(&x);
        if fits {
            Ok(Self(x))
        } else {
            Err(OutOfRange::new("at least 0 and below 1", x))
        }
    }
}

impl<const MIN: i64> TryFrom<i64> for AtLeast<MIN> {
    type Error = OutOfRange;

    fn try_from(n: i64) -> Result<Self, OutOfRange> {
        if n < MIN.max(0) {
            return Err(OutOfRange::new(format_args!("at least {}", MIN.max(0)), n));
        }
        let most = i32::MAX;
        let n = i32::try_from(n).map_err(|_| OutOfRange::new(format_args!("at most {most}"), n))?;
        Ok(Self(n))
    }
}

impl From<NonNegative> for f64 {
    fn from(x: NonNegative) -> f64 {
        x.0
    }
}

impl From<Positive> for f64 {
    fn from(x: Positive) -> f64 {
        x.0
    }
}

impl From<Fraction> for f64 {
    fn from(x: Fraction) -> f64 {
        x.0
    }
}

impl<const MIN: i64> From<AtLeast<MIN>> for i64 {
    fn from(n: AtLeast<MIN>) -> i64 {
        i64::from(n.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_each_range() {
        let nan = f64::NAN;
        for (x, non_negative, positive, fraction) in [
            (0.0, true, false, true),
            (1e-12, true, true, true),
            (1.0, true, true, false),
            (-1e-12, false, false, false),
            (f64::INFINITY, false, false, false),
            (nan, false, false, false),
        ] {
            assert_eq!(NonNegative::try_from(x).is_ok(), non_negative, "{x}");
            assert_eq!(Positive::try_from(x).is_ok(), positive, "{x}");
            assert_eq!(Fraction::try_from(x).is_ok(), fraction, "{x}");
        }
        assert_eq!(AtLeast::<2>::try_from(2).map(AtLeast::get), Ok(2));
        let message = |n: i64| AtLeast::<2>::try_from(n).unwrap_err().to_string();
        assert_eq!(message(1), "must be at least 2, found 1");
        assert_eq!(
            message(i64::MAX),
            format!("must be at most 2147483647, found {}", i64::MAX)
        );
        assert_eq!(
            Fraction::try_from(1.5).unwrap_err().to_string(),
            "must be at least 0 and below 1, found 1.5"
        );
    }
}
