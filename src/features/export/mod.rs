//! Rows written out as one file that other programs read: row i belongs to id i.
//!
//! | ending | features | ids | what else is known of a row |
//! | --- | --- | --- | --- |
//! | `.h5`, `.hdf5` | `features` | `id` | `label`, `split`, `view` |
//! | `.npy` | the array | `x.ids.txt`, one a line | `x.rows.csv`: `id,label,split,view` |
//! | `.npz` | `features` | `ids` | `labels`, `splits`, `views` |
//! | `.parquet` | `features`, a list | `id` | `label`, `split`, `view` |
//! | `.safetensors` | `features` | `ids` of the metadata, JSON | `labels`, `splits`, `views` |
//! | `.csv` | `f0`, `f1`, ... | `id` | `label`, `split`, `view` |
//!
//! A class has its name in `.parquet` and `.csv`, empty (null) where it is not known. Elsewhere it
//! is a number, -1 where it is not known, and the names are `classes` (in safetensors JSON in the
//! metadata). A split is `train` or `test`; in safetensors 0 or 1, as `split_names` of the metadata
//! says. View 0 is the plain image. What is not known of any row has no column.
//!
//! An HDF5 file in full:
//!
//! | object | type | what |
//! | --- | --- | --- |
//! | `features` | f32 [rows, width], contiguous | the rows |
//! | `id` | UTF-8 strings [rows] | row i's image |
//! | `label`, `classes` | i64 [rows], UTF-8 strings [classes] | row i's class, and their names |
//! | `split` | UTF-8 strings [rows] | row i's side |
//! | `view` | u32 [rows] | row i's view |
//! | attribute `catpipe` | string | `feature table` |
//! | attribute `format` | u32 | the version of this layout, now 1 |
//! | attributes of [`Table::about`] | strings | what made the rows: backbone, graph, preprocessing, ... |
//!
//! # Memory and disk
//!
//! HDF5, NPY and safetensors are a head and the rows after it, one after another as they are in
//! memory. So rows are put into their places as they come from the store, a shard at a time. The
//! other forms are written from the first row to the last, while shards lie in the store in another
//! order: for these the rows are first put in order in a file without a name, which takes their
//! size on the disk for a while. Memory does not grow with the features of a file in either case;
//! ids and labels are in memory.
//!
//! Everything is written beside its place under a temporary name, flushed and then renamed. The
//! temporary file is locked for as long as its writer lives: a second writer of the same file is
//! told, and what a killed one left is written over by the next.

mod csv_form;
mod error;
mod h5;
mod npy;
mod npz;
mod out;
mod parquet_form;
mod part;
mod rows;
mod safetensors_form;
mod spool;
mod table;

use std::path::{Path, PathBuf};

use super::store::Store;
pub use error::ExportError;
use part::Part;
use rows::Rows;
use spool::Spool;
pub use table::{Labels, Table};

/// What a file says it is.
const KIND: &str = "feature table";

/// The sides that rows may belong to, in the order that numbers count them.
const SPLITS: [&str; 2] = ["train", "test"];

/// What the file holds, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Hdf5,
    Npy,
    Npz,
    Parquet,
    Safetensors,
    Csv,
}

/// The endings that are known, each with its form.
const FORMS: [(&str, Form); 7] = [
    ("h5", Form::Hdf5),
    ("hdf5", Form::Hdf5),
    ("npy", Form::Npy),
    ("npz", Form::Npz),
    ("parquet", Form::Parquet),
    ("safetensors", Form::Safetensors),
    ("csv", Form::Csv),
];

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

    /// Where the file is until it is whole.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        self.data.path()
    }

    /// Whether the file can hold these ids.
    ///
    /// # Errors
    /// For NPY, whose ids stand beside it on lines of their own, an id with a line break in it; for
    /// safetensors, more ids than a header may hold.
    pub fn check<'i>(&self, mut ids: impl Iterator<Item = &'i str>) -> Result<(), ExportError> {
        match self.form {
            Form::Safetensors => safetensors_form::check(ids),
            Form::Npy => match ids.find(|id| id.contains(['\n', '\r'])) {
                Some(id) => Err(ExportError::LineBreak { id: id.to_owned() }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Writes the rows and puts the file into its place, then what belongs beside it: the table's
    /// own list, and for NPY the ids (`x.ids.txt` of `x.npy`) and what else is known of the rows
    /// (`x.rows.csv`). Gives the files' paths. What stood beside an older file is removed first:
    /// ids never stand beside the rows of others.
    ///
    /// # Errors
    /// A row that the store does not have, a form that cannot hold so many ids, and whatever the
    /// system says to writing.
    pub fn write(self, store: &Store, table: &Table<'_>) -> Result<Vec<PathBuf>, ExportError> {
        self.write_watched(store, table, &mut || ())
    }

    /// [`Export::write`] that calls `read` after each row that it has read from the store.
    ///
    /// # Errors
    /// Those of [`Export::write`].
    pub fn write_watched(
        mut self,
        store: &Store,
        table: &Table<'_>,
        read: &mut dyn FnMut(),
    ) -> Result<Vec<PathBuf>, ExportError> {
        table.check()?;
        self.check(table.ids.iter().copied())?;
        self.put(store, table, read)?;
        let path = self.data.place().to_owned();
        let beside = table.beside.iter();
        let mut lists: Vec<_> = beside
            .map(|(ending, list)| (path.with_extension(ending), list.clone()))
            .collect();
        if self.form == Form::Npy {
            lists.push((path.with_extension("ids.txt"), Some(lines(&table.ids))));
            let facts = table.has_facts().then(|| csv_form::facts(table));
            let facts = facts.transpose().map_err(|error| ExportError::Form {
                path: path.clone(),
                detail: error.to_string(),
            })?;
            lists.push((path.with_extension("rows.csv"), facts));
        }
        publish(self.data, lists)
    }

    /// Writes the file under its temporary name.
    fn put(
        &mut self,
        store: &Store,
        table: &Table<'_>,
        read: &mut dyn FnMut(),
    ) -> Result<(), ExportError> {
        let width = store.space().width;
        let part = &mut self.data;
        let in_order = match self.form {
            Form::Npz => npz::write,
            Form::Parquet => parquet_form::write,
            Form::Csv => csv_form::write,
            Form::Hdf5 => {
                let head = h5::head(part.place(), table, width)?;
                in_place(part, &head, f32::to_ne_bytes, store, table, read)?;
                return h5::verify(part, head.len() as u64, table, width);
            }
            Form::Npy => {
                let head = npy::head(table.rows.len(), width);
                return in_place(part, &head, f32::to_le_bytes, store, table, read);
            }
            Form::Safetensors => {
                let head = safetensors_form::head(table, width)?;
                return in_place(part, &head, f32::to_le_bytes, store, table, read);
            }
        };
        let mut spool = Spool::fill(part.place(), store, table, read)?;
        in_order(part, table, width, &mut spool)
    }
}

/// Writes the rows behind a head, each at its place.
fn in_place(
    part: &mut Part,
    head: &[u8],
    encode: fn(f32) -> [u8; 4],
    store: &Store,
    table: &Table<'_>,
    read: &mut dyn FnMut(),
) -> Result<(), ExportError> {
    let mut rows = Rows::begin(part, head, store.space().width, encode)?;
    store.visit(table.rows, |position, row| {
        read();
        rows.put(position, row)
    })?;
    rows.finish()
}

fn lines(ids: &[&str]) -> Vec<u8> {
    let lines: String = ids.iter().flat_map(|id| [id, "\n"]).collect();
    lines.into_bytes()
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
