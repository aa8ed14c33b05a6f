//! One process at a time fetches one asset, into a place of its own beside the asset's.

use super::error::AssetError;
use super::news::{Log, News};
use super::place::parent;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The right to fetch one asset: a locked file `.NAME.lock` beside it. Dropping it, or the end of
/// the process, gives it up; dropping it also removes what stands at [`Claim::part`].
#[derive(Debug)]
pub(super) struct Claim {
    lock: PathBuf,
    part: PathBuf,
    _locked: File,
}

impl Claim {
    /// Takes the claim of `target`, waiting while another process has it, and removes what a
    /// killed process left.
    pub(super) fn take(target: &Path, log: Log<'_>) -> Result<Self, AssetError> {
        let dir = parent(target);
        fs::create_dir_all(dir).map_err(AssetError::io(dir, "creating this folder"))?;
        let lock = beside(target, "lock");
        let part = beside(target, "part");
        loop {
            let file = lock_file(&lock, log)?;
            // Whoever had the claim before removed the file with it: then this lock is on a file
            // without a name, and protects nothing.
            if file.metadata().is_ok_and(|metadata| metadata.nlink() > 0) {
                let claim = Self {
                    lock,
                    part,
                    _locked: file,
                };
                remove(&claim.part).map_err(AssetError::io(
                    &claim.part,
                    "removing what a killed run left",
                ))?;
                return Ok(claim);
            }
        }
    }

    /// Where to put what is being fetched, a file or a folder: nothing is there yet.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next claim. The lock goes last, so that
        // no one else can be at work in between.
        let _ = remove(&self.part);
        let _ = fs::remove_file(&self.lock);
    }
}

fn lock_file(path: &Path, log: Log<'_>) -> Result<File, AssetError> {
    let fail = |source| {
        let doing = "locking it, so that two processes do not fetch the same at once";
        AssetError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(fail(error)),
        Err(TryLockError::WouldBlock) => {
            log(News::Line(format!(
                "another process has {}: waiting for it",
                path.display()
            )));
            file.lock().map_err(fail)?;
        }
    }
    Ok(file)
}

/// The hidden name `.NAME.suffix` beside `target`.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    parent(target).join(format!(".{name}.{suffix}"))
}

/// Removes a file or a folder; that there is none is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_claim_removes_leftovers_and_leaves_nothing() {
        let dir = tempfile::TempDir::new().unwrap();
        let target = dir.path().join("sub/asset");
        fs::create_dir_all(dir.path().join("sub/.asset.part/deep")).unwrap();
        fs::write(dir.path().join("sub/.asset.lock"), "").unwrap();
        let claim = Claim::take(&target, &mut |_| ()).unwrap();
        assert!(!claim.part().exists());
        fs::write(claim.part(), "half").unwrap();
        drop(claim);
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 0);
    }

    #[test]
    fn claims_take_turns() {
        let dir = tempfile::TempDir::new().unwrap();
        let target = dir.path().join("asset");
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let claim = Claim::take(&target, &mut |_| ()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        fs::write(claim.part(), "mine").unwrap();
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
