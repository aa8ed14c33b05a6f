//! Strings of variable length, which lie in the file's global heaps.
//!
//! They are read here and not by the HDF5 library: version 2.0 believes the lengths that a damaged
//! file declares (it fills four gigabytes for one string), and never ends where a heap has free
//! space of no length. The format: HDF5 File Format Specification 3.0, III.E "Global Heap" and
//! VIII.C "Variable-length".

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use hdf5::dataset::Layout;

use super::find::Array;
use super::names::MAX_NAME;
use crate::dataset::error::SourceError;

/// What starts a global heap collection: its signature, version 1, three zeros.
const COLLECTION: &[u8; 8] = b"GCOL\x01\0\0\0";

/// The strings of a one-dimensional dataset, as bytes.
pub(super) fn read(array: &Array) -> Result<Vec<Vec<u8>>, SourceError> {
    let refuse = |reason| array.unreadable_for("the names".into(), reason);
    let count = array.len()?;
    let mut heaps = Heaps::open(array).map_err(refuse)?;
    let places = descriptors(array, count, &mut heaps).map_err(refuse)?;
    let strings = places.chunks_exact(heaps.descriptor());
    let read: Result<_, _> = strings.map(|place| heaps.string(place)).collect();
    read.map_err(refuse)
}

/// The bytes of all descriptors: each the length, the heap's address and the number in it.
fn descriptors(array: &Array, count: usize, heaps: &mut Heaps) -> Result<Vec<u8>, String> {
    let width = heaps.descriptor();
    // Of an array that was never written nothing is stored, whatever its shape declares.
    let bytes = count
        .checked_mul(width)
        .filter(|&n| n as u64 <= heaps.file.length);
    let bytes = bytes.ok_or("the file is shorter than the names that it declares")?;
    let mut all = vec![0; bytes];
    match array.dataset.layout() {
        Layout::Contiguous => {
            if let Some(offset) = array.dataset.offset() {
                heaps.file.read(offset, &mut all)?;
            }
        }
        Layout::Chunked if array.dataset.filters().is_empty() => {
            let of = array.dataset.num_chunks().unwrap_or(0);
            for chunk in (0..of.min(count)).filter_map(|i| array.dataset.chunk_info(i)) {
                let first = chunk.offset.first().and_then(|&n| usize::try_from(n).ok());
                let start = first.and_then(|n| n.checked_mul(width));
                let rest = start.and_then(|start| all.get_mut(start..));
                let rest = rest.ok_or("a chunk lies outside the dataset")?;
                let length = usize::try_from(chunk.size).map_or(rest.len(), |n| n.min(rest.len()));
                heaps.file.read(chunk.addr, &mut rest[..length])?;
            }
        }
        _ => {
            return Err(
                "names of variable length are read where they are stored plainly: store \
                        them without compression, or with a fixed length"
                    .to_owned(),
            );
        }
    }
    Ok(all)
}

/// A file as bytes.
struct Bytes {
    file: File,
    length: u64,
}

impl Bytes {
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), String> {
        let end = at.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(format!(
                "{} bytes at {at} lie beyond the file's end",
                out.len()
            ));
        }
        let read = self.file.seek(SeekFrom::Start(at));
        read.and_then(|_| self.file.read_exact(out))
            .map_err(|error| error.to_string())
    }
}

/// A collection's objects by their numbers.
type Objects = HashMap<u16, Vec<u8>>;

/// The global heaps of a file, each read once.
struct Heaps {
    file: Bytes,
    /// Where addresses start.
    base: u64,
    /// The bytes of an address.
    address: usize,
    /// The bytes of a length.
    size: usize,
    collections: HashMap<u64, Objects>,
    /// What may still be read. Collections do not overlap: all together are no longer than the file.
    left: u64,
}

impl Heaps {
    fn open(array: &Array) -> Result<Self, String> {
        let told = |error: hdf5::Error| error.to_string();
        let creation = array
            .dataset
            .file()
            .and_then(|file| file.fcpl())
            .map_err(told)?;
        let sizes = creation.sizes();
        let file = File::open(&array.path).map_err(|error| error.to_string())?;
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        Ok(Self {
            file: Bytes { file, length },
            base: creation.userblock(),
            address: sizes.sizeof_addr as usize,
            size: sizes.sizeof_size as usize,
            collections: HashMap::new(),
            left: length,
        })
    }

    /// The bytes of a descriptor.
    fn descriptor(&self) -> usize {
        4 + self.address + 4
    }

    /// The string that a descriptor leads to, up to its first NUL.
    fn string(&mut self, place: &[u8]) -> Result<Vec<u8>, String> {
        let (length, rest) = place.split_at(4);
        let (address, index) = rest.split_at(self.address);
        let (length, address, index) = (number(length), number(address), number(index));
        if length == 0 {
            return Ok(Vec::new());
        }
        if length > MAX_NAME as u64 {
            return Err(format!(
                "a name has {length} bytes, at most {MAX_NAME} are accepted"
            ));
        }
        if !self.collections.contains_key(&address) {
            let objects = self.collection(address)?;
            self.collections.insert(address, objects);
        }
        let objects = self.collections.get(&address);
        let index = u16::try_from(index).ok();
        let object = index.and_then(|index| objects?.get(&index));
        let text = object.and_then(|object| object.get(..length as usize));
        let text = text.ok_or_else(|| format!("the heap at {address} does not hold a name"))?;
        Ok(text
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default()
            .to_vec())
    }

    fn collection(&mut self, address: u64) -> Result<Objects, String> {
        let at = self
            .base
            .checked_add(address)
            .ok_or("an address is beyond all files")?;
        let mut head = vec![0; 8 + self.size];
        self.file.read(at, &mut head)?;
        let (signature, length) = head.split_at(8);
        let length = number(length);
        if signature != COLLECTION || length > self.left || length < head.len() as u64 {
            return Err(format!("there is no heap at {address}"));
        }
        self.left -= length;
        let mut content = vec![0; length as usize];
        self.file.read(at, &mut content)?;
        Ok(self.objects(&content[head.len()..]))
    }

    /// The objects of a collection, up to the free space that ends it or the first that is not
    /// whole. What is longer than a name is none.
    fn objects(&self, mut rest: &[u8]) -> Objects {
        let mut objects = Objects::new();
        let header = 8 + self.size;
        while let Some((head, data)) = rest.split_at_checked(header) {
            let index = u16::from_le_bytes([head[0], head[1]]);
            let length = usize::try_from(number(&head[8..])).unwrap_or(usize::MAX);
            let Some(object) = data.get(..length).filter(|_| index != 0) else {
                break;
            };
            objects.insert(index, object[..length.min(MAX_NAME)].to_vec());
            rest = data.get(length.next_multiple_of(8)..).unwrap_or_default();
        }
        objects
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(wide)
}
