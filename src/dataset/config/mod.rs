//! The `dataset:` part of a pipeline: which sources hold the training and the test examples, and
//! what is done about files that cannot be used.

mod group;
mod names;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

pub use group::{GroupBy, Mark};
pub use names::FileNames;
pub use source::{Columns, ListFormat, SourceConfig};
pub use values::{Background, Limits, OnDuplicates, OnError, Share, SplitConfig};

/// Where the examples of a pipeline come from.
///
/// ```yaml
/// dataset:
///   source: {folder: data/leaves, exclude: ["**/*.gif"]}
///   split: {test: 0.2, seed: 1}
///   on_error: skip
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct DatasetConfig {
    /// The examples of both sides.
    pub sides: Sides,
    /// What is done about a file that cannot be used. Default `stop`.
    pub on_error: OnError,
    /// The largest share of a source's examples that may be skipped. Default 0.05.
    pub max_skipped: Share,
    /// What is done about pictures that stand on both sides. Default `warn`.
    pub duplicates: OnDuplicates,
    /// What is too large to be read.
    pub limits: Limits,
    /// The colour that transparent pixels are laid on. Default white.
    pub background: Background,
}

/// The training and the test examples: given, or made of one source.
#[derive(Debug, Clone, PartialEq)]
pub enum Sides {
    /// `train` and `test`.
    Given {
        /// The examples that a head learns from (or, without labels, that features are made of).
        train: SourceConfig,
        /// The examples that it is judged on.
        test: Option<SourceConfig>,
    },
    /// `source`, divided.
    Divided {
        /// All examples.
        source: SourceConfig,
        /// How they are divided; None where a list says it in a column, and for `files`, which
        /// then are all there is: there are no test examples.
        split: Option<SplitConfig>,
    },
}

impl DatasetConfig {
    /// A dataset of given sides and with default settings.
    pub fn given(train: SourceConfig, test: Option<SourceConfig>) -> Self {
        Sides::Given { train, test }.into()
    }

    /// Whether there are (or will be) test examples.
    pub fn has_test(&self) -> bool {
        match &self.sides {
            Sides::Given { test, .. } => test.is_some(),
            Sides::Divided { source, split } => split.is_some() || !source.never_labelled(),
        }
    }

    /// The sources with their keys in the section.
    pub fn sources(&self) -> Vec<(&'static str, &SourceConfig)> {
        match &self.sides {
            Sides::Given { train, test } => {
                let test = test.iter().map(|test| ("test", test));
                std::iter::once(("train", train)).chain(test).collect()
            }
            Sides::Divided { source, .. } => vec![("source", source)],
        }
    }
}

impl From<Sides> for DatasetConfig {
    fn from(sides: Sides) -> Self {
        DatasetConfig {
            sides,
            on_error: OnError::default(),
            max_skipped: Share::default(),
            duplicates: OnDuplicates::default(),
            limits: Limits::default(),
            background: Background::default(),
        }
    }
}

/// The section as it is typed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    train: Option<SourceConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<SourceConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<SplitConfig>,
    #[serde(default)]
    on_error: OnError,
    #[serde(default)]
    max_skipped: Share,
    #[serde(default)]
    duplicates: OnDuplicates,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    background: Background,
}

impl TryFrom<Raw> for DatasetConfig {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let sides = match (raw.train, raw.test, raw.source, raw.split) {
            (Some(train), test, None, None) => Sides::Given { train, test },
            (None, None, Some(source), split) => Sides::Divided { source, split },
            (Some(_), _, None, Some(_)) => {
                return Err(
                    "`split` divides a `source`, and `train` is not divided: call it \
                            `source`, or remove `split`",
                );
            }
            (None, None, None, _) | (None, Some(_), None, _) => {
                return Err("the key `train` is missing (or `source`, to be divided)");
            }
            (_, _, Some(_), _) => {
                return Err(
                    "has either `train` and `test`, or a `source` that is divided into \
                            them, found both",
                );
            }
        };
        Ok(DatasetConfig {
            sides,
            on_error: raw.on_error,
            max_skipped: raw.max_skipped,
            duplicates: raw.duplicates,
            limits: raw.limits,
            background: raw.background,
        })
    }
}

impl From<DatasetConfig> for Raw {
    fn from(config: DatasetConfig) -> Self {
        let (train, test, source, split) = match config.sides {
            Sides::Given { train, test } => (Some(train), test, None, None),
            Sides::Divided { source, split } => (None, None, Some(source), split),
        };
        Raw {
            train,
            test,
            source,
            split,
            on_error: config.on_error,
            max_skipped: config.max_skipped,
            duplicates: config.duplicates,
            limits: config.limits,
            background: config.background,
        }
    }
}
