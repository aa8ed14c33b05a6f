//! Examples as a list of files: CSV or JSONL with the columns `path`, `label`, `split` and `group`,
//! of which all but the first may be missing.
//!
//! Paths are relative to the folder that the list lies in. Labels are the names of the classes,
//! which are sorted: as numbers where all of them are whole numbers, else as text.

mod csv;
mod jsonl;
mod problem;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::config::{Columns, ListFormat};
use super::error::{SourceError, Split};
use super::files;
use super::sieve::Sieve;
use super::source::Entry;
pub use problem::ListProblem;

/// The largest list that is read.
const MAX_BYTES: u64 = 1 << 30;

/// One line of a list, as it is written: columns that are empty or not there are None.
struct Row {
    line: u64,
    path: Option<String>,
    label: Option<String>,
    split: Option<String>,
    group: Option<String>,
}

/// What a list gives.
pub(super) struct Opened {
    pub(super) entries: Vec<Entry>,
    pub(super) classes: Vec<String>,
}

/// A problem and the line it stands on.
type Wrong = (Option<u64>, ListProblem);

/// Reads the list at `path` and checks that each file begins like an image.
pub(super) fn open(
    path: &Path,
    format: ListFormat,
    columns: &Columns,
    sieve: &mut Sieve,
) -> Result<Opened, SourceError> {
    let wrong = |(line, problem): Wrong| SourceError::List {
        path: path.to_owned(),
        format,
        line,
        problem,
    };
    let text = text(path).map_err(|problem| wrong((None, problem)))?;
    let rows = match format {
        ListFormat::Csv => csv::rows(&text, columns),
        ListFormat::Jsonl => jsonl::rows(&text, columns),
    }
    .map_err(wrong)?;
    if rows.is_empty() {
        return Err(wrong((None, ListProblem::Empty)));
    }
    check_paths(&rows).map_err(wrong)?;
    let classes = classes(&rows).map_err(wrong)?;
    let label: HashMap<&str, usize> = (0..).zip(&classes).map(|(i, c)| (c.as_str(), i)).collect();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        let side = side(row).map_err(wrong)?;
        let id = row.path.clone().unwrap_or_default();
        if let Err(error) = files::check(&folder.join(&id)) {
            let error = wrong((Some(row.line), ListProblem::File(Box::new(error))));
            sieve.bad(&id, error)?;
            continue;
        }
        entries.push(Entry {
            id,
            label: row
                .label
                .as_ref()
                .and_then(|l| label.get(l.as_str()).copied()),
            group: row.group.clone(),
            side,
        });
    }
    Ok(Opened { entries, classes })
}

fn text(path: &Path) -> Result<String, ListProblem> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ListProblem::Missing,
        _ => ListProblem::Unreadable(error),
    })?;
    let bytes = fs::metadata(path).map_err(ListProblem::Unreadable)?.len();
    if bytes > MAX_BYTES {
        return Err(ListProblem::TooLong {
            bytes,
            most: MAX_BYTES,
        });
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut text)
        .map_err(ListProblem::Unreadable)?;
    let text = String::from_utf8(text).map_err(|_| ListProblem::NotText)?;
    // Spreadsheets begin their CSV files with a byte order mark.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// Each line has a path, and no two the same.
fn check_paths(rows: &[Row]) -> Result<(), Wrong> {
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for row in rows {
        let path = row
            .path
            .as_deref()
            .ok_or((Some(row.line), ListProblem::NoPath))?;
        if let Some(first) = seen.insert(path, row.line) {
            let path = path.to_owned();
            return Err((Some(row.line), ListProblem::Repeated { path, first }));
        }
    }
    Ok(())
}

/// The classes, sorted. Either all lines have a label or none has.
fn classes(rows: &[Row]) -> Result<Vec<String>, Wrong> {
    let labelled = rows.iter().find(|row| row.label.is_some());
    let bare = rows.iter().find(|row| row.label.is_none());
    if let (Some(labelled), Some(bare)) = (labelled, bare) {
        let other = labelled.line;
        return Err((Some(bare.line), ListProblem::NoLabel { other }));
    }
    let mut classes: Vec<String> = rows.iter().filter_map(|row| row.label.clone()).collect();
    classes.sort();
    classes.dedup();
    let number = |class: &String| class.parse::<u64>().ok();
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by_key(number);
    }
    Ok(classes)
}

fn side(row: &Row) -> Result<Option<Split>, Wrong> {
    match row.split.as_deref() {
        None => Ok(None),
        Some("train") => Ok(Some(Split::Train)),
        Some("test") => Ok(Some(Split::Test)),
        Some(other) => {
            let found = other.to_owned();
            Err((Some(row.line), ListProblem::Side { found }))
        }
    }
}
