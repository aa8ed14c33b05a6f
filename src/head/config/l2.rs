//! The weight of the L2 penalty: a number, or `auto`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TrainConfigError;
use super::number::{AtLeast, NonNegative, Positive};

/// The weight of the L2 penalty; see the [module](super) for its scale.
///
/// ```yaml
/// l2: 1.0e-3
/// l2: auto
/// l2: {auto: {values: 50, from: 1.0e-7, to: 10, rule: one_standard_error}}   # or rule: best
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum L2 {
    /// This weight.
    Value(NonNegative),
    /// What cross-validation on the training examples finds best.
    Auto(AutoL2),
}

/// The values of `l2` that cross-validation chooses from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoL2 {
    /// How many there are, in geometric progression.
    pub values: AtLeast<2>,
    /// The smallest, 10⁻⁷ unless it is given. Where it was not given and is the best, smaller
    /// values are tried too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Positive>,
    /// The largest, 10 unless it is given; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Positive>,
    /// Which of them is taken.
    pub rule: Rule,
}

/// Which value of a path is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The one of the lowest log loss.
    #[default]
    Best,
    /// The largest one whose log loss is within one standard error of the lowest (Breiman et al.
    /// 1984, section 3.4.3): the simplest head that cannot be told from the best.
    OneStandardError,
}

impl L2 {
    /// The weight; 0 for `auto`, which knows none yet.
    pub fn get(self) -> f64 {
        match self {
            Self::Value(l2) => l2.get(),
            Self::Auto(_) => 0.0,
        }
    }
}

impl Default for L2 {
    fn default() -> Self {
        Self::Value(NonNegative::default())
    }
}

impl Default for AutoL2 {
    fn default() -> Self {
        Self {
            values: AtLeast::constant(50),
            from: None,
            to: None,
            rule: Rule::default(),
        }
    }
}

impl AutoL2 {
    /// The smallest value.
    #[must_use]
    pub fn smallest(&self) -> f64 {
        self.from.map_or(1e-7, Positive::get)
    }

    /// The largest value.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.to.map_or(10.0, Positive::get)
    }

    /// How many times a value is the next smaller one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts of values are far below 2^53
    pub fn ratio(&self) -> f64 {
        let steps = self.values.get().saturating_sub(1).max(1) as f64;
        (self.largest() / self.smallest()).powf(1.0 / steps)
    }

    /// All values, the largest first.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts of values are far below 2^53
    pub fn grid(&self) -> Vec<f64> {
        let last = self.values.get().saturating_sub(1);
        let (largest, ratio) = (self.largest(), self.ratio());
        let value = |i: usize| match i {
            _ if i == last => self.smallest(),
            _ => largest * ratio.powf(-(i as f64)),
        };
        (0..=last).map(value).collect()
    }

    pub(super) fn check(&self) -> Result<(), TrainConfigError> {
        let (from, to) = (self.smallest(), self.largest());
        if from < to {
            Ok(())
        } else {
            Err(TrainConfigError::AutoL2Range { from, to })
        }
    }
}

impl Serialize for L2 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(l2) => l2.serialize(serializer),
            Self::Auto(auto) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("auto", auto)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for L2 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto)
    }
}

/// `{auto: {...}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    auto: AutoL2,
}

struct NumberOrAuto;

impl<'de> Visitor<'de> for NumberOrAuto {
    type Value = L2;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of at least 0, `auto`, or `{auto: {values: 50, rule: best}}`")
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<L2, E> {
        NonNegative::try_from(x).map(L2::Value).map_err(E::custom)
    }

    #[allow(clippy::cast_precision_loss)] // such an l2 has no meaning anyway
    fn visit_i64<E: Error>(self, n: i64) -> Result<L2, E> {
        self.visit_f64(n as f64)
    }

    #[allow(clippy::cast_precision_loss)] // such an l2 has no meaning anyway
    fn visit_u64<E: Error>(self, n: u64) -> Result<L2, E> {
        self.visit_f64(n as f64)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<L2, E> {
        match word {
            "auto" => Ok(L2::Auto(AutoL2::default())),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<L2, A::Error> {
        let settings = Settings::deserialize(MapAccessDeserializer::new(map))?;
        Ok(L2::Auto(settings.auto))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_geometric_and_has_its_ends() {
        let auto: AutoL2 = serde_saphyr::from_str("{values: 45, from: 1.0e-6, to: 5}").unwrap();
        let grid = auto.grid();
        assert_eq!((grid.len(), grid[0], grid[44]), (45, 5.0, 1e-6));
        for pair in grid.windows(2) {
            assert!((pair[0] / pair[1] / auto.ratio() - 1.0).abs() < 1e-9);
        }
        assert_eq!(AutoL2::default().grid().len(), 50);
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for (yaml, expected) in [
            ("0.5", L2::Value(NonNegative::try_from(0.5).unwrap())),
            ("2", L2::Value(NonNegative::try_from(2.0).unwrap())),
            ("auto", L2::Auto(AutoL2::default())),
            (
                "{auto: {rule: one_standard_error}}",
                L2::Auto(AutoL2 {
                    rule: Rule::OneStandardError,
                    ..AutoL2::default()
                }),
            ),
        ] {
            let found: L2 = serde_saphyr::from_str(yaml).unwrap();
            assert_eq!(found, expected, "{yaml}");
            let again = serde_saphyr::to_string(&found).unwrap();
            assert_eq!(serde_saphyr::from_str::<L2>(&again).unwrap(), found);
        }
        for yaml in [
            "-1",
            "automatic",
            "{auto: {rule: worst}}",
            "{manual: {}}",
            "[1]",
        ] {
            assert!(serde_saphyr::from_str::<L2>(yaml).is_err(), "{yaml}");
        }
    }
}
