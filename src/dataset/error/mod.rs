//! What can be wrong with a dataset. All wording stands here.

mod array;
mod source;
mod words;

use super::sieve::Skipped;
pub use array::{ArrayKey, ArrayKind};
pub use source::SourceError;
use words::{lines, list};

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
        /// The key that tells the source's kind, such as `folder`.
        kind: &'static str,
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
            DatasetError::Source {
                section,
                kind,
                error,
            } => error.key(kind).map(|key| format!("{section}.{key}")),
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
