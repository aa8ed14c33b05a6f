//! The numbers that ops take, checked as they are read.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct Probability(f64);

impl Probability {
    /// One half.
    pub const HALF: Probability = Probability(0.5);

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(p: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&p) {
            Ok(Probability(p))
        } else {
            Err(format!("must be between 0 and 1, found {p}"))
        }
    }
}

/// A number, or a pair `[low, high]`.
pub(super) enum OneOrTwo {
    One(f64),
    Two([f64; 2]),
}

struct OneOrTwoVisitor;

impl<'de> Visitor<'de> for OneOrTwoVisitor {
    type Value = OneOrTwo;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or a pair [low, high]")
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<OneOrTwo, E> {
        Ok(OneOrTwo::One(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<OneOrTwo, E> {
        Ok(OneOrTwo::One(v as f64))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<OneOrTwo, E> {
        Ok(OneOrTwo::One(v as f64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrTwo, A::Error> {
        let low = seq
            .next_element()?
            .ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let high = seq
            .next_element()?
            .ok_or_else(|| A::Error::invalid_length(1, &self))?;
        if seq.next_element::<f64>()?.is_some() {
            return Err(A::Error::invalid_length(3, &self));
        }
        Ok(OneOrTwo::Two([low, high]))
    }
}

impl<'de> Deserialize<'de> for OneOrTwo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrTwoVisitor)
    }
}

/// Checks that a pair is `low <= high` with both within the bounds.
pub(super) fn ordered(pair: [f64; 2], least: f64, most: f64) -> Result<[f64; 2], String> {
    let [low, high] = pair;
    if low.is_nan() || high.is_nan() || low > high {
        return Err(format!(
            "must be [low, high] with low <= high, found [{low}, {high}]"
        ));
    }
    if low < least || high > most {
        return Err(format!(
            "must lie between {least} and {most}, found [{low}, {high}]"
        ));
    }
    Ok(pair)
}
