//! Labels: one integer an image, of any width and sign.

use hdf5::types::{IntSize, TypeDescriptor};

use super::MAX_CLASSES;
use super::find::Array;
use crate::dataset::error::SourceError;

/// Reads the labels, checks that there is one an image and that each counts a class.
pub(super) fn read(
    array: &Array,
    images: usize,
    classes: Option<usize>,
) -> Result<Vec<usize>, SourceError> {
    let labels = array.len()?;
    if !matches!(
        array.element,
        TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_)
    ) {
        return Err(array.wrong());
    }
    // Before a byte is read: a damaged file may declare any length, the images' is bounded.
    if labels != images {
        return Err(SourceError::LabelCount {
            path: array.path.clone(),
            name: array.name.clone(),
            labels,
            images,
        });
    }
    let limit = classes.unwrap_or(MAX_CLASSES);
    raw(array)?
        .into_iter()
        .enumerate()
        .map(|(row, value)| match usize::try_from(value) {
            Ok(label) if label < limit => Ok(label),
            _ => Err(SourceError::LabelRange {
                path: array.path.clone(),
                name: array.name.clone(),
                row,
                value: value.to_string(),
                classes,
            }),
        })
        .collect()
}

/// The values, wide enough for every integer type of HDF5 (the library clips silently when a
/// value does not fit the type that it is asked for).
pub(super) fn raw(array: &Array) -> Result<Vec<i128>, SourceError> {
    let unreadable = |e: hdf5::Error| array.unreadable("the values".into(), &e);
    if array.element == TypeDescriptor::Unsigned(IntSize::U8) {
        let values = array.dataset.read_raw::<u64>().map_err(unreadable)?;
        return Ok(values.into_iter().map(i128::from).collect());
    }
    let values = array.dataset.read_raw::<i64>().map_err(unreadable)?;
    Ok(values.into_iter().map(i128::from).collect())
}
