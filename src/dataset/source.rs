//! One source of examples, of whatever kind.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

use super::arrays::{self, Arrays};
use super::config::{GroupBy, SourceConfig};
use super::decode::Rules;
use super::error::{DatasetError, SourceError, Split};
use super::files::Files;
use super::sieve::Sieve;
use super::{folder, key, list, plain};
use crate::digests::Digests;

/// One labelled (or unlabelled) image of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// A short name, the same at every run and on every machine: `train.h5#train_set_x/17` for a
    /// row of an array, `cat/tabby/0017.jpg` for a file of a class folder, the path as it is
    /// written for a file of a list; for one of a folder or a pattern of `files` its path below
    /// that folder, or below the folder where the pattern's stars begin.
    pub id: String,
    /// The class, an index into [`Source::classes`]; None where the source has no labels.
    pub label: Option<usize>,
}

/// An example with what a list says of it beside.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) label: Option<usize>,
    /// What must not stand on both sides.
    pub(super) group: Option<String>,
    /// The side that the example belongs to, where the source says so.
    pub(super) side: Option<Split>,
}

impl Example {
    /// The example as one of a group.
    fn of(self, group: Option<String>) -> Entry {
        Entry {
            id: self.id,
            label: self.label,
            group,
            side: None,
        }
    }
}

/// Files with the groups that their paths tell; the first `above` folders of a path are its class.
fn grouped(examples: Vec<Example>, by: Option<&GroupBy>, above: usize) -> Vec<Entry> {
    let examples = examples.into_iter().map(|example| {
        let group = by.and_then(|by| by.group(&example.id, above));
        example.of(group)
    });
    examples.collect()
}

/// An open source: its examples are listed and checked, their pixels are read one at a time, from
/// as many threads as wanted.
pub struct Source {
    section: &'static str,
    kind: &'static str,
    store: Arc<Store>,
    examples: Vec<Example>,
    /// Each example's row of an array.
    rows: Vec<usize>,
    groups: Vec<Option<String>>,
    sides: Vec<Option<Split>>,
    pub(super) classes: Vec<String>,
    pub(super) naming: Naming,
}

/// Where a source's classes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// They are declared, in order: class folders, an array of names.
    Declared,
    /// They are only numbers, up to the largest label.
    Numbers,
    /// They are the labels that occur in a list.
    Gathered,
}

enum Store {
    Arrays(Arrays),
    Files(Files),
}

impl Source {
    /// Opens the source under the key `section`. Relative paths are relative to `root`.
    ///
    /// # Errors
    /// Everything that can be known without decoding the pixels, see [`SourceError`], but what the
    /// sieve takes.
    pub(super) fn open(
        config: &SourceConfig,
        root: &Path,
        rules: Rules,
        section: &'static str,
        sieve: &mut Sieve,
    ) -> Result<Source, DatasetError> {
        Self::open_kind(config, root, rules, section, sieve)
            .map_err(|error| error.on(section, config.key()))
    }

    fn open_kind(
        config: &SourceConfig,
        root: &Path,
        rules: Rules,
        section: &'static str,
        sieve: &mut Sieve,
    ) -> Result<Source, SourceError> {
        let (store, entries, classes, naming) = match config {
            SourceConfig::Hdf5 {
                hdf5,
                images,
                labels,
                classes,
                groups,
            } => {
                let names = arrays::Names {
                    images,
                    labels: labels.as_deref(),
                    classes: classes.as_deref(),
                    groups: groups.as_deref(),
                };
                let opened = arrays::open(&under(root, hdf5), &names, &rules.limits)?;
                let naming = if classes.is_some() {
                    Naming::Declared
                } else {
                    Naming::Numbers
                };
                let groups = opened.groups.into_iter().chain(std::iter::repeat(None));
                let entries = opened.examples.into_iter().zip(groups);
                let entries = entries.map(|(one, group)| one.of(group)).collect();
                let store = Store::Arrays(opened.arrays);
                (store, entries, opened.classes, naming)
            }
            SourceConfig::Folder {
                folder,
                exclude,
                group_by,
            } => {
                let path = under(root, folder);
                let opened = folder::open(&path, exclude, sieve)?;
                let entries = grouped(opened.examples, group_by.as_ref(), 1);
                let store = Store::Files(Files {
                    opened: path.clone(),
                    root: path,
                    rules,
                });
                (store, entries, opened.classes, Naming::Declared)
            }
            SourceConfig::List {
                list,
                format,
                columns,
            } => {
                let path = under(root, list);
                let opened = list::open(&path, *format, columns, sieve)?;
                let store = Store::Files(Files {
                    root: path.parent().map(PathBuf::from).unwrap_or_default(),
                    opened: path,
                    rules,
                });
                (store, opened.entries, opened.classes, Naming::Gathered)
            }
            SourceConfig::Files {
                files,
                exclude,
                group_by,
                block,
            } => {
                let opened = plain::open(root, files, exclude, *block, sieve)?;
                let entries = grouped(opened.examples, group_by.as_ref(), 0);
                let store = Store::Files(Files {
                    opened: opened.shown,
                    root: opened.root,
                    rules,
                });
                (store, entries, Vec::new(), Naming::Declared)
            }
        };
        let keys = (section, config.key());
        Ok(Source::new(keys, store, entries, classes, naming))
    }

