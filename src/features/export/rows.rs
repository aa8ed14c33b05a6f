//! Rows into their places in a file.

use super::ExportError;
use super::part::Part;

/// Rows that follow each other wait until there are about this many bytes.
const WAITING: usize = 1 << 20;

/// What rows are written to.
pub(super) trait Place {
    /// Writes at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ExportError>;
}

impl Place for Part {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ExportError> {
        Part::write_at(self, offset, bytes)
    }
}

/// Writes rows in any order behind a file's head.
pub(super) struct Rows<'a> {
    to: &'a mut dyn Place,
    /// The bytes of a number.
    encode: fn(f32) -> [u8; 4],
    /// Where the first row begins.
    start: u64,
    row_bytes: u64,
    waiting: Vec<u8>,
    /// The position after the last row that waits.
    next: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn begin(
        to: &'a mut dyn Place,
        head: &[u8],
        width: usize,
        encode: fn(f32) -> [u8; 4],
    ) -> Result<Self, ExportError> {
        to.write_at(0, head)?;
        Ok(Rows {
            to,
            encode,
            start: head.len() as u64,
            row_bytes: width as u64 * 4,
            waiting: Vec::new(),
            next: 0,
        })
    }

    /// Takes the row at `position`.
    pub(super) fn put(&mut self, position: usize, row: &[f32]) -> Result<(), ExportError> {
        if position != self.next || self.waiting.len() >= WAITING {
            self.flush()?;
        }
        let bytes = row.iter().flat_map(|value| (self.encode)(*value));
        self.waiting.extend(bytes);
        self.next = position + 1;
        Ok(())
    }

    /// Writes what still waits.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let end = self.start + self.next as u64 * self.row_bytes;
        let from = end.saturating_sub(self.waiting.len() as u64);
        if !self.waiting.is_empty() {
            self.to.write_at(from, &self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}
