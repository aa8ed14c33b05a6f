//! The head of a safetensors file: its header, and the tensors that stand before `features`.
//!
//! The header says where each tensor lies, so everything but the features is written with it, and
//! the features follow last.

use serde_json::{Map, Value, json};

use super::{ExportError, Table};

/// What a reader of safetensors accepts as a header.
const MOST: usize = 100_000_000;
/// Where tensors begin, and where each of them does.
const ALIGNMENT: usize = 8;

/// Whether a header can hold these ids.
pub(super) fn check<'i>(ids: impl Iterator<Item = &'i str>) -> Result<(), ExportError> {
    let (mut rows, mut needed) = (0, 0);
    for id in ids {
        // Text in a list that is itself text: what has to be escaped is, twice.
        let twice = Value::from(Value::from(id).to_string()).to_string();
        needed += twice.len() - 1;
        rows += 1;
    }
    fits(rows, needed)
}

fn fits(rows: usize, needed: usize) -> Result<(), ExportError> {
    if needed <= MOST {
        return Ok(());
    }
    Err(ExportError::LongHeader {
        rows,
        needed,
        most: MOST,
    })
}

/// What stands before the rows of `table`.
pub(super) fn head(table: &Table<'_>, width: usize) -> Result<Vec<u8>, ExportError> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), metadata(table));
    let mut tensors = Vec::new();
    for (name, numbers) in numbers(table) {
        let begin = tensors.len();
        tensors.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let shape = [numbers.len()];
        header.insert(
            name.to_owned(),
            entry("I64", &shape, begin as u64, tensors.len() as u64),
        );
    }
    let begin = tensors.len() as u64;
    let rows = table.rows.len();
    let end = begin.saturating_add((rows as u64).saturating_mul(width as u64 * 4));
    header.insert(
        "features".to_owned(),
        entry("F32", &[rows, width], begin, end),
    );
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
    fits(rows, text.len())?;
    let length = (text.len() as u64).to_le_bytes();
    Ok([&length[..], &text, &tensors].concat())
}

/// All that is text; safetensors has a place for strings by name, and lists are JSON there.
fn metadata(table: &Table<'_>) -> Value {
    let mut said = Map::new();
    let mut say = |name: &str, value: String| said.insert(name.to_owned(), Value::String(value));
    say("catpipe", super::KIND.to_owned());
    for (name, value) in &table.about {
        say(name, value.clone());
    }
    if let Some(labels) = &table.labels {
        say("classes", json!(labels.classes).to_string());
    }
    if table.splits.is_some() {
        say("split_names", json!(super::SPLITS).to_string());
    }
    say("ids", json!(table.ids).to_string());
    Value::Object(said)
}

/// What is known of rows, as numbers.
fn numbers(table: &Table<'_>) -> Vec<(&'static str, Vec<i64>)> {
    let labels = table
        .labels
        .as_ref()
        .map(|labels| labels.numbers().collect());
    let number = |split: &&str| {
        let found = (0..).zip(super::SPLITS).find(|(_, name)| name == split);
        found.map_or(-1, |(number, _)| number)
    };
    let splits = table
        .splits
        .as_ref()
        .map(|splits| splits.iter().map(number).collect());
    let views = table
        .views
        .as_ref()
        .map(|views| views.iter().copied().map(i64::from).collect());
    let named = [("labels", labels), ("splits", splits), ("views", views)];
    let known = named
        .into_iter()
        .filter_map(|(name, numbers)| Some((name, numbers?)));
    known.collect()
}

fn entry(dtype: &str, shape: &[usize], begin: u64, end: u64) -> Value {
    json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})
}