    fn new(
        (section, kind): (&'static str, &'static str),
        store: Store,
        entries: Vec<Entry>,
        classes: Vec<String>,
        naming: Naming,
    ) -> Source {
        let mut source = Source {
            section,
            kind,
            store: Arc::new(store),
            examples: Vec::with_capacity(entries.len()),
            rows: (0..entries.len()).collect(),
            groups: Vec::with_capacity(entries.len()),
            sides: Vec::with_capacity(entries.len()),
            classes,
            naming,
        };
        for entry in entries {
            source.examples.push(Example {
                id: entry.id,
                label: entry.label,
            });
            source.groups.push(entry.group);
            source.sides.push(entry.side);
        }
        source
    }

    /// The source with some of its examples only, in the order of `indices`.
    pub(super) fn part(&self, section: &'static str, indices: &[usize]) -> Source {
        let some = || indices.iter().copied().filter(|&i| i < self.examples.len());
        Source {
            section,
            kind: self.kind,
            store: Arc::clone(&self.store),
            examples: some().map(|i| self.examples[i].clone()).collect(),
            rows: some().map(|i| self.rows[i]).collect(),
            groups: some().map(|i| self.groups[i].clone()).collect(),
            sides: some().map(|i| self.sides[i]).collect(),
            classes: self.classes.clone(),
            naming: self.naming,
        }
    }

    /// Takes the classes of another source, those of this one being among them.
    pub(super) fn recount(&mut self, classes: &[String]) {
        let places: HashMap<&str, usize> =
            (0..).zip(classes).map(|(i, c)| (c.as_str(), i)).collect();
        for example in &mut self.examples {
            let name = example.label.and_then(|label| self.classes.get(label));
            example.label = name.and_then(|name| places.get(name.as_str()).copied());
        }
        self.classes = classes.to_vec();
    }

    /// The class names, in the order that labels count; empty where there are no labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The examples, in an order that depends on nothing but the files.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The key that tells the source's kind.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// What must not stand on both sides, for each example.
    pub(super) fn groups(&self) -> &[Option<String>] {
        &self.groups
    }

