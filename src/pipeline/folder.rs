//! The run folder, `runs/<pipeline name>/`: written whole or not at all.
//!
//! A run writes its files into a temporary folder beside the target, closes it with
//! `outputs.json` (the fingerprint of everything the files depend on, and the SHA-256 of each),
//! and only then swaps it in. A run that dies leaves the old folder as it was, or, in the instant
//! between two renames, under its aside name, from which the next run brings it back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const OUTPUTS: &str = "outputs.json";

/// What could not be done to a run folder.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {action}: {source}{}", path.display(), advice(source))]
pub struct FolderError {
    path: PathBuf,
    action: &'static str,
    source: io::Error,
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => "; make room on the disk and run again: cached rows are kept",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; run in a folder that you may write to, or name one with --root"
        }
        _ => "",
    }
}

/// Names an action and a path beside a system error.
fn failed<'a>(path: &'a Path, action: &'static str) -> impl FnOnce(io::Error) -> FolderError + 'a {
    move |source| FolderError {
        path: path.to_owned(),
        action,
        source,
    }
}

/// What a finished run folder says about itself.
#[derive(Debug, Deserialize, Serialize)]
struct Outputs {
    /// Digest of everything that the files depend on.
    fingerprint: String,
    /// SHA-256 of each file, in hexadecimal.
    files: BTreeMap<String, String>,
}

/// Why a run folder does not hold the results of a pipeline, or that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// It holds them, whole.
    UpToDate,
    /// There is no finished run.
    Missing,
    /// It holds the results of other settings, data or features.
    Other,
    /// A file of it was changed or removed after the run.
    Changed(String),
}

