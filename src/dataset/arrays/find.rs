//! Opening an HDF5 file, and finding a dataset in it or saying what there is instead.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use hdf5::types::TypeDescriptor;
use hdf5::{Dataset, Group};

use crate::dataset::error::{ArrayKey, ArrayKind, SourceError};

/// The first bytes of an HDF5 file (without a user block).
const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// How deep groups are searched for the datasets that a message lists, and how many it collects:
/// groups may link to each other in circles.
const MAX_DEPTH: usize = 4;
const MAX_FOUND: usize = 200;

/// A dataset that exists, with what messages about it need.
pub(super) struct Array {
    pub(super) dataset: Dataset,
    pub(super) path: PathBuf,
    pub(super) key: ArrayKey,
    pub(super) name: String,
    pub(super) kind: ArrayKind,
    pub(super) element: TypeDescriptor,
}

impl Array {
    /// It has another shape or type than its key needs.
    pub(super) fn wrong(&self) -> SourceError {
        SourceError::WrongArray {
            path: self.path.clone(),
            key: self.key,
            name: self.name.clone(),
            found: self.kind.clone(),
        }
    }

    /// It declares more than is accepted.
    pub(super) fn too_large(&self, limit: String) -> SourceError {
        SourceError::ArrayTooLarge {
            path: self.path.clone(),
            key: self.key,
            name: self.name.clone(),
            found: self.kind.clone(),
            limit,
        }
    }

    /// The library fails on reading a part of it.
    pub(super) fn unreadable(&self, what: String, error: &hdf5::Error) -> SourceError {
        self.unreadable_for(what, error.to_string())
    }

    /// A part of it cannot be read.
    pub(super) fn unreadable_for(&self, what: String, reason: String) -> SourceError {
        SourceError::ArrayUnreadable {
            path: self.path.clone(),
            key: self.key,
            name: self.name.clone(),
            what,
            reason,
        }
    }

    /// The length of a one-dimensional dataset.
    pub(super) fn len(&self) -> Result<usize, SourceError> {
        match self.kind.shape.as_slice() {
            &[len] => Ok(len),
            _ => Err(self.wrong()),
        }
    }
}

/// Opens a file for reading; says whether it is missing, unreadable, no HDF5 or damaged.
pub(super) fn open_file(path: &Path) -> Result<hdf5::File, SourceError> {
    let (bytes, head) = beginning(path)?;
    // The library prints its own stack of errors to stderr unless told not to.
    hdf5::silence_errors(true);
    let opened = hdf5::File::with_options()
        .with_fapl(|fapl| fapl.chunk_cache(12_421, super::CHUNK_CACHE, 0.75))
        .open(path);
    opened.map_err(|error| {
        // The library has no error code for it; a lock is the only thing that it words so.
        if error.to_string().contains("unable to lock file") {
            return SourceError::Locked {
                path: path.to_owned(),
            };
        }
        if head.starts_with(SIGNATURE) {
            return SourceError::Damaged {
                path: path.to_owned(),
                bytes,
                reason: error.to_string(),
            };
        }
        let hint = if head.starts_with(b"version https://git-lfs") {
            "it is a Git LFS pointer, get the file itself with `git lfs pull`"
        } else {
            "check the path, or get it again"
        };
        SourceError::NotHdf5 {
            path: path.to_owned(),
            bytes,
            hint,
        }
    })
}

/// The size and the first bytes of a file.
fn beginning(path: &Path) -> Result<(u64, Vec<u8>), SourceError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => SourceError::NoFile {
            path: path.to_owned(),
        },
        _ => SourceError::Unreadable {
            path: path.to_owned(),
            error,
        },
    };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut head))
        .map_err(unreadable)?;
    Ok((meta.len(), head))
}

/// Finds a dataset by its name or its path through groups.
pub(super) fn array(
    file: &hdf5::File,
    path: &Path,
    key: ArrayKey,
    name: &str,
) -> Result<Array, SourceError> {
    let Ok(dataset) = file.dataset(name) else {
        return Err(missing(file, path, key, name));
    };
    let unreadable = |what: &str, error: hdf5::Error| SourceError::ArrayUnreadable {
        path: path.to_owned(),
        key,
        name: name.to_owned(),
        what: what.to_owned(),
        reason: error.to_string(),
    };
    let shape = dataset
        .space()
        .map_err(|e| unreadable("the shape", e))?
        .shape();
    let element = dataset
        .dtype()
        .and_then(|dtype| dtype.to_descriptor())
        .map_err(|e| unreadable("the type", e))?;
    let kind = ArrayKind {
        shape,
        element: element.to_string(),
    };
    Ok(Array {
        dataset,
        path: path.to_owned(),
        key,
        name: name.to_owned(),
        kind,
        element,
    })
}

fn missing(file: &hdf5::File, path: &Path, key: ArrayKey, name: &str) -> SourceError {
    let mut found = Vec::new();
    list(file, "", 0, &mut found);
    found.sort_by(|a: &(String, _), b| a.0.cmp(&b.0));
    let nearest = found
        .iter()
        .map(|(there, _)| (strsim::damerau_levenshtein(there, name), there))
        .min()
        .filter(|(distance, there)| *distance <= there.chars().count().div_ceil(2))
        .map(|(_, there)| there.clone());
    SourceError::NoArray {
        path: path.to_owned(),
        key,
        name: name.to_owned(),
        found,
        nearest,
    }
}

/// Collects the datasets of a group and of the groups in it. What cannot be opened is left out:
/// the list is a help in a message about something else.
fn list(group: &Group, prefix: &str, depth: usize, found: &mut Vec<(String, ArrayKind)>) {
    for name in group.member_names().unwrap_or_default() {
        if found.len() >= MAX_FOUND {
            return;
        }
        let full = format!("{prefix}{name}");
        if let Ok(dataset) = group.dataset(&name) {
            let element = match dataset.dtype().and_then(|dtype| dtype.to_descriptor()) {
                Ok(element) => element.to_string(),
                Err(_) => "an unsupported type".into(),
            };
            found.push((
                full,
                ArrayKind {
                    shape: dataset.shape(),
                    element,
                },
            ));
        } else if depth < MAX_DEPTH
            && let Ok(inner) = group.group(&name)
        {
            list(&inner, &format!("{full}/"), depth + 1, found);
        }
    }
}
