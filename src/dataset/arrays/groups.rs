//! Groups: an integer or a string an image.

use hdf5::types::TypeDescriptor;

use super::find::Array;
use super::{labels, names};
use crate::dataset::error::SourceError;

/// Reads the groups and checks that there is one an image; an empty string is no group.
pub(super) fn read(array: &Array, images: usize) -> Result<Vec<Option<String>>, SourceError> {
    let groups = array.len()?;
    // Before a byte is read: a damaged file may declare any length, the images' is bounded.
    if groups != images {
        return Err(SourceError::GroupCount {
            path: array.path.clone(),
            name: array.name.clone(),
            groups,
            images,
        });
    }
    if let TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) = array.element {
        let values = labels::raw(array)?.into_iter();
        return Ok(values.map(|value| Some(value.to_string())).collect());
    }
    let named = |(row, bytes): (usize, Vec<u8>)| {
        if bytes.is_empty() {
            return Ok(None);
        }
        let group = names::checked(bytes).map_err(|problem| SourceError::GroupName {
            path: array.path.clone(),
            name: array.name.clone(),
            row,
            problem,
        })?;
        Ok(Some(group))
    };
    names::raw(array)?
        .into_iter()
        .enumerate()
        .map(named)
        .collect()
}
