//! The two formats of `torch.save`: a zip archive, and before PyTorch 1.6 pickles with the numbers
//! behind them.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use bytes::Bytes;
use zip::ZipArchive;

use super::error::{MemberProblem, PickleProblem, StorageProblem, TorchError};
use super::pickle::{Failed, Machine};
use super::state::{Outline, StateDict};
use super::value::{Storage, Value};

/// The most bytes of a file: those that an ONNX file can hold.
const FILE_LIMIT: u64 = super::super::FILE_LIMIT;
/// How a zip archive begins.
const ZIP: &[u8] = b"PK\x03\x04";
/// How the older format begins: a pickle of PyTorch's mark.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// The one version of the older format.
const LEGACY_VERSION: i64 = 1001;

/// Reads the state dict in a file of `torch.save`, of either format.
pub(super) fn read(path: &Path) -> Result<StateDict, TorchError> {
    let content = content(path)?;
    if content.starts_with(LEGACY) {
        legacy(path, content)
    } else if content.starts_with(ZIP) {
        archive(path, &content)
    } else {
        Err(TorchError::NotTorch { path: path.into() })
    }
}

/// The bytes of the file.
fn content(path: &Path) -> Result<Bytes, TorchError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TorchError::NotThere { path: path.into() },
        _ => TorchError::Unreadable {
            path: path.into(),
            source,
        },
    };
    let check = |bytes: u64| match bytes {
        ..=FILE_LIMIT => Ok(()),
        _ => Err(TorchError::TooLarge {
            path: path.into(),
            bytes,
            limit: FILE_LIMIT,
        }),
    };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    check(bytes)?;
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    (file.take(FILE_LIMIT + 1).read_to_end(&mut content)).map_err(unreadable)?;
    check(content.len() as u64)?;
    Ok(content.into())
}

/// The older format: mark, version, the machine's properties, the object, the keys of the
/// storages; then, key by key, the number of elements and the elements.
fn legacy(path: &Path, content: Bytes) -> Result<StateDict, TorchError> {
    let failed = |(offset, problem)| pickle(path, None, offset, problem);
    let rest = content.slice(LEGACY.len()..);
    let shift = |(offset, problem): Failed| (offset + LEGACY.len(), problem);
    let mut machine = Machine::new(&rest, content.len());
    let next = |machine: &mut Machine<'_>| {
        let at = machine.place();
        let value = machine.run().map_err(shift).map_err(failed)?;
        Ok((at + LEGACY.len(), value))
    };
    let (at, version) = next(&mut machine)?;
    if version != Value::Integer(LEGACY_VERSION) {
        return Err(failed((at, PickleProblem::Header)));
    }
    let (at, system) = next(&mut machine)?;
    match little_endian(&machine, system) {
        None => return Err(failed((at, PickleProblem::Header))),
        Some(false) => return Err(TorchError::BigEndian { path: path.into() }),
        Some(true) => {}
    }
    let (at, object) = next(&mut machine)?;
    let outline = Outline::of(&mut machine, object).map_err(|problem| failed((at, problem)))?;
    let (at, keys) = next(&mut machine)?;
    let keys = texts(&machine, keys).ok_or_else(|| failed((at, PickleProblem::Header)))?;
    let start = machine.place() + LEGACY.len();
    let by_key = &machine.heap.by_key;
    let mut contents: Vec<Option<Bytes>> = vec![None; outline.storages.len()];
    let mut place = start;
    for key in keys {
        let wrong = |problem| storage(path, key, problem);
        let known = by_key.get(key).copied();
        let number = known.ok_or_else(|| wrong(StorageProblem::Unknown))?;
        let bytes = cut(&content, place, &outline.storages[number]).map_err(wrong)?;
        place += 8 + bytes.len();
        contents[number] = Some(bytes);
    }
    let whole = contents.into_iter().zip(&outline.storages);
    let whole = whole
        .map(|(bytes, of)| bytes.ok_or_else(|| storage(path, &of.key, StorageProblem::Missing)));
    let whole = whole.collect::<Result<_, _>>()?;
    Ok(StateDict::new(path.into(), outline, whole))
}

/// The elements of a storage of the older format, whose number stands at `place`.
fn cut(content: &Bytes, place: usize, of: &Storage) -> Result<Bytes, StorageProblem> {
    let from = place + 8;
    let cut_off = |offset: usize, needed| StorageProblem::CutOff {
        offset,
        needed,
        left: content.len().saturating_sub(offset),
    };
    let length = content
        .get(place..from)
        .and_then(|bytes| bytes.try_into().ok());
    let found = i64::from_le_bytes(length.ok_or_else(|| cut_off(place, 8))?);
    if usize::try_from(found) != Ok(of.length) {
        return Err(StorageProblem::Length {
            offset: place,
            expected: of.length,
            found,
        });
    }
    // No overflow: the machine has checked it against the length of the file.
    let needed = of.length * of.element.size();
    if content.len() - from < needed {
        return Err(cut_off(from, needed));
    }
    Ok(content.slice(from..from + needed))
}

