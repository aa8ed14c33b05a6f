//! What a store holds.

use super::super::error::{StoreError, Warning};
use super::super::key::Space;
use super::super::store::Store;
use super::folder::{self, contents, described};
use crate::digests::Shelf;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pile {
    /// How many there are.
    pub files: usize,
    /// Their bytes together.
    pub bytes: u64,
}

impl Pile {
    fn of(paths: &[PathBuf]) -> Self {
        Self {
            files: paths.len(),
            bytes: paths.iter().map(|path| folder::size(path)).sum(),
        }
    }
}

/// One space of a store.
#[derive(Debug)]
pub struct SpaceSurvey {
    /// Its folder.
    pub folder: PathBuf,
    /// What its rows depend on; `None` where `space.json` does not say.
    pub space: Option<Space>,
    /// Why its rows can't be used, where that is so.
    pub problem: Option<String>,
    /// Rows that can be used.
    pub rows: usize,
    /// Published shards.
    pub shards: Pile,
    /// Shards that were set aside.
    pub damaged: Pile,
    /// What killed writers left.
    pub leftovers: Pile,
    /// Files that are none of the store's.
    pub strangers: usize,
    /// Bytes of everything in the folder.
    pub bytes: u64,
    /// When a row was last written.
    pub written: Option<SystemTime>,
}

/// The spaces of the store at `root`, in the order of their folders. Opens each, as a run does:
/// what is damaged is set aside, and told.
///
/// # Errors
/// A store whose folder cannot be read. What is wrong with one space is its
/// [`SpaceSurvey::problem`].
pub fn survey(root: &Path, shelf: &Shelf) -> Result<(Vec<SpaceSurvey>, Vec<Warning>), StoreError> {
    let (folders, others) = folder::spaces(root)?;
    let strangers = others.into_iter().map(|path| Warning::Stranger { path });
    let mut warnings: Vec<Warning> = strangers.collect();
    let mut spaces = Vec::new();
    for folder in folders {
        let (space, told) = survey_one(root, folder, shelf);
        spaces.push(space);
        warnings.extend(told);
    }
    Ok((spaces, warnings))
}

/// The spaces of the store at `root` that say what they are, in the order of their folders.
///
/// # Errors
/// The store's folder cannot be read.
pub fn spaces(root: &Path) -> Result<Vec<Space>, StoreError> {
    let (folders, _) = folder::spaces(root)?;
    let said = folders.iter().filter_map(|folder| described(folder).ok()?);
    Ok(said.collect())
}

fn survey_one(root: &Path, folder: PathBuf, shelf: &Shelf) -> (SpaceSurvey, Vec<Warning>) {
    // Opening the store removes them.
    let leftovers = contents(&folder).map(|found| found.leftovers);
    let leftovers = Pile::of(&leftovers.unwrap_or_default());
    let mut rows = 0;
    let mut warnings = Vec::new();
    let (space, problem) = match described(&folder) {
        Ok(None) => (
            None,
            Some("space.json does not say what it holds".to_owned()),
        ),
        Ok(Some(space)) => match Store::open_changed(root, &space, shelf) {
            Ok((store, told)) => {
                rows = store.len();
                warnings = told;
                (Some(space), None)
            }
            Err(error) => (Some(space), Some(error.to_string())),
        },
        Err(error) => (None, Some(error.to_string())),
    };
    let bytes = folder::size(&folder);
    let found = contents(&folder).unwrap_or_default();
    let survey = SpaceSurvey {
        space,
        problem,
        rows,
        shards: Pile {
            files: found.shards.len(),
            bytes: found.shards.iter().map(|shard| shard.bytes).sum(),
        },
        damaged: Pile::of(&found.damaged),
        leftovers,
        strangers: found.strangers.len(),
        bytes,
        written: found.shards.iter().filter_map(|shard| shard.written).max(),
        folder,
    };
    (survey, warnings)
}
