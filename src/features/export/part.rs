//! A file on its way to its place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::ExportError;

pub(super) const WRITING: &str = "writing features";

/// How often another program may take a temporary file away before it counts as busy.
const TRIES: usize = 100;

/// The temporary file `.<name>.part` beside a file's place; removed unless it is published.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    part: PathBuf,
    place: PathBuf,
    at: u64,
    published: bool,
}

impl Part {
    /// Begins an empty one.
    pub(super) fn begin(place: &Path) -> Result<Self, ExportError> {
        let folder = folder(place);
        if !folder.is_dir() {
            return Err(ExportError::NoFolder {
                path: place.to_owned(),
                folder,
            });
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(".part");
        let part = folder.join(name);
        for _ in 0..TRIES {
            if let Some(file) = claim(&part, place)? {
                return Ok(Part {
                    file,
                    part,
                    place: place.to_owned(),
                    at: 0,
                    published: false,
                });
            }
        }
        Err(busy(place))
    }

    /// Where the file will be.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Where it is until then.
    pub(super) fn path(&self) -> &Path {
        &self.part
    }

    /// Writes at `offset`.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ExportError> {
        let written = self.try_write_at(offset, bytes);
        written.map_err(ExportError::io(&self.place, WRITING))
    }

    /// The same with the system's own error.
    pub(super) fn try_write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.at != offset {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        self.file.write_all(bytes)?;
        self.at = offset + bytes.len() as u64;
        Ok(())
    }

    /// Writes after what has been written.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.write_at(self.at, bytes)
    }

    /// Writes to another file from now on: a full disk, for a test.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) {
        self.file = file;
    }

    /// Waits until the disk has it all, and gives the file its name.
    pub(super) fn publish(mut self) -> Result<(), ExportError> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.part, &self.place))
            .map_err(ExportError::io(&self.place, WRITING))?;
        self.published = true;
        sync(&folder(&self.place)).map_err(ExportError::io(&self.place, WRITING))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published {
            // Left behind it would be written over by the next attempt.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Opens and locks the temporary file; None where another program gave it its place or removed it
/// between the two.
fn claim(part: &Path, place: &Path) -> Result<Option<File>, ExportError> {
    let fail = || ExportError::io(place, WRITING);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(part)
        .map_err(fail())?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy(place)),
        // Without locks two writers of one file are not told of each other; each still renames a
        // file of its own inode or fails.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(fail()(error)),
    }
    if !is_at(&file, part) {
        return Ok(None);
    }
    file.set_len(0).map_err(fail())?;
    Ok(Some(file))
}

fn busy(place: &Path) -> ExportError {
    ExportError::Busy {
        path: place.to_owned(),
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), ExportError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ExportError::io(path, "removing an older list")(error))
        }
        _ => Ok(()),
    }
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Whether the open file is still the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |open: fs::Metadata, named: fs::Metadata| {
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    };
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => same(open, named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes a rename durable; only Unix lets a folder be flushed.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
