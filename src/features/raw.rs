//! Where a shard's rows lie among its bytes, and what they are there.
//!
//! Both arrays of a shard lie in its file as they are in memory, so HDF5 is asked once where they
//! begin, and rows are then taken straight from the bytes. What makes that safe is that nothing
//! is taken from bytes that do not have the checksum which was made when HDF5 had read the same
//! file and had found the same numbers there.
//!
//! Checksums are made of a few rows at a time. Such a piece is read, compared and used while the
//! processor's cache holds it; a whole shard would go through memory twice.

use super::key::{RowId, Space};
use super::numbers::Decoder;
use super::shard::Contents;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use twox_hash::XxHash3_128;

/// Bytes of a piece, about: small enough that those of two threads lie in the cache, large enough
/// that handing them over costs little beside reading them.
const PIECE: usize = 1 << 18;

/// Bytes beside the rows and their ids that a shard has at most: names, attributes and padding
/// are a few KiB.
const REST: u64 = 1 << 20;

/// Bytes of a row's id.
const KEY: usize = 32;

/// What is known of a shard's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    /// How many there are.
    pub(super) size: u64,
    /// The XXH3-128 of each piece, its rows' numbers and then their ids: no cryptographic
    /// checksum (SHA-256, the file's name, is that), but one that is as fast as memory, and sees
    /// any fault of a disk or of memory.
    pub(super) pieces: Arc<[u128]>,
    /// The XXH3-128 of all other bytes. No row is taken from them, but a file in which they differ
    /// is no longer what it was.
    pub(super) rest: u128,
    /// Rows.
    pub(super) rows: u32,
    /// Where the features begin.
    pub(super) features: u64,
    /// Where the keys begin.
    pub(super) keys: u64,
}

/// The rows of a space's shards, as bytes and in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Bytes of a row's numbers.
    row: usize,
    /// Rows of a piece.
    rows: u32,
}

impl Grid {
    pub(super) fn new(space: &Space) -> Self {
        let row = space.width.saturating_mul(space.rows.size());
        let rows = PIECE / row.saturating_add(KEY);
        Self {
            row,
            rows: u32::try_from(rows).unwrap_or(u32::MAX).max(1),
        }
    }

    /// The piece of a shard that holds its row `row`.
    pub(super) fn piece_of(&self, row: u32) -> u32 {
        row / self.rows
    }

    /// How many pieces `rows` rows are.
    pub(super) fn pieces(&self, rows: u32) -> usize {
        rows.div_ceil(self.rows) as usize
    }

    /// The rows of piece `piece` of a shard of `rows` rows.
    fn rows_of(&self, piece: u32, rows: u32) -> Range<u32> {
        let first = piece.saturating_mul(self.rows).min(rows);
        first..first.saturating_add(self.rows).min(rows)
    }

    /// Where `count` things of `length` bytes lie in a file, of which `first` come before them
    /// from `start` on.
    fn span(start: u64, first: u32, count: usize, length: usize) -> Option<Range<u64>> {
        let from = start.checked_add(u64::from(first).checked_mul(length as u64)?)?;
        Some(from..from.checked_add((count as u64).checked_mul(length as u64)?)?)
    }
}

/// A piece of a shard in memory, whose checksum was right.
#[derive(Debug)]
pub(super) struct Piece {
    grid: Grid,
    rows: Range<u32>,
    bytes: Vec<u8>,
}

impl Piece {
    /// The bytes of the numbers of the shard's row `row`, if the row is here and has this id.
    pub(super) fn row(&self, row: u32, id: &RowId) -> Option<&[u8]> {
        let number = row.checked_sub(self.rows.start)? as usize;
        let (numbers, keys) = self
            .bytes
            .split_at_checked(self.rows.len() * self.grid.row)?;
        let key = keys.chunks_exact(KEY).nth(number)?;
        let from = number * self.grid.row;
        (key == id.0).then(|| numbers.get(from..from + self.grid.row))?
    }

