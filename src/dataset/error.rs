//! What can be wrong with a dataset. All wording stands here.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::config::ListFormat;
use super::decode::DecodeError;
use super::list::ListProblem;
use super::sieve::Skipped;

/// Which side of a dataset something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The examples that a head learns from.
    Train,
    /// The examples that it is judged on.
    Test,
}

impl Split {
    /// The key of the split in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}

/// A dataset that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Something is wrong with one of the sources.
    #[error("{error}")]
    Source {
        /// The source's key: `train`, `test` or `source`.
        section: &'static str,
        /// What is wrong.
        error: Box<SourceError>,
    },
    /// The two sides do not have the same classes in the same order.
    #[error(
        "train and test have different classes\n  train: {}\n  test:  {}\n\
         both sides need the same classes in the same order",
        list(train),
        list(test)
    )]
    ClassesDiffer {
        /// The classes of `train`.
        train: Vec<String>,
        /// The classes of `test`.
        test: Vec<String>,
    },
    /// There is nothing to tell apart.
    #[error("a labelled dataset needs at least two classes, found {}", list(found))]
    OneClass {
        /// The one class, or none.
        found: Vec<String>,
        /// The key that gives the labels: `train.labels` or `train.folder`.
        key: String,
    },
    /// More of a source's files are bad than may be skipped.
    #[error(
        "{} of {total} cannot be used, which is more than `max_skipped` allows ({most}):{}",
        skipped, lines(first, *skipped)
    )]
    TooManySkipped {
        /// The source's key: `train`, `test` or `source`.
        section: &'static str,
        /// How many cannot be used.
        skipped: usize,
        /// Of how many.
        total: usize,
        /// The share that is allowed.
        most: f64,
        /// The first of them.
        first: Vec<Skipped>,
    },
    /// Every example of a source is bad.
    #[error("no example is left: all {skipped} were skipped:{}", lines(first, *skipped))]
    NothingLeft {
        /// The source's key: `train`, `test` or `source`.
        section: &'static str,
        /// How many were skipped.
        skipped: usize,
        /// The first of them.
        first: Vec<Skipped>,
    },
    /// Nobody says how the source is to be divided.
    #[error(
        "how is it to be divided? Add `split: {{test: 0.2}}`, give a list with a column `split`, \
         or call it `train` if there are no test examples"
    )]
    NoSplit,
    /// A list divides its files and so does the pipeline.
    #[error(
        "the list has a column that says which side each file belongs to: remove `split`, or that \
         column"
    )]
    TwoSplits,
    /// Examples that say which side they belong to beside ones that do not.
    #[error("{id} does not say which side it belongs to")]
    NoSide {
        /// The example.
        id: String,
    },
    /// One side got no example, of a class or at all.
    #[error(
        "no {}example falls on the {} side: take another `split.seed` or share{}",
        class.as_ref().map(|c| format!("`{c}` ")).unwrap_or_default(),
        split.name(),
        if class.is_some() { ", or set `split.stratified` to false" } else { "" }
    )]
    EmptySide {
        /// The class; None where the side has no example at all.
        class: Option<String>,
        /// The side.
        split: Split,
    },
    /// A group stands on both sides.
    #[error(
        "the group `{group}` stands on both sides: {train} is a training example and {test} a \
             test example"
    )]
    GroupOnBothSides {
        /// The group.
        group: String,
        /// One of its training examples.
        train: String,
        /// One of its test examples.
        test: String,
    },
}

impl DatasetError {
    /// The configuration key that the error is about, relative to `dataset`: `train.images`.
    /// None where no key is to blame.
    pub fn key(&self) -> Option<String> {
        match self {
            DatasetError::Source { section, error } => {
                error.key().map(|key| format!("{section}.{key}"))
            }
            DatasetError::ClassesDiffer { .. } | DatasetError::GroupOnBothSides { .. } => {
                Some("test".into())
            }
            DatasetError::OneClass { key, .. } => Some(key.clone()),
            DatasetError::TooManySkipped { section, .. }
            | DatasetError::NothingLeft { section, .. } => Some((*section).to_owned()),
            DatasetError::NoSplit | DatasetError::NoSide { .. } => Some("source".into()),
            DatasetError::TwoSplits | DatasetError::EmptySide { .. } => Some("split".into()),
        }
    }
}

