//! Sizes in bytes, as a person writes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes: a whole number, or one with `KiB`, `MiB` or `GiB`, such as `8GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawBytes", into = "String")]
pub struct Bytes(u64);

/// What YAML may hold for [`Bytes`]: read by hand, because an untagged enum forgets its place.
struct RawBytes(Result<u64, String>);

impl<'de> Deserialize<'de> for RawBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = RawBytes;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a size such as 8GiB or 512MiB")
            }

            fn visit_u64<E>(self, bytes: u64) -> Result<RawBytes, E> {
                Ok(RawBytes(Ok(bytes)))
            }

            fn visit_str<E>(self, text: &str) -> Result<RawBytes, E> {
                Ok(RawBytes(parse_bytes(text).ok_or_else(|| text.to_owned())))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Bytes {
    /// A default.
    pub(crate) const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// What is left of a size that was given; may be less than any size that can be written.
    pub(crate) fn of(bytes: usize) -> Self {
        Self(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// The number of bytes, at least 1 MiB where somebody wrote it.
    #[must_use]
    pub fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl TryFrom<RawBytes> for Bytes {
    type Error = String;

    fn try_from(raw: RawBytes) -> Result<Self, String> {
        match raw.0 {
            Ok(bytes) if bytes >= 1 << 20 => Ok(Self(bytes)),
            Ok(bytes) => Err(format!("must be at least 1MiB, found {bytes} bytes")),
            Err(text) => Err(format!(
                "must be a size such as 8GiB or 512MiB, found \"{text}\""
            )),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let whole = units
            .into_iter()
            .find(|(shift, _)| self.0.trailing_zeros() >= *shift);
        match whole {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale: u64 = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}
