//! Reading what other programs say about preprocessing: JSON files beside the manifest.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::number::{Finite, Positive};
use super::preprocess::PreprocessConfig;

/// The most bytes such a file may have; real ones have a few kilobytes.
const LIMIT: u64 = 4 << 20;

/// Why a file of another program can't be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is far larger than such files are.
    #[error("{}: has {bytes} bytes, more than the {LIMIT} that are believed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is not JSON, or has a field that is not known or of another type.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Which field, at which line.
        source: serde_json::Error,
    },
    /// A field says something that catpipe can't do, or is missing.
    #[error("{}: `{field}`: {reason}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a field is refused for; the file's name comes to it later.
pub(super) type Refusal = (&'static str, String);

/// What a file says: the preprocessing, and the height and width that come out of it.
pub(super) type Said = (PreprocessConfig, [u32; 2]);

/// Reads the JSON file at `path` as a `T` and understands it by `follow`.
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    follow: impl FnOnce(T) -> Result<Said, Refusal>,
) -> Result<Said, ForeignError> {
    let path = path.to_path_buf();
    let refuse = |source| ForeignError::Read {
        path: path.clone(),
        source,
    };
    let bytes = std::fs::metadata(&path).map_err(refuse)?.len();
    if bytes > LIMIT {
        return Err(ForeignError::TooLarge { path, bytes });
    }
    let content = std::fs::read(&path).map_err(refuse)?;
    let value: T = match serde_json::from_slice(&content) {
        Ok(value) => value,
        Err(source) => return Err(ForeignError::Json { path, source }),
    };
    follow(value).map_err(|(field, reason)| ForeignError::Field {
        path,
        field,
        reason,
    })
}

/// The field's value, or that it is missing.
pub(super) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| {
        (
            field,
            "is missing, and catpipe does not guess it".to_owned(),
        )
    })
}

/// A field that must have one value where it is given.
pub(super) fn only<T: PartialEq + std::fmt::Debug>(
    field: &'static str,
    value: Option<&T>,
    can: &T,
) -> Result<(), Refusal> {
    match value {
        Some(value) if value != can => {
            Err((field, format!("{value:?} is not supported, only {can:?}")))
        }
        _ => Ok(()),
    }
}

pub(super) fn means(field: &'static str, values: [f64; 3]) -> Result<[Finite; 3], Refusal> {
    let [a, b, c] = values.map(Finite::try_from);
    let refuse = |reason| (field, reason);
    Ok([a.map_err(refuse)?, b.map_err(refuse)?, c.map_err(refuse)?])
}

pub(super) fn deviations(field: &'static str, values: [f64; 3]) -> Result<[Positive; 3], Refusal> {
    let [a, b, c] = values.map(Positive::try_from);
    let refuse = |reason| (field, reason);
    Ok([a.map_err(refuse)?, b.map_err(refuse)?, c.map_err(refuse)?])
}
