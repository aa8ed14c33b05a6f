//! Single rows from anywhere in the store, in any order, again and again: for who cannot keep all
//! rows in memory.
//!
//! [`Store::read`] reads some rows that lie together, and compares them with their checksum. Who
//! wants rows in a random order would read those for nearly every row. So all shards are read and
//! compared once, at the beginning, and a checksum of each row is kept (8 bytes, beside 8 that say
//! where it lies); from then on a row is read by itself and compared with that, so that what is
//! returned is still what was published.

use super::error::StoreError;
use super::index::{Place, Shard};
use super::key::RowId;
use super::numbers::Decoder;
use super::raw::Raw;
use super::store::Store;
use ndarray::{ArrayViewMut2, Axis};
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};
use std::thread;
use twox_hash::XxHash3_64;

/// Threads that read: a disk that is asked for several rows at once has its best pace.
const READERS: usize = 4;

/// Below this many rows, starting threads costs more than it gains.
const WORTH: usize = 64;

/// Bytes that are read in one go where rows lie side by side.
const RUN: usize = 1 << 18;

/// Rows of a [`Store`] that are read when they are wanted.
#[derive(Debug)]
pub struct Scattered<'a> {
    store: &'a Store,
    ids: &'a [RowId],
    known: Vec<Known>,
}

/// Where a row is, and the XXH3-64 of its numbers.
#[derive(Clone, Copy, Debug)]
struct Known {
    place: Place,
    digest: u64,
}

/// A row that is wanted: where it is, and its place among those asked for and in the answer.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    known: Known,
    position: usize,
    slot: usize,
}

/// A shard that is open for reading.
struct Open {
    number: u32,
    file: File,
    raw: Raw,
}

impl Store {
    /// The rows of `ids`, to be read when they are wanted. Reads every shard that holds one of them
    /// once, and compares it with its checksum.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn scattered<'a>(&'a self, ids: &'a [RowId]) -> Result<Scattered<'a>, StoreError> {
        let place = Place {
            shard: u32::MAX,
            row: u32::MAX,
        };
        let mut known = vec![Known { place, digest: 0 }; ids.len()];
        for (place, position) in self.places(ids)? {
            if let Some(known) = known.get_mut(position) {
                known.place = place;
            }
        }
        self.visit(ids, |position, row| {
            if let Some(known) = known.get_mut(position) {
                known.digest = digest(row);
            }
            Ok::<(), StoreError>(())
        })?;
        Ok(Scattered {
            store: self,
            ids,
            known,
        })
    }
}

