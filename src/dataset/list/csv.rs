//! Lists in CSV.

use csv::{ReaderBuilder, StringRecord};

use super::{ListProblem, Row, Wrong};
use crate::dataset::config::Columns;

/// The lines of a CSV file with a heading.
pub(super) fn rows(text: &str, columns: &Columns) -> Result<Vec<Row>, Wrong> {
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let heading = reader.headers().map_err(syntax)?.clone();
    let find = |given: &Option<String>, usual: &str| column(&heading, given, usual);
    let path = find(&columns.path, "path")?.ok_or_else(|| no_column("path", &heading))?;
    let label = find(&columns.label, "label")?;
    let split = find(&columns.split, "split")?;
    let group = find(&columns.group, "group")?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(syntax)?;
        let cell = |column: Option<usize>| {
            let text = record.get(column?)?.trim();
            Some(text.to_owned()).filter(|text| !text.is_empty())
        };
        rows.push(Row {
            line: record.position().map_or(0, csv::Position::line),
            path: cell(Some(path)),
            label: cell(label),
            split: cell(split),
            group: cell(group),
        });
    }
    Ok(rows)
}

/// The place of a column; one that is given must be there.
fn column(
    heading: &StringRecord,
    given: &Option<String>,
    usual: &str,
) -> Result<Option<usize>, Wrong> {
    let name = given.as_deref().unwrap_or(usual);
    let mut found = (0..).zip(heading).filter(|(_, text)| text.trim() == name);
    let place = found.next().map(|(place, _)| place);
    if found.next().is_some() {
        let name = name.to_owned();
        return Err((Some(1), ListProblem::TwoColumns { name }));
    }
    if place.is_none() && given.is_some() {
        return Err(no_column(name, heading));
    }
    Ok(place)
}

fn no_column(name: &str, heading: &StringRecord) -> Wrong {
    let problem = ListProblem::NoColumn {
        name: name.to_owned(),
        found: heading.iter().map(|text| text.trim().to_owned()).collect(),
    };
    (Some(1), problem)
}

fn syntax(error: csv::Error) -> Wrong {
    let line = error.position().map(csv::Position::line);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("has {len} columns, and the heading has {expected_len}"),
        _ => error.to_string(),
    };
    (line, ListProblem::Syntax { reason })
}
