//! Examples as class folders: `root/<class>/**/*`, of files whose content is an image.

#[cfg(test)]
mod tests;

use std::path::Path;

use super::error::SourceError;
use super::glob::Glob;
use super::sieve::Sieve;
use super::source::Example;
use super::walk::Walk;

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
    let mut walk = Walk::new(exclude, sieve);
    let parents = Walk::parents(root)?;
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
