//! Removing what nobody needs.
//!
//! What is needed is said row by row; everything else of the store goes. A shard of which only
//! some rows are needed is rewritten: a new shard with those is published first, and only then the
//! old one is removed, so that a kill between the two loses nothing and the next collection
//! finishes the work. A space that somebody has open is left alone, whatever is in it, and so is
//! everything that this program does not know.

mod carry;
mod plan;

use super::super::error::{Damage, StoreError};
use super::super::in_use::NotAlone;
use super::super::key::{RowId, Space};
use std::collections::HashSet;
use std::path::PathBuf;

/// Rows that are to stay.
#[derive(Clone, Debug)]
pub struct Needed {
    /// Their space.
    pub space: Space,
    /// Their ids.
    pub rows: HashSet<RowId>,
}

/// What is to be removed from a store. Made by [`Gc::plan`], which holds up nobody; done by
/// [`Gc::carry_out`], and whoever opens a space meanwhile waits.
#[derive(Debug)]
pub struct Gc {
    /// The spaces with something to remove.
    pub spaces: Vec<SpaceGc>,
    /// What is not looked into, or not removed, although it is in the way.
    pub left: Vec<Left>,
    /// Rows that are needed and there.
    pub kept: usize,
}

/// What is to be removed from one space.
#[derive(Debug)]
pub struct SpaceGc {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is.
    pub space: Space,
    /// Whether no row of it is needed, so that the folder goes with everything in it.
    pub whole: bool,
    /// Files that go.
    pub removals: Vec<Removal>,
    /// Shards that are replaced by smaller ones.
    pub rewrites: Vec<Rewrite>,
    /// The shards that were there.
    seen: Vec<PathBuf>,
}

/// A file that goes.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// Why a file goes.
#[derive(Clone, Debug)]
pub enum Why {
    /// A shard of so many rows, of which none is needed or all are also in another shard.
    Unneeded {
        /// Its rows.
        rows: usize,
    },
    /// A shard that is found to be damaged now.
    Damaged(Damage),
    /// A shard that was set aside before.
    SetAside,
    /// What a killed writer left.
    Leftover,
}

/// A shard that is replaced by a smaller one.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The shard.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub(super) digest: [u8; 32],
    /// Its bytes.
    pub bytes: u64,
    /// How many rows it has.
    pub rows: usize,
    /// Those that stay, in order.
    pub keep: Vec<usize>,
}

/// What stays although it may not be needed.
#[derive(Debug)]
pub enum Left {
    /// A run has the space open.
    InUse {
        /// The space's folder.
        folder: PathBuf,
    },
    /// The space cannot be locked, so that nobody knows whether it is in use.
    Unlockable {
        /// The space's folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody wrote or removed rows since they were looked at.
    Changed {
        /// The space's folder.
        folder: PathBuf,
    },
    /// A file or folder that is none of the store's.
    Stranger {
        /// Where it is.
        path: PathBuf,
    },
    /// A folder of rows that says nowhere what they are.
    Unknown {
        /// The folder.
        folder: PathBuf,
    },
    /// Of a newer format, or unreadable.
    Unread(StoreError),
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse { folder } => write!(
                f,
                "{}: in use by another run; nothing of it was removed: try again when that has \
                 ended",
                folder.display()
            ),
            Self::Unlockable { folder, source } => write!(
                f,
                "{}: cannot be locked ({source}), so that it may be in use; nothing of it was \
                 removed",
                folder.display()
            ),
            Self::Changed { folder } => write!(
                f,
                "{}: rows came or went while they were looked at; nothing of it was removed: try \
                 again",
                folder.display()
            ),
            Self::Stranger { path } => {
                write!(
                    f,
                    "{}: none of the store's files; left alone",
                    path.display()
                )
            }
            Self::Unknown { folder } => write!(
                f,
                "{}: space.json does not say which rows these are, and no shard does; left alone: \
                 remove the folder by hand if you do not know it",
                folder.display()
            ),
            Self::Unread(error) => write!(f, "{error}; left alone"),
        }
    }
}

impl Left {
    /// A folder that is not only ours.
    fn shared(folder: PathBuf, why: NotAlone) -> Self {
        match why {
            NotAlone::InUse => Self::InUse { folder },
            NotAlone::Unlockable(source) => Self::Unlockable { folder, source },
        }
    }

    /// Whether something of the store itself could not be looked at, so that there may be more to
    /// remove. Strangers are nobody's failure.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Stranger { .. })
    }
}

/// What a collection removed.
#[derive(Debug, Default)]
pub struct Freed {
    /// Files that are gone.
    pub files: usize,
    /// Bytes that are free now: what was removed, less what was written in its place.
    pub bytes: u64,
    /// What could not be done. What is needed is still there all the same.
    pub failed: Vec<StoreError>,
    /// What is in use by now.
    pub left: Vec<Left>,
}
