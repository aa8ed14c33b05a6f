//! Whether every shard is what it was when it was published.

use super::super::error::{Damage, StoreError, Warning};
use super::super::key::{RowId, Space};
use super::super::shard::Refusal;
use super::examine::examine;
use super::folder::{self, ShardFile, contents, described};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Spaces that were looked at.
    pub spaces: usize,
    /// Shards that are right.
    pub shards: usize,
    /// Rows in them.
    pub rows: usize,
    /// Bytes that were read.
    pub bytes: u64,
    /// Shards that are not, and were set aside.
    pub damaged: Vec<Warning>,
    /// What could not be read, and is left as it was: it may be right or not.
    pub unread: Vec<StoreError>,
    /// What is no shard.
    pub strangers: Vec<Warning>,
}

/// Reads every shard of the store at `root`, or those of the spaces in `only`, and sets aside what
/// is damaged. Nothing that is remembered is believed. `progress` is told the bytes that have been
/// read and those that there are.
///
/// # Errors
/// A folder that cannot be read.
pub fn verify(
    root: &Path,
    only: Option<&[Space]>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, StoreError> {
    let mut verified = Verified::default();
    let (mut folders, others) = folder::spaces(root)?;
    match only {
        Some(only) => folders.retain(|path| only.iter().any(|one| folder::is_folder_of(path, one))),
        None => verified.strangers = others.into_iter().map(stranger).collect(),
    }
    let mut work = Vec::new();
    for dir in folders {
        let given = only.and_then(|only| only.iter().find(|one| folder::is_folder_of(&dir, one)));
        let space = match described(&dir) {
            Ok(said) => given.cloned().or(said),
            Err(error) => {
                verified.unread.push(error);
                continue;
            }
        };
        let found = contents(&dir)?;
        verified
            .strangers
            .extend(found.strangers.into_iter().map(stranger));
        verified.spaces += 1;
        work.push((dir, space, found.shards));
    }
    let total = work
        .iter()
        .flat_map(|(_, _, shards)| shards)
        .map(|shard| shard.bytes)
        .sum();
    for (dir, space, shards) in &work {
        for shard in shards {
            verified.take(dir, space.as_ref(), shard);
            progress(verified.bytes, total);
        }
    }
    Ok(verified)
}

fn stranger(path: PathBuf) -> Warning {
    Warning::Stranger { path }
}

impl Verified {
    /// Whether everything that was read is right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.damaged.is_empty() && self.unread.is_empty()
    }

    fn take(&mut self, dir: &Path, space: Option<&Space>, shard: &ShardFile) {
        self.bytes += shard.bytes;
        let examined =
            examine(&shard.path, &shard.digest, space).and_then(
                |found| match folder::is_folder_of(dir, &found.space) {
                    true => Ok(found),
                    false => Err(Refusal::layout("it says that it belongs to another space")),
                },
            );
        match examined {
            Ok(found) => {
                self.shards += 1;
                self.rows += found.keys.len();
            }
            // Another process removed it or set it aside since it was listed.
            Err(Refusal::Damage(Damage::Gone)) => {}
            // Nobody knows what the folder is for: its bytes are what somebody meant them to be.
            Err(Refusal::Damage(Damage::Layout { .. })) if space.is_none() => {
                self.strangers.push(stranger(shard.path.clone()));
            }
            Err(Refusal::Damage(damage)) => self.damaged.push(Warning::Damaged {
                moved_to: folder::set_aside(dir, &shard.path),
                path: shard.path.clone(),
                damage,
            }),
            Err(Refusal::Error(error)) => self.unread.push(error),
        }
    }
}

/// Sets aside a shard that says something wrong although its bytes are right; gives where it lies
/// then, or `None` where it cannot be moved.
#[must_use]
pub fn set_aside(shard: &Path) -> Option<PathBuf> {
    let space = shard.parent()?.parent()?;
    folder::set_aside(space, shard)
}

/// The shards that hold the rows `ids` of `space`, with where each row lies in them. What is not
/// right is passed over.
///
/// # Errors
/// A folder that cannot be read.
pub fn shards_of(
    root: &Path,
    space: &Space,
    ids: &HashSet<RowId>,
) -> Result<HashMap<RowId, Vec<PathBuf>>, StoreError> {
    let mut places: HashMap<RowId, Vec<PathBuf>> = HashMap::new();
    for shard in contents(&root.join(space.folder()))?.shards {
        let Ok(found) = examine(&shard.path, &shard.digest, Some(space)) else {
            continue;
        };
        for id in found.keys.iter().filter(|id| ids.contains(id)) {
            places.entry(*id).or_default().push(shard.path.clone());
        }
    }
    Ok(places)
}
