//! A store of rows: opening it, what it lacks, reading it.

use super::error::{Damage, StoreError, Warning};
use super::files::{self, Lease};
use super::in_use::InUse;
use super::index::{Index, Place, Shard};
use super::key::{RowId, Space, hex};
use super::shard::{self, Refusal};
use super::writer::{self, Writer};
use crate::digests::{Digests, Shelf};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const OPENING: &str = "opening the feature store";

/// The rows of one [`Space`]. May be shared between threads; rows that its own [`Writer`]s publish
/// are there at once, those of other processes when it is opened again.
#[derive(Debug)]
pub struct Store {
    space: Space,
    dir: PathBuf,
    index: Arc<Mutex<Index>>,
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

    /// [`Store::open`], but a shard that is remembered on `shelf` as right, and has not changed
    /// since, is not compared with its checksum again before its rows are read.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_changed(
        root: &Path,
        space: &Space,
        shelf: &Shelf,
    ) -> Result<(Self, Vec<Warning>), StoreError> {
        writer::rows_a_shard(space.width)?;
        let dir = root.join(space.folder());
        check_format(&dir.join("space.json"))?;
        let in_use = InUse::default();
        in_use.hold(&dir);
        let shards = dir.join("shards");
        let names = list(&shards)?;
        let mut warnings = files::sweep(&shards, &names);
        let known = shelf.open(&about(&shards));
        let store = Self {
            space: space.clone(),
            dir,
            index: Arc::default(),
            in_use,
        };
        for name in names.iter().filter(|name| !files::is_writers(name)) {
            let path = shards.join(name);
            match digest_of(name) {
                Some(digest) if path.is_file() => {
                    warnings.extend(store.load(Shard { path, digest }, &known)?);
                }
                // Another process set it aside since it was listed: it has told its user.
                Some(_) if !path.exists() => {}
                _ => warnings.push(Warning::Stranger { path }),
            }
        }
        known.save();
        Ok((store, warnings))
    }

    /// Enters one published shard, or sets it aside.
    fn load(&self, shard: Shard, known: &Digests) -> Result<Option<Warning>, StoreError> {
        let read = verify_changed(&shard, known)
            .and_then(|length| shard::keys(&shard.path, self.space.width, length));
        match read {
            Ok(keys) => {
                self.index().enter(shard, &keys);
                Ok(None)
            }
            Err(Refusal::Damage(Damage::Gone)) => Ok(None),
            Err(Refusal::Damage(damage)) => {
                let moved_to = self.set_aside(&shard.path);
                Ok(Some(Warning::Damaged {
                    path: shard.path,
                    damage,
                    moved_to,
                }))
            }
            Err(Refusal::Error(error)) => Err(error),
        }
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

    /// Hands `take` each row of `ids` with its position among them, in whatever order they lie on
    /// the disk: no more than one shard is in memory, however many rows there are.
    ///
    /// # Errors
    /// As [`Store::read`], and what `take` says, which ends it.
    pub fn visit<E: From<StoreError>>(
        &self,
        ids: &[RowId],
        mut take: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut wanted = self.places(ids)?;
        wanted.sort_unstable();
        for group in wanted.chunk_by(|(a, _), (b, _)| a.shard == b.shard) {
            let rows = self.read_shard(group)?;
            for (place, position) in group {
                let row = rows.row(place.row as usize);
                take(*position, row.to_slice().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Each row's place and its position among those asked for.
    fn places(&self, ids: &[RowId]) -> Result<Vec<(Place, usize)>, StoreError> {
        let index = self.index();
        let find = |(position, id): (usize, &RowId)| match index.place(id) {
            Some(place) => Ok((place, position)),
            None => Err(StoreError::MissingRow {
                row: *id,
                index: position,
            }),
        };
        ids.iter().enumerate().map(find).collect()
    }

    /// The rows of the one shard that holds all of `wanted`, which is in order.
    fn read_shard(&self, wanted: &[(Place, usize)]) -> Result<Array2<f32>, StoreError> {
        let (Some((first, _)), Some((last, _))) = (wanted.first(), wanted.last()) else {
            return zeros(0, self.space.width);
        };
        let shard = self.index().shard(first.shard).cloned();
        let shard = shard.ok_or_else(|| StoreError::Damaged {
            path: self.dir.clone(),
            damage: Damage::Gone,
            moved_to: None,
        })?;
        let read = verify(&shard)
            .and_then(|length| shard::rows(&shard.path, self.space.width, length))
            .and_then(|rows| enough(rows, last.row));
        match read {
            Ok(rows) => Ok(rows),
            Err(Refusal::Error(error)) => Err(error),
            Err(Refusal::Damage(damage)) => Err(self.lose(first.shard, shard.path, damage)),
        }
    }

    /// Forgets and sets aside a shard that went bad since the store was opened.
    fn lose(&self, number: usize, path: PathBuf, damage: Damage) -> StoreError {
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
        self.writer_of(writer::rows_a_shard(self.space.width)?)
    }

    /// A writer of shards of `capacity` rows.
    pub(super) fn writer_of(&self, capacity: usize) -> Result<Writer, StoreError> {
        self.in_use.hold_new(&self.dir)?;
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
            lease,
        ))
    }

    /// Writes `space.json`, unless it says the same already.
    fn describe(&self, lease: &Lease) -> Result<(), StoreError> {
        let path = self.dir.join("space.json");
        let said = Description {
            store_format: shard::FORMAT,
            space: self.space.clone(),
        };
        let text = serde_json::to_string_pretty(&said).map_err(|error| {
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
    fn set_aside(&self, path: &Path) -> Option<PathBuf> {
        let dir = self.dir.join("damaged");
        let target = dir.join(path.file_name()?);
        files::create_dir(&dir).ok()?;
        fs::rename(path, &target).ok()?;
        Some(target)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

/// The index, which no panic can leave half changed in a way that matters: a row that it lacks is
/// only computed again.
pub(super) fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
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
    match format {
        Some(format) if format > u64::from(shard::FORMAT) => Err(StoreError::NewerFormat {
            path: path.to_owned(),
            found: u32::try_from(format).unwrap_or(u32::MAX),
            known: shard::FORMAT,
        }),
        _ => Ok(()),
    }
}

/// The names in `dir`, sorted, so that the order of a folder changes nothing; none where there is
/// no such folder.
pub(super) fn list(dir: &Path) -> Result<Vec<String>, StoreError> {
    let fail = |source| StoreError::io(dir, OPENING, source);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| entry.map(name))
        .collect::<io::Result<_>>()
        .map_err(fail)?;
    names.sort_unstable();
    Ok(names)
}

/// The digest that a shard's file name says.
pub(super) fn digest_of(name: &str) -> Option<[u8; 32]> {
    let digits = name.strip_suffix(".h5")?;
    let mut digest = [0; 32];
    for (position, byte) in digest.iter_mut().enumerate() {
        let pair = digits.get(2 * position..2 * position + 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    (hex(&digest) == digits).then_some(digest)
}

/// Compares a shard's bytes with its name, and gives their number.
fn verify(shard: &Shard) -> Result<u64, Refusal> {
    let hashed = File::open(&shard.path).and_then(files::sha256);
    match hashed {
        Ok((digest, length)) if digest == shard.digest => Ok(length),
        Ok((digest, _)) => Err(Refusal::Damage(Damage::Checksum {
            found: hex(&digest),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Refusal::Damage(Damage::Gone)),
        Err(source) => Err(Refusal::Error(StoreError::io(
            &shard.path,
            "reading a shard",
            source,
        ))),
    }
}

/// What is remembered of a folder of shards.
pub(super) fn about(shards: &Path) -> String {
    let place = std::path::absolute(shards).unwrap_or_default();
    format!("lengths of the right shards of {}", place.display())
}

/// [`verify`] of a shard that is not known to be right. What is remembered is its length.
fn verify_changed(shard: &Shard, known: &Digests) -> Result<u64, Refusal> {
    let length = known.get(&shard.path, || verify(shard).map(|n| n.to_string()))?;
    length.parse().or_else(|_| verify(shard))
}

/// Refuses a shard without row `last`: its bytes were right a moment ago, so that only another
/// program that writes here can have changed them.
fn enough(rows: Array2<f32>, last: u32) -> Result<Array2<f32>, Refusal> {
    if rows.nrows() > last as usize {
        return Ok(rows);
    }
    let what = format!(
        "it has {} rows only, and row {last} was there before",
        rows.nrows()
    );
    Err(Refusal::Damage(Damage::Layout { what }))
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
