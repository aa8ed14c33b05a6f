//! CSV: `id`, `label`, `split` and `view` where they are known, then `f0`, `f1`, ...

use super::out::{self, Failed, Out};
use super::part::Part;
use super::spool::Spool;
use super::{ExportError, Table};

/// Bytes that wait until they are written.
const WAITING: usize = 1 << 18;

/// Writes the file.
pub(super) fn write(
    part: &mut Part,
    table: &Table<'_>,
    width: usize,
    spool: &mut Spool,
) -> Result<(), ExportError> {
    out::to(part, |out| try_write(out, table, width, spool))
}

fn try_write(
    out: &mut Out<'_>,
    table: &Table<'_>,
    width: usize,
    spool: &mut Spool,
) -> Result<(), Failed<csv::Error>> {
    let mut writer = csv::WriterBuilder::new()
        .buffer_capacity(WAITING)
        .from_writer(out);
    let (names, mut cells) = table.cells();
    let columns = (0..width).map(|column| format!("f{column}"));
    writer.write_record(names.into_iter().map(str::to_owned).chain(columns))?;
    let mut row = Vec::new();
    for _ in table.rows {
        for cell in &mut cells {
            writer.write_field(cell.next().unwrap_or_default())?;
        }
        spool.next(1, &mut row).map_err(Failed::Spool)?;
        for value in &row {
            writer.write_field(number(*value))?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// What is known of the rows of `table`, without their features.
pub(super) fn facts(table: &Table<'_>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let (names, mut cells) = table.cells();
    writer.write_record(names)?;
    for _ in table.rows {
        writer.write_record(cells.iter_mut().map(|cell| cell.next().unwrap_or_default()))?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

/// The shortest decimal that reads back as `value`, whether it is read as float32 or, as most
/// programs do, as float64 and then rounded. For a few numbers the shortest one of the first kind
/// lies so near the middle of two float32 that rounding twice gives the other: these get nine
/// digits, which never do.
pub(super) fn number(value: f32) -> String {
    let shortest = format!("{value:?}");
    let survives = shortest.parse::<f64>().is_ok_and(|read| {
        // Some readers are off by a few units in the last place of a float64.
        let off = [read, read * (1.0 - 1e-14), read * (1.0 + 1e-14)];
        off.iter().all(|read| *read as f32 == value)
    });
    if survives {
        shortest
    } else {
        format!("{value:.8e}")
    }
}
