//! A store of rows: opening it, what it lacks, reading it.

use super::catalogue::Catalogue;
use super::disk;
use super::error::{Damage, StoreError, Warning};
use super::files::{self, Lease};
use super::in_use::InUse;
use super::index::Index;
use super::key::{RowId, Space};
use super::opening::{Belief, list};
use super::seal;
use super::shard;
use super::writer::{self, Writer};
use crate::digests::Shelf;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) const OPENING: &str = "opening the feature store";

/// The rows of one [`Space`]. May be shared between threads; rows that its own [`Writer`]s publish
/// are there at once, those of other processes after a [`Store::refresh`].
#[derive(Debug)]
pub struct Store {
    space: Space,
    dir: PathBuf,
    index: Arc<Mutex<Index>>,
    pub(super) catalogue: Catalogue,
    in_use: InUse,
}

/// What `space.json` says.
#[derive(Serialize, Deserialize)]
struct Description {
    store_format: u32,
    space: Space,
}

impl Store {
    /// Opens the rows of `space` in the store at `root`. Every shard is read once and compared
    /// with its checksum; one that differs is set aside, and is among the warnings. What killed
    /// runs left behind is removed. Nothing is created before there is a row to write, so a store
    /// that is not there yet is an empty one, and a whole one may be read-only.
    ///
    /// # Errors
    /// A width of 0 or beyond memory, a store of a newer format, a folder or file that cannot
    /// be read.
    pub fn open(root: &Path, space: &Space) -> Result<(Self, Vec<Warning>), StoreError> {
        Self::open_changed(root, space, &Shelf::default())
    }

