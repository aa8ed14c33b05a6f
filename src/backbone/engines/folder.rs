//! An engine's folder: from the one that is being built to the one that is kept.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::key::{EngineKey, hex};

/// The list of a folder's files.
const LIST: &str = "engine.json";

/// The beginning of the name of a folder that is not whole.
const BUILDING: &str = ".building-";

/// A folder that nobody has finished after so long was left by a run that was killed.
const LEFT: Duration = Duration::from_secs(24 * 3600);

/// The ending of the files with kernels' timings.
const TIMING: &str = "timing";

/// Where ONNX Runtime finds an engine, or puts the one that it builds.
#[derive(Debug)]
pub struct Engines {
    folder: Folder,
    key: EngineKey,
    /// Where the engine is kept; `None` where none is.
    kept: Option<PathBuf>,
    /// Where the timings are kept; `None` where none are.
    timing: Option<PathBuf>,
}

#[derive(Debug)]
enum Folder {
    /// It holds the engine, which looked so when it was checked.
    Whole(PathBuf, Vec<Look>),
    /// It is to be built here; gone unless it is published.
    Building(TempDir),
}

/// Where a session's engine came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Cached(PathBuf),
    /// It was built now.
    Built {
        /// Where it is kept, or why it is not.
        kept: Result<PathBuf, String>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached(folder) => write!(f, "TensorRT engine from {}", folder.display()),
            Self::Built { kept: Ok(folder) } => {
                write!(f, "TensorRT engine built, and kept in {}", folder.display())
            }
            Self::Built { kept: Err(reason) } => {
                write!(f, "TensorRT engine built, and not kept: {reason}")
            }
        }
    }
}

/// A file from outside: its name, its size and when it was written.
type Look = (String, u64, SystemTime);

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    /// The key, as it is printed.
    key: String,
    files: Vec<Listed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    name: String,
    sha256: String,
}

impl Engines {
    /// Looks for the engine under `root`, and makes a folder for it where there is none that is
    /// whole. `keep_engine` and `keep_timing` say what is to outlive the session.
    ///
    /// # Errors
    /// The folder cannot be made, or a damaged one cannot be removed.
    pub fn prepare(
        root: &Path,
        key: EngineKey,
        keep_engine: bool,
        keep_timing: bool,
    ) -> io::Result<Self> {
        let kept = keep_engine.then(|| root.join(key.folder()));
        let timing = keep_timing.then(|| root.join(key.machine.timing_folder()));
        let mut engines = Self {
            folder: Folder::Whole(PathBuf::new(), Vec::new()),
            key,
            kept,
            timing,
        };
        if let Some(kept) = engines.kept.as_deref().filter(|kept| kept.exists()) {
            if List::read(kept).is_some_and(|list| list.describes(kept, &engines.key)) {
                engines.folder = Folder::Whole(kept.to_path_buf(), looks(kept)?);
                return Ok(engines);
            }
            fs::remove_dir_all(kept)?;
        }
        fs::create_dir_all(root)?;
        remove_left(root);
        let building = tempfile::Builder::new().prefix(BUILDING).tempdir_in(root)?;
        if let Some(timing) = &engines.timing {
            // Timings that cannot be had are measured.
            let _ = copy_timings(timing, building.path());
        }
        engines.folder = Folder::Building(building);
        Ok(engines)
    }

