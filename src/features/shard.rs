//! A shard as an HDF5 file: the only place in this room that knows HDF5.
//!
//! HDF5's own file locks are off: a published shard never changes, and some file systems have no
//! locks. The library writes nothing to standard error: the
//! binding turns its error printing off, and its words stand in the errors here.

use super::error::{Damage, StoreError};
use super::image;
use super::key::{RowId, RowType, Space};
use super::numbers::halves;
use half::f16;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenUnicode};
use ndarray::{Array2, ArrayView2};
use std::path::Path;

/// The version of the layout that this program writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;
const KIND: &str = "feature shard";
const READING: &str = "reading a shard";
const MAKING: &str = "making a shard";

/// Why a shard was not read.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The file itself is to blame: set it aside.
    Damage(Damage),
    /// Something else is: stop.
    Error(StoreError),
}

impl Refusal {
    pub(super) fn layout(what: impl Into<String>) -> Self {
        Self::Damage(Damage::Layout { what: what.into() })
    }
}

/// The bytes of a new shard that is to be written to `path`: `keys` [rows] and `features`
/// [rows * width], row after row.
///
/// HDF5 makes them in memory. Let loose on a disk that fills up, the library (2.0) fails to close
/// a dataset and then crashes the process at the next flush; the system's own calls just say so.
pub(super) fn image(
    path: &Path,
    space: &Space,
    keys: &[RowId],
    features: &[f32],
) -> Result<Vec<u8>, StoreError> {
    try_image(path, space, keys, features).map_err(|error| StoreError::hdf5(path, MAKING, &error))
}

fn try_image(
    path: &Path,
    space: &Space,
    keys: &[RowId],
    features: &[f32],
) -> Result<Vec<u8>, hdf5::Error> {
    let flat: Vec<u8> = keys.iter().flat_map(|key| key.0).collect();
    let shape = (keys.len(), space.width);
    let flat = ArrayView2::from_shape((keys.len(), 32), &flat)?;
    // Nothing is created at `path`: it is the name by which HDF5 tells open files apart.
    let file = hdf5::File::with_options()
        .with_fapl(|fapl| fapl.core_filebacked(false))
        // The root group's header would hold the time, and equal rows would make other files.
        .with_fcpl(|fcpl| fcpl.obj_track_times(false))
        .create(path)?;
    let builder = file.new_dataset_builder();
    match space.rows {
        RowType::Float32 => builder
            .with_data(ArrayView2::from_shape(shape, features)?)
            .create("features")?,
        RowType::Float16 => builder
            .with_data(ArrayView2::from_shape(shape, &halves(features))?)
            .create("features")?,
    };
    file.new_dataset_builder().with_data(flat).create("keys")?;
    file.new_attr::<u32>()
        .create("format")?
        .write_scalar(&FORMAT)?;
    let json = serde_json::to_string(space).map_err(|error| error.to_string())?;
    text(&file, "catpipe", KIND)?;
    text(&file, "space", &json)?;
    text(&file, "columns", &columns(space))?;
    file.flush()?;
    let image = image::bytes(&file)?;
    file.close()?;
    Ok(image)
}

fn text(file: &hdf5::File, name: &str, value: &str) -> Result<(), hdf5::Error> {
    let value: VarLenUnicode = value
        .parse()
        .map_err(|_| format!("{name} has a NUL character"))?;
    file.new_attr::<VarLenUnicode>()
        .create(name)?
        .write_scalar(&value)
}

fn columns(space: &Space) -> String {
    format!(
        "column j of features is element j of 0..{} of the backbone's output {:?}; \
         row i belongs to the row id in row i of keys",
        space.width, space.output
    )
}

/// What HDF5 finds in a shard.
#[derive(Debug)]
pub(super) struct Contents {
    /// The row ids.
    pub(super) keys: Vec<RowId>,
    /// The rows: [keys.len(), width].
    pub(super) values: Array2<f32>,
    /// Where features and keys begin in the file, if each lies there in one piece.
    pub(super) offsets: Option<(u64, u64)>,
}

