//! Walking through folders.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SourceError;
use super::files::{check, unreadable};
use super::glob::Glob;
use super::sieve::Sieve;

/// A walk through a folder. Hidden files and folders and those that are excluded are passed over,
/// as is what a pattern does not want; what else is no image goes to the sieve.
pub(super) struct Walk<'a> {
    exclude: &'a [Glob],
    sieve: &'a mut Sieve,
    pattern: Option<&'a Glob>,
}

impl<'a> Walk<'a> {
    /// A walk that finds every image but the excluded ones.
    pub(super) fn new(exclude: &'a [Glob], sieve: &'a mut Sieve) -> Self {
        Walk {
            exclude,
            sieve,
            pattern: None,
        }
    }

    /// The same walk, for the images alone that the pattern stands for.
    pub(super) fn matching(self, pattern: Option<&'a Glob>) -> Self {
        Walk { pattern, ..self }
    }

    /// What [`Walk::collect`] is told at the start about the folders above the one it is given:
    /// that there are none.
    pub(super) fn parents(root: &Path) -> Result<Vec<PathBuf>, SourceError> {
        Ok(vec![canonical(root)?])
    }

    /// Collects the ids (paths relative to the root, with `/`) of the images below a folder.
    /// `parents` are the folders that it lies in.
    pub(super) fn collect(
        &mut self,
        folder: &Path,
        prefix: &str,
        parents: &[PathBuf],
        ids: &mut Vec<String>,
    ) -> Result<(), SourceError> {
        let here = canonical(folder)?;
        if parents.contains(&here) {
            let problem = "is a link to a folder that it lies in: remove it";
            return self.stray(prefix, folder.to_owned(), problem);
        }
        let parents = [parents, &[here]].concat();
        for (id, path) in self.entries(folder, prefix)? {
            if path.is_dir() {
                self.collect(&path, &id, &parents, ids)?;
            } else {
                match check(&path) {
                    Ok(()) => ids.push(id),
                    Err(error) => self.sieve.bad(&id, error)?,
                }
            }
        }
        Ok(())
    }

    /// The visible entries of a folder, sorted: their ids and paths.
    pub(super) fn entries(
        &mut self,
        folder: &Path,
        prefix: &str,
    ) -> Result<Vec<(String, PathBuf)>, SourceError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let shown = name.to_string_lossy();
            let id = if prefix.is_empty() {
                shown.clone().into_owned()
            } else {
                format!("{prefix}/{shown}")
            };
            if !self.wants(&id, &path) || self.sieve.excludes(self.exclude, &id) {
                continue;
            }
            if name.to_str().is_none() {
                let problem = "has a name that is not UTF-8 text: rename it";
                self.stray(&id, path, problem)?;
                continue;
            }
            entries.push((id, path));
        }
        entries.sort();
        Ok(entries)
    }

    /// Whether the pattern stands for a file, or for something that may lie below a folder.
    fn wants(&self, id: &str, path: &Path) -> bool {
        self.pattern.is_none_or(|pattern| {
            if path.is_dir() {
                pattern.may_lie_below(id)
            } else {
                pattern.matches(id)
            }
        })
    }

    /// Gives something that is no example to the sieve.
    pub(super) fn stray(
        &mut self,
        id: &str,
        path: PathBuf,
        problem: &'static str,
    ) -> Result<(), SourceError> {
        self.sieve.bad(id, SourceError::Stray { path, problem })
    }
}

fn canonical(folder: &Path) -> Result<PathBuf, SourceError> {
    fs::canonicalize(folder).map_err(unreadable(folder))
}
