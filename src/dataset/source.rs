//! One source of examples, of whatever kind.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::config::SourceConfig;
use super::error::{DatasetError, SourceError, Split};
use super::{arrays, folder, key};

/// One labelled (or unlabelled) image of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// A short name, the same at every run and on every machine: `train.h5#train_set_x/17` for a
    /// row of an array, `cat/tabby/0017.jpg` for a file of a class folder.
    pub id: String,
    /// The class, an index into [`Source::classes`]; None where the source has no labels.
    pub label: Option<usize>,
}

/// An open source: its examples are listed and checked, their pixels are read one at a time, from
/// as many threads as wanted.
pub struct Source {
    split: Split,
    kind: Kind,
    examples: Vec<Example>,
    pub(super) classes: Vec<String>,
    /// False where the class names are only numbers up to the largest label.
    pub(super) named: bool,
}

enum Kind {
    Arrays(arrays::Arrays),
    Folder(PathBuf),
}

impl Source {
    /// Opens a source. Relative paths are relative to `root`.
    ///
    /// # Errors
    /// Everything that can be known without decoding the pixels, see [`SourceError`].
    pub(super) fn open(
        config: &SourceConfig,
        root: &Path,
        split: Split,
    ) -> Result<Source, DatasetError> {
        Self::open_kind(config, root, split).map_err(|error| error.on(split))
    }

    fn open_kind(config: &SourceConfig, root: &Path, split: Split) -> Result<Source, SourceError> {
        match config {
            SourceConfig::Hdf5 {
                hdf5,
                images,
                labels,
                classes,
            } => {
                let names = arrays::Names {
                    images,
                    labels: labels.as_deref(),
                    classes: classes.as_deref(),
                };
                let opened = arrays::open(&under(root, hdf5), &names)?;
                Ok(Source {
                    split,
                    kind: Kind::Arrays(opened.arrays),
                    examples: opened.examples,
                    classes: opened.classes,
                    named: classes.is_some(),
                })
            }
            SourceConfig::Folder { folder } => {
                let path = under(root, folder);
                let opened = folder::open(&path)?;
                Ok(Source {
                    split,
                    kind: Kind::Folder(path),
                    examples: opened.examples,
                    classes: opened.classes,
                    named: true,
                })
            }
        }
    }

    /// The class names, in the order that labels count; empty where there are no labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The examples, in an order that depends on nothing but the files.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Whether the examples have labels (all have, or none).
    pub fn labelled(&self) -> bool {
        self.examples.iter().all(|example| example.label.is_some())
    }

    /// The file or folder that the examples lie in.
    pub fn path(&self) -> &Path {
        match &self.kind {
            Kind::Arrays(arrays) => arrays.path(),
            Kind::Folder(path) => path,
        }
    }

    /// The pixels of an example, 8-bit RGB.
    ///
    /// # Errors
    /// A file that cannot be read or decoded, a row that HDF5 cannot read, an index that is none.
    pub fn read(&self, i: usize) -> Result<RgbImage, DatasetError> {
        let read = || match &self.kind {
            Kind::Arrays(arrays) => {
                self.example(i)?;
                arrays.read(i)
            }
            Kind::Folder(root) => folder::read(root, &self.example(i)?.id),
        };
        read().map_err(|error: SourceError| error.on(self.split))
    }

    /// A SHA-256 that the pixels of an example depend on and nothing else: neither its place nor
    /// its name. Rows of an array are keyed by their pixels, files by their bytes and the decoder,
    /// so the same picture in both forms has two keys.
    ///
    /// # Errors
    /// As [`Source::read`], but a file is not decoded.
    pub fn content_key(&self, i: usize) -> Result<[u8; 32], DatasetError> {
        let read = || match &self.kind {
            Kind::Arrays(arrays) => {
                self.example(i)?;
                Ok(key::of_pixels(&arrays.read(i)?))
            }
            Kind::Folder(root) => folder::content_key(root, &self.example(i)?.id),
        };
        read().map_err(|error: SourceError| error.on(self.split))
    }

    fn example(&self, index: usize) -> Result<&Example, SourceError> {
        let count = self.examples.len();
        self.examples
            .get(index)
            .ok_or(SourceError::NoExample { index, count })
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
fn under(root: &Path, path: &Path) -> PathBuf {
    if root == Path::new(".") {
        path.to_owned()
    } else {
        root.join(path)
    }
}