/// A run folder's place.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder of the pipeline `name` under `root`. Nothing is created.
    #[must_use]
    pub fn new(root: &Path, name: &str) -> Self {
        RunFolder {
            path: root.join("runs").join(name),
        }
    }

    /// The folder at this place.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        RunFolder { path }
    }

    /// `<root>/runs/<name>`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.{what}"))
    }

    /// Compares the folder with a fingerprint; every file is read and checked.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn state(&self, fingerprint: &str) -> Result<FolderState, FolderError> {
        let index = self.path.join(OUTPUTS);
        let text = match fs::read(&index) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(FolderState::Missing),
            Err(e) => return Err(failed(&index, "read the run's index")(e)),
        };
        let Ok(outputs) = serde_json::from_slice::<Outputs>(&text) else {
            return Ok(FolderState::Changed(OUTPUTS.to_owned()));
        };
        if outputs.fingerprint != fingerprint {
            return Ok(FolderState::Other);
        }
        for (name, expected) in &outputs.files {
            let file = self.path.join(name);
            match fs::read(&file) {
                Ok(bytes) if hex_digest(&bytes) == *expected => {}
                Ok(_) => return Ok(FolderState::Changed(name.clone())),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    return Ok(FolderState::Changed(name.clone()));
                }
                Err(e) => return Err(failed(&file, "read a result of the run")(e)),
            }
        }
        Ok(FolderState::UpToDate)
    }

    /// Whether the finished run has a file of this name.
    ///
    /// # Errors
    /// The run's index cannot be read.
    pub fn holds(&self, name: &str) -> Result<bool, FolderError> {
        Ok(self.outputs()?.files.contains_key(name))
    }

    fn outputs(&self) -> Result<Outputs, FolderError> {
        let index = self.path.join(OUTPUTS);
        let text = fs::read(&index).map_err(failed(&index, "read the run's index"))?;
        let outputs = serde_json::from_slice(&text).map_err(io::Error::from);
        outputs.map_err(failed(&index, "read the run's index"))
    }

    /// Reads one file of the folder.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let file = self.path.join(name);
        fs::read(&file).map_err(failed(&file, "read a result of the run"))
    }

    /// Brings back what a run that died between two renames had set aside, and checks that the
    /// folder's parent can be written to. To be called before the first expensive step.
    ///
    /// # Errors
    /// The parent folder cannot be made or written to.
    pub fn recover(&self) -> Result<(), FolderError> {
        let parent = self.parent();
        fs::create_dir_all(parent).map_err(failed(parent, "make the folder for runs"))?;
        tempfile::tempfile_in(parent).map_err(failed(parent, "write into the folder for runs"))?;
        let _lock = self.lock()?;
        self.finish_last()
    }

    fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// One publisher at a time: the lock goes with the process, however that ends.
    fn lock(&self) -> Result<File, FolderError> {
        let parent = self.parent();
        let lock = File::open(parent).map_err(failed(parent, "open the folder for runs"))?;
        lock.lock()
            .map_err(failed(parent, "lock the folder for runs"))?;
        Ok(lock)
    }

    /// Ends what a killed run began: see the module's words on the two renames.
    fn finish_last(&self) -> Result<(), FolderError> {
        let old = self.beside("old");
        if !old.exists() {
            return Ok(());
        }
        if !self.path.exists() {
            return fs::rename(&old, &self.path).map_err(failed(&old, "bring the last run back"));
        }
        self.carry_over(&old)?;
        fs::remove_dir_all(&old).map_err(failed(&old, "remove the last run"))
    }

    /// Publishes `files` under `fingerprint`, in place of what the folder held. Files that
    /// catpipe did not write are carried over.
    ///
    /// # Errors
    /// A file cannot be written; the folder is then as it was.
    pub fn publish(&self, fingerprint: &str, files: &[(&str, Vec<u8>)]) -> Result<(), FolderError> {
        self.recover()?;
        let _lock = self.lock()?;
        let new = self.beside("new");
        if new.exists() {
            fs::remove_dir_all(&new).map_err(failed(&new, "remove what a dead run left"))?;
        }
        fs::create_dir(&new).map_err(failed(&new, "make a temporary folder"))?;
        let published = self
            .fill(&new, fingerprint, files)
            .and_then(|()| self.swap_in(&new));
        if published.is_err() {
            // The first error is the one to report; what stays is removed by the next run.
            let _ = fs::remove_dir_all(&new);
        }
        published
    }

    /// Puts further `files` into a finished run, or others of these names in their place, and into
    /// its index, so that the run stays what it is.
    ///
    /// # Errors
    /// There is no finished run, or a file cannot be written. One that was half done is found by
    /// the next run, which makes the folder anew.
    pub fn add(&self, files: &[(&str, &[u8])]) -> Result<(), FolderError> {
        let _lock = self.lock()?;
        let mut outputs = self.outputs()?;
        for (name, bytes) in files {
            self.replace(name, bytes)?;
            outputs.files.insert((*name).to_owned(), hex_digest(bytes));
        }
        self.replace(OUTPUTS, &self.index(&outputs)?)
    }

    /// Writes a file under another name and gives it its own.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let (part, target) = (
            self.path.join(format!(".{name}.part")),
            self.path.join(name),
        );
        write_synced(&part, bytes)?;
        fs::rename(&part, &target).map_err(failed(&target, "publish a result of the run"))?;
        sync_dir(&self.path);
        Ok(())
    }

    fn fill(
        &self,
        new: &Path,
        fingerprint: &str,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), FolderError> {
        let outputs = Outputs {
            fingerprint: fingerprint.to_owned(),
            files: files
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), hex_digest(bytes)))
                .collect(),
        };
        for (name, bytes) in files {
            write_synced(&new.join(name), bytes)?;
        }
        write_synced(&new.join(OUTPUTS), &self.index(&outputs)?)
    }

    /// The bytes of the run's index.
    fn index(&self, outputs: &Outputs) -> Result<Vec<u8>, FolderError> {
        let index = serde_json::to_vec_pretty(outputs).map_err(io::Error::from);
        index.map_err(failed(&self.path, "write the run's index"))
    }

    fn swap_in(&self, new: &Path) -> Result<(), FolderError> {
        let old = self.beside("old");
        if self.path.exists() {
            fs::rename(&self.path, &old).map_err(failed(&self.path, "set the last run aside"))?;
        }
        if let Err(e) = fs::rename(new, &self.path) {
            if old.exists() {
                fs::rename(&old, &self.path).map_err(failed(&old, "bring the last run back"))?;
            }
            return Err(failed(&self.path, "publish the run")(e));
        }
        sync_dir(self.parent());
        self.finish_last()
    }

    /// Moves what catpipe did not write from `old` into the folder.
    fn carry_over(&self, old: &Path) -> Result<(), FolderError> {
        let known = fs::read(old.join(OUTPUTS))
            .ok()
            .and_then(|text| serde_json::from_slice::<Outputs>(&text).ok())
            .map(|outputs| outputs.files)
            .unwrap_or_default();
        let entries = fs::read_dir(old).map_err(failed(old, "list the last run"))?;
        for entry in entries {
            let entry = entry.map_err(failed(old, "list the last run"))?;
            let name = entry.file_name();
            let target = self.path.join(&name);
            let ours = name
                .to_str()
                .is_some_and(|n| n == OUTPUTS || known.contains_key(n));
            if !ours && !target.exists() {
                fs::rename(entry.path(), &target)
                    .map_err(failed(&target, "carry a file over from the last run"))?;
            }
        }
        Ok(())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed(path, "write a result of the run"))
}

