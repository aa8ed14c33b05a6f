//! Which row lies where, as far as this process knows.

use super::key::RowId;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// A published shard.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// SHA-256 of its bytes, which is its name too.
    pub(super) digest: [u8; 32],
}

/// A row's place: which shard of the index, which row of that shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Position in [`Index::shard`].
    pub(super) shard: usize,
    /// Row of the shard.
    pub(super) row: u32,
}

/// The rows of a store, and the shards that hold them.
#[derive(Debug, Default)]
pub(super) struct Index {
    shards: Vec<Shard>,
    rows: HashMap<RowId, Place>,
    /// The digests of the shards that have not been forgotten.
    entered: HashSet<[u8; 32]>,
}

impl Index {
    /// Enters a shard whose row i is `keys[i]`. A row that is there already keeps its place: equal
    /// keys mean equal rows.
    pub(super) fn enter(&mut self, shard: Shard, keys: &[RowId]) {
        let number = self.shards.len();
        self.entered.insert(shard.digest);
        self.shards.push(shard);
        self.rows.reserve(keys.len());
        for (row, key) in (0u32..).zip(keys) {
            self.rows
                .entry(*key)
                .or_insert(Place { shard: number, row });
        }
    }

    /// Forgets every row of a shard.
    pub(super) fn forget(&mut self, shard: usize) {
        self.rows.retain(|_, place| place.shard != shard);
        if let Some(shard) = self.shards.get(shard) {
            self.entered.remove(&shard.digest);
        }
    }

    /// Whether a shard is there.
    pub(super) fn has(&self, digest: &[u8; 32]) -> bool {
        self.entered.contains(digest)
    }

    /// Where a row is.
    pub(super) fn place(&self, row: &RowId) -> Option<Place> {
        self.rows.get(row).copied()
    }

    /// A shard that a [`Place`] names.
    pub(super) fn shard(&self, number: usize) -> Option<&Shard> {
        self.shards.get(number)
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
