//! The size of a mini-batch: a number, or the word `all`.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::number::AtLeast;

/// How many examples one step of the optimizer looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// This many; the last batch of an epoch takes what is left.
    Examples(AtLeast<1>),
    /// All of them: plain gradient descent, one step an epoch.
    All,
}

impl Batch {
    /// The size for this many examples, at least 1.
    pub fn size(self, examples: usize) -> usize {
        match self {
            Self::Examples(size) => size.get().min(examples).max(1),
            Self::All => examples.max(1),
        }
    }
}

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Examples(size) => size.serialize(serializer),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAll)
    }
}

struct NumberOrAll;

impl Visitor<'_> for NumberOrAll {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of examples of at least 1, or `all`")
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Batch, E> {
        AtLeast::try_from(n).map(Batch::Examples).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Batch, E> {
        self.visit_i64(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Batch, E> {
        match word {
            "all" => Ok(Batch::All),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }
}
