//! A few pictures of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::backbone::detect::{Classifier, Pictures};
use crate::cli::failure::Failure;
use crate::dataset::{self, DecodeError, SourceError};

/// Folders in folders in folders: a link to one that it lies in ends here.
const DEEPEST: usize = 32;

/// What was found in a folder.
pub(super) struct Taken {
    pub(super) pictures: Pictures,
    /// How many files were met that are no picture, or a broken one.
    pub(super) passed_over: usize,
}

/// Takes up to `limit` pictures of the folder. Which ones depends on their names alone: they are
/// taken in the order of their names' checksums, so that no subfolder comes first.
pub(super) fn take(folder: &Path, limit: usize, classifier: &Classifier) -> Result<Taken, Failure> {
    let mut files = Vec::new();
    walk(folder, "", 0, &mut files)?;
    files.sort_by_cached_key(|(id, _)| <[u8; 32]>::from(Sha256::digest(id)));
    let mut taken = Taken {
        pictures: Pictures::new(classifier),
        passed_over: 0,
    };
    // The first that should have been one.
    let mut first = None;
    for (id, path) in files {
        if taken.pictures.len() == limit {
            break;
        }
        let added = match dataset::picture(&path) {
            Ok(picture) => {
                let added = taken.pictures.add(&id, &picture);
                added.map_err(|error| Some(error.to_string()))
            }
            Err(SourceError::Image {
                error: DecodeError::Format { .. } | DecodeError::Empty,
                ..
            }) => Err(None),
            Err(broken) => Err(Some(broken.to_string())),
        };
        if let Err(broken) = added {
            taken.passed_over += 1;
            first = first.or(broken);
        }
    }
    if taken.pictures.is_empty() {
        let why = first.map_or_else(String::new, |error: String| format!("; {error}"));
        return Err(Failure::failed(format!(
            "{}: there is no picture in this folder or below it{why}",
            folder.display()
        )));
    }
    Ok(taken)
}

/// The visible files below a folder: their names relative to it, and their paths.
fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Failure> {
    let refuse = |error| Failure::failed(format!("{}: cannot be read: {error}", folder.display()));
    if depth > DEEPEST {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let id = if prefix.is_empty() {
            name.into_owned()
        } else {
            format!("{prefix}/{name}")
        };
        if path.is_dir() {
            walk(&path, &id, depth + 1, files)?;
        } else {
            files.push((id, path));
        }
    }
    Ok(())
}
