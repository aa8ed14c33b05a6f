//! One source of a `dataset:`, of whatever kind.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::names::FileNames;
use crate::dataset::glob::Glob;

/// One source of examples. Its kind is told by the key that names where it lies: `hdf5`,
/// `folder`, `csv`, `jsonl` or `files`.
///
/// ```yaml
/// train: {hdf5: data/train.h5, images: train_set_x, labels: train_set_y, classes: list_classes}
/// test: {folder: data/test, exclude: ["**/thumbnails/*"]}
/// source: {csv: data/list.csv, label_column: species}
/// source: {files: "photos/**/*.jpg"}
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
    /// Class folders, `folder/<class>/**/*`, of files whose content is an image.
    Folder {
        /// The folder that holds one folder a class; relative to the project root.
        folder: PathBuf,
        /// Files and folders that are no examples, by their path relative to `folder`.
        exclude: Vec<Glob>,
    },
    /// A list of files.
    List {
        /// The list; relative to the project root.
        list: PathBuf,
        /// What it is written in.
        format: ListFormat,
        /// What its columns are called.
        columns: Columns,
    },
    /// Images without classes, to make features of: a folder, a pattern, or paths.
    Files {
        /// Which files; relative to the project root.
        files: FileNames,
        /// Files and folders that are no examples, by their ids.
        exclude: Vec<Glob>,
    },
}

/// What a list of files is written in. UTF-8 text in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Comma separated values (RFC 4180) with a heading.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl ListFormat {
    /// The key that names such a list.
    pub fn key(self) -> &'static str {
        match self {
            ListFormat::Csv => "csv",
            ListFormat::Jsonl => "jsonl",
        }
    }
}

/// The names of a list's columns (or of its objects' keys). A column that is not named here has
/// its usual name, and may be missing unless it is the path; a column that is named must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The image's file, relative to the folder of the list. Usually `path`.
    pub path: Option<String>,
    /// The class's name. Usually `label`.
    pub label: Option<String>,
    /// `train` or `test`. Usually `split`.
    pub split: Option<String>,
    /// What must not stand on both sides: a person, an animal, a place. Usually `group`.
    pub group: Option<String>,
}

impl SourceConfig {
    /// The key that tells the source's kind.
    pub fn key(&self) -> &'static str {
        match self {
            SourceConfig::Hdf5 { .. } => "hdf5",
            SourceConfig::Folder { .. } => "folder",
            SourceConfig::List { format, .. } => format.key(),
            SourceConfig::Files { .. } => "files",
        }
    }

    /// Whether no example of such a source ever has a label.
    pub fn never_labelled(&self) -> bool {
        matches!(self, SourceConfig::Files { .. })
    }

    /// The key of the source that its labels come from.
    pub(in crate::dataset) fn label_key(&self) -> &'static str {
        match self {
            SourceConfig::Hdf5 { .. } => "labels",
            other => other.key(),
        }
    }
}

/// Every key that some kind of source knows.
const KEYS: &[&str] = &[
    "hdf5",
    "images",
    "labels",
    "classes",
    "folder",
    "exclude",
    "csv",
    "jsonl",
    "files",
    "path_column",
    "label_column",
    "split_column",
    "group_column",
];

/// What was typed, before the kind of the source is known.
#[derive(Default)]
struct Raw {
    hdf5: Option<PathBuf>,
    images: Option<String>,
    labels: Option<String>,
    classes: Option<String>,
    folder: Option<PathBuf>,
    exclude: Option<Vec<Glob>>,
    csv: Option<PathBuf>,
    jsonl: Option<PathBuf>,
    files: Option<FileNames>,
    columns: Columns,
}

impl Raw {
    fn check<E: Error>(mut self) -> Result<SourceConfig, E> {
        let kind = self.kind()?;
        self.keep_to(kind)?;
        if let Some(hdf5) = self.hdf5.take() {
            return self.arrays(hdf5);
        }
        let exclude = self.exclude.unwrap_or_default();
        if let Some(folder) = self.folder {
            return Ok(SourceConfig::Folder { folder, exclude });
        }
        if let Some(files) = self.files {
            return Ok(SourceConfig::Files { files, exclude });
        }
        let format = if self.csv.is_some() {
            ListFormat::Csv
        } else {
            ListFormat::Jsonl
        };
        let list = self.csv.or(self.jsonl);
        Ok(SourceConfig::List {
            list: list.ok_or_else(|| E::missing_field("csv"))?,
            format,
            columns: self.columns,
        })
    }

