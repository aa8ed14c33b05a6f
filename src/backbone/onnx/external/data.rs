//! One file of weights.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

/// A file that a graph keeps weights in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its path, relative to the folder of the ONNX file.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
}

/// The bytes of a file that a tensor wants.
pub(super) struct Wanted {
    /// The tensor, by its place in the caller's list.
    pub(super) tensor: usize,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Tensors and their bytes.
type Contents = Vec<(usize, Vec<u8>)>;

/// What is wrong, and with which tensor, unless with the file as a whole.
type Wrong = (Option<usize>, String);

/// Refuses a path that may lead out of the folder of the ONNX file.
pub(super) fn check_inside(location: &Path) -> Result<(), String> {
    let inside = (location.components()).all(|part| matches!(part, Component::Normal(_)));
    if inside && !location.as_os_str().is_empty() {
        return Ok(());
    }
    let location = location.display();
    Err(format!("{location} leads out of the file's folder"))
}

/// Reads the file `name` beside `model` once, from its beginning to its end: its checksum, and
/// the bytes that each tensor wants.
pub(super) fn read(
    model: &Path,
    name: String,
    wanted: Vec<Wanted>,
) -> Result<(DataFile, Contents), Wrong> {
    let mut file = open(model, &name).map_err(|reason| (None, reason))?;
    let told = |error: io::Error| (None, format!("{name}: {error}"));
    let has = file.metadata().map_err(told)?.len();
    let mut contents = Vec::with_capacity(wanted.len());
    for one in &wanted {
        contents.push((one.tensor, room(one, has, &name)?));
    }
    let mut sha256 = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    let mut at = 0_u64;
    loop {
        let length = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(told(error)),
        };
        sha256.update(&chunk[..length]);
        for (one, (_, content)) in wanted.iter().zip(&mut contents) {
            content.extend_from_slice(overlap(one, at, &chunk[..length]));
        }
        at += length as u64;
    }
    let short = wanted
        .iter()
        .zip(&contents)
        .find(|(one, (_, content))| one.length != content.len() as u64);
    if let Some((one, _)) = short {
        return Err((
            Some(one.tensor),
            format!("{name} changed while it was read"),
        ));
    }
    let file = DataFile {
        name,
        bytes: at,
        sha256: super::hex(&sha256.finalize()),
    };
    Ok((file, contents))
}

/// Room for the bytes that a tensor wants of a file that has `has`.
fn room(one: &Wanted, has: u64, name: &str) -> Result<Vec<u8>, Wrong> {
    let wrong = |reason| (Some(one.tensor), reason);
    let Wanted { offset, length, .. } = *one;
    if offset.checked_add(length).is_none_or(|end| end > has) {
        let from = if length == 0 {
            format!("{offset}")
        } else {
            format!("{length} from {offset} on")
        };
        return Err(wrong(format!(
            "{name} has {has} bytes, and {from} are needed: it is cut off, or of another model"
        )));
    }
    let length = usize::try_from(length).map_err(|_| wrong("it is too large".to_owned()))?;
    Ok(Vec::with_capacity(length))
}

/// The part of a chunk, which begins at `at`, that is wanted.
fn overlap<'a>(one: &Wanted, at: u64, chunk: &'a [u8]) -> &'a [u8] {
    let within = |place: u64| {
        let place = place.saturating_sub(at).min(chunk.len() as u64);
        usize::try_from(place).unwrap_or(chunk.len())
    };
    let end = one.offset.saturating_add(one.length);
    chunk
        .get(within(one.offset)..within(end))
        .unwrap_or_default()
}

/// Opens a file in the folder of `model` or below it.
fn open(model: &Path, name: &str) -> Result<File, String> {
    let folder = match model.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let path = folder.join(name);
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "{} does not exist: it belongs to the ONNX file and must lie beside it",
            path.display()
        ),
        _ => format!("{}: {error}", path.display()),
    };
    // A link may lead anywhere.
    let real = path.canonicalize().map_err(told)?;
    if !real.starts_with(folder.canonicalize().map_err(told)?) {
        return Err(format!("{} leads out of the file's folder", path.display()));
    }
    if !real.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    File::open(real).map_err(told)
}