/// The keys of an `hdf5` source that name an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayKey {
    /// `images`
    Images,
    /// `labels`
    Labels,
    /// `classes`
    Classes,
}

impl ArrayKey {
    /// The key as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            ArrayKey::Images => "images",
            ArrayKey::Labels => "labels",
            ArrayKey::Classes => "classes",
        }
    }

    /// The array that the key needs.
    fn needed(self) -> &'static str {
        match self {
            ArrayKey::Images => "[N, H, W, 3] of uint8",
            ArrayKey::Labels => "[N] of integers",
            ArrayKey::Classes => "[K] of strings",
        }
    }
}

/// An array's shape and element type, as a message shows it: `[209, 64, 64, 3] of uint8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayKind {
    /// Its size along each axis.
    pub shape: Vec<usize>,
    /// Its element type in HDF5's words.
    pub element: String,
}

impl fmt::Display for ArrayKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?} of {}", self.shape, self.element)
    }
}

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
    /// The key of the source that the error is about: `hdf5`, `images`, `labels`, `classes` or
    /// `folder`.
    pub fn key(&self) -> Option<&'static str> {
        use SourceError as E;
        match self {
            E::NoFile { .. }
            | E::Unreadable { .. }
            | E::NotHdf5 { .. }
            | E::Locked { .. }
            | E::Damaged { .. } => Some("hdf5"),
            E::NoArray { key, .. }
            | E::WrongArray { key, .. }
            | E::ArrayTooLarge { key, .. }
            | E::ArrayUnreadable { key, .. } => Some(key.name()),
            E::NoImages { .. } => Some("images"),
            E::LabelCount { .. } | E::LabelRange { .. } => Some("labels"),
            E::ClassName { .. } => Some("classes"),
            E::NoFolder { .. }
            | E::NoClasses { .. }
            | E::EmptyClass { .. }
            | E::Stray { .. }
            | E::FileUnreadable { .. }
            | E::Image { .. } => Some("folder"),
            E::List { format, .. } => Some(format.key()),
            E::NoExample { .. } => None,
        }
    }

    /// What is wrong, without the path.
    pub(super) fn reason(&self) -> String {
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

    /// The same error with the key of its source.
    pub(super) fn on(self, section: &'static str) -> DatasetError {
        DatasetError::Source {
            section,
            error: Box::new(self),
        }
    }
}

/// How many names a message lists before it only counts.
const LISTED: usize = 12;

fn list(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    match names.len() {
        0 => "none".into(),
        n if n > LISTED => format!("{}, ... ({n} in all)", shown.join(", ")),
        n => format!("{} ({n})", shown.join(", ")),
    }
}

fn held(found: &[(String, ArrayKind)]) -> String {
    if found.is_empty() {
        return "no dataset at all".into();
    }
    let mut text: Vec<String> = found
        .iter()
        .take(LISTED)
        .map(|(name, kind)| format!("`{name}` {kind}"))
        .collect();
    if found.len() > LISTED {
        text.push(format!("and {} more", found.len() - LISTED));
    }
    text.join(", ")
}

/// The first of what was skipped, a line each.
fn lines(first: &[Skipped], all: usize) -> String {
    let mut text = String::new();
    for one in first {
        text.push_str(&format!("\n  {} {}", one.path, one.reason));
    }
    if all > first.len() {
        text.push_str(&format!("\n  and {} more", all - first.len()));
    }
    text
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!(" (nearest: `{name}`)"))
        .unwrap_or_default()
}

fn counted(classes: Option<usize>) -> String {
    match classes {
        Some(n) => format!(
            "the {n} classes are counted from 0 to {}",
            n.saturating_sub(1)
        ),
        None => format!(
            "unnamed classes are counted from 0 to {}",
            super::arrays::MAX_CLASSES - 1
        ),
    }
}