    /// The one key that tells the kind.
    fn kind<E: Error>(&self) -> Result<&'static str, E> {
        let kinds = [
            ("hdf5", self.hdf5.is_some()),
            ("folder", self.folder.is_some()),
            ("csv", self.csv.is_some()),
            ("jsonl", self.jsonl.is_some()),
            ("files", self.files.is_some()),
        ];
        let mut given = kinds
            .iter()
            .filter(|(_, given)| *given)
            .map(|(key, _)| *key);
        match (given.next(), given.next()) {
            (Some(kind), None) => Ok(kind),
            (Some(one), Some(other)) => Err(E::custom(format_args!(
                "a source has one of `hdf5`, `folder`, `csv`, `jsonl` and `files`, found both \
                 `{one}` and `{other}`"
            ))),
            (None, _) => Err(E::custom(
                "a source needs `hdf5` (a file of arrays), `folder` (a folder of class folders), \
                 `csv` or `jsonl` (a list of files) or `files` (images without classes), found \
                 none of them",
            )),
        }
    }

    /// Refuses the keys of other kinds.
    fn keep_to<E: Error>(&self, kind: &'static str) -> Result<(), E> {
        let columns = &self.columns;
        let keys = [
            ("images", self.images.is_some(), "hdf5"),
            ("labels", self.labels.is_some(), "hdf5"),
            ("classes", self.classes.is_some(), "hdf5"),
            ("exclude", self.exclude.is_some(), "folder"),
            ("path_column", columns.path.is_some(), "csv"),
            ("label_column", columns.label.is_some(), "csv"),
            ("split_column", columns.split.is_some(), "csv"),
            ("group_column", columns.group.is_some(), "csv"),
        ];
        let has = |owner: &str| match owner {
            "csv" => kind == "csv" || kind == "jsonl",
            "folder" => kind == "folder" || kind == "files",
            _ => owner == kind,
        };
        let Some((key, _, owner)) = keys.iter().find(|(_, given, owner)| *given && !has(owner))
        else {
            return Ok(());
        };
        let instead = match kind {
            "folder" => "; a `folder` source takes its labels from the names of its class folders",
            "files" => "; a `files` source is of images without labels",
            _ => "",
        };
        let owner = match *owner {
            "csv" => "a `csv` or `jsonl`",
            "hdf5" => "an `hdf5`",
            _ => "a `folder` or `files`",
        };
        Err(E::custom(format_args!(
            "`{key}` belongs to {owner} source{instead}"
        )))
    }

    fn arrays<E: Error>(self, hdf5: PathBuf) -> Result<SourceConfig, E> {
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
        f.write_str(
            "a source: {hdf5: FILE, images: NAME, labels: NAME, ...}, {folder: DIR}, {csv: FILE}, \
             {jsonl: FILE} or {files: DIR_OR_PATTERN}",
        )
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
                "exclude" => put(&mut raw.exclude, "exclude", &mut map)?,
                "csv" => put(&mut raw.csv, "csv", &mut map)?,
                "jsonl" => put(&mut raw.jsonl, "jsonl", &mut map)?,
                "files" => put(&mut raw.files, "files", &mut map)?,
                "path_column" => put(&mut raw.columns.path, "path_column", &mut map)?,
                "label_column" => put(&mut raw.columns.label, "label_column", &mut map)?,
                "split_column" => put(&mut raw.columns.split, "split_column", &mut map)?,
                "group_column" => put(&mut raw.columns.group, "group_column", &mut map)?,
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
            SourceConfig::Folder { folder, exclude } => {
                map.serialize_entry("folder", folder)?;
                if !exclude.is_empty() {
                    map.serialize_entry("exclude", exclude)?;
                }
            }
            SourceConfig::Files { files, exclude } => {
                map.serialize_entry("files", files)?;
                if !exclude.is_empty() {
                    map.serialize_entry("exclude", exclude)?;
                }
            }
            SourceConfig::List {
                list,
                format,
                columns,
            } => {
                map.serialize_entry(format.key(), list)?;
                let columns = [
                    ("path_column", &columns.path),
                    ("label_column", &columns.label),
                    ("split_column", &columns.split),
                    ("group_column", &columns.group),
                ];
                for (key, name) in columns {
                    if let Some(name) = name {
                        map.serialize_entry(key, name)?;
                    }
                }
            }
        }
        map.end()
    }
}