/// What the properties of the machine that wrote the file say of the order of bytes.
fn little_endian(machine: &Machine<'_>, system: Value) -> Option<bool> {
    let Value::Dict(dict) = system else {
        return None;
    };
    let entries = machine.heap.dicts.get(dict)?;
    entries.iter().find_map(|entry| match *entry {
        (Value::Text(key), Value::Flag(flag)) if machine.text(key) == "little_endian" => Some(flag),
        _ => None,
    })
}

/// A list of texts.
fn texts<'a>(machine: &Machine<'a>, value: Value) -> Option<Vec<&'a str>> {
    let Value::List(list) = value else {
        return None;
    };
    let values = machine.heap.lists.get(list)?.iter();
    let text = |value: &Value| match *value {
        Value::Text(text) => Some(machine.text(text)),
        _ => None,
    };
    values.map(text).collect()
}

/// A zip archive: one folder with the pickled object as `data.pkl` and each storage as
/// `data/<key>`, nothing compressed.
fn archive(path: &Path, content: &[u8]) -> Result<StateDict, TorchError> {
    let zip = ZipArchive::new(Cursor::new(content)).map_err(|source| TorchError::Zip {
        path: path.into(),
        source,
    })?;
    // A name that is no text can't be the one looked for; if none is, the error says so.
    let names = zip.file_names().filter_map(Result::ok);
    let top = names
        .filter_map(|name| Some(name.strip_suffix("/data.pkl")?.to_owned()))
        .find(|top| !top.contains('/'));
    let mut members = Members {
        path,
        zip,
        left: content.len() as u64,
    };
    let Some(top) = top else {
        return Err(members.wrong("*/data.pkl", MemberProblem::Missing));
    };
    let order = format!("{top}/byteorder");
    if members.has(&order) && members.read(&order)?.as_slice() != b"little" {
        return Err(TorchError::BigEndian { path: path.into() });
    }
    let object = format!("{top}/data.pkl");
    let bytes = members.read(&object)?;
    let failed = |(offset, problem)| pickle(path, Some(&object), offset, problem);
    let mut machine = Machine::new(&bytes, content.len());
    let value = machine.run().map_err(failed)?;
    let outline = Outline::of(&mut machine, value).map_err(|problem| failed((0, problem)))?;
    let mut contents = Vec::with_capacity(outline.storages.len());
    for of in &outline.storages {
        let bytes = members.read(&format!("{top}/data/{}", of.key))?;
        let needed = of.length * of.element.size();
        if bytes.len() != needed {
            let (offset, left) = (0, bytes.len());
            let problem = StorageProblem::CutOff {
                offset,
                needed,
                left,
            };
            return Err(storage(path, &of.key, problem));
        }
        contents.push(Bytes::from(bytes));
    }
    Ok(StateDict::new(path.into(), outline, contents))
}

/// The members of a zip archive.
struct Members<'a> {
    path: &'a Path,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// How many bytes may still be read: no more than the file has, whatever the headers say and
    /// however often a storage is read.
    left: u64,
}

impl Members<'_> {
    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// The bytes of a member, by their checksum the right ones.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, TorchError> {
        let left = self.left;
        let content = self
            .content(name, left)
            .map_err(|problem| self.wrong(name, problem))?;
        self.left -= content.len() as u64;
        Ok(content)
    }

    fn content(&mut self, name: &str, left: u64) -> Result<Vec<u8>, MemberProblem> {
        if !self.has(name) {
            return Err(MemberProblem::Missing);
        }
        let member = self.zip.by_name(name);
        let member = member.map_err(|error| MemberProblem::Damaged(error.into()))?;
        if member.compression() != zip::CompressionMethod::Stored || member.encrypted() {
            return Err(MemberProblem::Packed);
        }
        let bytes = member.size();
        if bytes > left {
            return Err(MemberProblem::Length { bytes, left });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        let read = member.take(left + 1).read_to_end(&mut content);
        read.map_err(MemberProblem::Damaged)?;
        if content.len() as u64 > left {
            return Err(MemberProblem::Length { bytes, left });
        }
        Ok(content)
    }

    fn wrong(&self, member: &str, problem: MemberProblem) -> TorchError {
        TorchError::Member {
            path: self.path.into(),
            member: member.to_owned(),
            problem,
        }
    }
}

fn pickle(path: &Path, member: Option<&str>, offset: usize, problem: PickleProblem) -> TorchError {
    TorchError::Pickle {
        path: path.into(),
        member: member.map(str::to_owned),
        offset,
        problem: Box::new(problem),
    }
}

fn storage(path: &Path, key: &str, problem: StorageProblem) -> TorchError {
    TorchError::Storage {
        path: path.into(),
        key: key.to_owned(),
        problem,
    }
}
