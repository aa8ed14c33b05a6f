//! Examples as class folders: `root/<class>/**/*`, of files whose content is an image.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SourceError;
use super::files::{check, unreadable};
use super::glob::Glob;
use super::sieve::Sieve;
use super::source::Example;

/// What opening a folder gives.
pub(super) struct Opened {
    pub(super) examples: Vec<Example>,
    pub(super) classes: Vec<String>,
}

/// Lists the images of every class, sorted by class and then by path, and checks that each begins
/// like an image. Hidden files and folders and those that `exclude` names are passed over; what
/// else is no image goes to the sieve.
pub(super) fn open(
    root: &Path,
    exclude: &[Glob],
    sieve: &mut Sieve,
) -> Result<Opened, SourceError> {
    if !root.is_dir() {
        return Err(SourceError::NoFolder {
            path: root.to_owned(),
        });
    }
    let mut opened = Opened {
        examples: Vec::new(),
        classes: Vec::new(),
    };
    let parents = vec![canonical(root)?];
    let mut walk = Walk { exclude, sieve };
    for (class, path) in walk.entries(root, "")? {
        if !path.is_dir() {
            let problem = "lies beside the class folders: images belong into one of them, and \
                           everything else elsewhere (or into `exclude`)";
            walk.stray(&class, path, problem)?;
            continue;
        }
        let mut ids = Vec::new();
        walk.collect(&path, &class, &parents, &mut ids)?;
        if ids.is_empty() {
            return Err(SourceError::EmptyClass { path });
        }
        // By id, not folder by folder: an id does not depend on how a folder is walked.
        ids.sort();
        let label = Some(opened.classes.len());
        opened
            .examples
            .extend(ids.into_iter().map(|id| Example { id, label }));
        opened.classes.push(class);
    }
    if opened.classes.is_empty() {
        return Err(SourceError::NoClasses {
            path: root.to_owned(),
        });
    }
    Ok(opened)
}

/// A walk through a folder.
struct Walk<'a> {
    exclude: &'a [Glob],
    sieve: &'a mut Sieve,
}

impl Walk<'_> {
    /// Collects the ids (paths relative to the root, with `/`) of the images below a folder.
    fn collect(
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
    fn entries(
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
            if self.sieve.excludes(self.exclude, &id) {
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

    fn stray(&mut self, id: &str, path: PathBuf, problem: &'static str) -> Result<(), SourceError> {
        self.sieve.bad(id, SourceError::Stray { path, problem })
    }
}

fn canonical(folder: &Path) -> Result<PathBuf, SourceError> {
    fs::canonicalize(folder).map_err(unreadable(folder))
}