    /// The folder that ONNX Runtime is told.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.folder {
            Folder::Whole(path, _) => path,
            Folder::Building(folder) => folder.path(),
        }
    }

    /// Whether the engine is not there.
    #[must_use]
    pub fn is_to_build(&self) -> bool {
        matches!(self.folder, Folder::Building(_))
    }

    /// Keeps what was built, once the session that built it is there. TensorRT may have found
    /// reasons of its own to build an engine that was there anew.
    #[must_use]
    pub fn publish(self) -> Origin {
        let building = match self.folder {
            Folder::Whole(path, before) => {
                return match looks(&path) {
                    Ok(after) if after == before => Origin::Cached(path),
                    _ => Origin::Built {
                        kept: list(&path, &self.key)
                            .map(|()| path)
                            .map_err(|error| error.to_string()),
                    },
                };
            }
            Folder::Building(building) => building,
        };
        if let Some(timing) = &self.timing {
            // The next engine takes longer without, and that is all.
            let _ = fs::create_dir_all(timing);
            let _ = copy_timings(building.path(), timing);
        }
        let Some(kept) = self.kept else {
            let kept = Err("engine_cache is false".to_owned());
            return Origin::Built { kept };
        };
        let kept = publish(building, &kept, &self.key).map(|()| kept);
        Origin::Built {
            kept: kept.map_err(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Engines {
    /// `fp16, batches of 1 to 64, on NVIDIA H200`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (precision, batches) = (self.key.precision, self.key.batches());
        write!(f, "{precision}, {batches}, on {}", self.key.machine.gpu)
    }
}

/// Gives a whole folder its name. Where another process was faster, its engine stays.
fn publish(building: TempDir, kept: &Path, key: &EngineKey) -> io::Result<()> {
    list(building.path(), key)?;
    match fs::rename(building.path(), kept) {
        Ok(()) => {
            let _ = building.keep();
            Ok(())
        }
        Err(_) if kept.exists() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes down what a folder holds, timings apart, which are kept elsewhere.
fn list(folder: &Path, key: &EngineKey) -> io::Result<()> {
    let mut files = Vec::new();
    for path in files_of(folder)? {
        if path.extension().is_some_and(|ending| ending == TIMING) {
            fs::remove_file(&path)?;
            continue;
        }
        if name_of(&path) == LIST {
            continue;
        }
        fs::File::open(&path)?.sync_all()?;
        files.push(Listed {
            name: name_of(&path),
            sha256: sha256(&path)?,
        });
    }
    if !files.iter().any(|file| file.name.ends_with(".engine")) {
        return Err(io::Error::other("TensorRT left no engine"));
    }
    let list = List {
        key: key.to_string(),
        files,
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(&list)?)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(LIST))?;
    Ok(())
}

/// How the files of a folder look, timings apart.
fn looks(folder: &Path) -> io::Result<Vec<Look>> {
    let mut looks = Vec::new();
    for path in files_of(folder)? {
        if path.extension().is_none_or(|ending| ending != TIMING) {
            let about = fs::metadata(&path)?;
            looks.push((name_of(&path), about.len(), about.modified()?));
        }
    }
    Ok(looks)
}

impl List {
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(LIST)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether the folder is of this key and holds what the list says, bit for bit.
    fn describes(&self, folder: &Path, key: &EngineKey) -> bool {
        self.key == key.to_string()
            && self.files.iter().any(|file| file.name.ends_with(".engine"))
            && self.files.iter().all(|file| {
                let found = sha256(&folder.join(&file.name));
                found.is_ok_and(|found| found == file.sha256)
            })
    }
}

fn copy_timings(from: &Path, to: &Path) -> io::Result<()> {
    for path in files_of(from)? {
        if path.extension().is_none_or(|ending| ending != TIMING) {
            continue;
        }
        // Whole or not at all: another process may read it now.
        let mut copy = tempfile::NamedTempFile::new_in(to)?;
        io::copy(&mut fs::File::open(&path)?, &mut copy)?;
        copy.persist(to.join(name_of(&path)))?;
    }
    Ok(())
}

/// Removes the folders of builds that were killed. One that cannot be removed is in nobody's way.
fn remove_left(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_building = entry.file_name().to_string_lossy().starts_with(BUILDING);
        let changed = entry.metadata().and_then(|about| about.modified());
        let age = changed.map(|at| at.elapsed().unwrap_or_default());
        if is_building && age.is_ok_and(|age| age > LEFT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut part = vec![0; 1 << 20];
    loop {
        let read = io::Read::read(&mut file, &mut part)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&part[..read]);
    }
}
