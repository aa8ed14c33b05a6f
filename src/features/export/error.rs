//! Why rows could not be written out.

use std::io;
use std::path::{Path, PathBuf};

use crate::features::StoreError;

/// Why rows could not be written out. What stood at the file's place is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The name does not say what is to be written.
    #[error(
        "{}: the file's ending says in which form features are written; known: {known}",
        path.display()
    )]
    UnknownForm {
        /// The file asked for.
        path: PathBuf,
        /// The endings that there are.
        known: String,
    },
    /// There is a folder of that name.
    #[error("{}: is a folder: give the name of a file", path.display())]
    IsFolder {
        /// The file asked for.
        path: PathBuf,
    },
    /// The folder for the file is not there.
    #[error("{}: there is no folder {}: make it first", path.display(), folder.display())]
    NoFolder {
        /// The file asked for.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// Somebody else writes the same file.
    #[error("{}: another program is writing this file: wait for it, or choose another name", path.display())]
    Busy {
        /// The file asked for.
        path: PathBuf,
    },
    /// A line break in an id, where ids stand on lines.
    #[error(
        "the id {id:?} has a line break in it, and the ids of an .npy file stand on lines: rename \
         the image, or write an .h5 file"
    )]
    LineBreak {
        /// The id.
        id: String,
    },
    /// No room on the disk, or a quota reached.
    #[error(
        "{}: no room on the disk while {doing}: make room and run again; the features are in the \
         cache, and nothing is computed twice",
        path.display()
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
    },
    /// Any other refusal by the system.
    #[error("{}: failed while {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The HDF5 library refused.
    #[error("{}: HDF5 failed: {detail}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// What it said, or what was not as expected.
        detail: String,
    },
    /// What the writer of a form says.
    #[error("{}: cannot be made: {detail}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// More ids than the header of a safetensors file may hold.
    #[error(
        "{rows} ids do not fit into a safetensors file, whose header may have {most} bytes and \
         would need {needed}: write .parquet, .h5 or .npz"
    )]
    LongHeader {
        /// Rows.
        rows: usize,
        /// Bytes that the header would have.
        needed: usize,
        /// Bytes that it may have.
        most: usize,
    },
    /// Not as many values as rows: a mistake of the caller.
    #[error("{found} {column} for {rows} rows; this is a bug of catpipe")]
    Uneven {
        /// What there are too many or too few of.
        column: &'static str,
        /// How many.
        found: usize,
        /// Rows.
        rows: usize,
    },
    /// The rows could not be read from the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExportError {
    /// Whether the person has to ask for another file rather than run again.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        matches!(
            self,
            Self::UnknownForm { .. } | Self::IsFolder { .. } | Self::NoFolder { .. }
        )
    }

    /// The situation behind a system error at `path`.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, doing }
            }
            _ => Self::Io {
                path,
                doing,
                source,
            },
        }
    }
}
