//! Examples as class folders: `root/<class>/**/*.{jpg,jpeg,png}`.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::SourceError;
use super::source::Example;
use super::{decode, key};

/// The endings that an image may have; its format is told by its content.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The largest file that is read.
const MAX_FILE: u64 = 1 << 30;

/// What opening a folder gives.
pub(super) struct Opened {
    pub(super) examples: Vec<Example>,
    pub(super) classes: Vec<String>,
}

/// Lists the images of every class, sorted by class and then by path, and checks that each begins
/// like a JPEG or PNG file. Hidden files and folders are passed over; anything else that is no
/// image stops the listing with its name.
pub(super) fn open(root: &Path) -> Result<Opened, SourceError> {
    if !root.is_dir() {
        return Err(SourceError::NoFolder {
            path: root.to_owned(),
        });
    }
    let mut opened = Opened {
        examples: Vec::new(),
        classes: Vec::new(),
    };
    for (class, path) in entries(root)? {
        if !path.is_dir() {
            return Err(SourceError::Stray {
                path,
                problem: "lies beside the class folders: images belong into one of them, and \
                          everything else elsewhere",
            });
        }
        let mut ids = Vec::new();
        let parents = vec![canonical(root)?];
        collect(&path, &class, &parents, &mut ids)?;
        if ids.is_empty() {
            return Err(SourceError::EmptyClass { path });
        }
        // By id, not folder by folder: an id does not depend on how a folder is walked.
        ids.sort();
        let label = Some(opened.classes.len());
        opened
            .examples
            .extend(ids.into_iter().map(|id| Example { id, label }));
        opened.classes.push(class);
    }
    if opened.classes.is_empty() {
        return Err(SourceError::NoClasses {
            path: root.to_owned(),
        });
    }
    Ok(opened)
}

/// Collects the ids (paths relative to the root, with `/`) of the images below a folder.
fn collect(
    folder: &Path,
    prefix: &str,
    parents: &[PathBuf],
    ids: &mut Vec<String>,
) -> Result<(), SourceError> {
    let here = canonical(folder)?;
    if parents.contains(&here) {
        return Err(SourceError::Stray {
            path: folder.to_owned(),
            problem: "is a link to a folder that it lies in: remove it",
        });
    }
    let parents = [parents, &[here]].concat();
    for (name, path) in entries(folder)? {
        let id = format!("{prefix}/{name}");
        if path.is_dir() {
            collect(&path, &id, &parents, ids)?;
        } else {
            check(&path)?;
            ids.push(id);
        }
    }
    Ok(())
}

/// The visible entries of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, SourceError> {
    let unreadable = |error| SourceError::FileUnreadable {
        path: folder.to_owned(),
        error,
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Some(name) = name.to_str().map(str::to_owned) else {
            return Err(SourceError::Stray {
                path,
                problem: "has a name that is not UTF-8 text: rename it",
            });
        };
        entries.push((name, path));
    }
    entries.sort();
    Ok(entries)
}

/// Refuses what cannot be an image, by its ending and its first bytes.
fn check(path: &Path) -> Result<(), SourceError> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    let problem = if !ENDINGS.contains(&ending.as_str()) {
        "is not a .jpg, .jpeg or .png file: move it out of the class folder"
    } else if !path.exists() {
        "is a link to nothing: mend or remove it"
    } else if !path.is_file() {
        "is not a regular file: move it out of the class folder"
    } else {
        let image = |error| SourceError::Image {
            path: path.to_owned(),
            error,
        };
        return decode::sniff(&bytes(path, 16)?).map(drop).map_err(image);
    };
    Err(SourceError::Stray {
        path: path.to_owned(),
        problem,
    })
}

fn canonical(folder: &Path) -> Result<PathBuf, SourceError> {
    fs::canonicalize(folder).map_err(|error| SourceError::FileUnreadable {
        path: folder.to_owned(),
        error,
    })
}

/// The first bytes of a file.
fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| SourceError::FileUnreadable {
            path: path.to_owned(),
            error,
        })?;
    Ok(bytes)
}

/// The whole file.
fn whole(path: &Path) -> Result<Vec<u8>, SourceError> {
    let unreadable = |error| SourceError::FileUnreadable {
        path: path.to_owned(),
        error,
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        let text = format!("its {size} bytes are more than the {MAX_FILE} that are accepted");
        return Err(unreadable(std::io::Error::new(
            ErrorKind::FileTooLarge,
            text,
        )));
    }
    bytes(path, MAX_FILE)
}

/// Decodes the image with an id.
pub(super) fn read(root: &Path, id: &str) -> Result<RgbImage, SourceError> {
    let path = root.join(id);
    decode::decode(&whole(&path)?).map_err(|error| SourceError::Image { path, error })
}

/// The content key of the image with an id; the image is not decoded.
pub(super) fn content_key(root: &Path, id: &str) -> Result<[u8; 32], SourceError> {
    Ok(key::of_file(&whole(&root.join(id))?))
}
