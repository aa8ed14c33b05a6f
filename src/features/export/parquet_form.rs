//! Parquet: `id`, `label`, `split` and `view` where they are known, and `features`, a list of
//! floats.
//!
//! The list has the three levels of the format's standard, which is what readers make a list of
//! float32 of. Features are uncompressed: they are noise to a compressor. Row groups are small
//! enough to be read one at a time by a machine of any size, and large enough for threads.

use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::out::{self, Failed, Out};
use super::part::Part;
use super::spool::Spool;
use super::{ExportError, Table};

/// A row group has no more bytes of features, unless one row has, and no more rows.
const GROUP_BYTES: usize = 64 << 20;
const GROUP_ROWS: usize = 100_000;
/// About as many bytes of rows are in memory at once.
const AT_ONCE: usize = 1 << 20;

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
) -> Result<(), Failed<ParquetError>> {
    let properties = Arc::new(properties(table));
    let mut writer = SerializedFileWriter::new(out, schema(table)?, properties)?;
    let rows = table.rows.len();
    for first in (0..rows).step_by(group_rows(width)) {
        let count = group_rows(width).min(rows - first);
        let mut group = writer.next_row_group()?;
        facts(&mut group, table, first..first + count)?;
        features(&mut group, width, count, spool)?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn group_rows(width: usize) -> usize {
    (GROUP_BYTES / (width * 4).max(1)).clamp(1, GROUP_ROWS)
}

fn properties(table: &Table<'_>) -> WriterProperties {
    let said = table
        .about
        .iter()
        .map(|(name, value)| (*name, value.clone()));
    let classes = table.labels.iter().map(|labels| {
        let names = serde_json::json!(labels.classes);
        ("classes", names.to_string())
    });
    let said = [("catpipe", super::KIND.to_owned())]
        .into_iter()
        .chain(said)
        .chain(classes);
    let said = said.map(|(name, value)| KeyValue::new(name.to_owned(), value));
    let features = ColumnPath::from(vec![
        "features".to_owned(),
        "list".to_owned(),
        "element".to_owned(),
    ]);
    let ids = ColumnPath::from("id");
    WriterProperties::builder()
        .set_created_by(concat!("catpipe ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(said.collect()))
        // Nobody looks for a number within rows, and no two ids are the same.
        .set_column_statistics_enabled(features.clone(), EnabledStatistics::None)
        .set_column_dictionary_enabled(features, false)
        .set_column_dictionary_enabled(ids, false)
        .build()
}

fn schema(table: &Table<'_>) -> Result<TypePtr, ParquetError> {
    let text = |name: &str, repetition| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(repetition)
            .with_logical_type(Some(LogicalType::String))
            .build()
    };
    let mut fields = vec![text("id", Repetition::REQUIRED)?];
    if table.labels.is_some() {
        fields.push(text("label", Repetition::OPTIONAL)?);
    }
    if table.splits.is_some() {
        fields.push(text("split", Repetition::REQUIRED)?);
    }
    if table.views.is_some() {
        let view = Type::primitive_type_builder("view", Physical::INT32);
        fields.push(view.with_repetition(Repetition::REQUIRED).build()?);
    }
    fields.push(list()?);
    let fields = fields.into_iter().map(Arc::new).collect();
    let rows = Type::group_type_builder("rows")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(rows))
}

fn list() -> Result<Type, ParquetError> {
    let element = Type::primitive_type_builder("element", Physical::FLOAT)
        .with_repetition(Repetition::REQUIRED)
        .build()?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    Type::group_type_builder("features")
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_converted_type(ConvertedType::LIST)
        .with_fields(vec![Arc::new(list)])
        .build()
}

type Group<'g, 'a, 'p> = SerializedRowGroupWriter<'g, &'a mut Out<'p>>;

/// Writes the next column of a group.
fn column<D: DataType>(
    group: &mut Group<'_, '_, '_>,
    values: &[D::T],
    definition: Option<&[i16]>,
) -> Result<(), Failed<ParquetError>> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("a column too many".to_owned()).into());
    };
    column.typed::<D>().write_batch(values, definition, None)?;
    column.close()?;
    Ok(())
}

/// Writes what is known of the rows of a group.
fn facts(
    group: &mut Group<'_, '_, '_>,
    table: &Table<'_>,
    rows: std::ops::Range<usize>,
) -> Result<(), Failed<ParquetError>> {
    let (first, count) = (rows.start, rows.len());
    let ids = table.ids.iter().skip(first).take(count);
    let ids: Vec<ByteArray> = ids.map(|id| ByteArray::from(*id)).collect();
    column::<ByteArrayType>(group, &ids, None)?;
    if let Some(labels) = &table.labels {
        let names: Vec<_> = labels.names().skip(first).take(count).collect();
        let known: Vec<i16> = names.iter().map(|name| i16::from(name.is_some())).collect();
        let names: Vec<ByteArray> = names.into_iter().flatten().map(ByteArray::from).collect();
        column::<ByteArrayType>(group, &names, Some(&known))?;
    }
    if let Some(splits) = &table.splits {
        let splits = splits.iter().skip(first).take(count);
        let splits: Vec<ByteArray> = splits.map(|split| ByteArray::from(*split)).collect();
        column::<ByteArrayType>(group, &splits, None)?;
    }
    if let Some(views) = &table.views {
        let views = views.iter().skip(first).take(count);
        // Their number is an `u32` that a pipeline keeps far below the largest `i32`.
        let views: Vec<i32> = views
            .map(|view| i32::try_from(*view).unwrap_or(i32::MAX))
            .collect();
        column::<Int32Type>(group, &views, None)?;
    }
    Ok(())
}

/// Writes the features of the next `count` rows.
fn features(
    group: &mut Group<'_, '_, '_>,
    width: usize,
    count: usize,
    spool: &mut Spool,
) -> Result<(), Failed<ParquetError>> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("a column too few".to_owned()).into());
    };
    let step = (AT_ONCE / (width * 4).max(1)).clamp(1, count.max(1));
    // Every value is there, and the first of each row begins a list.
    let defined = vec![1; step * width];
    let repeated: Vec<i16> = (0..step * width)
        .map(|at| i16::from(at % width != 0))
        .collect();
    let mut values = Vec::new();
    for first in (0..count).step_by(step) {
        let next = spool.next(step.min(count - first), &mut values);
        next.map_err(Failed::Spool)?;
        let levels = values.len();
        let (defined, repeated) = (&defined[..levels], &repeated[..levels]);
        column
            .typed::<FloatType>()
            .write_batch(&values, Some(defined), Some(repeated))?;
    }
    column.close()?;
    Ok(())
}
