//! The head of an HDF5 file of features: everything but the rows.
//!
//! The library is not let near a disk that may fill up (it crashes there, see
//! [`super::super::shard`]), and a file made in memory would have to fit there. So it makes a file in
//! memory whose dataset `features` has a size and no values yet; the values are going to stand
//! behind that file, and the two numbers that say so are put into it: where the dataset's values
//! begin, and where the file ends. Both stand in structures without checksums, as the file is of
//! the oldest and most widely read version of the format. What comes out is opened with the library
//! before it is published.

use std::path::Path;

use hdf5::types::VarLenUnicode;

use super::part::Part;
use super::{ExportError, Table};
use crate::features::image;

/// The version of its layout.
const FORMAT: u32 = 1;
/// The rows begin at a multiple of this.
const ALIGNMENT: usize = 512;
/// Where a superblock of version 0 says how long the file is.
const END_OF_FILE: std::ops::Range<usize> = 40..48;
/// An address that has not been given yet.
const UNDEFINED: [u8; 8] = [0xff; 8];

/// What stands before the rows of `table`.
pub(super) fn head(path: &Path, table: &Table<'_>, width: usize) -> Result<Vec<u8>, ExportError> {
    let fail = |detail: String| ExportError::Hdf5 {
        path: path.to_owned(),
        detail,
    };
    let mut head = empty(path, table, width).map_err(|error| fail(error.to_string()))?;
    if table.rows.is_empty() {
        // No values: no place of theirs to tell.
        return Ok(head);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
    let bytes = (table.rows.len() as u64)
        .checked_mul(width as u64 * 4)
        .ok_or_else(|| fail("more rows than a file can hold".to_owned()))?;
    // The message of a dataset whose values lie in one piece: version 3, class 1, address, size.
    let message = [&[3, 1][..], &UNDEFINED, &bytes.to_le_bytes()].concat();
    let mut found = (0..head.len()).filter(|&at| head[at..].starts_with(&message));
    let (Some(at), None) = (found.next(), found.next()) else {
        return Err(fail(
            "this version lays files out in another way".to_owned(),
        ));
    };
    let start = head.len() as u64;
    let end = start
        .checked_add(bytes)
        .ok_or_else(|| fail("more rows than a file can hold".to_owned()))?;
    head[at + 2..at + 10].copy_from_slice(&start.to_le_bytes());
    match head.get_mut(END_OF_FILE) {
        Some(field) => field.copy_from_slice(&end.to_le_bytes()),
        None => {
            return Err(fail(
                "this version lays files out in another way".to_owned(),
            ));
        }
    }
    Ok(head)
}

/// The file without values.
fn empty(path: &Path, table: &Table<'_>, width: usize) -> Result<Vec<u8>, hdf5::Error> {
    // Nothing is created at `path`: it is the name by which HDF5 tells open files apart.
    let file = hdf5::File::with_options()
        .with_fapl(|fapl| fapl.core_filebacked(false).libver_earliest())
        .create(path)?;
    texts(&file, "id", table.ids.iter().copied())?;
    facts(&file, table)?;
    file.new_dataset::<f32>()
        .shape([table.rows.len(), width])
        .create("features")?;
    file.new_attr::<u32>()
        .create("format")?
        .write_scalar(&FORMAT)?;
    let kind = [("catpipe", super::KIND.to_owned())];
    for (name, value) in kind.iter().chain(&table.about) {
        file.new_attr::<VarLenUnicode>()
            .create(*name)?
            .write_scalar(&text(value)?)?;
    }
    file.flush()?;
    let bytes = image::bytes(&file)?;
    file.close()?;
    Ok(bytes)
}

/// What else is known of the rows.
fn facts(file: &hdf5::File, table: &Table<'_>) -> Result<(), hdf5::Error> {
    if let Some(labels) = &table.labels {
        let numbers: Vec<i64> = labels.numbers().collect();
        file.new_dataset_builder()
            .with_data(&numbers)
            .create("label")?;
        texts(file, "classes", labels.classes.iter().map(String::as_str))?;
    }
    if let Some(splits) = &table.splits {
        texts(file, "split", splits.iter().copied())?;
    }
    if let Some(views) = &table.views {
        file.new_dataset_builder().with_data(views).create("view")?;
    }
    Ok(())
}

fn texts<'t>(
    file: &hdf5::File,
    name: &str,
    texts: impl Iterator<Item = &'t str>,
) -> Result<(), hdf5::Error> {
    let texts: Vec<VarLenUnicode> = texts.map(text).collect::<Result<_, _>>()?;
    file.new_dataset_builder().with_data(&texts).create(name)?;
    Ok(())
}

fn text(value: &str) -> Result<VarLenUnicode, hdf5::Error> {
    let parsed = value.parse();
    parsed.map_err(|_| format!("{value:?} has a NUL character").into())
}

/// Opens the finished file with the library, which must find the rows where they are.
pub(super) fn verify(
    part: &Part,
    start: u64,
    table: &Table<'_>,
    width: usize,
) -> Result<(), ExportError> {
    let fail = |detail: String| ExportError::Hdf5 {
        path: part.place().to_owned(),
        detail,
    };
    let open = || -> Result<_, hdf5::Error> {
        let file = hdf5::File::with_options()
            .with_fapl(|fapl| fapl.file_locking(false))
            .open(part.path())?;
        let features = file.dataset("features")?;
        let facts = (features.shape(), features.offset(), features.storage_size());
        Ok((facts, file.dataset("id")?.shape()))
    };
    let found = open().map_err(|error| fail(error.to_string()))?;
    let rows = table.rows.len();
    let size = rows as u64 * width as u64 * 4;
    let start = (rows > 0).then_some(start);
    if found != ((vec![rows, width], start, size), vec![rows]) {
        return Err(fail(format!("it reads the file just written as {found:?}")));
    }
    Ok(())
}
