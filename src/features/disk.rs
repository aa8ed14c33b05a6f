//! What the store does to files, one function an operation, named as in `std::fs`.
//!
//! In the program each is the system's call and nothing else. In tests each first tells what is to
//! be done to a [`watch`], which writes it down and may refuse it: so tests know every state that a
//! power loss can leave, and fail every operation in turn.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

pub(super) use std::fs::symlink_metadata;

#[cfg(test)]
pub(super) mod watch;
#[cfg(test)]
use watch::{Op, step};

/// Tells nobody.
#[cfg(not(test))]
macro_rules! step {
    ($($op:tt)*) => {};
}
#[cfg(test)]
macro_rules! step {
    ($name:ident $(, $value:expr)*) => {
        step(Op::$name($($value.to_owned()),*))?
    };
}

/// Creates a file that is not there yet.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    step!(Create, path);
    File::create_new(path)
}

/// Makes `bytes` the content of the file at `path`, and waits until the disk has them.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step!(Create, path);
    let mut file = File::create(path)?;
    #[cfg(test)]
    watch::tear(&mut file, path, bytes)?;
    file.write_all(bytes)?;
    step!(Sync, path);
    file.sync_all()
}

/// Gives a file another name.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step!(Rename, from, to);
    std::fs::rename(from, to)
}

/// Removes a file.
pub(super) fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    step!(Remove, path);
    std::fs::remove_file(path)
}

/// Creates one folder.
pub(super) fn create_dir(dir: &Path) -> io::Result<()> {
    step!(CreateDir, dir);
    std::fs::create_dir(dir)
}

/// Waits until the disk has the names in `dir`.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    step!(SyncDir, dir);
    File::open(dir)?.sync_all()
}

/// Waits for the lock of `file`.
pub(super) fn lock(file: &File) -> io::Result<()> {
    step!(Lock);
    file.lock()
}

/// Takes the lock of `file`, if nobody has it.
pub(super) fn try_lock(file: &File) -> Result<(), TryLockError> {
    #[cfg(test)]
    step(Op::Lock()).map_err(TryLockError::Error)?;
    file.try_lock()
}
