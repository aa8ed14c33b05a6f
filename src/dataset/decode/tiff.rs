//! What a TIFF file's first directory declares.

/// The tag whose values have more bytes than the whole file, if there is one: the decoder would
/// make room for them before it looks.
///
/// TIFF 6.0, section 2, and BigTIFF: a directory is a count and that many entries of tag, type,
/// number of values, and the values or where they lie.
pub(super) fn impossible(bytes: &[u8]) -> Option<u16> {
    let file = File::of(bytes)?;
    let (width, entry) = if file.big { (8, 20) } else { (4, 12) };
    let start = usize::try_from(file.number(if file.big { 8 } else { 4 }, width)?).ok()?;
    let counter = if file.big { 8 } else { 2 };
    let entries = file.number(start, counter)?;
    let room = bytes.len() / entry;
    let entries = usize::try_from(entries).map_or(room, |n| n.min(room));
    let first = start.checked_add(counter)?;
    for at in (first..).step_by(entry).take(entries) {
        let tag = file.number(at, 2)?;
        let (kind, count) = (file.number(at + 2, 2)?, file.number(at + 4, width)?);
        if count.saturating_mul(size_of_type(kind)) > bytes.len() as u64 {
            return u16::try_from(tag).ok();
        }
    }
    None
}

/// The bytes of a value.
fn size_of_type(kind: u64) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

/// A file and how its numbers are written.
struct File<'a> {
    bytes: &'a [u8],
    little: bool,
    big: bool,
}

impl<'a> File<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let little = bytes.starts_with(b"II");
        let mut file = Self {
            bytes,
            little,
            big: false,
        };
        file.big = file.number(2, 2)? == 43;
        Some(file)
    }

    /// The number of `width` bytes, at most eight, at `at`.
    fn number(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        let join = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(if self.little {
            bytes.iter().rev().fold(0, join)
        } else {
            bytes.iter().fold(0, join)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A directory of one entry, little-endian.
    fn small(kind: u8, count: u32) -> Vec<u8> {
        let mut bytes = b"II\x2a\0\x08\0\0\0\x01\0\x11\x01".to_vec();
        bytes.extend([kind, 0]);
        bytes.extend(count.to_le_bytes());
        bytes.extend([0; 100]);
        bytes
    }

    #[test]
    fn values_longer_than_the_file_are_impossible() {
        let length = small(1, 0).len() as u32;
        for (kind, size) in [(1, 1), (3, 2), (4, 4), (5, 8)] {
            assert_eq!(impossible(&small(kind, length / size)), None);
            assert_eq!(impossible(&small(kind, length / size + 1)), Some(0x111));
        }
        assert_eq!(impossible(&small(12, u32::MAX)), Some(0x111));
    }

    #[test]
    fn both_orders_and_both_widths_are_read() {
        let mut mac = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x11\0\x04\0\x10\0\0".to_vec();
        mac.extend([0; 40]);
        assert_eq!(impossible(&mac), Some(0x111));
        let mut big = b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
        big.extend(b"\x01\0\0\0\0\0\0\0\x11\x01\x10\0\xff\xff\xff\xff\xff\xff\xff\x7f");
        big.extend([0; 40]);
        assert_eq!(impossible(&big), Some(0x111));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(
            start in prop::sample::select(vec![&b"II\x2a\0"[..], b"MM\0\x2b", b"II\x2b\0", b""]),
            rest in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            impossible(&[start, &rest].concat());
        }
    }
}
