//! Where examples come from.
//!
//! A [`Dataset`] is one or two [`Source`]s (`train`, and `test` where there is one), opened and
//! checked from a [`DatasetConfig`], or made of one source that is divided. A source lists its
//! [`Example`]s (id and label) at once and reads their pixels as 8-bit RGB one at a time. [`synth`]
//! makes labelled images to try things on.

mod arrays;
mod block;
mod config;
mod decode;
mod divide;
mod duplicates;
mod error;
mod files;
mod folder;
mod glob;
mod key;
mod list;
mod open;
mod parallel;
mod pass;
mod plain;
mod reader;
mod sieve;
mod source;
mod survey;
pub mod synth;
#[cfg(test)]
mod tests;
mod walk;

pub use block::Block;
pub use config::{
    Background, Columns, DatasetConfig, FileNames, GroupBy, Limits, ListFormat, Mark, OnDuplicates,
    OnError, Share, Sides, SourceConfig, SplitConfig,
};
pub use decode::{DecodeError, decode_image};
pub use duplicates::{Duplicate, NEAR};
pub use error::{ArrayKey, ArrayKind, DatasetError, SourceError, Split};
pub use files::{picture, picture_as};
pub use glob::Glob;
pub use list::ListProblem;
pub(crate) use parallel::map as on_all_cores;
pub use pass::{Pass, PassWatch};
pub use plain::{Found, find_images};
pub use reader::{ReadTimes, Reader};
pub use sieve::Skipped;
pub use source::{Example, Source};
pub use survey::{ClassCount, SideSurvey, Survey};

/// The longest side of an image that is decoded, unless `dataset.limits` says otherwise.
pub const MAX_SIDE: u32 = 32_768;

/// The most pixels of an image that is decoded, unless `dataset.limits` says otherwise.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Everything that a file's [`Source::content_key`] depends on beside its bytes, in one line.
#[must_use]
pub fn key_rules(background: Background) -> String {
    key::rules(background)
}

/// The opened sources of a pipeline.
#[derive(Debug)]
pub struct Dataset {
    /// The examples that a head learns from.
    pub train: Source,
    /// The examples that it is judged on; their labels count the same classes as those of `train`.
    pub test: Option<Source>,
    skipped: Vec<Skipped>,
}

impl Dataset {
    /// What was left out of the examples: bad files (with `on_error: skip`) and those that the
    /// pipeline excludes. Nothing of this is kept: the next opening tries them again.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}
