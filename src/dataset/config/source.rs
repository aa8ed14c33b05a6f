//! One source of a `dataset:`, of whatever kind.

use std::path::PathBuf;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::group::GroupBy;
use super::names::FileNames;
use crate::dataset::block::Block;
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
        /// The dataset of groups, `[N]` of integers or strings: what must not stand on both sides.
        groups: Option<String>,
    },
    /// Class folders, `folder/<class>/**/*`, of files whose content is an image.
    Folder {
        /// The folder that holds one folder a class; relative to the project root.
        folder: PathBuf,
        /// Files and folders that are no examples, by their path relative to `folder`.
        exclude: Vec<Glob>,
        /// What must not stand on both sides, told by where a file lies or what it is called.
        group_by: Option<GroupBy>,
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
        /// What must not stand on both sides, told by where a file lies or what it is called.
        group_by: Option<GroupBy>,
        /// The part of them that is meant; all without it. No pipeline says this: it is for a batch
        /// that several jobs share.
        block: Option<Block>,
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

impl Serialize for SourceConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            SourceConfig::Hdf5 {
                hdf5,
                images,
                labels,
                classes,
                groups,
            } => {
                map.serialize_entry("hdf5", hdf5)?;
                map.serialize_entry("images", images)?;
                if let Some(labels) = labels {
                    map.serialize_entry("labels", labels)?;
                }
                if let Some(classes) = classes {
                    map.serialize_entry("classes", classes)?;
                }
                if let Some(groups) = groups {
                    map.serialize_entry("groups", groups)?;
                }
            }
            SourceConfig::Folder {
                folder,
                exclude,
                group_by,
            } => {
                map.serialize_entry("folder", folder)?;
                put_files(&mut map, exclude, group_by.as_ref())?;
            }
            SourceConfig::Files {
                files,
                exclude,
                group_by,
                block,
            } => {
                map.serialize_entry("files", files)?;
                put_files(&mut map, exclude, group_by.as_ref())?;
                if let Some(block) = block {
                    map.serialize_entry("block", block)?;
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

/// Writes what folders and files have in common.
fn put_files<M: SerializeMap>(
    map: &mut M,
    exclude: &[Glob],
    group_by: Option<&GroupBy>,
) -> Result<(), M::Error> {
    if !exclude.is_empty() {
        map.serialize_entry("exclude", exclude)?;
    }
    if let Some(group_by) = group_by {
        map.serialize_entry("group_by", group_by)?;
    }
    Ok(())
}
