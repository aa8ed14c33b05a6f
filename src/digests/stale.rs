//! Records that nobody asks for any more.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::{FORMAT, Record, hex};

/// A record that was neither read nor written for so long is forgotten.
const UNUSED: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Nobody takes so long to write a record.
const UNFINISHED: Duration = Duration::from_secs(24 * 60 * 60);

/// A record that may be removed.
#[derive(Clone, Debug)]
pub struct Stale {
    /// Its file.
    pub path: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
    /// Why.
    pub why: &'static str,
}

/// The records in `folder` that nobody needs as of `now`: those whose files are all gone, those
/// that nobody has read or written for 90 days (where the system does not keep the time of reading,
/// written), and what can't be believed anyway. Without a record its files are read once more, and
/// that is all: what is removed by mistake costs time. Records of a newer format are left.
///
/// # Errors
/// The folder cannot be read; one that is not there is empty.
pub fn stale(folder: &Path, now: SystemTime) -> io::Result<Vec<Stale>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut stale = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // It may go away at any moment.
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        if let Some(why) = reason(&path, &about, now) {
            let bytes = about.len();
            stale.push(Stale { path, bytes, why });
        }
    }
    stale.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(stale)
}

fn reason(path: &Path, about: &Metadata, now: SystemTime) -> Option<&'static str> {
    if !about.is_file() {
        return None;
    }
    let since = |time: io::Result<SystemTime>| {
        let time = time.unwrap_or(now);
        now.duration_since(time).unwrap_or_default()
    };
    let unchanged = since(about.modified());
    let name = path.file_name()?.to_str()?;
    if name.starts_with(".tmp") {
        return (unchanged > UNFINISHED).then_some("unfinished");
    }
    name.strip_suffix(".json")?;
    let unused = unchanged.min(since(about.accessed()));
    match files_of(path) {
        // Where it can't be read now, it may be later.
        Err(_) => None,
        Ok(Found::Newer) => None,
        Ok(Found::Damaged) => Some("damaged"),
        Ok(Found::Files(files)) if !files.iter().any(|file| file.exists()) => {
            Some("its files are gone")
        }
        Ok(Found::Files(_)) => (unused > UNUSED).then_some("not used for 90 days"),
    }
}

/// What a record says.
enum Found {
    Files(Vec<PathBuf>),
    Newer,
    Damaged,
}

fn files_of(path: &Path) -> io::Result<Found> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Found::Damaged),
        text => text?,
    };
    let Some((checksum, record)) = text.split_once('\n') else {
        return Ok(Found::Damaged);
    };
    if hex(&Sha256::digest(record)) != checksum {
        return Ok(Found::Damaged);
    }
    let record: Result<Record<BTreeMap<PathBuf, IgnoredAny>>, _> = serde_json::from_str(record);
    Ok(match record {
        Ok(record) if record.format <= FORMAT => Found::Files(record.files.into_keys().collect()),
        // Its checksum is right: somebody else knows what it says.
        _ => Found::Newer,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Shelf;
    use super::*;

    /// A record that knows one file.
    fn record(folder: &Path, about: &str, file: &Path) {
        let digests = Shelf::new(folder.to_owned(), false).later().open(about);
        let read = || Ok::<_, io::Error>("found".to_owned());
        digests.get(file, read).unwrap();
        digests.save();
    }

    fn reasons(folder: &Path, now: SystemTime) -> Vec<&'static str> {
        let mut reasons: Vec<_> = stale(folder, now)
            .unwrap()
            .iter()
            .map(|one| one.why)
            .collect();
        reasons.sort_unstable();
        reasons
    }

    #[test]
    fn a_record_goes_with_its_files_or_when_nobody_reads_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("digests");
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        for file in [&a, &b] {
            fs::write(file, "x").unwrap();
        }
        record(&folder, "one", &a);
        record(&folder, "other", &b);
        let now = SystemTime::now();
        assert!(reasons(&folder, now).is_empty());
        fs::remove_file(&a).unwrap();
        assert_eq!(reasons(&folder, now), ["its files are gone"]);
        let later = now + UNUSED + Duration::from_secs(60);
        assert_eq!(
            reasons(&folder, later),
            ["its files are gone", "not used for 90 days"]
        );
        assert!(stale(&root.path().join("gone"), now).unwrap().is_empty());
    }

    #[test]
    fn what_is_damaged_or_unfinished_goes_and_what_is_strange_stays() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let folder = root.path().join("digests");
        record(&folder, "one", &file);
        let path = fs::read_dir(&folder)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        fs::write(&path, "0000\n{}").unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        fs::write(folder.join(".tmpabc"), "half").unwrap();
        let newer = "{\"format\":2,\"about\":\"x\",\"entries\":[]}";
        let sum = hex(&Sha256::digest(newer));
        fs::write(folder.join("newer.json"), format!("{sum}\n{newer}")).unwrap();
        let now = SystemTime::now();
        assert_eq!(reasons(&folder, now), ["damaged"]);
        assert_eq!(
            reasons(&folder, now + 2 * UNFINISHED),
            ["damaged", "unfinished"]
        );
    }
}