/// Reads the shard of `space` at `path`, whose file has `length` bytes.
pub(super) fn contents(path: &Path, space: &Space, length: u64) -> Result<Contents, Refusal> {
    let fail = |error| hdf5_failed(path, &error);
    let file = open(path)?;
    let (features, rows) = dataset(&file, path, features(space.rows), space.width, length)?;
    let (keys, count) = dataset(&file, path, KEYS, 32, length)?;
    if count != rows {
        return Err(Refusal::layout(format!(
            "{rows} rows of features, but {count} keys"
        )));
    }
    let flat = keys.read_raw::<u8>().map_err(fail)?;
    let (chunks, _) = flat.as_chunks::<32>();
    let values = match space.rows {
        RowType::Float32 => features.read_2d::<f32>().map_err(fail)?,
        RowType::Float16 => features.read_2d::<f16>().map_err(fail)?.mapv(f16::to_f32),
    };
    Ok(Contents {
        keys: chunks.iter().copied().map(RowId).collect(),
        values,
        offsets: features.offset().zip(keys.offset()),
    })
}

/// Opens a shard and checks what it says it is.
fn open(path: &Path) -> Result<hdf5::File, Refusal> {
    let file = hdf5::File::with_options()
        .with_fapl(|fapl| fapl.file_locking(false))
        .open(path)
        .map_err(|error| hdf5_failed(path, &error))?;
    // Its text is for people. The library's reading of text of variable length is the one thing
    // that a file can make endless, and a file of this name and place says nothing else anyway.
    if file.attr("catpipe").is_err() {
        return Err(Refusal::layout("no attribute catpipe"));
    }
    let format = file
        .attr("format")
        .and_then(|attr| attr.read_scalar::<u32>());
    match format {
        Ok(FORMAT) => Ok(file),
        Ok(found) if found > FORMAT => Err(Refusal::Error(StoreError::NewerFormat {
            path: path.to_owned(),
            found,
            known: FORMAT,
        })),
        Ok(found) => Err(Refusal::layout(format!("format {found} never was"))),
        Err(_) => Err(Refusal::layout("no attribute format")),
    }
}

/// One of the two arrays: its name, the type of its elements and their size in bytes.
type Array = (&'static str, TypeDescriptor, u64);
const KEYS: Array = ("keys", TypeDescriptor::Unsigned(IntSize::U1), 1);

fn features(rows: RowType) -> Array {
    let size = match rows {
        RowType::Float32 => FloatSize::U4,
        RowType::Float16 => FloatSize::U2,
    };
    ("features", TypeDescriptor::Float(size), rows.size() as u64)
}

/// The dataset and its number of rows, once its type, its shape and its storage are as they must
/// be: nothing that a file declares is allocated before it is compared with the file's length.
fn dataset(
    file: &hdf5::File,
    path: &Path,
    (name, element, size): Array,
    width: usize,
    length: u64,
) -> Result<(hdf5::Dataset, usize), Refusal> {
    let dataset = file
        .dataset(name)
        .map_err(|_| Refusal::layout(format!("no dataset {name:?}")))?;
    let fail = |error| hdf5_failed(path, &error);
    let found = dataset
        .dtype()
        .and_then(|dtype| dtype.to_descriptor())
        .map_err(fail)?;
    if found != element {
        return Err(Refusal::layout(format!("{name} is {found}, not {element}")));
    }
    let shape = dataset.get_shape().map_err(fail)?;
    let &[rows, columns] = shape.as_slice() else {
        return Err(Refusal::layout(format!(
            "{name} has shape {shape:?}, not [rows, {width}]"
        )));
    };
    let bytes = (rows as u64)
        .checked_mul(width as u64)
        .and_then(|count| count.checked_mul(size));
    let fits = bytes.is_some_and(|bytes| bytes <= length && bytes == dataset.storage_size());
    if columns != width || !fits {
        return Err(Refusal::layout(format!(
            "{name} declares shape {shape:?} and stores {} bytes in a file of {length}, \
             but rows have {width} columns",
            dataset.storage_size()
        )));
    }
    Ok((dataset, rows))
}

fn hdf5_failed(path: &Path, error: &hdf5::Error) -> Refusal {
    Refusal::Error(StoreError::hdf5(path, READING, error))
}