    /// The memory, to be used again.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Raw {
    /// What is known of `bytes`, in which HDF5 has found `contents`. `None` where the arrays do
    /// not lie in them as this program would put them.
    pub(super) fn of(bytes: &[u8], contents: &Contents, space: &Space) -> Option<Self> {
        let grid = Grid::new(space);
        let rows = u32::try_from(contents.keys.len()).ok()?;
        let (features, keys) = contents.offsets?;
        let slice = |span: Range<u64>| {
            let from = usize::try_from(span.start).ok()?;
            bytes.get(from..usize::try_from(span.end).ok()?)
        };
        let mut decoder = Decoder::new(space.rows);
        for ((row, key), values) in (0..).zip(&contents.keys).zip(contents.values.rows()) {
            let bits = |x: &f32| x.to_bits();
            let found = decoder.row(slice(Grid::span(features, row, 1, grid.row)?)?);
            let same = found.iter().map(bits).eq(values.iter().map(bits));
            if !same || slice(Grid::span(keys, row, 1, KEY)?)? != key.0 {
                return None;
            }
        }
        let digest = |piece| {
            let of = grid.rows_of(piece, rows);
            let mut hash = XxHash3_128::new();
            hash.write(slice(Grid::span(features, of.start, of.len(), grid.row)?)?);
            hash.write(slice(Grid::span(keys, of.start, of.len(), KEY)?)?);
            Some(hash.finish_128())
        };
        let pieces = u32::try_from(grid.pieces(rows)).ok()?;
        let mut raw = Self {
            size: bytes.len() as u64,
            pieces: (0..pieces).map(digest).collect::<Option<_>>()?,
            rest: 0,
            rows,
            features,
            keys,
        };
        let mut hash = XxHash3_128::new();
        for span in raw.rest_of(grid)? {
            hash.write(slice(span)?);
        }
        raw.rest = hash.finish_128();
        Some(raw)
    }

    /// Where the bytes are that belong to no row: before, between and after both arrays. `None`
    /// where the arrays do not lie apart within the file, or much else does.
    fn rest_of(&self, grid: Grid) -> Option<[Range<u64>; 3]> {
        let features = Grid::span(self.features, 0, self.rows as usize, grid.row)?;
        let keys = Grid::span(self.keys, 0, self.rows as usize, KEY)?;
        let (first, second) = match features.start <= keys.start {
            true => (features, keys),
            false => (keys, features),
        };
        let size: u64 = (first.start)
            .checked_add(second.start.checked_sub(first.end)?)?
            .checked_add(self.size.checked_sub(second.end)?)?;
        let rest = [
            0..first.start,
            first.end..second.start,
            second.end..self.size,
        ];
        (size <= REST).then_some(rest)
    }

    /// Whether `file` has the size and, outside its rows, the bytes that are known.
    pub(super) fn is_of(&self, file: &File, grid: Grid) -> io::Result<bool> {
        if file.metadata()?.len() != self.size {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        for span in self.rest_of(grid).into_iter().flatten() {
            let from = bytes.len();
            // At most `REST` in all.
            bytes.resize(from + (span.end - span.start) as usize, 0);
            match file.read_exact_at(bytes.split_at_mut(from).1, span.start) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(XxHash3_128::oneshot(&bytes) == self.rest)
    }

    /// Piece `number` of the shard that `file` is, in the memory of `bytes`. `None` where the
    /// bytes are not those that are known.
    pub(super) fn read(
        &self,
        file: &File,
        grid: Grid,
        number: u32,
        mut bytes: Vec<u8>,
    ) -> io::Result<Option<Piece>> {
        let rows = grid.rows_of(number, self.rows);
        let numbers = Grid::span(self.features, rows.start, rows.len(), grid.row);
        let keys = Grid::span(self.keys, rows.start, rows.len(), KEY);
        let Some((digest, (numbers, keys))) =
            (self.pieces.get(number as usize)).zip(numbers.zip(keys))
        else {
            return Ok(None);
        };
        // Both fit: a record whose arrays do not lie within the file was refused.
        let (split, size) = (rows.len() * grid.row, rows.len() * (grid.row + KEY));
        bytes.truncate(size);
        bytes
            .try_reserve_exact(size - bytes.len())
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(size, 0);
        let (for_numbers, for_keys) = bytes.split_at_mut(split);
        let read = file
            .read_exact_at(for_numbers, numbers.start)
            .and_then(|()| file.read_exact_at(for_keys, keys.start));
        match read {
            Ok(()) => {}
            // It was shortened.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let right = XxHash3_128::oneshot(&bytes) == *digest;
        Ok(right.then_some(Piece { grid, rows, bytes }))
    }

    /// The checksums, each lowest byte first.
    pub(super) fn pieces_as_bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    /// Whether this can be of a shard of this space: as many pieces as its rows make, which lie
    /// within the file.
    pub(super) fn fits(&self, grid: Grid) -> bool {
        self.pieces.len() == grid.pieces(self.rows) && self.rest_of(grid).is_some()
    }
}
