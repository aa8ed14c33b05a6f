//! Lists in JSONL: one JSON object a line. Empty lines are passed over; keys that no column is
//! called by are too.

use serde_json::{Map, Value};

use super::{ListProblem, Row, Wrong};
use crate::dataset::config::Columns;

/// The objects of a JSONL file.
pub(super) fn rows(text: &str, columns: &Columns) -> Result<Vec<Row>, Wrong> {
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let at = |problem| (Some(line), problem);
        rows.push(row(line, text, columns).map_err(at)?);
    }
    for (given, is_there) in [
        (&columns.label, rows.iter().any(|row| row.label.is_some())),
        (&columns.split, rows.iter().any(|row| row.split.is_some())),
        (&columns.group, rows.iter().any(|row| row.group.is_some())),
    ] {
        if let Some(name) = given.as_ref().filter(|_| !is_there) {
            let problem = ListProblem::NoColumn {
                name: name.clone(),
                found: keys(text),
            };
            return Err((None, problem));
        }
    }
    Ok(rows)
}

fn row(line: u64, text: &str, columns: &Columns) -> Result<Row, ListProblem> {
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| ListProblem::Syntax {
            reason: format!("is not a JSON object: {}", reason(&error)),
        })?;
    let value = |given: &Option<String>, usual: &str| {
        let name = given.as_deref().unwrap_or(usual);
        match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
            }
            Some(Value::Number(n)) if n.is_u64() || n.is_i64() => Ok(Some(n.to_string())),
            Some(_) => Err(ListProblem::Value {
                column: name.to_owned(),
            }),
        }
    };
    let path = value(&columns.path, "path")?;
    if path.is_none() {
        let name = columns.path.as_deref().unwrap_or("path");
        return Err(ListProblem::NoColumn {
            name: name.to_owned(),
            found: object.keys().cloned().collect(),
        });
    }
    Ok(Row {
        line,
        path,
        label: value(&columns.label, "label")?,
        split: value(&columns.split, "split")?,
        group: value(&columns.group, "group")?,
    })
}

/// The parser's words without their place: it counts lines from the object's beginning.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    format!("{}, column {}", &text[..end], error.column())
}

/// The keys of the first object.
fn keys(text: &str) -> Vec<String> {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let object: Option<Map<String, Value>> = first.and_then(|line| serde_json::from_str(line).ok());
    object.map_or_else(Vec::new, |object| object.keys().cloned().collect())
}
