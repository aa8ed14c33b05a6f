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
    /// One in ten.
    pub const TENTH: Probability = Probability(0.1);

    /// [`Self::HALF`], for serde.
    pub(super) fn half() -> Self {
        Self::HALF
    }

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

/// Declares a number that is checked as it is read: the type that holds it, the type that is read
/// (twice: serde wants its name as text), and the bounds.
macro_rules! bounded {
    (
        $(#[$meta:meta])*
        $name:ident: $held:ty, $given:ident $text:literal, $least:literal to $most:literal
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = $text)]
        pub struct $name($held);

        impl $name {
            /// The number.
            pub fn get(self) -> $held {
                self.0
            }
        }

        impl TryFrom<$given> for $name {
            type Error = String;

            fn try_from(found: $given) -> Result<Self, String> {
                if ($least..=$most).contains(&found) {
                    Ok($name(found as $held))
                } else {
                    let (least, most) = ($least, $most);
                    Err(format!("must be between {least} and {most}, found {found}"))
                }
            }
        }
    };
}
pub(super) use bounded;

/// A colour: red, green and blue of 0 to 255 each, or one number for a grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct Colour([u8; 3]);

impl Colour {
    /// Red, green and blue.
    pub fn rgb(self) -> [u8; 3] {
        self.0
    }
}

impl TryFrom<Numbers> for Colour {
    type Error = String;

    fn try_from(Numbers(given): Numbers) -> Result<Self, String> {
        let rgb = match given[..] {
            [grey] => [grey; 3],
            [r, g, b] => [r, g, b],
            _ => return Err(format!("must be a grey or [r, g, b], found {given:?}")),
        };
        if rgb
            .iter()
            .any(|v| !(0.0..=255.0).contains(v) || v.fract() != 0.0)
        {
            return Err(format!(
                "must be of whole numbers between 0 and 255, found {given:?}"
            ));
        }
        Ok(Colour(rgb.map(|v| v as u8)))
    }
}

/// A number, or a list of numbers: what they mean depends on how many there are.
pub(super) struct Numbers(pub(super) Vec<f64>);

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or a list of up to four")
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Numbers, E> {
        Ok(Numbers(vec![v]))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Numbers, E> {
        Ok(Numbers(vec![v as f64]))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Numbers, E> {
        Ok(Numbers(vec![v as f64]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Numbers, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = seq.next_element()? {
            numbers.push(number);
            if numbers.len() > 4 {
                return Err(A::Error::invalid_length(numbers.len(), &self));
            }
        }
        Ok(Numbers(numbers))
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor)
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