impl Scattered<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Numbers of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.store.space().width
    }

    /// The rows at these positions of the ids, in this order, into the rows of `into`
    /// `[positions.len(), width]`. They are read in the order of the disk, by a few threads.
    ///
    /// # Errors
    /// A position beyond the ids, and as [`Store::read`].
    pub fn read(
        &self,
        positions: &[usize],
        mut into: ArrayViewMut2<'_, f32>,
    ) -> Result<(), StoreError> {
        if positions.len() < WORTH {
            return self.read_here(positions, into);
        }
        let share = positions.len().div_ceil(READERS);
        let parts = into.axis_chunks_iter_mut(Axis(0), share);
        thread::scope(|scope| {
            let readers: Vec<_> = parts
                .zip(positions.chunks(share))
                .map(|(into, positions)| scope.spawn(|| self.read_here(positions, into)))
                .collect();
            let mut result = Ok(());
            for reader in readers {
                let read = match reader.join() {
                    Ok(read) => read,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                result = result.and(read);
            }
            result
        })
    }

    fn read_here(
        &self,
        positions: &[usize],
        mut into: ArrayViewMut2<'_, f32>,
    ) -> Result<(), StoreError> {
        let mut wanted = Vec::with_capacity(positions.len());
        for (slot, &position) in positions.iter().enumerate() {
            let known = self.known.get(position).copied();
            let known = known.ok_or(StoreError::MissingRow {
                row: RowId([0; 32]),
                index: position,
            })?;
            wanted.push(Wanted {
                known,
                position,
                slot,
            });
        }
        wanted.sort_unstable_by_key(|one| one.known.place);
        let width = self.width();
        let size = width.saturating_mul(self.store.space().rows.size()).max(1);
        let mut decoder = Decoder::new(self.store.space().rows);
        let mut open = None;
        let mut bytes = Vec::new();
        for run in runs(&wanted, (RUN / size).max(1)) {
            let right = self.read_run(run, size, &mut open, &mut bytes)?;
            for (one, row) in run.iter().zip(bytes.chunks_exact(size)) {
                let row = decoder.row(row);
                if !right || digest(row) != one.known.digest {
                    self.read_again(one, into.row_mut(one.slot))?;
                    continue;
                }
                for (to, from) in into.row_mut(one.slot).iter_mut().zip(row) {
                    *to = *from;
                }
            }
        }
        Ok(())
    }

    /// Rows that lie side by side, into `bytes`. `false` where they cannot be had so: who reads
    /// the whole shard finds out why.
    fn read_run(
        &self,
        run: &[Wanted],
        size: usize,
        open: &mut Option<Open>,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, StoreError> {
        bytes.clear();
        bytes.resize(size.saturating_mul(run.len()), 0);
        let Some(Place { shard, row }) = run.first().map(|one| one.known.place) else {
            return Ok(true);
        };
        if open.as_ref().is_none_or(|open| open.number != shard) {
            *open = self.open(shard)?;
        }
        let Some(Open { file, raw, .. }) = open else {
            return Ok(false);
        };
        let start = raw.features + u64::from(row) * size as u64;
        let read = file
            .seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(bytes));
        Ok(read.is_ok())
    }

    /// The file of a shard, where its rows can be taken from their places.
    fn open(&self, number: u32) -> Result<Option<Open>, StoreError> {
        let shard = self.store.index().shard(number).cloned();
        let Some(Shard {
            path,
            raw: Some(raw),
            ..
        }) = shard
        else {
            return Ok(None);
        };
        match File::open(&path) {
            Ok(file) => Ok(Some(Open { number, file, raw })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path, "reading a row", error)),
        }
    }

    /// A row by the way of its whole shard, which is compared with its checksum: either the row is
    /// right, or the shard is set aside.
    fn read_again(
        &self,
        one: &Wanted,
        mut into: ndarray::ArrayViewMut1<'_, f32>,
    ) -> Result<(), StoreError> {
        let id = self.ids.get(one.position..=one.position);
        self.store.visit(id.unwrap_or_default(), |_, row| {
            for (to, from) in into.iter_mut().zip(row) {
                *to = *from;
            }
            Ok(())
        })
    }
}

/// Rows that lie side by side together, at most so many; a row that is wanted twice begins a new
/// run.
fn runs(wanted: &[Wanted], most: usize) -> impl Iterator<Item = &[Wanted]> {
    let mut left = wanted;
    std::iter::from_fn(move || {
        let pairs = left.windows(2).take(most - 1);
        let beside = |pair: &&[Wanted]| {
            let [a, b] = [pair[0].known.place, pair[1].known.place];
            a.shard == b.shard && a.row.checked_add(1) == Some(b.row)
        };
        let length = (1 + pairs.take_while(beside).count()).min(left.len());
        let (run, rest) = left.split_at(length);
        left = rest;
        (!run.is_empty()).then_some(run)
    })
}

/// The XXH3-64 of a row's numbers.
fn digest(row: &[f32]) -> u64 {
    let mut hash = XxHash3_64::new();
    let mut bytes = [0; 4096];
    for some in row.chunks(bytes.len() / 4) {
        let (quads, _) = bytes.as_chunks_mut::<4>();
        quads
            .iter_mut()
            .zip(some)
            .for_each(|(to, x)| *to = x.to_le_bytes());
        hash.write(&bytes[..4 * some.len()]);
    }
    hash.finish()
}