/// Makes a rename last through a power cut where the system can; where it cannot, the rename
/// itself has happened all the same.
fn sync_dir(path: &Path) {
    if let Ok(dir) = File::open(path) {
        let _ = dir.sync_all();
    }
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(folder: &RunFolder, fingerprint: &str, text: &str) {
        let files = [("a.txt", text.as_bytes().to_vec()), ("b.txt", vec![1])];
        folder.publish(fingerprint, &files).unwrap();
    }

    #[test]
    fn a_published_run_is_up_to_date_until_anything_changes() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        assert_eq!(folder.state("1").unwrap(), FolderState::Missing);
        publish(&folder, "1", "one");
        assert_eq!(folder.state("1").unwrap(), FolderState::UpToDate);
        assert_eq!(folder.state("2").unwrap(), FolderState::Other);
        fs::write(folder.path().join("a.txt"), "two").unwrap();
        let changed = FolderState::Changed("a.txt".into());
        assert_eq!(folder.state("1").unwrap(), changed);
        fs::remove_file(folder.path().join("a.txt")).unwrap();
        assert_eq!(folder.state("1").unwrap(), changed);
        fs::write(folder.path().join(OUTPUTS), "{").unwrap();
        let changed = FolderState::Changed(OUTPUTS.into());
        assert_eq!(folder.state("1").unwrap(), changed);
    }

    #[test]
    fn a_new_run_replaces_the_old_one_and_keeps_what_the_user_put_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        publish(&folder, "1", "one");
        fs::write(folder.path().join("notes.md"), "mine").unwrap();
        folder.publish("2", &[("a.txt", b"two".to_vec())]).unwrap();
        assert_eq!(folder.state("2").unwrap(), FolderState::UpToDate);
        assert_eq!(folder.read("notes.md").unwrap(), b"mine");
        assert!(!folder.path().join("b.txt").exists());
        let left: Vec<_> = fs::read_dir(root.path().join("runs")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_is_added_belongs_to_the_run_and_goes_with_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        assert!(folder.add(&[("c.txt", b"three")]).is_err(), "no run yet");
        publish(&folder, "1", "one");
        folder
            .add(&[("c.txt", b"three"), ("a.txt", b"ONE")])
            .unwrap();
        assert_eq!(folder.state("1").unwrap(), FolderState::UpToDate);
        assert_eq!(folder.read("a.txt").unwrap(), b"ONE");
        fs::write(folder.path().join("c.txt"), "x").unwrap();
        let changed = FolderState::Changed("c.txt".into());
        assert_eq!(folder.state("1").unwrap(), changed);
        publish(&folder, "2", "two");
        assert!(
            !folder.path().join("c.txt").exists(),
            "it was the old run's"
        );
    }

    #[test]
    fn a_run_that_died_between_the_renames_is_brought_back() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        publish(&folder, "1", "one");
        fs::rename(folder.path(), folder.beside("old")).unwrap();
        assert_eq!(folder.state("1").unwrap(), FolderState::Missing);
        folder.recover().unwrap();
        assert_eq!(folder.state("1").unwrap(), FolderState::UpToDate);
    }

    #[test]
    fn a_run_that_died_after_the_renames_is_finished() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        publish(&folder, "1", "one");
        fs::write(folder.path().join("notes.md"), "mine").unwrap();
        fs::rename(folder.path(), folder.beside("old")).unwrap();
        publish(&RunFolder::new(root.path(), "y"), "2", "two");
        fs::rename(root.path().join("runs/y"), folder.path()).unwrap();
        folder.recover().unwrap();
        assert_eq!(folder.state("2").unwrap(), FolderState::UpToDate);
        assert_eq!(folder.read("notes.md").unwrap(), b"mine");
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_folder_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "x");
        publish(&folder, "1", "one");
        let files = [("a.txt", b"two".to_vec()), ("no/such/folder", vec![])];
        let error = folder.publish("2", &files).unwrap_err().to_string();
        assert!(
            error.contains("cannot write a result of the run"),
            "{error}"
        );
        assert_eq!(folder.state("1").unwrap(), FolderState::UpToDate);
        let left: Vec<_> = fs::read_dir(root.path().join("runs")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
