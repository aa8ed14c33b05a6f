//! What can be wrong with one source.

use std::io;
use std::path::PathBuf;

use super::DatasetError;
use super::array::{ArrayKey, ArrayKind};
use super::words::{counted, did_you_mean, held};
use crate::dataset::config::ListFormat;
use crate::dataset::decode::DecodeError;
use crate::dataset::list::ListProblem;

/// What is wrong with one source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The HDF5 file does not exist.
    #[error("there is no file {}", path.display())]
    NoFile {
        /// The path looked at.
        path: PathBuf,
    },
    /// The HDF5 file is there, but the system does not hand it out.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file does not begin as HDF5 files do.
    #[error("{} ({bytes} bytes) is not an HDF5 file, or its beginning is lost: {hint}", path.display())]
    NotHdf5 {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What to do.
        hint: &'static str,
    },
    /// Another program has the file open for writing.
    #[error(
        "{} is open for writing in another program: close it there, then run again",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file begins as HDF5 files do, and the library cannot open it.
    #[error(
        "{} ({bytes} bytes) is a truncated or damaged HDF5 file: get it again ({reason})",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The HDF5 library's reason.
        reason: String,
    },
    /// The file has no dataset of that name.
    #[error("{} has no dataset `{name}`{}; it holds {}", path.display(), did_you_mean(nearest), held(found))]
    NoArray {
        /// The file.
        path: PathBuf,
        /// The key that names the dataset.
        key: ArrayKey,
        /// The name asked for.
        name: String,
        /// The datasets that there are.
        found: Vec<(String, ArrayKind)>,
        /// The nearest of their names.
        nearest: Option<String>,
    },
    /// The dataset has another shape or type than its key needs.
    #[error("`{name}` in {} is {found}, but `{}` needs {}", path.display(), key.name(), key.needed())]
    WrongArray {
        /// The file.
        path: PathBuf,
        /// The key that names the dataset.
        key: ArrayKey,
        /// The dataset.
        name: String,
        /// What it is.
        found: ArrayKind,
    },
    /// The images are larger, or there are more, than catpipe accepts.
    #[error("`{name}` in {} is {found}: {limit}", path.display())]
    ArrayTooLarge {
        /// The file.
        path: PathBuf,
        /// The key that names the dataset.
        key: ArrayKey,
        /// The dataset.
        name: String,
        /// What it is.
        found: ArrayKind,
        /// The limit that it breaks.
        limit: String,
    },
    /// The source holds no example.
    #[error("`{name}` in {} holds no images", path.display())]
    NoImages {
        /// The file.
        path: PathBuf,
        /// The dataset.
        name: String,
    },
    /// The labels are not as many as the images.
    #[error("`{name}` in {} has {labels} labels for {images} images", path.display())]
    LabelCount {
        /// The file.
        path: PathBuf,
        /// The dataset of labels.
        name: String,
        /// How many labels there are.
        labels: usize,
        /// How many images there are.
        images: usize,
    },
    /// The groups are not as many as the images.
    #[error("`{name}` in {} has {groups} groups for {images} images", path.display())]
    GroupCount {
        /// The file.
        path: PathBuf,
        /// The dataset of groups.
        name: String,
        /// How many groups there are.
        groups: usize,
        /// How many images there are.
        images: usize,
    },
    /// A group is no text.
    #[error("row {row} of `{name}` in {} {problem}", path.display())]
    GroupName {
        /// The file.
        path: PathBuf,
        /// The dataset of groups.
        name: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A label counts no class.
    #[error(
        "row {row} of `{name}` in {} is {value}, but {}",
        path.display(), counted(*classes)
    )]
    LabelRange {
        /// The file.
        path: PathBuf,
        /// The dataset of labels.
        name: String,
        /// The row, from 0.
        row: usize,
        /// The label found there.
        value: String,
        /// How many classes are named; None where none are.
        classes: Option<usize>,
    },
    /// A class name is empty, not text, or there twice.
    #[error("row {row} of `{name}` in {} {problem}", path.display())]
    ClassName {
        /// The file.
        path: PathBuf,
        /// The dataset of class names.
        name: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The HDF5 library fails on a dataset that it opened: damaged inside, or an unknown filter.
    #[error("{what} of `{name}` in {} cannot be read: {reason}", path.display())]
    ArrayUnreadable {
        /// The file.
        path: PathBuf,
        /// The key that names the dataset.
        key: ArrayKey,
        /// The dataset.
        name: String,
        /// Which part of it: `row 17`, `the type`.
        what: String,
        /// The HDF5 library's reason.
        reason: String,
    },
    /// The folder does not exist or is no folder.
    #[error("{} is not a folder", path.display())]
    NoFolder {
        /// The path looked at.
        path: PathBuf,
    },
    /// The folder holds no class folder.
    #[error(
        "{} holds no class folder: it needs one folder a class, with images in it",
        path.display()
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
    },
    /// A class folder holds no image.
    #[error("the class folder {} holds no image", path.display())]
    EmptyClass {
        /// The class folder.
        path: PathBuf,
    },
    /// Something in the folder is not what a class folder holds.
    #[error("{} {problem}", path.display())]
    Stray {
        /// What was found.
        path: PathBuf,
        /// Why it cannot be an example, and what to do.
        problem: &'static str,
    },
    /// A folder or file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    FileUnreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// An image file cannot be decoded.
    #[error("{} {error}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// There is nothing of that name, and it is no pattern either.
    #[error(
        "there is no file or folder {}; a pattern has `*`, `?` or `**` in it, and quotes around it",
        path.display()
    )]
    NoFiles {
        /// The path looked at.
        path: PathBuf,
    },
    /// No image was found.
    #[error("no image {}", match pattern {
        Some(pattern) => format!("in {} matches `{pattern}`", path.display()),
        None => format!("is in {}, nor in the folders below it", path.display()),
    })]
    NoMatch {
        /// The folder looked into.
        path: PathBuf,
        /// The pattern; None where any image would do.
        pattern: Option<String>,
    },
    /// Some part of the images would be empty.
    #[error("{total} images cannot be shared among {blocks} parts: ask for {total} parts at most")]
    TooFewToShare {
        /// How many images there are.
        total: usize,
        /// How many parts were asked for.
        blocks: usize,
    },
    /// A list of files is wrong.
    #[error("{}{}: {problem}", path.display(), line.map(|l| format!(":{l}")).unwrap_or_default())]
    List {
        /// The list.
        path: PathBuf,
        /// What it is written in.
        format: ListFormat,
        /// The line, from 1; None for the list as a whole.
        line: Option<u64>,
        /// What is wrong.
        problem: ListProblem,
    },
    /// An example that does not exist was asked for.
    #[error("there is no example {index}: the source has {count}, counted from 0")]
    NoExample {
        /// The index asked for.
        index: usize,
        /// How many examples there are.
        count: usize,
    },
}

