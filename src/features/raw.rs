//! A shard's bytes, and where its rows lie among them.
//!
//! Both arrays of a shard lie in its file as they are in memory, so HDF5 is asked once where they
//! begin, and rows are then taken straight from the bytes. What makes that safe is that nothing
//! is taken from bytes that do not have the checksum which was made when HDF5 had read the same
//! file and had found the same numbers there.

use super::key::{RowId, RowType};
use super::numbers::Decoder;
use super::shard::Contents;
use std::fs::File;
use std::io::{self, Read};
use twox_hash::XxHash3_128;

/// Bytes that are read at once: they are still in the processor's cache when they are hashed.
const STEP: usize = 1 << 17;

/// What is known of a shard's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    /// How many there are.
    pub(super) size: u64,
    /// Their XXH3-128: no cryptographic checksum (SHA-256, the file's name, is that), but one
    /// that is as fast as memory, and sees any fault of a disk or of memory.
    pub(super) xxh3: u128,
    /// Rows.
    pub(super) rows: u32,
    /// Where the features begin.
    pub(super) features: u64,
    /// Where the keys begin.
    pub(super) keys: u64,
}

impl Raw {
    /// What is known of `bytes`, in which HDF5 has found `contents`. `None` where the arrays do
    /// not lie in them as this program would put them.
    pub(super) fn of(bytes: &[u8], contents: &Contents, rows: RowType) -> Option<Self> {
        let raw = Self {
            size: bytes.len() as u64,
            xxh3: XxHash3_128::oneshot(bytes),
            rows: u32::try_from(contents.keys.len()).ok()?,
            features: contents.offsets?.0,
            keys: contents.offsets?.1,
        };
        let mut decoder = Decoder::new(rows);
        let width = contents.values.ncols();
        for ((row, key), values) in (0..).zip(&contents.keys).zip(contents.values.rows()) {
            let bits = |x: &f32| x.to_bits();
            let found = decoder.row(raw.row(bytes, row, width, rows)?);
            let same = found.iter().map(bits).eq(values.iter().map(bits));
            if !same || raw.key(bytes, row) != Some(*key) {
                return None;
            }
        }
        Some(raw)
    }

    /// The id of row `row`.
    pub(super) fn key(&self, bytes: &[u8], row: u32) -> Option<RowId> {
        slice(bytes, self.keys, row, 32)?.try_into().ok().map(RowId)
    }

    /// The bytes of row `row` of `width` numbers.
    pub(super) fn row<'a>(
        &self,
        bytes: &'a [u8],
        row: u32,
        width: usize,
        rows: RowType,
    ) -> Option<&'a [u8]> {
        slice(bytes, self.features, row, width.checked_mul(rows.size())?)
    }

    /// Reads the shard that `file` is into `bytes`. `false` where it is not the one that is
    /// known.
    pub(super) fn read(&self, mut file: &File, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let Ok(size) = usize::try_from(self.size) else {
            return Ok(false);
        };
        if file.metadata()?.len() != self.size {
            return Ok(false);
        }
        bytes.truncate(size);
        bytes
            .try_reserve_exact(size - bytes.len())
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(size, 0);
        let mut hash = XxHash3_128::new();
        for step in bytes.chunks_mut(STEP) {
            match file.read_exact(step) {
                Ok(()) => hash.write(step),
                // It was shortened in this moment.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(hash.finish_128() == self.xxh3)
    }
}

/// Part `number` of those that each have `length` bytes, from `start`.
fn slice(bytes: &[u8], start: u64, number: u32, length: usize) -> Option<&[u8]> {
    let skipped = usize::try_from(number).ok()?.checked_mul(length)?;
    let from = usize::try_from(start).ok()?.checked_add(skipped)?;
    bytes.get(from..from.checked_add(length)?)
}
