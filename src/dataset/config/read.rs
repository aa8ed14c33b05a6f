//! A source as it is typed: one mapping whose keys tell its kind.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::group::GroupBy;
use super::names::FileNames;
use super::source::{Columns, ListFormat, SourceConfig};
use crate::dataset::glob::Glob;

/// Every key that some kind of source knows.
const KEYS: &[&str] = &[
    "hdf5",
    "images",
    "labels",
    "classes",
    "groups",
    "folder",
    "exclude",
    "group_by",
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
    groups: Option<String>,
    folder: Option<PathBuf>,
    exclude: Option<Vec<Glob>>,
    group_by: Option<GroupBy>,
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
        let group_by = self.group_by;
        if let Some(folder) = self.folder {
            return Ok(SourceConfig::Folder {
                folder,
                exclude,
                group_by,
            });
        }
        if let Some(files) = self.files {
            return Ok(SourceConfig::Files {
                files,
                exclude,
                group_by,
                block: None,
            });
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
            ("groups", self.groups.is_some(), "hdf5"),
            ("group_by", self.group_by.is_some(), "folder"),
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
            groups: self.groups,
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
                "groups" => put(&mut raw.groups, "groups", &mut map)?,
                "group_by" => put(&mut raw.group_by, "group_by", &mut map)?,
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
