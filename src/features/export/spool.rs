//! Rows in order, for forms that are written from the first byte to the last.
//!
//! Shards come from the store in whatever order they lie there. Forms whose rows stand at places
//! that are known before (HDF5, NPY, safetensors) put them there as they come; for the others they
//! wait in a file without a name, which the system removes with the program, however that ends. So
//! memory stays flat and each shard is read once, at the price of the rows' size on the disk for
//! as long as the file is being written.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::part::folder;
use super::rows::{Place, Rows};
use super::{ExportError, Table};
use crate::features::Store;

const SPOOLING: &str = "putting rows in order";

/// All rows of a table, in its order.
pub(super) struct Spool {
    file: BufReader<File>,
    /// The file that all this is for.
    place: PathBuf,
    /// One row.
    bytes: Vec<u8>,
}

impl Spool {
    /// Fills one with the rows of `table`, on the disk where `place` lies.
    pub(super) fn fill(
        place: &Path,
        store: &Store,
        table: &Table<'_>,
        read: &mut dyn FnMut(),
    ) -> Result<Self, ExportError> {
        let fail = || ExportError::io(place, SPOOLING);
        let width = store.space().width;
        let mut scratch = Scratch {
            file: tempfile::tempfile_in(folder(place)).map_err(fail())?,
            place,
        };
        let mut rows = Rows::begin(&mut scratch, &[], width, f32::to_ne_bytes)?;
        store.visit(table.rows, |position, row| {
            read();
            rows.put(position, row)
        })?;
        rows.finish()?;
        let mut file = scratch.file;
        file.seek(SeekFrom::Start(0)).map_err(fail())?;
        Ok(Spool {
            file: BufReader::with_capacity(1 << 16, file),
            place: place.to_owned(),
            bytes: vec![0; width * 4],
        })
    }

    /// The next `rows` rows, one after another, in place of what is in `values`.
    pub(super) fn next(&mut self, rows: usize, values: &mut Vec<f32>) -> Result<(), ExportError> {
        values.clear();
        for _ in 0..rows {
            let read = self.file.read_exact(&mut self.bytes);
            read.map_err(ExportError::io(&self.place, SPOOLING))?;
            let (row, _) = self.bytes.as_chunks::<4>();
            values.extend(row.iter().map(|value| f32::from_ne_bytes(*value)));
        }
        Ok(())
    }
}

/// The file without a name.
struct Scratch<'a> {
    file: File,
    place: &'a Path,
}

impl Place for Scratch<'_> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ExportError> {
        let mut write = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.write_all(bytes)
        };
        write().map_err(ExportError::io(self.place, SPOOLING))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_such() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut scratch = Scratch {
            file: full.unwrap(),
            place: Path::new("x.csv"),
        };
        let error = scratch.write_at(0, b"row").unwrap_err().to_string();
        let told = "x.csv: no room on the disk while putting rows in order";
        assert!(error.starts_with(told), "{error}");
    }
}
