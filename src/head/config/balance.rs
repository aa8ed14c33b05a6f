//! What makes up for classes with few examples.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::NonNegative;

/// What an example weighs in the loss, by its class. The loss is the weighted mean, as that of
/// PyTorch's `CrossEntropyLoss(weight=...)`, so that only the ratios of the weights count.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassWeights {
    /// n / (classes * examples of the class), scikit-learn's `balanced`: every class counts the
    /// same.
    Balanced,
    /// By the class's name, or its number; 1 for a class that is not named.
    ByClass(BTreeMap<String, NonNegative>),
}

/// Which examples an epoch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Each once.
    #[default]
    Once,
    /// As many of each class, as many in all as there are: of a large class some, those of a small
    /// one over and over. (As PyTorch's `WeightedRandomSampler`, but that no example of a class is
    /// taken a second time before all are taken once.)
    Balanced,
}

impl Sampling {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's way
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A class in `class_weights` that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no class `{name}`{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
pub struct UnknownClass {
    /// As it is written.
    pub name: String,
    /// The name that is most like it.
    pub nearest: Option<String>,
}

impl ClassWeights {
    /// The weight of each class of these names, which have so many examples.
    ///
    /// # Errors
    /// A weight for a class that is not there, neither by name nor by number.
    pub fn of(&self, names: &[String], counts: &[usize]) -> Result<Vec<f64>, UnknownClass> {
        match self {
            Self::Balanced => Ok(balanced(counts)),
            Self::ByClass(weights) => {
                let mut all = vec![1.0; names.len()];
                for (name, weight) in weights {
                    let class = class_of(name, names)?;
                    if let Some(slot) = all.get_mut(class) {
                        *slot = weight.get();
                    }
                }
                Ok(all)
            }
        }
    }

    /// The same with every class by its number.
    ///
    /// # Errors
    /// A weight for a class that is not there, neither by name nor by number.
    pub fn numbered(&self, names: &[String]) -> Result<Self, UnknownClass> {
        let Self::ByClass(weights) = self else {
            return Ok(Self::Balanced);
        };
        let numbered = weights
            .iter()
            .map(|(name, weight)| Ok((class_of(name, names)?.to_string(), *weight)));
        Ok(Self::ByClass(numbered.collect::<Result<_, _>>()?))
    }
}

/// n / (classes * count), over the classes that have examples; 0 for the others.
#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn balanced(counts: &[usize]) -> Vec<f64> {
    let total: usize = counts.iter().sum();
    let there = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &usize| match count {
        0 => 0.0,
        count => total as f64 / (there as f64 * count as f64),
    };
    counts.iter().map(weight).collect()
}

/// The number of a class: a name comes before a number that looks like it.
fn class_of(name: &str, names: &[String]) -> Result<usize, UnknownClass> {
    if let Some(class) = names.iter().position(|known| known == name) {
        return Ok(class);
    }
    match name.parse::<usize>() {
        Ok(class) if class < names.len() => Ok(class),
        _ => Err(UnknownClass {
            name: name.to_owned(),
            nearest: nearest(name, names),
        }),
    }
}

fn nearest(name: &str, names: &[String]) -> Option<String> {
    let distance = |known: &&String| strsim::damerau_levenshtein(name, known);
    let near = names.iter().min_by_key(distance)?;
    (distance(&near) <= 1 + name.len() / 3).then(|| near.clone())
}

impl Serialize for ClassWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Balanced => serializer.serialize_str("balanced"),
            Self::ByClass(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrMap)
    }
}

/// By hand, because an untagged enum forgets the place of what is wrong.
struct WordOrMap;

impl<'de> Visitor<'de> for WordOrMap {
    type Value = ClassWeights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`balanced`, or a weight for each class such as {cat: 2, dog: 1}")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<ClassWeights, E> {
        match word {
            "balanced" => Ok(ClassWeights::Balanced),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassWeights, A::Error> {
        let weights = BTreeMap::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ClassWeights::ByClass(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["cat", "dog", "1"].map(str::to_owned).to_vec()
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0]*6 + [1]*3 + [2]) of 1.9.1.
        let weights = ClassWeights::Balanced.of(&names(), &[6, 3, 1]).unwrap();
        let expected = [
            0.555_555_555_555_555_6,
            1.111_111_111_111_111_2,
            3.333_333_333_333_333_5,
        ];
        for (found, expected) in weights.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{weights:?}");
        }
        let absent = ClassWeights::Balanced.of(&names(), &[5, 0, 5]).unwrap();
        assert_eq!(absent, [1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_class_goes_by_its_name_before_its_number() {
        let weights: ClassWeights = serde_saphyr::from_str("{dog: 2, 1: 3, 0: 0.5}").unwrap();
        assert_eq!(weights.of(&names(), &[1, 1, 1]).unwrap(), [0.5, 2.0, 3.0]);
        let numbered = weights.numbered(&names()).unwrap();
        let numbers: Vec<String> = (0..3).map(|class: usize| class.to_string()).collect();
        assert_eq!(numbered.of(&numbers, &[1, 1, 1]).unwrap(), [0.5, 2.0, 3.0]);
    }

    #[test]
    fn a_class_that_is_not_there_is_named_with_what_was_meant() {
        let weights: ClassWeights = serde_saphyr::from_str("{dgo: 2}").unwrap();
        let told = weights.of(&names(), &[1, 1, 1]).unwrap_err().to_string();
        assert_eq!(told, "there is no class `dgo`; did you mean `dog`?");
        let weights: ClassWeights = serde_saphyr::from_str("{3: 2}").unwrap();
        let told = weights.numbered(&names()).unwrap_err().to_string();
        assert!(told.starts_with("there is no class `3`"), "{told}");
    }
}
