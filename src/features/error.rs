//! What can go wrong with a store, and what it tells without failing.

use super::key::RowId;
use std::io;
use std::path::{Path, PathBuf};

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A space whose rows have no numbers, or more than memory can address.
    #[error("a feature row of {width} numbers cannot be stored: give a width of 1 or more")]
    Width {
        /// The width that was asked for.
        width: usize,
    },
    /// The store was written by a newer program.
    #[error(
        "{}: this feature store has format {found}, and this catpipe knows formats up to {known}: \
         use a newer catpipe, or another cache folder (CATPIPE_CACHE)",
        path.display()
    )]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// A row with another number of features than its space.
    #[error("row {row} has {found} numbers, but rows of this store have {expected}")]
    WrongWidth {
        /// The row.
        row: RowId,
        /// The width of the space.
        expected: usize,
        /// The width of the row.
        found: usize,
    },
    /// A row with a NaN or an infinity.
    #[error(
        "row {row} has {value} in column {column}, and a feature must be finite: look at the \
         backbone and its preprocessing, as a row like this is never stored"
    )]
    NotFinite {
        /// The row.
        row: RowId,
        /// Which of its numbers.
        column: usize,
        /// That number.
        value: f32,
    },
    /// A row with a number that half precision does not reach.
    #[error(
        "row {row} has {value} in column {column}, and float16 reaches 65504 only: keep rows as \
         float32 (`extract: {{rows: float32}}`)"
    )]
    BeyondHalf {
        /// The row.
        row: RowId,
        /// Which of its numbers.
        column: usize,
        /// That number.
        value: f32,
    },
    /// A row was read that is not there.
    #[error("row {row} (number {index} of those asked for) is not in the store: compute it first")]
    MissingRow {
        /// The row.
        row: RowId,
        /// Its place in the list that was asked for.
        index: usize,
    },
    /// A shard that was whole when the store was opened, and is not any more.
    #[error(
        "{}: {damage}; {}: run again, and its rows are computed again",
        path.display(), aside(moved_to.as_deref())
    )]
    Damaged {
        /// The shard.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
        /// Where it lies now, if it could be moved.
        moved_to: Option<PathBuf>,
    },
    /// More rows than memory holds.
    #[error("{rows} rows of {width} numbers do not fit in memory: read fewer at once")]
    TooManyRows {
        /// Rows asked for.
        rows: usize,
        /// Numbers in a row.
        width: usize,
    },
    /// No room on the disk, or a quota reached.
    #[error(
        "{}: no room on the disk while {doing}: make room, or put the cache on another disk \
         (CATPIPE_CACHE), and run again; every row that was published is kept",
        path.display()
    )]
    DiskFull {
        /// The file or folder.
        path: PathBuf,
        /// What the store was doing.
        doing: &'static str,
    },
    /// The store may be read, but not written.
    #[error(
        "{}: not writable while {doing}: give yourself the right to write there, or use another \
         cache folder (CATPIPE_CACHE)",
        path.display()
    )]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the store was doing.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file system has no file locks, so that a live writer cannot be told from a dead one.
    #[error(
        "{}: this file system has no file locks, which a feature store needs: use a cache folder \
         on a local disk (CATPIPE_CACHE)",
        path.display()
    )]
    NoLocks {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other refusal by the system.
    #[error("{}: failed while {doing}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the store was doing.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The HDF5 library refused.
    #[error("{}: HDF5 failed while {doing}: {detail}", path.display())]
    Hdf5 {
        /// The shard.
        path: PathBuf,
        /// What the store was doing.
        doing: &'static str,
        /// HDF5's own words, outermost and innermost.
        detail: String,
    },
    /// A shard that does not read back as it was written. It was not published.
    #[error(
        "{}: the shard just written does not read back as it was written ({what}): nothing was \
         published; check the disk and the memory of this machine",
        path.display()
    )]
    Unfaithful {
        /// The unpublished shard.
        path: PathBuf,
        /// What differs.
        what: String,
    },
}

impl StoreError {
    /// The situation behind a system error at `path`.
    pub(super) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, doing }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly {
                path,
                doing,
                source,
            },
            _ => Self::Io {
                path,
                doing,
                source,
            },
        }
    }

    /// The situation behind an error of the HDF5 library, which keeps the system's words only.
    pub(super) fn hdf5(path: &Path, doing: &'static str, source: &hdf5::Error) -> Self {
        let path = path.to_owned();
        let frames = source.stack().map(|stack| {
            let words: Vec<_> = stack.iter().map(|frame| frame.desc().to_owned()).collect();
            words.join(": ")
        });
        let detail = frames.unwrap_or_else(|| source.to_string());
        if detail.contains("No space left") || detail.contains("quota exceeded") {
            return Self::DiskFull { path, doing };
        }
        Self::Hdf5 {
            path,
            doing,
            detail,
        }
    }
}

/// What is wrong with a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its bytes are not those that were published: bits flipped, or a part is missing.
    #[error("this shard of the feature store is damaged (its SHA-256 is now {found})")]
    Checksum {
        /// SHA-256 of the file as it is, in hex.
        found: String,
    },
    /// Its bytes are those that it was named for, but they are no shard of this space.
    #[error("this file is no shard of this feature store ({what})")]
    Layout {
        /// What does not fit.
        what: String,
    },
    /// It is not there any more.
    #[error("this shard of the feature store is gone")]
    Gone,
}

/// What a person should know although the store works.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// A damaged shard. Its rows are missing, and are computed again when they are needed.
    Damaged {
        /// The shard.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
        /// Where it lies now, if it could be moved.
        moved_to: Option<PathBuf>,
    },
    /// The store's index said what cannot be. It is made anew from the shards.
    IndexDamaged {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// Where it lies now, if all of it was moved.
        moved_to: Option<PathBuf>,
    },
    /// The store's index could not be used, so that shards were read instead.
    IndexUnused {
        /// The index.
        path: PathBuf,
        /// What keeps it from being used.
        why: String,
        /// How many shards were read.
        shards: usize,
    },
    /// Something in the folder of shards that is none; left alone.
    Stranger {
        /// The file or folder.
        path: PathBuf,
    },
    /// An unfinished file of a killed run that could not be removed.
    LeftoverKept {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged {
                path,
                damage,
                moved_to,
            } => write!(
                f,
                "{}: {damage}; {}; its rows are computed again when they are needed",
                path.display(),
                aside(moved_to.as_deref())
            ),
            Self::IndexDamaged {
                path,
                what,
                moved_to,
            } => {
                let path = path.display();
                write!(f, "{path}: the feature store's index is damaged ({what})")?;
                if let Some(moved_to) = moved_to {
                    write!(f, "; it was moved to {}", moved_to.display())?;
                }
                write!(f, "; it is made anew from the shards, and no row is lost")
            }
            Self::IndexUnused { path, why, shards } => write!(
                f,
                "{}: the feature store's index is not used ({why}); {shards} shards were read \
                 instead, which costs time and nothing else",
                path.display()
            ),
            Self::Stranger { path } => {
                write!(
                    f,
                    "{}: not a shard of the feature store; left alone",
                    path.display()
                )
            }
            Self::LeftoverKept { path, source } => write!(
                f,
                "{}: the unfinished file of a killed run could not be removed ({source})",
                path.display()
            ),
        }
    }
}

/// Where a damaged shard is, in words.
fn aside(moved_to: Option<&Path>) -> String {
    match moved_to {
        Some(path) => format!("it was moved to {}", path.display()),
        None => "it stays where it is, unused".to_owned(),
    }
}
