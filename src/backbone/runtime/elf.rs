//! Is an ELF file whole? The system's loader maps the file without asking, and a file that was
//! cut short (a broken download, a full disk) then ends the process with SIGBUS instead of an
//! error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Sizes and offsets of the 64-bit little-endian form (System V ABI, "ELF Header" and "Program
/// Header"); other forms are left to the loader.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
const HEADER_LEN: usize = 64;
const PROGRAM_HEADER_LEN: usize = 56;
const PT_LOAD: u32 = 1;

/// What the check found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every loadable segment lies within the file, or the file is not of this form.
    Whole,
    /// Bytes that the file should have, and has.
    Short {
        /// What the headers ask for.
        needed: u64,
        /// The file's length.
        found: u64,
    },
}

/// Compares the file's length with what its program headers say.
pub(super) fn extent(path: &Path) -> io::Result<Extent> {
    let mut file = File::open(path)?;
    let found = file.metadata()?.len();
    let mut head = [0; HEADER_LEN];
    if file.read_exact(&mut head).is_err() || head[..6] != MAGIC {
        return Ok(Extent::Whole);
    }
    let table = u64_at(&head, 32);
    let entry = usize::from(u16_at(&head, 54));
    let count = usize::from(u16_at(&head, 56));
    if entry != PROGRAM_HEADER_LEN {
        return Ok(Extent::Whole);
    }
    let needed = table.saturating_add((entry * count) as u64);
    if needed > found {
        return Ok(Extent::Short { needed, found });
    }
    file.seek(SeekFrom::Start(table))?;
    let mut headers = vec![0; entry * count];
    file.read_exact(&mut headers)?;
    let needed = headers
        .chunks_exact(entry)
        .map(segment_end)
        .max()
        .unwrap_or(0);
    Ok(if needed > found {
        Extent::Short { needed, found }
    } else {
        Extent::Whole
    })
}

/// Offset plus size in the file of a loadable segment; 0 for any other.
fn segment_end(header: &[u8]) -> u64 {
    if u32_at(header, 0) != PT_LOAD {
        return 0;
    }
    u64_at(header, 8).saturating_add(u64_at(header, 32))
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..at + N)
        .and_then(|slice| slice.try_into().ok())
        .unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}
