//! The values that a key can take: a list or a range.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::head::config::AtLeast;

/// Key paths and their values, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys(Vec<(String, Values)>);

/// The values of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// These, in this order; at least one.
    List(Vec<Value>),
    /// Numbers between two ends.
    Range(RangeConfig),
}

/// Numbers from one end to the other, both included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRange", into = "RawRange")]
pub struct RangeConfig {
    from: f64,
    to: f64,
    steps: Option<AtLeast<2>>,
    scale: Scale,
}

/// How the numbers of a range lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// With equal differences (numpy's `linspace`).
    #[default]
    Linear,
    /// With equal ratios (numpy's `geomspace`).
    Log,
}

impl Keys {
    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, Values)> {
        self.0.iter()
    }
}

impl Values {
    /// How many there are; `None` for a range without steps.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::List(list) => Some(list.len()),
            Self::Range(range) => range.steps.map(AtLeast::get),
        }
    }

    /// The one at a place below [`Values::count`].
    pub(super) fn at(&self, place: usize) -> Value {
        match self {
            Self::List(list) => list.get(place).cloned().unwrap_or_default(),
            Self::Range(range) => number(range.at(place)),
        }
    }

    /// The one at a share of the way, from 0 to below 1: for a range without steps.
    pub(super) fn between(&self, share: f64) -> Value {
        match self {
            Self::List(_) => Value::Null,
            Self::Range(range) => number(range.between(share)),
        }
    }
}

impl RangeConfig {
    /// Step `place` of `steps`: at the ends exactly `from` and `to`.
    fn at(&self, place: usize) -> f64 {
        let last = self.steps.map_or(1, |steps| steps.get().saturating_sub(1));
        if place >= last {
            return self.to;
        }
        #[allow(clippy::cast_precision_loss)] // at most 2^31 steps
        self.between(place as f64 / last as f64)
    }

    /// from + t (to - from), or from (to / from)^t on a log scale; in six digits, which say as much
    /// and can be read.
    fn between(&self, t: f64) -> f64 {
        let x = match self.scale {
            _ if t == 0.0 => return self.from,
            Scale::Linear => self.from + t * (self.to - self.from),
            // libm's are the same on every machine.
            Scale::Log => {
                let (low, high) = (libm::log(self.from), libm::log(self.to));
                libm::exp(low + t * (high - low))
            }
        };
        let short = format!("{x:.5e}").parse().unwrap_or(x);
        if (self.from..self.to).contains(&short) {
            short
        } else {
            x
        }
    }
}

/// A number as YAML writes it: whole ones without a point, so that they also fit settings that
/// take whole numbers only.
pub(super) fn number(x: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)] // whole and small enough, as has been checked
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return Value::from(x as i64);
    }
    Value::from(x)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    from: f64,
    to: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    steps: Option<AtLeast<2>>,
    #[serde(default)]
    scale: Scale,
}

impl TryFrom<RawRange> for RangeConfig {
    type Error = String;

    fn try_from(raw: RawRange) -> Result<Self, String> {
        let RawRange {
            from,
            to,
            steps,
            scale,
        } = raw;
        if !from.is_finite() || !to.is_finite() || from >= to {
            return Err(format!("`from` must be below `to`, found {from} and {to}"));
        }
        if scale == Scale::Log && from <= 0.0 {
            return Err(format!(
                "`scale: log` needs a `from` above 0, found {from}: give a list to try 0 as well"
            ));
        }
        Ok(Self {
            from,
            to,
            steps,
            scale,
        })
    }
}

impl From<RangeConfig> for RawRange {
    fn from(range: RangeConfig) -> Self {
        Self {
            from: range.from,
            to: range.to,
            steps: range.steps,
            scale: range.scale,
        }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(list) => list.serialize(serializer),
            Self::Range(range) => range.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrRange)
    }
}

struct ListOrRange;

impl<'de> Visitor<'de> for ListOrRange {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values, or a range: {from: 0.001, to: 0.1, steps: 3, scale: log}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Values, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element::<Value>()? {
            list.push(value);
        }
        if list.is_empty() {
            return Err(A::Error::custom("must list at least one value"));
        }
        Ok(Values::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Values, A::Error> {
        let access = serde::de::value::MapAccessDeserializer::new(access);
        RangeConfig::deserialize(access).map(Values::Range)
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, values)| (key, values)))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings of `train` with the values to try: {l2: [0.001, 0.01]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some(SearchedKey(key)) = access.next_key()? {
            keys.push((key, access.next_value()?));
        }
        if keys.is_empty() {
            return Err(A::Error::custom("must name at least one setting"));
        }
        Ok(Keys(keys))
    }
}

/// A key that may be searched: refused where it stands.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct SearchedKey(String);

impl TryFrom<String> for SearchedKey {
    type Error = String;

    fn try_from(key: String) -> Result<Self, String> {
        if key.split('.').any(str::is_empty) || key.contains('=') {
            return Err(format!(
                "`{key}` is no path of keys such as `l2` or `adam.lr`"
            ));
        }
        match key.split('.').next() {
            Some("search") => Err("`search` cannot be searched".to_owned()),
            Some("validation") => Err(
                "`validation` cannot be searched: trials are compared on the same folds".to_owned(),
            ),
            Some("train") => Err(format!(
                "`{key}`: keys start below `train`, as in `l2` or `adam.lr`"
            )),
            _ => Ok(Self(key)),
        }
    }
}
