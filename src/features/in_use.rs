//! Who uses the rows of a space: the lock by which what removes rows knows that nobody does.
//!
//! Every open store holds a shared lock on `<space>/in-use.lock` for as long as it lives; what
//! removes rows holds the exclusive one. The file holds nothing, and says nothing by being there.
//! A store in a folder that cannot be written, or on a file system without locks, goes without:
//! rows can't be removed there either, or not safely, and the exclusive lock is refused.

use super::error::StoreError;
use super::files;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The name of the lock file in a space's folder.
pub(super) const NAME: &str = "in-use.lock";

/// The shared lock of an open store. It is taken once the folder is there.
#[derive(Debug, Default)]
pub(super) struct InUse(Mutex<Option<File>>);

impl InUse {
    /// Takes the lock where the folder of the space is there. Waits for what removes rows to end.
    pub(super) fn hold(&self, space: &Path) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() && space.is_dir() {
            *held = shared(space);
        }
    }

    /// Creates the folder of the space where it is not there, and takes the lock: what is written
    /// from now on is not removed under the writer's hands.
    pub(super) fn hold_new(&self, space: &Path) -> Result<(), StoreError> {
        // What removed the folder between the two has ended by then.
        for _ in 0..2 {
            files::create_dir(space)?;
            self.hold(space);
        }
        Ok(())
    }
}

/// The shared lock, or none where there cannot be one.
fn shared(space: &Path) -> Option<File> {
    loop {
        let file = open(&space.join(NAME)).ok()?;
        file.lock_shared().ok()?;
        if !is_unlinked(&file) {
            return Some(file);
        }
        // The whole space was removed meanwhile, and its lock file with it.
    }
}

/// Why there is no [`Alone`].
#[derive(Debug)]
pub(super) enum NotAlone {
    /// A living run has the space open.
    InUse,
    /// The lock file can't be made or locked.
    Unlockable(io::Error),
}

/// The exclusive lock: while it is held, nobody has the space open, and whoever opens it waits.
#[derive(Debug)]
pub(super) struct Alone {
    _file: File,
}

impl Alone {
    /// Takes the lock of a space's folder, without waiting.
    pub(super) fn take(space: &Path) -> Result<Self, NotAlone> {
        loop {
            let file = open(&space.join(NAME)).map_err(NotAlone::Unlockable)?;
            match file.try_lock() {
                Ok(()) if is_unlinked(&file) => {}
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => return Err(NotAlone::InUse),
                Err(TryLockError::Error(error)) => return Err(NotAlone::Unlockable(error)),
            }
        }
    }
}

/// Opens the lock file, and makes it where it is missing. Another user's may be read only, which
/// is enough to lock it.
fn open(path: &Path) -> io::Result<File> {
    let made = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    made.or_else(|error| File::open(path).map_err(|_| error))
}

fn is_unlinked(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    #[test]
    fn nobody_is_alone_in_a_space_that_is_held() {
        let space = tempdir().unwrap();
        let (one, other) = (InUse::default(), InUse::default());
        one.hold(space.path());
        other.hold(space.path());
        let refused = Alone::take(space.path());
        assert!(matches!(refused, Err(NotAlone::InUse)), "{refused:?}");
        drop(one);
        assert!(Alone::take(space.path()).is_err());
        drop(other);
        let alone = Alone::take(space.path()).unwrap();
        assert!(matches!(Alone::take(space.path()), Err(NotAlone::InUse)));
        drop(alone);
        Alone::take(space.path()).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_held_once_it_is_made() {
        let root = tempdir().unwrap();
        let space = root.path().join("a/b");
        let held = InUse::default();
        held.hold(&space);
        assert!(!space.exists());
        held.hold_new(&space).unwrap();
        assert!(matches!(Alone::take(&space), Err(NotAlone::InUse)));
    }

    #[test]
    fn who_waits_for_a_space_that_is_being_removed_gets_a_new_one() {
        let root = tempdir().unwrap();
        let space = root.path().join("space");
        fs::create_dir(&space).unwrap();
        let alone = Alone::take(&space).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let held = InUse::default();
                held.hold_new(&space).unwrap();
                held
            });
            fs::remove_file(space.join(NAME)).unwrap();
            // The other may have made the file anew by now: then the folder stays.
            let _ = fs::remove_dir(&space);
            drop(alone);
            let held = waiting.join().unwrap();
            assert!(matches!(Alone::take(&space), Err(NotAlone::InUse)));
            drop(held);
        });
        Alone::take(&space).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_nobody_is_alone() {
        let root = tempdir().unwrap();
        let refused = Alone::take(&root.path().join("gone"));
        assert!(matches!(refused, Err(NotAlone::Unlockable(_))));
    }
}
