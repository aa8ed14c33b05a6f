//! What files were last found to be, so that unchanged ones are not read again.
//!
//! A [`Digests`] is one small file in the cache folder that belongs to one question (the checksum
//! of a graph, the keys of a dataset's images) and remembers its answer for each file that was
//! asked about. An answer is believed only where size, inode and both times of the file (that of
//! its content and that of its inode, which no program can set) are what they were, to the
//! nanosecond.
//!
//! As git does with its index, a file that was too young when it was read is not remembered at
//! all: two changes within one tick of the file system's clock have the same times. What is
//! remembered had not been changed for two seconds when the record was opened, so that nothing can
//! have changed it between that and its reading without a newer time.
//!
//! A record that is missing, damaged (it ends with its own checksum) or cannot be written only
//! costs time. Where bytes are loaded to be used, those bytes are hashed, whatever is remembered.

mod stale;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use stale::{Stale, stale};

/// A file that was changed this recently may change again without showing it: the coarsest file
/// systems count in steps of two seconds.
const YOUNG: Duration = Duration::from_secs(2);

/// Where records are kept, and whether they are believed.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    folder: Option<PathBuf>,
    verify: bool,
    /// Tests cannot wait until their files are no longer young.
    #[cfg(test)]
    ahead: Duration,
}

impl Shelf {
    /// Records are kept in `folder`. With `verify` none is believed: every file is read, and
    /// remembered anew.
    #[must_use]
    pub fn new(folder: PathBuf, verify: bool) -> Self {
        Self {
            folder: Some(folder),
            verify,
            #[cfg(test)]
            ahead: Duration::ZERO,
        }
    }

    /// Whether anything that is remembered is believed.
    #[must_use]
    pub fn believes(&self) -> bool {
        self.folder.is_some() && !self.verify
    }

    /// The same as it is a minute later.
    #[cfg(test)]
    pub(crate) fn later(mut self) -> Self {
        self.ahead = Duration::from_secs(60);
        self
    }

    /// The record of what is asked `about` files: everything besides a file's bytes that the
    /// answers depend on. Nothing is created before [`Digests::save`].
    #[must_use]
    pub fn open(&self, about: &str) -> Digests {
        let Some(folder) = &self.folder else {
            return Digests::none();
        };
        let mut digests = Digests::open(folder, about);
        if self.verify {
            digests.known.clear();
        }
        #[cfg(test)]
        {
            digests.begun += self.ahead;
        }
        digests
    }
}

/// The answers to one question about files.
#[derive(Debug)]
pub struct Digests {
    /// Where they are kept; `None` where nothing is.
    file: Option<PathBuf>,
    about: String,
    /// Relative paths start here.
    here: PathBuf,
    begun: SystemTime,
    known: BTreeMap<PathBuf, Answer>,
    kept: Mutex<BTreeMap<PathBuf, Answer>>,
}

/// What was found in a file, and what the file was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    stamp: Stamp,
    value: String,
}

/// What cannot stay the same where a file changes. Times are seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    inode: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    /// That of the file at `path` as it is now.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            size: file.size(),
            inode: file.ino(),
            mtime: (file.mtime(), file.mtime_nsec()),
            ctime: (file.ctime(), file.ctime_nsec()),
        })
    }

    /// Size of the file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether the last change was clearly before `time`.
    fn is_older_than(&self, time: SystemTime) -> bool {
        let Some(old) = time.checked_sub(YOUNG) else {
            return false;
        };
        let Ok(old) = old.duration_since(SystemTime::UNIX_EPOCH) else {
            return false;
        };
        let old = (
            i64::try_from(old.as_secs()).unwrap_or(i64::MAX),
            i64::from(old.subsec_nanos()),
        );
        self.mtime < old && self.ctime < old
    }
}

