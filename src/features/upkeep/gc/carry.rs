//! Removing it.

use super::super::super::catalogue::Catalogue;
use super::super::super::error::StoreError;
use super::super::super::files::{self, Lease};
use super::super::super::in_use::{self, Alone};
use super::super::super::shard::Refusal;
use super::super::super::writer::{Writer, rows_a_shard};
use super::super::examine::examine;
use super::super::folder;
use super::{Freed, Gc, Left, SpaceGc};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

const REMOVING: &str = "removing rows that nobody needs";

impl Gc {
    /// Removes it. Spaces of which nothing stays go first: that makes room for the shards that are
    /// written anew.
    pub fn carry_out(mut self) -> Freed {
        self.spaces.sort_by_key(|space| !space.rewrites.is_empty());
        let mut freed = Freed::default();
        for space in self.spaces {
            if let Err(error) = space.carry_out(&mut freed) {
                freed.failed.push(error);
            }
        }
        freed
    }
}

impl SpaceGc {
    fn carry_out(self, freed: &mut Freed) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        let _alone = match Alone::take(&folder) {
            Ok(alone) => alone,
            Err(why) => {
                freed.left.push(Left::shared(folder, why));
                return Ok(());
            }
        };
        // What was decided holds for the shards that were there: one may be gone that was to keep
        // the rows of another.
        let contents = folder::contents(&folder)?;
        if contents.busy || contents.names() != self.seen {
            freed.left.push(Left::Changed { folder });
            return Ok(());
        }
        let before = folder::size(&self.folder);
        let done = self.replace().and_then(|()| self.remove(freed));
        freed.bytes += before.saturating_sub(folder::size(&self.folder));
        done
    }

    /// Publishes the rows that stay of shards that go.
    pub(in super::super) fn replace(&self) -> Result<(), StoreError> {
        if self.rewrites.is_empty() {
            return Ok(());
        }
        let shards = self.folder.join("shards");
        // A writer with an index of its own, as it must not know that the rows are there already.
        let mut writer = Writer::new(
            self.space.clone(),
            shards.clone(),
            rows_a_shard(&self.space)?,
            Arc::default(),
            Catalogue::new(&self.folder, &self.space),
            Lease::take(&shards)?,
        );
        for one in &self.rewrites {
            let found = examine(&one.path, &one.digest, Some(&self.space));
            let found = found.map_err(|refusal| match refusal {
                Refusal::Error(error) => error,
                Refusal::Damage(damage) => StoreError::Damaged {
                    path: one.path.clone(),
                    damage,
                    moved_to: None,
                },
            })?;
            for &row in &one.keep {
                let features = found.rows.row(row);
                writer.append(found.keys[row], features.to_slice().unwrap_or_default())?;
            }
        }
        writer.finish().map(|_| ())
    }

    /// Removes the old shards, and what else goes.
    fn remove(&self, freed: &mut Freed) -> Result<(), StoreError> {
        let removed = self.removals.iter().map(|one| &one.path);
        for path in removed.chain(self.rewrites.iter().map(|one| &one.path)) {
            gone(path, remove(path))?;
            freed.files += 1;
        }
        let damaged = self.folder.join("damaged");
        gone(&damaged, remove_empty(&damaged))?;
        match self.whole {
            true => self.remove_folder(),
            false => files::sync_dir(&self.folder.join("shards")),
        }
    }

    /// Removes the folder of a space without rows, and what the store keeps about them. What it
    /// does not know stays, and the folder with it.
    fn remove_folder(&self) -> Result<(), StoreError> {
        let shards = self.folder.join("shards");
        gone(&shards, remove_empty(&shards))?;
        let fail = |source| StoreError::io(&self.folder, REMOVING, source);
        for entry in fs::read_dir(&self.folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_about_rows(&name) {
                gone(&entry.path(), remove(&entry.path()))?;
            }
        }
        // The lock goes last: who waits for it then finds that it is not there any more, and
        // makes the folder anew.
        let lock = self.folder.join(in_use::NAME);
        gone(&lock, fs::remove_file(&lock))?;
        gone(&self.folder, remove_empty(&self.folder))?;
        self.folder.parent().map_or(Ok(()), files::sync_dir)
    }
}

/// Whether a file in a space's folder only says something about the rows that were there.
fn is_about_rows(name: &str) -> bool {
    name == "space.json" || name.starts_with("index.") || name.starts_with("claims")
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Removes a folder unless there is something in it.
fn remove_empty(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        done => done,
    }
}

/// What is not there any more is as good as removed.
fn gone(path: &Path, removed: io::Result<()>) -> Result<(), StoreError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(path, REMOVING, error))
        }
        _ => Ok(()),
    }
}
