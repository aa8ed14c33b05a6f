//! Examples without classes: the images of a folder, of a pattern, or of a list of paths.
//!
//! Those of a folder or a pattern are sorted by path; those of a list keep its order, and one that
//! stands in it twice is two examples.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::block::Block;
use super::config::FileNames;
use super::error::SourceError;
use super::files::check;
use super::glob::Glob;
use super::sieve::Sieve;
use super::source::{Example, under};
use super::walk::Walk;

/// What opening such a source gives.
pub(super) struct Opened {
    pub(super) examples: Vec<Example>,
    /// The folder that the ids start in.
    pub(super) root: PathBuf,
    /// What was opened, as it is shown.
    pub(super) shown: PathBuf,
}

/// Lists the images of `names`, those of a `block` where one is given, and checks that each begins
/// like an image.
pub(super) fn open(
    root: &Path,
    names: &FileNames,
    exclude: &[Glob],
    block: Option<Block>,
    sieve: &mut Sieve,
) -> Result<Opened, SourceError> {
    let name = match names {
        FileNames::Listed(paths) => return listed(root, paths, exclude, block, sieve),
        FileNames::Under(name) => name,
    };
    let path = under(root, Path::new(name));
    let mut opened = if path.is_dir() {
        below(path, None, exclude, sieve)?
    } else if path.exists() {
        one(&path, sieve)?
    } else if let Some((folder, pattern)) = pattern(name) {
        below(under(root, &folder), Some(&pattern), exclude, sieve)?
    } else {
        return Err(SourceError::NoFiles { path });
    };
    if let Some(block) = block {
        cut(&mut opened.examples, block, sieve)?;
    }
    Ok(opened)
}

/// Leaves the examples of a block, which are in order, and the bad files that lie between them: a
/// bad file has its place among the others, or jobs that share a batch would each count it.
fn cut(examples: &mut Vec<Example>, block: Block, sieve: &mut Sieve) -> Result<(), SourceError> {
    let ids = examples.iter().map(|example| example.id.as_str());
    let mut all: Vec<String> = ids.chain(sieve.bad_paths()).map(str::to_owned).collect();
    all.sort_unstable();
    let range = block.range(all.len())?;
    let mine = all.get(range).unwrap_or_default();
    let is_mine = |id: &str| mine.binary_search_by(|one| one.as_str().cmp(id)).is_ok();
    examples.retain(|example| is_mine(&example.id));
    sieve.keep_bad(is_mine);
    Ok(())
}

/// A file that may be an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path, as it can be opened from the current folder.
    pub path: PathBuf,
    /// Why it is no image, where that shows without decoding it.
    pub problem: Option<String>,
}

/// What a folder, a pattern or a path stands for: the files of the first two sorted by path, bad
/// ones in their places. A path to nothing is a bad file.
///
/// # Errors
/// A folder that cannot be read, a folder or a pattern without any file.
pub fn find_images(name: &str) -> Result<Vec<Found>, SourceError> {
    let mut sieve = Sieve::new("images", true);
    let (names, root) = (FileNames::Under(name.to_owned()), Path::new("."));
    let opened = match open(root, &names, &[], None, &mut sieve) {
        Err(SourceError::NoFiles { path }) => {
            let problem = Some("does not exist".to_owned());
            return Ok(vec![Found { path, problem }]);
        }
        other => other?,
    };
    let good = opened.examples.into_iter().map(|one| (one.id, None));
    let bad = sieve
        .into_skipped()
        .into_iter()
        .map(|one| (one.path, Some(one.reason)));
    let mut all: Vec<(String, Option<String>)> = good.chain(bad).collect();
    all.sort();
    let found = all.into_iter().map(|(id, problem)| Found {
        path: under(&opened.root, Path::new(&id)),
        problem,
    });
    Ok(found.collect())
}

/// The folder where a pattern's stars begin, and the pattern below it.
fn pattern(name: &str) -> Option<(PathBuf, Glob)> {
    let parts: Vec<&str> = name.split('/').collect();
    let first = parts.iter().position(|part| Glob::is_pattern(part))?;
    let mut folder = parts[..first].join("/");
    if first > 0 {
        folder.push('/'); // `/` itself, of an absolute pattern, is a folder too
    }
    // `a//b` and `a/./b` are `a/b`, as everywhere.
    let rest: Vec<&str> = parts[first..]
        .iter()
        .copied()
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let glob = Glob::try_from(rest.join("/")).ok()?;
    Some((PathBuf::from(folder), glob))
}

fn below(
    folder: PathBuf,
    pattern: Option<&Glob>,
    exclude: &[Glob],
    sieve: &mut Sieve,
) -> Result<Opened, SourceError> {
    let root = if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder
    };
    if !root.is_dir() {
        return Err(SourceError::NoFolder { path: root });
    }
    let mut ids = Vec::new();
    Walk::new(exclude, sieve)
        .matching(pattern)
        .collect(&root, "", &[], &mut ids)?;
    // By id, not folder by folder: an id does not depend on how a folder is walked.
    ids.sort();
    // With bad files only, what is wrong with them says more.
    if ids.is_empty() && sieve.bad_count() == 0 {
        return Err(SourceError::NoMatch {
            path: root,
            pattern: pattern.map(|pattern| pattern.as_str().to_owned()),
        });
    }
    Ok(Opened {
        examples: ids.into_iter().map(example).collect(),
        shown: root.clone(),
        root,
    })
}

fn one(path: &Path, sieve: &mut Sieve) -> Result<Opened, SourceError> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let id = path.file_name().unwrap_or_default().to_string_lossy();
    let mut examples = Vec::new();
    match check(path) {
        Ok(()) => examples.push(example(id.into_owned())),
        Err(error) => sieve.bad(&id, error)?,
    }
    Ok(Opened {
        examples,
        root: folder,
        shown: path.to_owned(),
    })
}

fn listed(
    root: &Path,
    paths: &[String],
    exclude: &[Glob],
    block: Option<Block>,
    sieve: &mut Sieve,
) -> Result<Opened, SourceError> {
    let wanted = paths.iter().filter(|path| !sieve.excludes(exclude, path));
    let mut wanted: Vec<&String> = wanted.collect();
    if let Some(block) = block {
        let range = block.range(wanted.len())?;
        wanted = wanted.get(range).unwrap_or_default().to_vec();
    }
    let mut examples = Vec::with_capacity(wanted.len());
    for path in wanted {
        match check(&under(root, Path::new(path))) {
            Ok(()) => examples.push(example(path.clone())),
            Err(error) => sieve.bad(path, error)?,
        }
    }
    Ok(Opened {
        examples,
        root: root.to_owned(),
        shown: root.to_owned(),
    })
}

fn example(id: String) -> Example {
    Example { id, label: None }
}
