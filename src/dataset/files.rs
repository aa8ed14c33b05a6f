//! Examples that are files: class folders and lists.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use image::RgbImage;
use sha2::{Digest, Sha256};

use super::config::{Background, Limits};
use super::decode::{self, DecodeError, Rules};
use super::error::SourceError;
use super::key;
use crate::digests::Digests;

/// The files under a folder, each called by its path relative to it (or by its absolute path).
pub(super) struct Files {
    /// The folder or the list that was opened.
    pub(super) opened: PathBuf,
    /// Where relative paths start.
    pub(super) root: PathBuf,
    /// How the files are made into pixels.
    pub(super) rules: Rules,
}

impl Files {
    /// Decodes the image at `id`.
    pub(super) fn read(&self, id: &str) -> Result<RgbImage, SourceError> {
        let mut bytes = Vec::new();
        self.load(id, &mut bytes)?;
        self.decode(id, &bytes, Vec::new())
    }

    /// Reads the file at `id` into `bytes`, in the place of what they were.
    pub(super) fn load(&self, id: &str, bytes: &mut Vec<u8>) -> Result<(), SourceError> {
        self.whole_into(&self.root.join(id), bytes)
    }

    /// Decodes the `bytes` of the image at `id`; the pixels lie in `spare` where they can.
    pub(super) fn decode(
        &self,
        id: &str,
        bytes: &[u8],
        spare: Vec<u8>,
    ) -> Result<RgbImage, SourceError> {
        decode::decode_into(bytes, &self.rules, spare).map_err(|error| SourceError::Image {
            path: self.root.join(id),
            error,
        })
    }

    /// The content key of the image at `id`; the image is not decoded.
    pub(super) fn content_key(&self, id: &str) -> Result<[u8; 32], SourceError> {
        Ok(key::of_file(
            &self.whole(&self.root.join(id))?,
            self.rules.background,
        ))
    }

    /// The content key of the image at `id`, from `known` where the file has not changed.
    pub(super) fn changed_content_key(
        &self,
        id: &str,
        known: &Digests,
    ) -> Result<[u8; 32], SourceError> {
        let found = known.get(&self.root.join(id), || {
            self.content_key(id).map(|key| key::to_hex(&key))
        })?;
        key::from_hex(&found).map_or_else(|| self.content_key(id), Ok)
    }

    /// What the file at `id` is known by whatever the decoder: the SHA-256 of its bytes.
    pub(super) fn digest(&self, id: &str) -> Result<[u8; 32], SourceError> {
        Ok(Sha256::digest(self.whole(&self.root.join(id))?).into())
    }

    /// The name of the file's format, and its size in bytes.
    pub(super) fn format(&self, id: &str) -> Result<(&'static str, u64), SourceError> {
        let path = self.root.join(id);
        let head = head(&path)?;
        let size = fs::metadata(&path).map_err(unreadable(&path))?.len();
        let format = decode::sniff(&head).map_err(|error| SourceError::Image { path, error })?;
        Ok((decode::name(format), size))
    }

    fn whole(&self, path: &Path) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        self.whole_into(path, &mut bytes)?;
        Ok(bytes)
    }

    fn whole_into(&self, path: &Path, into: &mut Vec<u8>) -> Result<(), SourceError> {
        let most = self.rules.limits.max_bytes.get();
        let bytes = fs::metadata(path).map_err(unreadable(path))?.len();
        if bytes > most {
            return Err(SourceError::Image {
                path: path.to_owned(),
                error: DecodeError::TooLong { bytes, most },
            });
        }
        beginning(path, most, into)
    }
}

/// Reads one picture of any format that a dataset may have, with the default limits: for what
/// needs a few pictures and no dataset.
///
/// # Errors
/// The file cannot be read, or is no picture that can be decoded.
pub fn picture(path: &Path) -> Result<RgbImage, SourceError> {
    check(path)?;
    let files = Files {
        opened: path.to_owned(),
        root: PathBuf::new(),
        rules: Rules::default(),
    };
    let image = |error| SourceError::Image {
        path: path.to_owned(),
        error,
    };
    decode::decode(&files.whole(path)?, &files.rules).map_err(image)
}

/// Reads one picture as a dataset with this background and these limits would; what is wrong is
/// told without the path.
///
/// # Errors
/// As [`picture`].
pub fn picture_as(path: &Path, background: Background, limits: Limits) -> Result<RgbImage, String> {
    let files = Files {
        opened: path.to_owned(),
        root: PathBuf::new(),
        rules: Rules { limits, background },
    };
    let read = || {
        check(path)?;
        decode::decode(&files.whole(path)?, &files.rules).map_err(|error| SourceError::Image {
            path: path.to_owned(),
            error,
        })
    };
    read().map_err(|error: SourceError| error.reason())
}

/// Refuses what cannot be an image, by its kind and its first bytes.
pub(super) fn check(path: &Path) -> Result<(), SourceError> {
    let problem = if path.is_file() {
        let image = |error| SourceError::Image {
            path: path.to_owned(),
            error,
        };
        return decode::sniff(&head(path)?).map(drop).map_err(image);
    } else if path.is_symlink() && !path.exists() {
        "is a link to nothing: mend or remove it"
    } else if !path.exists() {
        "does not exist"
    } else {
        "is not a regular file: move it elsewhere"
    };
    Err(SourceError::Stray {
        path: path.to_owned(),
        problem,
    })
}

/// The first bytes of a file, enough to tell its format.
fn head(path: &Path) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    beginning(path, decode::HEAD, &mut bytes)?;
    Ok(bytes)
}

fn beginning(path: &Path, limit: u64, into: &mut Vec<u8>) -> Result<(), SourceError> {
    into.clear();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(into))
        .map_err(unreadable(path))?;
    Ok(())
}

/// Names the path beside a system error.
pub(super) fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> SourceError + '_ {
    move |error| SourceError::FileUnreadable {
        path: path.to_owned(),
        error,
    }
}
