//! Where examples come from.
//!
//! A [`Dataset`] is one or two [`Source`]s (`train`, and `test` where there is one), opened and
//! checked from a [`DatasetConfig`]. A source lists its [`Example`]s (id and label) at once and
//! reads their pixels as 8-bit RGB one at a time. [`synth`] makes labelled images to try things on.

mod arrays;
mod config;
mod decode;
mod error;
mod folder;
mod key;
mod source;
pub mod synth;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use config::{DatasetConfig, SourceConfig};
pub use decode::{DecodeError, MAX_PIXELS, MAX_SIDE};
pub use error::{ArrayKey, ArrayKind, DatasetError, SourceError, Split};
pub use source::{Example, Source};

/// The opened sources of a pipeline.
#[derive(Debug)]
pub struct Dataset {
    /// The examples that a head learns from.
    pub train: Source,
    /// The examples that it is judged on; their labels count the same classes as those of `train`.
    pub test: Option<Source>,
}

impl Dataset {
    /// Opens the sources and checks that they fit together. Relative paths are relative to `root`.
    ///
    /// # Errors
    /// A source that cannot be opened, classes that differ between the sides, a single class.
    pub fn open(config: &DatasetConfig, root: &Path) -> Result<Dataset, DatasetError> {
        let mut train = Source::open(&config.train, root, Split::Train)?;
        let mut test = match &config.test {
            Some(source) => Some(Source::open(source, root, Split::Test)?),
            None => None,
        };
        if let Some(test) = &mut test {
            agree(&mut train, test)?;
        }
        if train.labelled() && train.classes().len() < 2 {
            let key = match &config.train {
                SourceConfig::Hdf5 { .. } => "train.labels",
                SourceConfig::Folder { .. } => "train.folder",
            };
            return Err(DatasetError::OneClass {
                found: train.classes().to_vec(),
                key: key.to_owned(),
            });
        }
        Ok(Dataset { train, test })
    }
}

/// Checks that both sides have the same classes. A side whose classes are only numbers takes the
/// other side's, if its labels stay below their count: a test set need not hold every class.
fn agree(train: &mut Source, test: &mut Source) -> Result<(), DatasetError> {
    if !train.labelled() || !test.labelled() || train.classes == test.classes {
        return Ok(());
    }
    if !test.named && test.classes.len() <= train.classes.len() {
        test.classes = train.classes.clone();
        return Ok(());
    }
    if !train.named && test.named && train.classes.len() <= test.classes.len() {
        train.classes = test.classes.clone();
        return Ok(());
    }
    Err(DatasetError::ClassesDiffer {
        train: train.classes.clone(),
        test: test.classes.clone(),
    })
}
