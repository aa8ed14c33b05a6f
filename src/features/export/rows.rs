//! Rows into their places in a file.

use super::ExportError;
use super::part::Part;

/// Rows that follow each other wait until there are about this many bytes.
const WAITING: usize = 1 << 20;

/// Writes rows in any order behind a file's head.
pub(super) struct Rows<'a> {
    part: &'a mut Part,
    /// Where the first row begins.
    start: u64,
    row_bytes: u64,
    waiting: Vec<u8>,
    /// The position after the last row that waits.
    next: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn begin(
        part: &'a mut Part,
        head: &[u8],
        width: usize,
    ) -> Result<Self, ExportError> {
        part.write_at(0, head)?;
        Ok(Rows {
            part,
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
        let bytes = row.iter().flat_map(|value| value.to_ne_bytes());
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
            self.part.write_at(from, &self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}
