//! How much of a file has come that another program fetches: seen by the file itself, as pip, npm
//! and curl tell nobody who has no terminal.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders that are looked into.
const DEPTH: usize = 8;

/// A file that a program is about to fetch into one of a few places.
#[derive(Debug)]
pub(super) struct Growth {
    places: Vec<PathBuf>,
    before: HashSet<PathBuf>,
}

impl Growth {
    /// Before the program starts; a place is a file or a folder that the file will be somewhere
    /// below. What lies there now is something else.
    pub(super) fn new(places: Vec<PathBuf>) -> Self {
        let mut before = HashSet::new();
        for place in &places {
            each_file(place, DEPTH, &mut |path, _| {
                before.insert(path);
            });
        }
        Growth { places, before }
    }

    /// How many bytes there are now: those of the largest new file. Not of all together: pip keeps
    /// a second copy for its cache, and other files are small. What cannot be looked at has none,
    /// so that no fetch fails by it.
    pub(super) fn bytes(&self) -> u64 {
        let mut largest = 0;
        for place in &self.places {
            each_file(place, DEPTH, &mut |path, bytes| {
                if bytes > largest && !self.before.contains(&path) {
                    largest = bytes;
                }
            });
        }
        largest
    }
}

/// Calls `found` with path and size of each file at or below `place`; links lead nowhere.
fn each_file(place: &Path, depth: usize, found: &mut dyn FnMut(PathBuf, u64)) {
    let Ok(metadata) = fs::symlink_metadata(place) else {
        return;
    };
    if metadata.is_file() {
        return found(place.to_owned(), metadata.len());
    }
    if depth == 0 || !metadata.is_dir() {
        return;
    }
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        each_file(&entry.path(), depth - 1, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_new_file_counts() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        let folder = path("folder");
        fs::create_dir_all(folder.join("deep/down")).unwrap();
        fs::write(folder.join("old"), "an older and longer file").unwrap();
        let growth = Growth::new(vec![folder.clone(), path("file"), path("nowhere/at/all")]);
        assert_eq!(growth.bytes(), 0);
        fs::write(folder.join("deep/down/new"), "1234").unwrap();
        fs::write(folder.join("copy"), "123").unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("link")).unwrap();
        assert_eq!(growth.bytes(), 4);
        fs::write(path("file"), "12345").unwrap();
        assert_eq!(growth.bytes(), 5);
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(growth.bytes(), 5);
    }
}
