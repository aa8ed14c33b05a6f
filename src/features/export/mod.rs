//! Rows written out as one file that other programs read: row i belongs to id i.
//!
//! A file is a head (what HDF5 or NPY want to be said first) and the rows after it, one after
//! another as they are in memory. So rows are put into their places as they come from the store,
//! a shard at a time, and memory does not grow with their number.
//!
//! An HDF5 file (`.h5`, `.hdf5`):
//!
//! | object | type | what |
//! | --- | --- | --- |
//! | `features` | f32 [rows, width], contiguous | the rows |
//! | `id` | UTF-8 strings [rows] | row i's image |
//! | attribute `catpipe` | string | `feature table` |
//! | attribute `format` | u32 | the version of this layout, now 1 |
//! | attributes of [`Table::about`] | strings | what made the rows: backbone, graph, preprocessing, ... |
//!
//! An NPY file has the rows alone, `<f4` in C order; the ids stand in `x.ids.txt`, one a line.
//!
//! Everything is written beside its place under a temporary name, flushed and then renamed. The
//! temporary file is locked for as long as its writer lives: a second writer of the same file is
//! told, and what a killed one left is written over by the next.

mod error;
mod h5;
mod npy;
mod part;
mod rows;

use std::path::{Path, PathBuf};

use super::key::RowId;
use super::store::Store;
pub use error::ExportError;
use part::Part;
use rows::Rows;

/// What the file holds, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Hdf5,
    Npy,
}

/// The endings that are known, each with its form.
const FORMS: [(&str, Form); 3] = [("h5", Form::Hdf5), ("hdf5", Form::Hdf5), ("npy", Form::Npy)];

/// What is to be written.
pub struct Table<'a> {
    /// The rows, in order.
    pub rows: &'a [RowId],
    /// The name of each row.
    pub ids: Vec<&'a str>,
    /// What else is said about them: in HDF5 the file's attributes, in NPY there is no place.
    pub about: Vec<(&'static str, String)>,
    /// A list that belongs beside the file, by what takes the place of its ending
    /// (`skipped.csv`), and its content; without content an older one is removed.
    pub beside: Option<(&'static str, Option<Vec<u8>>)>,
}

/// A file that is going to be written. Making it first shows, before there is any work lost, that
/// it can be.
#[derive(Debug)]
pub struct Export {
    form: Form,
    data: Part,
}

impl Export {
    /// Begins a file at `path`, in the form that its ending asks for. What is at `path` stays as
    /// it is until the new file is whole.
    ///
    /// # Errors
    /// An ending that is not known, a folder that is not there or not writable, another program
    /// that is writing the same file.
    pub fn begin(path: &Path) -> Result<Self, ExportError> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let known = FORMS.iter().find(|(e, _)| ending.as_deref() == Some(e));
        let Some((_, form)) = known else {
            return Err(ExportError::UnknownForm {
                path: path.to_owned(),
                known: FORMS.map(|(ending, _)| format!(".{ending}")).join(", "),
            });
        };
        if path.is_dir() {
            return Err(ExportError::IsFolder {
                path: path.to_owned(),
            });
        }
        Ok(Export {
            form: *form,
            data: Part::begin(path)?,
        })
    }

    /// Whether the file can hold these ids.
    ///
    /// # Errors
    /// For NPY, whose ids stand beside it on lines of their own, an id with a line break in it.
    pub fn check<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Result<(), ExportError> {
        let mut ids = ids;
        match ids.find(|id| self.form == Form::Npy && id.contains(['\n', '\r'])) {
            Some(id) => Err(ExportError::LineBreak { id: id.to_owned() }),
            None => Ok(()),
        }
    }

    /// Writes the rows and puts the file into its place, then what belongs beside it: the table's
    /// own list, and for NPY the ids (`x.ids.txt` of `x.npy`). Gives the files' paths. What stood
    /// beside an older file is removed first: ids never stand beside the rows of others.
    ///
    /// # Errors
    /// A row that the store does not have, and whatever the system says to writing.
    pub fn write(mut self, store: &Store, table: &Table<'_>) -> Result<Vec<PathBuf>, ExportError> {
        self.check(table.ids.iter().copied())?;
        let width = store.space().width;
        let head = match self.form {
            Form::Hdf5 => h5::head(self.data.place(), table, width)?,
            Form::Npy => npy::head(table.rows.len(), width),
        };
        let mut rows = Rows::begin(&mut self.data, &head, width)?;
        store.visit(table.rows, |position, row| rows.put(position, row))?;
        rows.finish()?;
        if self.form == Form::Hdf5 {
            h5::verify(&self.data, head.len() as u64, table, width)?;
        }
        let path = self.data.place().to_owned();
        let beside = table.beside.iter();
        let mut lists: Vec<_> = beside
            .map(|(ending, list)| (path.with_extension(ending), list.clone()))
            .collect();
        if self.form == Form::Npy {
            let lines = table.ids.iter().flat_map(|id| [id, "\n"]);
            let lines: String = lines.collect();
            lists.push((path.with_extension("ids.txt"), Some(lines.into_bytes())));
        }
        publish(self.data, lists)
    }
}

/// Puts the file and its lists into their places, everything having been written before.
fn publish(
    data: Part,
    lists: Vec<(PathBuf, Option<Vec<u8>>)>,
) -> Result<Vec<PathBuf>, ExportError> {
    let mut written = vec![data.place().to_owned()];
    let mut parts = Vec::new();
    for (path, content) in &lists {
        if let Some(content) = content {
            let mut part = Part::begin(path)?;
            part.append(content)?;
            parts.push(part);
        }
    }
    for (path, _) in &lists {
        part::remove(path)?;
    }
    data.publish()?;
    for part in parts {
        written.push(part.place().to_owned());
        part.publish()?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
