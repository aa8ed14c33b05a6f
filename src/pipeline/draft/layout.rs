//! What a folder of pictures holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the pictures of a folder are labelled, with paths as a pipeline names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A folder for each class.
    Classes {
        /// The folder of class folders.
        folder: PathBuf,
    },
    /// Class folders on two sides.
    Sides {
        /// The class folders to train on.
        train: PathBuf,
        /// Those to test on.
        test: PathBuf,
        /// A third side, which is not used.
        unused: Option<PathBuf>,
    },
    /// A list of paths and labels.
    List {
        /// The CSV file.
        csv: PathBuf,
        /// The column of paths.
        path: String,
        /// The column of labels.
        label: String,
        /// The column that says the side, where there is one.
        split: Option<String>,
    },
    /// Pictures without labels.
    Unlabelled {
        /// Their folder.
        folder: PathBuf,
    },
}

/// Why a folder has no layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is none.
    #[error("{}: there is no such folder", path.display())]
    NoFolder {
        /// Its path.
        path: PathBuf,
    },
    /// It cannot be looked into.
    #[error("{}: cannot look into this folder: {source}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There are no pictures in it.
    #[error(
        "{}: no pictures found: put them into one folder for each class, {}/CLASS/*.jpg, or name \
         them in a CSV file with the columns `path` and `label` there",
        path.display(), path.display()
    )]
    NoPictures {
        /// Its path.
        path: PathBuf,
    },
}

/// Names of the side that is learned from.
const TRAIN: [&str; 2] = ["train", "training"];
/// Names of the side that is judged on, the likeliest first.
const TEST: [&str; 6] = ["test", "testing", "val", "valid", "validation", "eval"];
const PATHS: [&str; 7] = [
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "image",
    "image_path",
];
const LABELS: [&str; 6] = [
    "label",
    "class",
    "category",
    "target",
    "class_name",
    "species",
];
const SPLITS: [&str; 4] = ["split", "set", "subset", "fold_name"];

impl Layout {
    /// That of `folder`, a path from `root`.
    ///
    /// # Errors
    /// A folder that cannot be read or has no pictures.
    pub fn of(folder: &Path, root: &Path) -> Result<Self, LayoutError> {
        let inside = Inside::of(&root.join(folder), folder)?;
        if let Some(list) = list(&inside, folder) {
            return Ok(list);
        }
        if let Some(sides) = sides(&inside, folder) {
            return Ok(sides);
        }
        let with_pictures =
            |name: &&String| holds_pictures(&root.join(folder).join(name.as_str()), DEPTH);
        if inside.folders.iter().filter(with_pictures).count() > 1 {
            let folder = folder.to_owned();
            return Ok(Self::Classes { folder });
        }
        if holds_pictures(&root.join(folder), DEPTH) {
            let folder = folder.to_owned();
            return Ok(Self::Unlabelled { folder });
        }
        let path = folder.to_owned();
        Err(LayoutError::NoPictures { path })
    }
}

/// The names in a folder, sorted, but hidden ones.
struct Inside {
    folders: Vec<String>,
    /// CSV files with their headings.
    lists: Vec<(String, Vec<String>)>,
}

impl Inside {
    fn of(path: &Path, shown: &Path) -> Result<Self, LayoutError> {
        if !path.is_dir() {
            let path = shown.to_owned();
            return Err(LayoutError::NoFolder { path });
        }
        let unreadable = |source| LayoutError::Unreadable {
            path: shown.to_owned(),
            source,
        };
        let (mut folders, mut lists) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(name);
            } else if name.to_ascii_lowercase().ends_with(".csv")
                && let Some(heading) = heading(&entry.path())
            {
                lists.push((name, heading));
            }
        }
        folders.sort();
        lists.sort();
        Ok(Self { folders, lists })
    }

    /// The folder of one of these names, whatever its case.
    fn folder(&self, names: &[&str]) -> Option<&String> {
        let called = |name: &str| self.folders.iter().find(|f| f.eq_ignore_ascii_case(name));
        names.iter().find_map(|name| called(name))
    }
}

fn heading(path: &Path) -> Option<Vec<String>> {
    let mut table = csv::Reader::from_path(path).ok()?;
    let heading = table.headers().ok()?;
    Some(heading.iter().map(str::to_owned).collect())
}

/// The first CSV file that has a column of paths and one of labels.
fn list(inside: &Inside, folder: &Path) -> Option<Layout> {
    inside.lists.iter().find_map(|(name, heading)| {
        let column = |names: &[&str]| {
            let called = |name: &str| heading.iter().find(|h| h.trim().eq_ignore_ascii_case(name));
            names.iter().find_map(|name| called(name)).cloned()
        };
        Some(Layout::List {
            csv: folder.join(name),
            path: column(&PATHS)?,
            label: column(&LABELS)?,
            split: column(&SPLITS),
        })
    })
}

fn sides(inside: &Inside, folder: &Path) -> Option<Layout> {
    let train = inside.folder(&TRAIN)?;
    let test = inside.folder(&TEST)?;
    let third = inside.folders.iter().find(|name| {
        let known = TEST.iter().any(|one| name.eq_ignore_ascii_case(one));
        known && *name != test
    });
    Some(Layout::Sides {
        train: folder.join(train),
        test: folder.join(test),
        unused: third.map(|name| folder.join(name)),
    })
}

/// How deep below a folder pictures are looked for.
const DEPTH: usize = 4;

/// Whether there is a file anywhere below that is called like a picture.
fn holds_pictures(folder: &Path, depth: usize) -> bool {
    const ENDINGS: [&str; 9] = [
        "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "jfif",
    ];
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return depth > 0 && holds_pictures(&path, depth - 1);
        }
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        ENDINGS.iter().any(|one| ending.eq_ignore_ascii_case(one))
    })
}
