//! NPZ: a ZIP archive of NPY files, stored as they are.

use std::io::Write;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::out::{self, Failed, Out};
use super::part::Part;
use super::spool::Spool;
use super::{ExportError, Table, npy};

/// About as many bytes of rows are in memory at once.
const AT_ONCE: usize = 1 << 20;
/// An entry that may grow beyond this, its ZIP header included, needs the wide header.
const WIDE: u64 = 0xFFFF_0000;

/// Writes the file.
pub(super) fn write(
    part: &mut Part,
    table: &Table<'_>,
    width: usize,
    spool: &mut Spool,
) -> Result<(), ExportError> {
    out::to(part, |out| try_write(out, table, width, spool))
}

impl From<std::io::Error> for Failed<ZipError> {
    fn from(error: std::io::Error) -> Self {
        Failed::Form(error.into())
    }
}

fn try_write(
    out: &mut Out<'_>,
    table: &Table<'_>,
    width: usize,
    spool: &mut Spool,
) -> Result<(), Failed<ZipError>> {
    let mut zip = ZipWriter::new(out);
    let rows = table.rows.len();
    begin(&mut zip, "features", "<f4", &[rows, width], 4)?;
    let (step, mut values, mut bytes) = (rows_at_once(width), Vec::new(), Vec::new());
    for first in (0..rows).step_by(step) {
        let next = spool.next(step.min(rows - first), &mut values);
        next.map_err(Failed::Spool)?;
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        zip.write_all(&bytes)?;
    }
    texts(&mut zip, "ids", table.ids.iter().copied())?;
    if let Some(labels) = &table.labels {
        numbers(&mut zip, "labels", rows, labels.numbers())?;
        texts(
            &mut zip,
            "classes",
            labels.classes.iter().map(String::as_str),
        )?;
    }
    if let Some(splits) = &table.splits {
        texts(&mut zip, "splits", splits.iter().copied())?;
    }
    if let Some(views) = &table.views {
        numbers(
            &mut zip,
            "views",
            rows,
            views.iter().copied().map(i64::from),
        )?;
    }
    zip.finish()?;
    Ok(())
}

fn rows_at_once(width: usize) -> usize {
    (AT_ONCE / (width * 4).max(1)).max(1)
}

type Zip<'a, 'p> = ZipWriter<&'a mut Out<'p>>;

/// Begins the array `name` with its head.
fn begin(
    zip: &mut Zip<'_, '_>,
    name: &str,
    descr: &str,
    shape: &[usize],
    item: usize,
) -> Result<(), Failed<ZipError>> {
    let values = shape.iter().map(|n| *n as u64);
    let bytes = values.fold(item as u64, u64::saturating_mul);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(bytes > WIDE);
    zip.start_file(format!("{name}.npy"), options)?;
    zip.write_all(&npy::head_of(descr, shape))?;
    Ok(())
}

fn numbers(
    zip: &mut Zip<'_, '_>,
    name: &str,
    count: usize,
    values: impl Iterator<Item = i64>,
) -> Result<(), Failed<ZipError>> {
    begin(zip, name, "<i8", &[count], 8)?;
    let bytes: Vec<u8> = values.flat_map(i64::to_le_bytes).collect();
    zip.write_all(&bytes)?;
    Ok(())
}

/// Texts of one length, in NumPy's way: four bytes a character, zeros after the last.
fn texts<'t>(
    zip: &mut Zip<'_, '_>,
    name: &str,
    texts: impl ExactSizeIterator<Item = &'t str> + Clone,
) -> Result<(), Failed<ZipError>> {
    let longest = texts.clone().map(|text| text.chars().count()).max();
    // NumPy knows no array of texts without a character.
    let length = longest.unwrap_or_default().max(1);
    begin(
        zip,
        name,
        &format!("<U{length}"),
        &[texts.len()],
        length * 4,
    )?;
    let mut bytes = Vec::new();
    for text in texts {
        let end = bytes.len() + length * 4;
        bytes.extend(text.chars().flat_map(|c| u32::from(c).to_le_bytes()));
        bytes.resize(end, 0);
        if end >= AT_ONCE {
            zip.write_all(&bytes)?;
            bytes.clear();
        }
    }
    Ok(zip.write_all(&bytes)?)
}
