//! Which row lies where, as far as this process knows.
//!
//! A row takes 41 bytes of a table that is at least seven sixteenths full: at most 94.

use super::key::RowId;
use super::raw::Raw;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::PathBuf;

/// A published shard.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// SHA-256 of its bytes, which is its name too.
    pub(super) digest: [u8; 32],
    /// How its rows are taken from its bytes; `None` where only HDF5 can read it.
    pub(super) raw: Option<Raw>,
}

/// A row's place: which shard of the index, which row of that shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Position in [`Index::shard`].
    pub(super) shard: u32,
    /// Row of the shard.
    pub(super) row: u32,
}

/// The hash of a digest: its first bytes, which are as random as any that could be made of them.
#[derive(Debug, Default)]
pub(super) struct First(u64);

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    /// The length of a digest, which is that of all others.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map by digests.
pub(super) type ByDigest<K, V> = HashMap<K, V, BuildHasherDefault<First>>;

/// The rows of a store, and the shards that hold them.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// `None` where a shard was forgotten.
    shards: Vec<Option<Shard>>,
    numbers: ByDigest<[u8; 32], u32>,
    rows: ByDigest<RowId, Place>,
}

impl Index {
    /// Makes room for so many rows more, so that the table does not grow step by step.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
    }

    /// Enters a shard whose row i is `keys[i]`. A row that is there already keeps its place: equal
    /// keys mean equal rows.
    pub(super) fn enter(&mut self, shard: Shard, keys: impl IntoIterator<Item = RowId>) {
        // Four thousand million shards are beyond any disk; one more would only not be entered.
        let Ok(number) = u32::try_from(self.shards.len()) else {
            return;
        };
        self.numbers.insert(shard.digest, number);
        self.shards.push(Some(shard));
        for (row, key) in (0u32..).zip(keys) {
            self.rows.entry(key).or_insert(Place { shard: number, row });
        }
    }

    /// Forgets every row of a shard.
    pub(super) fn forget(&mut self, number: u32) {
        let Some(shard) = self.shards.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        // A shard that was lost and published anew is another entry by the same name.
        if self.numbers.get(&shard.digest) == Some(&number) {
            self.numbers.remove(&shard.digest);
        }
        self.rows.retain(|_, place| place.shard != number);
    }

    /// Whether a shard is entered.
    pub(super) fn has(&self, digest: &[u8; 32]) -> bool {
        self.numbers.contains_key(digest)
    }

    /// Where a row is.
    pub(super) fn place(&self, row: &RowId) -> Option<Place> {
        self.rows.get(row).copied()
    }

    /// A shard that a [`Place`] names.
    pub(super) fn shard(&self, number: u32) -> Option<&Shard> {
        self.shards.get(number as usize)?.as_ref()
    }

    /// All shards, each with its number.
    pub(super) fn shards(&self) -> impl Iterator<Item = (u32, &Shard)> {
        (0u32..)
            .zip(&self.shards)
            .filter_map(|(number, shard)| Some((number, shard.as_ref()?)))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
