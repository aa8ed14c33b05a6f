//! State dicts as PyTorch writes them, byte by byte.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

/// A tensor of a state dict to be written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
    /// The storage, in its own order.
    pub(super) values: Vec<f32>,
}

impl Entry {
    /// A tensor whose rows lie one after another.
    pub(super) fn new(name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            strides,
            values,
        }
    }

    /// The same tensor with its last axis first in memory, as weights out of TensorFlow have it.
    pub(super) fn turned(mut self) -> Self {
        let mut stride = 1;
        for axis in 0..self.shape.len() {
            self.strides[axis] = stride;
            stride *= self.shape[axis];
        }
        let mut values = vec![0.0; self.values.len()];
        for (from, value) in self.values.iter().enumerate() {
            let (mut rest, mut to) = (from, 0);
            for axis in (0..self.shape.len()).rev() {
                to += rest % self.shape[axis] * self.strides[axis];
                rest /= self.shape[axis];
            }
            values[to] = *value;
        }
        self.values = values;
        self
    }
}

/// A pickle in the making.
#[derive(Default)]
pub(super) struct Pickle(pub(super) Vec<u8>);

impl Pickle {
    pub(super) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(super) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(length).raw(text)
    }

    pub(super) fn integer(self, value: usize) -> Self {
        self.raw(b"J").raw((value as u32).to_le_bytes())
    }

    fn lengths(mut self, lengths: &[usize]) -> Self {
        self = self.raw(b"(");
        for length in lengths {
            self = self.integer(*length);
        }
        self.raw(b"t")
    }

    pub(super) fn storage(self, class: &str, key: &str, length: usize, legacy: bool) -> Self {
        let name = self.raw(b"(").text("storage").raw(b"c").raw(class);
        let name = name.text(key).text("cpu").integer(length);
        name.raw(if legacy { &b"NtQ"[..] } else { b"tQ" })
    }

    pub(super) fn tensor(self, entry: &Entry, key: &str, legacy: bool) -> Self {
        self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n(")
            .storage("torch\nFloatStorage\n", key, entry.values.len(), legacy)
            .integer(0)
            .lengths(&entry.shape)
            .lengths(&entry.strides)
            .raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    pub(super) fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

fn object(entries: &[Entry], legacy: bool) -> Vec<u8> {
    let mut pickle = Pickle::new().raw(b"ccollections\nOrderedDict\n)R(");
    for (key, entry) in entries.iter().enumerate() {
        pickle = pickle.text(&entry.name);
        pickle = pickle.tensor(entry, &key.to_string(), legacy);
    }
    pickle.raw(b"u").end()
}

fn bytes_of(entry: &Entry) -> Vec<u8> {
    entry.values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The older format with this object, the keys and the storages' elements.
pub(super) fn legacy_with(object: &[u8], little: bool, storages: &[(String, Vec<u8>)]) -> Vec<u8> {
    let flag: &[u8] = if little { b"\x88" } else { b"\x89" };
    let system = Pickle::new().raw(b"}").text("little_endian").raw(flag);
    let mut keys = Pickle::new().raw(b"](");
    for (key, _) in storages {
        keys = keys.text(key);
    }
    let mut file = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    file.extend(Pickle::new().raw(b"M\xe9\x03").end());
    file.extend(system.raw(b"s").end());
    file.extend(object);
    file.extend(keys.raw(b"e").end());
    for (_, bytes) in storages {
        file.extend((bytes.len() as u64 / 4).to_le_bytes());
        file.extend(bytes);
    }
    file
}

/// The older format.
pub(super) fn legacy(entries: &[Entry]) -> Vec<u8> {
    let storages: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(key, entry)| (key.to_string(), bytes_of(entry)))
        .collect();
    legacy_with(&object(entries, true), true, &storages)
}

/// A zip archive of these members.
pub(super) fn zip_with(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The format of today.
pub(super) fn archive(entries: &[Entry]) -> Vec<u8> {
    let contents: Vec<_> = (entries.iter().enumerate())
        .map(|(key, entry)| (format!("net/data/{key}"), bytes_of(entry)))
        .collect();
    let object = object(entries, false);
    let mut members: Vec<(&str, &[u8])> = vec![("net/data.pkl", &object)];
    members.push(("net/byteorder", b"little"));
    members.extend(contents.iter().map(|(name, bytes)| (&**name, &bytes[..])));
    zip_with(&members, zip::CompressionMethod::Stored)
}