impl Digests {
    fn open(folder: &Path, about: &str) -> Self {
        let name = hex(&Sha256::digest(about)[..8]);
        let file = folder.join(format!("{name}.json"));
        let known = read(&file, about).unwrap_or_default();
        Self {
            file: Some(file),
            about: about.to_owned(),
            known,
            ..Self::none()
        }
    }

    /// A record of nothing, which is kept nowhere: every file is read.
    #[must_use]
    pub fn none() -> Self {
        Self {
            file: None,
            about: String::new(),
            here: std::env::current_dir().unwrap_or_default(),
            begun: SystemTime::now(),
            known: BTreeMap::new(),
            kept: Mutex::default(),
        }
    }

    /// What was found in `path`, where it has not changed since.
    pub fn recall(&self, path: &Path) -> Option<String> {
        let path = self.here.join(path);
        let answer = self.known.get(&path)?;
        if Stamp::of(&path)? != answer.stamp {
            return None;
        }
        self.kept().insert(path, answer.clone());
        Some(answer.value.clone())
    }

    /// What was found in `path`, where neither it nor any other file of this record has changed
    /// since: for what is one thing in several files.
    pub fn recall_all(&self, path: &Path) -> Option<String> {
        let unchanged = |path: &PathBuf| self.recall(path).is_some();
        if self.known.keys().all(unchanged) {
            return self.recall(path);
        }
        self.kept().clear();
        None
    }

    /// What is in `path`: remembered, else found out by `read`.
    ///
    /// # Errors
    /// Those of `read`; they are not remembered.
    pub fn get<E>(
        &self,
        path: &Path,
        read: impl FnOnce() -> Result<String, E>,
    ) -> Result<String, E> {
        if let Some(value) = self.recall(path) {
            return Ok(value);
        }
        let path = self.here.join(path);
        let before = Stamp::of(&path);
        let value = read()?;
        if let Some(stamp) = before.filter(|stamp| stamp.is_older_than(self.begun))
            && Stamp::of(&path) == before
        {
            let value = value.clone();
            self.kept().insert(path, Answer { stamp, value });
        }
        Ok(value)
    }

    /// Keeps the answers that were given since the record was opened; the others are dropped, as
    /// nobody asks for them any more. A record that cannot be written only costs time.
    pub fn save(self) {
        let Some(file) = &self.file else { return };
        let kept = self.kept();
        if *kept != self.known {
            let _ = write(file, &self.about, &kept);
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Answer>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a record's file holds after its checksum.
#[derive(Serialize, Deserialize)]
struct Record<Files> {
    format: u32,
    about: String,
    files: Files,
}

const FORMAT: u32 = 1;

/// The answers in `file`; none where it is not there, damaged or about something else.
fn read(file: &Path, about: &str) -> Option<BTreeMap<PathBuf, Answer>> {
    let text = fs::read_to_string(file).ok()?;
    let (checksum, record) = text.split_once('\n')?;
    if hex(&Sha256::digest(record)) != checksum {
        return None;
    }
    let record: Record<BTreeMap<PathBuf, Answer>> = serde_json::from_str(record).ok()?;
    (record.format == FORMAT && record.about == about).then_some(record.files)
}

fn write(file: &Path, about: &str, files: &BTreeMap<PathBuf, Answer>) -> io::Result<()> {
    // A path that is no text has no place in JSON.
    let files = files.iter().filter(|(path, _)| path.to_str().is_some());
    let record = serde_json::to_string(&Record::<BTreeMap<&PathBuf, &Answer>> {
        format: FORMAT,
        about: about.to_owned(),
        files: files.collect(),
    })?;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Always the same name, which a killed program leaves to the next one. Two that write it at
    // once may spoil the record for each other, and it is not synced: its checksum tells.
    let part = file.with_extension("part");
    let mut new = fs::File::create(&part)?;
    let text = format!("{}\n{record}", hex(&Sha256::digest(&record)));
    new.write_all(text.as_bytes())?;
    fs::rename(part, file)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