    /// The groups as numbers, one an example, counted as they first occur; an example without a
    /// group is one of its own. `None` where no example has a group.
    pub fn group_numbers(&self) -> Option<Vec<usize>> {
        if self.groups.iter().all(Option::is_none) {
            return None;
        }
        let mut known = HashMap::new();
        let mut count = 0;
        let mut number = |group: &'_ Option<String>| {
            let own = match group {
                Some(name) => *known.entry(name.clone()).or_insert(count),
                None => count,
            };
            count += usize::from(own == count);
            own
        };
        Some(self.groups.iter().map(&mut number).collect())
    }

    /// The side of each example, where the source says so.
    pub(super) fn sides(&self) -> &[Option<Split>] {
        &self.sides
    }

    /// Whether the examples have labels (all have, or none).
    pub fn labelled(&self) -> bool {
        self.examples.iter().all(|example| example.label.is_some())
    }

    /// The file, folder or list that the examples lie in.
    pub fn path(&self) -> &Path {
        match &*self.store {
            Store::Arrays(arrays) => arrays.path(),
            Store::Files(files) => &files.opened,
        }
    }

    /// The pixels of an example, 8-bit RGB.
    ///
    /// # Errors
    /// A file that cannot be read or decoded, a row that HDF5 cannot read, an index that is none.
    pub fn read(&self, i: usize) -> Result<RgbImage, DatasetError> {
        self.with(i, |arrays, row| arrays.read(row), Files::read)
    }

    /// What is stored of an example: the pixels of a row of an array, or None with the bytes of a
    /// file in `bytes`.
    pub(super) fn load(
        &self,
        i: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<RgbImage>, DatasetError> {
        let of_file = |files: &Files, id: &str| files.load(id, bytes).map(|()| None);
        self.with(i, |arrays, row| arrays.read(row).map(Some), of_file)
    }

    /// The pixels of the file of an example, from its bytes; they lie in `spare` where they can.
    pub(super) fn decode(
        &self,
        i: usize,
        bytes: &[u8],
        spare: Vec<u8>,
    ) -> Result<RgbImage, DatasetError> {
        let of_file = |files: &Files, id: &str| files.decode(id, bytes, spare);
        self.with(i, |arrays, row| arrays.read(row), of_file)
    }

    /// A SHA-256 that the pixels of an example depend on and nothing else: neither its place nor
    /// its name. Rows of an array are keyed by their pixels, files by their bytes and the decoder,
    /// so the same picture in both forms has two keys.
    ///
    /// # Errors
    /// As [`Source::read`], but a file is not decoded.
    pub fn content_key(&self, i: usize) -> Result<[u8; 32], DatasetError> {
        let of_row = |arrays: &Arrays, row| Ok(key::of_pixels(&arrays.read(row)?));
        self.with(i, of_row, Files::content_key)
    }

    /// [`Source::content_key`], for which a file is read only where it has changed since its key
    /// was remembered in `known`, which is about [`key_rules`](super::key_rules). Rows of an array
    /// are always read.
    ///
    /// # Errors
    /// As [`Source::content_key`].
    pub fn changed_content_key(&self, i: usize, known: &Digests) -> Result<[u8; 32], DatasetError> {
        let of_row = |arrays: &Arrays, row| Ok(key::of_pixels(&arrays.read(row)?));
        self.with(i, of_row, |files, id| files.changed_content_key(id, known))
    }

    /// What an example is drawn for a side by: as its content key, but the same whatever decoder
    /// reads it.
    pub(super) fn draw_key(&self, i: usize) -> Result<[u8; 32], DatasetError> {
        let of_row = |arrays: &Arrays, row| Ok(key::of_pixels(&arrays.read(row)?));
        self.with(i, of_row, Files::digest)
    }

    /// The name of the format an example is stored in, and the size of its file in bytes; None
    /// for the rows of an array.
    ///
    /// # Errors
    /// A file that cannot be read or is no image, an index that is none.
    pub fn format(&self, i: usize) -> Result<(&'static str, Option<u64>), DatasetError> {
        let of_file = |files: &Files, id: &str| {
            let (format, bytes) = files.format(id)?;
            Ok((format, Some(bytes)))
        };
        self.with(i, |_, _| Ok(("HDF5", None)), of_file)
    }

    fn with<T>(
        &self,
        index: usize,
        arrays: impl FnOnce(&Arrays, usize) -> Result<T, SourceError>,
        files: impl FnOnce(&Files, &str) -> Result<T, SourceError>,
    ) -> Result<T, DatasetError> {
        let count = self.examples.len();
        let found = self.examples.get(index).zip(self.rows.get(index));
        let (example, row) = found
            .ok_or_else(|| SourceError::NoExample { index, count }.on(self.section, self.kind))?;
        match &*self.store {
            Store::Arrays(store) => arrays(store, *row),
            Store::Files(store) => files(store, &example.id),
        }
        .map_err(|error| error.on(self.section, self.kind))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("path", &self.path())
            .field("examples", &self.examples.len())
            .field("classes", &self.classes)
            .finish()
    }
}

/// A path under the root; the root `.` is left out of what messages show.
pub(super) fn under(root: &Path, path: &Path) -> PathBuf {
    if root == Path::new(".") {
        path.to_owned()
    } else {
        root.join(path)
    }
}
