//! The `dataset:` part of a pipeline: which sources hold the training and the test examples.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// Where the examples of a pipeline come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// The examples that a head learns from (or, without labels, that features are made of).
    pub train: SourceConfig,
    /// The examples that it is judged on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<SourceConfig>,
}

/// One source of examples. Its kind is told by the key that names where it lies: `hdf5` or `folder`.
///
/// ```yaml
/// train: {hdf5: data/train.h5, images: train_set_x, labels: train_set_y, classes: list_classes}
/// test: {folder: data/test}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceConfig {
    /// Arrays in an HDF5 file.
    Hdf5 {
        /// The file; relative to the project root.
        hdf5: PathBuf,
        /// The dataset of pixels, `[N, H, W, 3]` of uint8.
        images: String,
        /// The dataset of labels, `[N]` of any integer type, counting classes from 0.
        labels: Option<String>,
        /// The dataset of class names, `[K]` of strings; without it the names are `0`, `1`, ...
        classes: Option<String>,
    },
    /// Class folders: `folder/<class>/**/*.{jpg,jpeg,png}`.
    Folder {
        /// The folder that holds one folder a class; relative to the project root.
        folder: PathBuf,
    },
}

/// Every key that some kind of source knows.
const KEYS: &[&str] = &["hdf5", "images", "labels", "classes", "folder"];

/// What was typed, before the kind of the source is known.
#[derive(Default)]
struct Raw {
    hdf5: Option<PathBuf>,
    images: Option<String>,
    labels: Option<String>,
    classes: Option<String>,
    folder: Option<PathBuf>,
}

impl Raw {
    fn check<E: Error>(self) -> Result<SourceConfig, E> {
        match (self.hdf5, self.folder) {
            (Some(_), Some(_)) => Err(E::custom(
                "a source has either `hdf5` or `folder`, found both",
            )),
            (None, None) => Err(E::custom(
                "a source needs `hdf5` (a file of arrays) or `folder` (a folder of class folders), \
                 found neither",
            )),
            (Some(hdf5), None) => {
                let images = self.images.ok_or_else(|| E::missing_field("images"))?;
                if self.classes.is_some() && self.labels.is_none() {
                    return Err(E::custom(
                        "`classes` names what the labels count: give `labels` too, or neither",
                    ));
                }
                Ok(SourceConfig::Hdf5 {
                    hdf5,
                    images,
                    labels: self.labels,
                    classes: self.classes,
                })
            }
            (None, Some(folder)) => {
                let arrays = [
                    ("images", self.images.is_some()),
                    ("labels", self.labels.is_some()),
                    ("classes", self.classes.is_some()),
                ];
                match arrays.iter().find(|(_, given)| *given) {
                    Some((key, _)) => Err(E::custom(format_args!(
                        "`{key}` belongs to an `hdf5` source; a `folder` source takes its labels \
                         from the names of its class folders"
                    ))),
                    None => Ok(SourceConfig::Folder { folder }),
                }
            }
        }
    }
}

struct SourceVisitor;

/// Takes a key's value, refusing the second one.
fn put<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    slot: &mut Option<T>,
    key: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(A::Error::duplicate_field(key));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SourceConfig;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a source: {hdf5: FILE, images: NAME, labels: NAME, ...} or {folder: DIR}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SourceConfig, A::Error> {
        let mut raw = Raw::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "hdf5" => put(&mut raw.hdf5, "hdf5", &mut map)?,
                "images" => put(&mut raw.images, "images", &mut map)?,
                "labels" => put(&mut raw.labels, "labels", &mut map)?,
                "classes" => put(&mut raw.classes, "classes", &mut map)?,
                "folder" => put(&mut raw.folder, "folder", &mut map)?,
                unknown => return Err(A::Error::unknown_field(unknown, KEYS)),
            }
        }
        raw.check()
    }
}

impl<'de> Deserialize<'de> for SourceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SourceVisitor)
    }
}

impl Serialize for SourceConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            SourceConfig::Hdf5 {
                hdf5,
                images,
                labels,
                classes,
            } => {
                map.serialize_entry("hdf5", hdf5)?;
                map.serialize_entry("images", images)?;
                if let Some(labels) = labels {
                    map.serialize_entry("labels", labels)?;
                }
                if let Some(classes) = classes {
                    map.serialize_entry("classes", classes)?;
                }
            }
            SourceConfig::Folder { folder } => map.serialize_entry("folder", folder)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatasetConfig, String> {
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err()
    }

    #[test]
    fn both_kinds_are_read_and_written_alike() {
        for text in [
            r#"{"train":{"hdf5":"a.h5","images":"x","labels":"y","classes":"c"},"test":{"folder":"b"}}"#,
            r#"{"train":{"hdf5":"a.h5","images":"x"}}"#,
            r#"{"train":{"folder":"b"}}"#,
        ] {
            let config = parse(text).unwrap();
            assert_eq!(serde_json::to_string(&config).unwrap(), text);
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let message = refusal("train: {hdf5: a.h5, images: x, lables: y}");
        assert!(
            message.contains("lables") && message.contains("labels"),
            "{message}"
        );
    }

    #[test]
    fn missing_and_mixed_keys_are_named() {
        let none = refusal("train: {labels: y}");
        assert!(none.contains("needs `hdf5`"), "{none}");
        let images = refusal("train: {hdf5: a.h5}");
        assert!(images.contains("images"), "{images}");
        let both = refusal("train: {hdf5: a.h5, images: x, folder: b}");
        assert!(both.contains("found both"), "{both}");
        let mixed = refusal("train: {folder: b, labels: y}");
        assert!(
            mixed.contains("`labels` belongs to an `hdf5` source"),
            "{mixed}"
        );
        let nameless = refusal("train: {hdf5: a.h5, images: x, classes: c}");
        assert!(nameless.contains("give `labels` too"), "{nameless}");
        let train = refusal("test: {folder: b}");
        assert!(train.contains("train"), "{train}");
    }

    #[test]
    fn a_scalar_is_not_a_source() {
        let message = refusal("train: data/cats");
        assert!(message.contains("train"), "{message}");
        assert!(refusal("train: {folder: b, folder: c}").contains("folder"));
    }
}