    /// [`Store::open`], but where `shelf` believes anything, a shard that the store's index knows,
    /// and that has not changed since, is not read before its rows are.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_changed(
        root: &Path,
        space: &Space,
        shelf: &Shelf,
    ) -> Result<(Self, Vec<Warning>), StoreError> {
        writer::rows_a_shard(space)?;
        let dir = root.join(space.folder());
        check_format(&dir.join("space.json"))?;
        let in_use = InUse::default();
        in_use.hold(&dir);
        let store = Self {
            space: space.clone(),
            catalogue: Catalogue::new(&dir, space),
            dir,
            index: Arc::default(),
            in_use,
        };
        let shards = store.dir.join("shards");
        let mut warnings = files::sweep(&shards, &list(&shards)?);
        let belief = match shelf.believes() {
            true => Belief::Unchanged,
            false => Belief::Nothing,
        };
        warnings.extend(store.update(belief)?);
        Ok((store, warnings))
    }

    /// Enters what other processes have published since the store was opened or last refreshed,
    /// and forgets the rows of shards that are gone. What was known costs nothing but a listing of
    /// the folder.
    ///
    /// # Errors
    /// A folder or file that cannot be read, a shard of a newer format.
    pub fn refresh(&self) -> Result<Vec<Warning>, StoreError> {
        self.update(Belief::Unchanged)
    }

    /// Which of `ids` are not in the store, as positions in `ids`, in order. An id that stands in
    /// `ids` more than once is named once, as its row need be computed only once.
    pub fn missing(&self, ids: &[RowId]) -> Vec<usize> {
        let index = self.index();
        let mut seen = HashSet::new();
        let is_new = |id: &RowId| index.place(id).is_none();
        ids.iter()
            .enumerate()
            .filter(|(_, id)| is_new(id) && seen.insert(**id))
            .map(|(position, _)| position)
            .collect()
    }

    /// The rows of `ids`, [ids.len(), width], in that order. Each shard that holds one of them is
    /// read once and compared with its checksum, so that what is returned is what was published.
    ///
    /// # Errors
    /// [`StoreError::MissingRow`] for a row that is not there; [`StoreError::Damaged`] for a shard
    /// that went bad since the store was opened (its rows are missing from then on).
    pub fn read(&self, ids: &[RowId]) -> Result<Array2<f32>, StoreError> {
        let mut rows = zeros(ids.len(), self.space.width)?;
        self.visit(ids, |position, row| {
            for (to, from) in rows.row_mut(position).iter_mut().zip(row) {
                *to = *from;
            }
            Ok::<(), StoreError>(())
        })?;
        Ok(rows)
    }

    /// Forgets and sets aside a shard that went bad since the store was opened.
    pub(super) fn lose(&self, number: u32, path: PathBuf, damage: Damage) -> StoreError {
        self.index().forget(number);
        let moved_to = self.set_aside(&path);
        StoreError::Damaged {
            path,
            damage,
            moved_to,
        }
    }

    /// A writer of new rows. Creates the store's folders where they are missing.
    ///
    /// # Errors
    /// A place that cannot be written, a full disk, a file system without file locks.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        self.writer_of(writer::rows_a_shard(&self.space)?)
    }

    /// A writer of shards of `capacity` rows.
    pub(super) fn writer_of(&self, capacity: usize) -> Result<Writer, StoreError> {
        self.hold()?;
        let shards = self.dir.join("shards");
        files::create_dir(&shards)?;
        let lease = Lease::take(&shards)?;
        self.describe(&lease)?;
        let space = self.space.clone();
        Ok(Writer::new(
            space,
            shards,
            capacity,
            Arc::clone(&self.index),
            self.catalogue.clone(),
            lease,
        ))
    }

    /// Makes the folder of the space where it is missing, and keeps what removes rows out of it.
    pub(super) fn hold(&self) -> Result<(), StoreError> {
        self.in_use.hold_new(&self.dir)
    }

    /// Writes `space.json`, unless it says the same already.
    fn describe(&self, lease: &Lease) -> Result<(), StoreError> {
        let path = self.dir.join("space.json");
        let said = Description {
            store_format: shard::FORMAT,
            space: self.space.clone(),
        };
        let text = seal::text(&said).map_err(|error| {
            StoreError::io(
                &path,
                "describing the feature store",
                io::Error::other(error),
            )
        })? + "\n";
        match fs::read_to_string(&path) {
            Ok(found) if found == text => Ok(()),
            _ => {
                files::write(lease.part(), text.as_bytes())?;
                files::publish(lease.part(), &path)
            }
        }
    }

    /// What the rows depend on.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The folder of this space's rows.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves a damaged shard out of the way; `None` where that is not possible.
    pub(super) fn set_aside(&self, path: &Path) -> Option<PathBuf> {
        let dir = self.dir.join("damaged");
        let target = dir.join(path.file_name()?);
        files::create_dir(&dir).ok()?;
        disk::rename(path, &target).ok()?;
        Some(target)
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

/// The index, which no panic can leave half changed in a way that matters: a row that it lacks is
/// only computed again.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses a store of a newer format. A description that says nothing readable is no reason to
/// stop: every shard says its format itself, and every row's id covers its space.
pub(super) fn check_format(path: &Path) -> Result<(), StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(()),
        Err(source) => return Err(StoreError::io(path, OPENING, source)),
    };
    let said: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let format = said
        .as_ref()
        .and_then(|said| said.get("store_format")?.as_u64());
    let broken = said.as_ref().is_some_and(seal::is_broken);
    match format {
        Some(format) if format > u64::from(shard::FORMAT) && !broken => {
            Err(StoreError::NewerFormat {
                path: path.to_owned(),
                found: u32::try_from(format).unwrap_or(u32::MAX),
                known: shard::FORMAT,
            })
        }
        _ => Ok(()),
    }
}

/// A zeroed [rows, width], or an error where memory does not hold it.
fn zeros(rows: usize, width: usize) -> Result<Array2<f32>, StoreError> {
    let too_many = || StoreError::TooManyRows { rows, width };
    let count = rows.checked_mul(width).ok_or_else(too_many)?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| too_many())?;
    values.resize(count, 0.0);
    Array2::from_shape_vec((rows, width), values).map_err(|_| too_many())
}