impl SourceError {
    /// The key of the source that the error is about: `images`, `labels`, `classes`, or `kind`, the
    /// one that says where the source lies.
    pub fn key(&self, kind: &'static str) -> Option<&'static str> {
        use SourceError as E;
        match self {
            E::NoFile { .. }
            | E::Unreadable { .. }
            | E::NotHdf5 { .. }
            | E::Locked { .. }
            | E::Damaged { .. } => Some(kind),
            E::NoArray { key, .. }
            | E::WrongArray { key, .. }
            | E::ArrayTooLarge { key, .. }
            | E::ArrayUnreadable { key, .. } => Some(key.name()),
            E::NoImages { .. } => Some("images"),
            E::LabelCount { .. } | E::LabelRange { .. } => Some("labels"),
            E::ClassName { .. } => Some("classes"),
            E::GroupCount { .. } | E::GroupName { .. } => Some("groups"),
            E::NoFolder { .. }
            | E::NoClasses { .. }
            | E::EmptyClass { .. }
            | E::Stray { .. }
            | E::FileUnreadable { .. }
            | E::Image { .. }
            | E::NoFiles { .. }
            | E::NoMatch { .. }
            | E::TooFewToShare { .. }
            | E::List { .. } => Some(kind),
            E::NoExample { .. } => None,
        }
    }

    /// What is wrong, without the path.
    pub(in crate::dataset) fn reason(&self) -> String {
        match self {
            SourceError::Image { error, .. } => error.to_string(),
            SourceError::Stray { problem, .. } => (*problem).to_owned(),
            SourceError::FileUnreadable { error, .. } => format!("cannot be read: {error}"),
            SourceError::List {
                problem: ListProblem::File(error),
                ..
            } => error.reason(),
            other => other.to_string(),
        }
    }

    /// The same error with the key of its source and of the source's kind.
    pub(in crate::dataset) fn on(self, section: &'static str, kind: &'static str) -> DatasetError {
        DatasetError::Source {
            section,
            kind,
            error: Box::new(self),
        }
    }
}
