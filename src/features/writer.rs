//! New rows on their way into a store.

use super::catalogue::{Catalogue, Record};
use super::disk;
use super::error::StoreError;
use super::files::{self, Lease};
use super::index::{Index, Shard};
use super::key::{RowId, Space, hex};
use super::raw::Raw;
use super::shard::{self, Refusal};
use super::store::lock;
use crate::digests::Stamp;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The rows of a shard take about this many bytes: large enough that a million rows are a thousand
/// files, small enough that little is computed again after a crash and that a few rows are read
/// without reading much else.
const SHARD_BYTES: usize = 8 << 20;

/// How many rows a shard holds: at least one.
pub(super) fn rows_a_shard(space: &Space) -> Result<usize, StoreError> {
    let width = space.width;
    // In memory a number has four bytes, whatever it has in a shard.
    let in_memory = width.checked_mul(4).and_then(|bytes| bytes.checked_add(32));
    match in_memory {
        Some(bytes) if width > 0 && isize::try_from(bytes).is_ok() => {
            Ok((SHARD_BYTES / (width * space.rows.size() + 32)).max(1))
        }
        _ => Err(StoreError::Width { width }),
    }
}

/// Takes rows in any order and publishes a shard each time one is full. Rows wait in memory until
/// then (about 8 MiB). [`Writer::finish`] publishes the rest; a writer that is dropped without
/// it, or killed, loses only the rows of its unfinished shard.
#[derive(Debug)]
pub struct Writer {
    space: Space,
    dir: PathBuf,
    index: Arc<Mutex<Index>>,
    catalogue: Catalogue,
    lease: Lease,
    capacity: usize,
    keys: Vec<RowId>,
    pending: HashSet<RowId>,
    features: Vec<f32>,
    published: usize,
}

impl Writer {
    pub(super) fn new(
        space: Space,
        dir: PathBuf,
        capacity: usize,
        index: Arc<Mutex<Index>>,
        catalogue: Catalogue,
        lease: Lease,
    ) -> Self {
        Self {
            space,
            dir,
            index,
            catalogue,
            lease,
            capacity,
            keys: Vec::new(),
            pending: HashSet::new(),
            features: Vec::new(),
            published: 0,
        }
    }

    /// Takes one row of `width` features. A row that the store or this writer has already is
    /// passed over: equal ids mean equal rows.
    ///
    /// # Errors
    /// A row of another width, with a NaN or an infinity, or with a value that half precision does
    /// not reach where that is kept; what publishing a full shard may say (disk full, ...). After
    /// such an error the waiting rows are still there: append or finish tries again.
    pub fn append(&mut self, row: RowId, features: &[f32]) -> Result<(), StoreError> {
        self.check(row, features)?;
        if lock(&self.index).place(&row).is_some() || self.pending.contains(&row) {
            return Ok(());
        }
        if self.keys.len() >= self.capacity {
            self.publish()?;
        }
        self.pending.insert(row);
        self.keys.push(row);
        self.features.extend_from_slice(features);
        if self.keys.len() >= self.capacity {
            self.publish()
        } else {
            Ok(())
        }
    }

    /// Publishes what is left, and says how many rows this writer has published in all.
    ///
    /// # Errors
    /// What publishing may say: disk full, read-only, ... The rows that were not published are
    /// then lost, and missing from the store.
    pub fn finish(mut self) -> Result<usize, StoreError> {
        if !self.keys.is_empty() {
            self.publish()?;
        }
        Ok(self.published)
    }

    fn check(&self, row: RowId, features: &[f32]) -> Result<(), StoreError> {
        if features.len() != self.space.width {
            let (expected, found) = (self.space.width, features.len());
            return Err(StoreError::WrongWidth {
                row,
                expected,
                found,
            });
        }
        for (column, &value) in features.iter().enumerate() {
            if !value.is_finite() {
                return Err(StoreError::NotFinite { row, column, value });
            }
            if !self.space.rows.kept(value).is_finite() {
                return Err(StoreError::BeyondHalf { row, column, value });
            }
        }
        Ok(())
    }

    /// Makes the waiting rows one published shard.
    fn publish(&mut self) -> Result<(), StoreError> {
        let shard = self.write().inspect_err(|_| {
            // A half-written part helps nobody, least of all on a full disk. Where it cannot be
            // removed either, the lease's end or the next sweep tries again.
            let _ = disk::remove_file(self.lease.part());
        })?;
        self.record(&shard);
        lock(&self.index).enter(shard, self.keys.iter().copied());
        self.published += self.keys.len();
        self.keys.clear();
        self.pending.clear();
        self.features.clear();
        Ok(())
    }

    /// Writes, syncs, reads back and renames the waiting rows.
    fn write(&self) -> Result<Shard, StoreError> {
        let part = self.lease.part();
        let image = shard::image(part, &self.space, &self.keys, &self.features)?;
        let digest = files::digest(&image);
        files::write(part, &image)?;
        let raw = self.read_back(&image)?;
        let path = self.dir.join(format!("{}.h5", hex(&digest)));
        files::publish(part, &path)?;
        Ok(Shard { path, digest, raw })
    }

    /// Enters a published shard in the index file. What keeps it from that is no reason to stop:
    /// the next opening of the store reads the shard and enters it.
    fn record(&self, shard: &Shard) {
        let stamp = Stamp::of(&shard.path);
        let Some((stamp, raw)) = stamp.zip(shard.raw.clone()) else {
            return;
        };
        let _ = self.catalogue.enter(&[Record {
            digest: shard.digest,
            stamp,
            raw,
            keys: self.keys.iter().flat_map(|key| key.0).collect(),
        }]);
    }

    /// Compares the unpublished shard with the waiting rows, bit by bit: the last moment at which
    /// a bad disk, bad memory or a fault in HDF5 costs nothing.
    fn read_back(&self, image: &[u8]) -> Result<Option<Raw>, StoreError> {
        let path = self.lease.part();
        let contents = shard::contents(path, &self.space, image.len() as u64).map_err(
            |refusal| match refusal {
                Refusal::Error(error) => error,
                Refusal::Damage(damage) => StoreError::Unfaithful {
                    path: path.to_owned(),
                    what: damage.to_string(),
                },
            },
        )?;
        let kept = self.features.iter().map(|&x| self.space.rows.kept(x));
        let same_rows = contents
            .values
            .iter()
            .map(|x| x.to_bits())
            .eq(kept.map(f32::to_bits));
        let what = match (contents.keys == self.keys, same_rows) {
            (true, true) => return Ok(Raw::of(image, &contents, &self.space)),
            (false, _) => "other row ids",
            (_, false) => "other features",
        };
        Err(StoreError::Unfaithful {
            path: path.to_owned(),
            what: what.to_owned(),
        })
    }
}
