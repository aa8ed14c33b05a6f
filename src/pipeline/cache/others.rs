//! What lies in the cache folder beside the feature rows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Something in the cache folder.
#[derive(Clone, Debug)]
pub struct Other {
    /// Where it is.
    pub path: PathBuf,
    /// What it is; `None` for what is none of catpipe's.
    pub what: Option<&'static str>,
    /// How many files it has.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// What catpipe keeps in the cache folder, by name. Those with parts are shown part by part.
const KNOWN: [(&str, &str, bool); 7] = [
    ("auto", "what `provider: auto` measured", false),
    ("batch", "what `batch: auto` measured", false),
    ("digests", "which files are unchanged", false),
    ("engines", "engines that providers built", false),
    ("models", "fetched weights", true),
    ("packages", "libraries that a runtime needs", true),
    ("runtime", "a build of ONNX Runtime", true),
];

/// Everything in the cache folder but the feature rows, by name; nothing where there is no folder.
///
/// # Errors
/// The folder cannot be read.
pub fn others(cache: &Path) -> io::Result<Vec<Other>> {
    let mut others = Vec::new();
    for path in list(cache)? {
        let name = path.file_name().unwrap_or_default();
        if name == "features" {
            continue;
        }
        match KNOWN.iter().find(|(known, ..)| name == *known) {
            Some((_, what, true)) => {
                let parts = list(&path)?.into_iter().filter(|part| part.is_dir());
                others.extend(parts.map(|part| Other::new(part, Some(what))));
            }
            Some((_, what, false)) => others.push(Other::new(path, Some(what))),
            None => others.push(Other::new(path, None)),
        }
    }
    Ok(others)
}

impl Other {
    fn new(path: PathBuf, what: Option<&'static str>) -> Self {
        let (files, bytes) = count(&path);
        Self {
            path,
            what,
            files,
            bytes,
        }
    }
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// Files at or below `path`, and their bytes. Links are not followed.
fn count(path: &Path) -> (usize, u64) {
    let Ok(about) = fs::symlink_metadata(path) else {
        return (0, 0);
    };
    if !about.is_dir() {
        return (1, about.len());
    }
    let parts = list(path).unwrap_or_default();
    let parts = parts.iter().map(|part| count(part));
    parts.fold((0, 0), |(files, bytes), (f, b)| (files + f, bytes + b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_cache_folder_is_named_and_counted() {
        let cache = tempfile::tempdir().unwrap();
        for (file, bytes) in [
            ("runtime/one/lib.so", 7),
            ("runtime/one/LICENSE", 2),
            ("runtime/other/lib.so", 5),
            ("runtime/.scratch.lock", 1),
            ("digests/a.json", 3),
            ("features/a/b", 9),
            ("notes.txt", 4),
        ] {
            let path = cache.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        let found: Vec<_> = others(cache.path())
            .unwrap()
            .into_iter()
            .map(|one| {
                let path = one.path.strip_prefix(cache.path()).unwrap().to_owned();
                (
                    path.display().to_string(),
                    one.what.is_some(),
                    one.files,
                    one.bytes,
                )
            })
            .collect();
        let expected = [
            ("digests", true, 1, 3),
            ("notes.txt", false, 1, 4),
            ("runtime/one", true, 2, 9),
            ("runtime/other", true, 1, 5),
        ];
        let expected =
            expected.map(|(path, known, files, bytes)| (path.to_owned(), known, files, bytes));
        assert_eq!(found, expected);
        assert!(others(&cache.path().join("gone")).unwrap().is_empty());
    }
}
