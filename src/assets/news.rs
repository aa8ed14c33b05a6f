//! What whoever waits for an asset is told.

use std::fmt;
use std::io::{self, Read};

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A message of one line: what is there, what is fetched and from where.
    Line(String),
    /// How far a phase is: bytes that are done, and how many there are.
    Bytes(Phase, u64, u64),
}

/// A part of the way to an asset that may take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A program fetches an archive; the bytes of it that have come.
    Fetching,
    /// Files are compared with their checksums.
    Checking,
    /// Files come out of an archive, and are compared with theirs.
    Unpacking,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Phase::Fetching => "fetching",
            Phase::Checking => "checking",
            Phase::Unpacking => "unpacking",
        })
    }
}

/// Where an asset's news go.
pub type Log<'a> = &'a mut dyn FnMut(News);

/// Counts the bytes of one phase, and tells of them.
pub(super) struct Meter<'a> {
    log: Log<'a>,
    phase: Phase,
    done: u64,
    total: u64,
}

impl<'a> Meter<'a> {
    /// Before the first of `total` bytes.
    pub(super) fn new(log: Log<'a>, phase: Phase, total: u64) -> Self {
        log(News::Bytes(phase, 0, total));
        Meter {
            log,
            phase,
            done: 0,
            total,
        }
    }

    /// So many more are done.
    pub(super) fn add(&mut self, bytes: u64) {
        self.reach(self.done.saturating_add(bytes));
    }

    /// So many are done in all. It never goes back, nor beyond the total: what is measured from
    /// outside may do both.
    pub(super) fn reach(&mut self, done: u64) {
        let done = done.min(self.total);
        if done > self.done {
            self.done = done;
            (self.log)(News::Bytes(self.phase, done, self.total));
        }
    }

    /// All are done.
    pub(super) fn finish(&mut self) {
        self.reach(self.total);
    }
}

/// A reader that calls `read` with the number of bytes of each piece.
pub(super) struct Counted<'a, R> {
    pub(super) from: R,
    pub(super) read: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        (self.read)(count as u64);
        Ok(count)
    }
}

/// A size in bytes as people are told it before a fetch: `95 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", (bytes + 500_000) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_goes_neither_back_nor_beyond_its_total() {
        let mut told = Vec::new();
        let mut log = |news| told.push(news);
        let mut meter = Meter::new(&mut log, Phase::Checking, 10);
        meter.add(3);
        meter.reach(2);
        meter.add(0);
        meter.reach(11);
        meter.finish();
        let bytes = |done| News::Bytes(Phase::Checking, done, 10);
        assert_eq!(told, [bytes(0), bytes(3), bytes(10)]);
    }

    #[test]
    fn what_is_read_is_counted() {
        let mut read = 0;
        let mut counted = Counted {
            from: &b"abcde"[..],
            read: &mut |bytes| read += bytes,
        };
        assert_eq!(io::copy(&mut counted, &mut io::sink()).unwrap(), 5);
        assert_eq!(read, 5);
    }

    #[test]
    fn megabytes_are_rounded() {
        assert_eq!(megabytes(1_499_999), "1 MB");
        assert_eq!(megabytes(95_500_000), "96 MB");
    }
}
