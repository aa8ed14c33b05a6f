//! The store's file operations: checksums, durable publishing, and the locks of writers.

use super::disk as fs;
use super::error::{StoreError, Warning};
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tempfile::NamedTempFile;

const PREFIX: &str = ".writer-";
const LOCK: &str = "lock";
const PART: &str = "part";
const CLAIMS: &str = "claims";

/// SHA-256 of what `reader` gives, and how many bytes it gave.
pub(super) fn sha256(mut reader: impl Read) -> io::Result<([u8; 32], u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0u64;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hash.finalize().into(), length)),
            Ok(count) => {
                hash.update(buffer.get(..count).unwrap_or_default());
                length = length.saturating_add(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// SHA-256 of `bytes`.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Writes `bytes` to a file at `path`, and waits until the disk has them.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    fs::write_synced(path, bytes)
        .map_err(|source| StoreError::io(path, "writing to the feature store", source))
}

/// Gives the finished file `part` its name, for good: readers see the whole file or none.
pub(super) fn publish(part: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(part, path)
        .map_err(|source| StoreError::io(path, "publishing to the feature store", source))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Creates `dir` and its parents, so that they are still there after a power loss.
pub(super) fn create_dir(dir: &Path) -> Result<(), StoreError> {
    const DOING: &str = "creating a folder of the feature store";
    let parent = dir.parent().filter(|dir| !dir.as_os_str().is_empty());
    if dir.is_dir() {
        // Whoever created it may have been killed before its name was on the disk. A parent that
        // may not be read belongs to somebody else, and was there before the store.
        return match parent.map(sync_dir) {
            None | Some(Ok(()) | Err(StoreError::ReadOnly { .. })) => Ok(()),
            Some(failed) => failed,
        };
    }
    if let Some(parent) = parent {
        create_dir(parent)?;
    }
    make_dir(dir).map_err(|source| StoreError::io(dir, DOING, source))?;
    parent.map_or(Ok(()), sync_dir)
}

/// Creates one folder; that another process was faster is fine.
fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        result => result,
    }
}

/// Makes the names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    fs::sync_dir(dir)
        .map_err(|source| StoreError::io(dir, "syncing a folder of the feature store", source))
}

/// A writer's right to files of its own: a lock file that is locked for as long as the writer
/// lives, and beside it its unfinished file and the list of rows that it claims. Dropping it
/// removes all of them; a killed process leaves them unlocked, for [`sweep`].
#[derive(Debug)]
pub(super) struct Lease {
    part: PathBuf,
    lock: NamedTempFile,
}

impl Lease {
    /// A new claim in `dir`.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        loop {
            let lock = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(&format!(".{LOCK}"))
                .make_in(dir, fs::create_new)
                .map_err(|source| StoreError::io(dir, "starting to write rows", source))?;
            fs::lock(lock.as_file()).map_err(|source| no_lock(lock.path(), source))?;
            // A sweeper may have locked and removed the file before this process could lock it:
            // the lock then protects nothing, as the name is gone.
            if !is_unlinked(lock.as_file()) {
                return Ok(Self {
                    part: lock.path().with_extension(PART),
                    lock,
                });
            }
        }
    }

    /// Where to write the unfinished file.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Where to list the rows that are claimed.
    pub(super) fn claims(&self) -> PathBuf {
        self.part.with_extension(CLAIMS)
    }

    /// Shows that the writer does not hang. Where that is not possible, it seems to.
    pub(super) fn beat(&self) {
        let _ = self.lock.as_file().set_modified(SystemTime::now());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // These go first, while the lock still says whose they are. If they cannot be removed,
        // the next sweep finds them without a lock file.
        let _ = fs::remove_file(&self.part);
        let _ = fs::remove_file(self.claims());
    }
}

/// Who holds a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A process that lives, and showed it this long ago.
    Living(Duration),
    /// Nobody any more.
    Dead,
}

/// Who holds the lease of the file at `path`, which is one of a lease's files.
pub(super) fn holder(path: &Path) -> Holder {
    let Ok(lock) = File::open(path.with_extension(LOCK)) else {
        return Holder::Dead;
    };
    // Shared, so that two who ask at once do not take each other for the holder.
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let beat = lock.metadata().and_then(|metadata| metadata.modified());
            // A beat in the future is one of just now, by a clock that was set back since.
            let ago = beat.ok().and_then(|beat| beat.elapsed().ok());
            Holder::Living(ago.unwrap_or_default())
        }
        _ => Holder::Dead,
    }
}

/// The right to look at all claims and add one's own, which one process at a time has.
#[derive(Debug)]
pub(super) struct Turn {
    path: PathBuf,
    _lock: File,
}

/// How long a turn is waited for. It takes a fraction of a second, so that a process that has it
/// for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

impl Turn {
    /// Waits for the turn in `dir`; `None` where another process does not give it up. What two
    /// processes do without it is at worst done twice.
    pub(super) fn take(dir: &Path) -> Result<Option<Self>, StoreError> {
        // By its name a sweep takes the file for that of a lease, and removes what a killed
        // process leaves.
        let path = dir.join(format!("{PREFIX}claiming.{LOCK}"));
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let lock = open_lock(&path)
                .map_err(|source| StoreError::io(&path, "claiming rows to compute", source))?;
            match lock.try_lock() {
                // The one before removes the file while it has the lock.
                Ok(()) if is_unlinked(&lock) => {}
                Ok(()) => return Ok(Some(Self { path, _lock: lock })),
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
                Err(TryLockError::Error(source)) => return Err(no_lock(&path, source)),
            }
        }
        Ok(None)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens a file to be locked; another user's, which may not be written, will do.
fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    match options.write(true).create(true).truncate(false).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            File::open(path).map_err(|_| error)
        }
        opened => opened,
    }
}

/// Removes what dead writers left in `dir`, and never what a live one is writing.
///
/// A lock file that can be locked belongs to no living process. A part or claims whose lock file
/// is not there are dead too: the lock is older than they are and is removed after them.
pub(super) fn sweep(dir: &Path, names: &[String]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for name in names.iter().filter(|name| is_writers(name)) {
        let path = dir.join(name);
        let removed = if path.extension().is_some_and(|extension| extension == LOCK) {
            sweep_lock(&path)
        } else {
            sweep_lockless(&path)
        };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                warnings.push(Warning::LeftoverKept { path, source });
            }
            _ => {}
        }
    }
    warnings
}

/// Whether a name in the folder of shards is a list of claims.
pub(super) fn is_claims(name: &str) -> bool {
    is_writers(name) && name.ends_with(CLAIMS)
}

/// Whether a name in the folder of shards is one that a [`Lease`] or a [`Turn`] gives.
pub(super) fn is_writers(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(_, extension)| [LOCK, PART, CLAIMS].contains(&extension))
}

fn sweep_lock(path: &Path) -> io::Result<()> {
    let lock = File::open(path)?;
    match fs::try_lock(&lock) {
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => {
            for extension in [PART, CLAIMS] {
                match fs::remove_file(path.with_extension(extension)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::remove_file(path)
        }
    }
}

fn sweep_lockless(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path.with_extension(LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_file(path),
        _ => Ok(()),
    }
}

fn no_lock(path: &Path, source: io::Error) -> StoreError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::Unsupported => StoreError::NoLocks { path, source },
        // ENOLCK: what a file server without a lock manager answers.
        _ if source.raw_os_error() == Some(37) => StoreError::NoLocks { path, source },
        _ => StoreError::io(&path, "locking the writer's file", source),
    }
}

#[cfg(unix)]
fn is_unlinked(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}
