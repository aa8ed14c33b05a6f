//! Class names: strings of fixed or variable length.

use std::collections::HashSet;

use hdf5::H5Type;
use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor};
use ndarray::s;

use super::find::Array;
use super::{MAX_CLASSES, texts};
use crate::dataset::error::SourceError;

/// The longest name that is read, in bytes.
pub(super) const MAX_NAME: usize = 512;

/// Reads the names; each must be text, not empty, and there once.
pub(super) fn read(array: &Array) -> Result<Vec<String>, SourceError> {
    let count = array.len()?;
    if count > MAX_CLASSES {
        return Err(array.too_large(format!("at most {MAX_CLASSES} classes are accepted")));
    }
    let mut seen = HashSet::new();
    let mut names = Vec::with_capacity(count);
    for (row, bytes) in raw(array)?.into_iter().enumerate() {
        let name = checked(bytes).and_then(|name| {
            if seen.insert(name.clone()) {
                Ok(name)
            } else {
                Err(format!("repeats `{name}`"))
            }
        });
        names.push(name.map_err(|problem| SourceError::ClassName {
            path: array.path.clone(),
            name: array.name.clone(),
            row,
            problem,
        })?);
    }
    Ok(names)
}

pub(super) fn checked(bytes: Vec<u8>) -> Result<String, String> {
    match String::from_utf8(bytes) {
        Ok(name) if name.is_empty() => Err("is empty".into()),
        Ok(name) if name.chars().any(char::is_control) => {
            Err(format!("has a control character: {name:?}"))
        }
        Ok(name) => Ok(name),
        Err(e) => Err(format!(
            "is not UTF-8 text: {:?}",
            String::from_utf8_lossy(e.as_bytes())
        )),
    }
}

/// How many names are read at once: a damaged file may declare many, and those of fixed length take
/// [`MAX_NAME`] bytes each until they are known.
const BLOCK: usize = 65_536;

/// The bytes of each name. They are read as bytes and checked afterwards: the types of the HDF5
/// wrapper take it on trust that a file's text is valid.
pub(super) fn raw(array: &Array) -> Result<Vec<Vec<u8>>, SourceError> {
    let read = match array.element {
        TypeDescriptor::FixedAscii(n) | TypeDescriptor::FixedUnicode(n) if n > MAX_NAME => {
            return Err(array.too_large(format!("names of at most {MAX_NAME} bytes are accepted")));
        }
        TypeDescriptor::FixedAscii(_) => blocks(array, |name: &FixedAscii<MAX_NAME>| {
            name.as_bytes().to_vec()
        }),
        TypeDescriptor::FixedUnicode(_) => blocks(array, |name: &FixedUnicode<MAX_NAME>| {
            name.as_bytes().to_vec()
        }),
        TypeDescriptor::VarLenAscii | TypeDescriptor::VarLenUnicode => return texts::read(array),
        _ => return Err(array.wrong()),
    };
    read.map_err(|e| array.unreadable("the names".into(), &e))
}

fn blocks<T: H5Type>(
    array: &Array,
    bytes: impl Fn(&T) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, hdf5::Error> {
    let mut names = Vec::new();
    let count = array.dataset.size();
    for start in (0..count).step_by(BLOCK) {
        let end = count.min(start + BLOCK);
        let block = array.dataset.read_slice_1d::<T, _>(s![start..end])?;
        names.extend(block.iter().map(&bytes));
    }
    Ok(names)
}
