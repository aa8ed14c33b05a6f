//! What was last checked and found right, so that large files are not hashed at every run.
//!
//! A stamp records size, times and inode of each file as they were just before its checksum was
//! found right. As git does with its index, a stamp is believed only if it is strictly newer than
//! every file it speaks of, both by the file system's clock: a file that was changed in the same
//! tick as the stamp was written, which no time could show, is hashed again.

use super::error::AssetError;
use super::pins::Pins;
use super::place::parent;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The stamp of one folder of pinned files: a file `.NAME.ok` beside it.
#[derive(Debug)]
pub(super) struct Stamp {
    path: PathBuf,
    /// What the stamp says if it speaks of these very files.
    text: String,
    /// The newest change of any of them: seconds, nanoseconds.
    newest: (i64, i64),
}

impl Stamp {
    /// The stamp that the files of `folder` deserve if they are right; `None` where one of them
    /// is not there.
    pub(super) fn of(folder: &Path, pins: Pins) -> Option<Self> {
        let name = folder.file_name()?.to_string_lossy();
        let path = parent(folder).join(format!(".{name}.ok"));
        let mut text = String::from("catpipe checked files 1\n");
        let mut newest = (i64::MIN, 0);
        for pin in pins.iter() {
            let file = fs::metadata(folder.join(pin.name)).ok()?;
            let mtime = (file.mtime(), file.mtime_nsec());
            let ctime = (file.ctime(), file.ctime_nsec());
            newest = newest.max(mtime).max(ctime);
            let (size, inode) = (file.size(), file.ino());
            let (sha256, name) = (pin.sha256, pin.name);
            text += &format!("{sha256} {size} {mtime:?} {ctime:?} {inode} {name}\n");
        }
        Some(Self { path, text, newest })
    }

    /// Whether these files were found right before, and are untouched since.
    pub(super) fn is_believed(&self) -> bool {
        let is_newer = fs::metadata(&self.path)
            .is_ok_and(|stamp| (stamp.mtime(), stamp.mtime_nsec()) > self.newest);
        is_newer && fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }

    /// Records that these files were found right.
    pub(super) fn write(&self) -> Result<(), AssetError> {
        let dir = parent(&self.path);
        tempfile::NamedTempFile::new_in(dir)
            .and_then(|mut file| {
                file.write_all(self.text.as_bytes())?;
                file.persist(&self.path).map_err(|error| error.error)
            })
            .map(drop)
            .map_err(AssetError::io(
                &self.path,
                "noting that the files were right",
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    const PINS: Pins = Pins("00  a\n11  b");

    /// A folder of two files, and its stamp, written and a minute newer than any change.
    fn stamped() -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("asset");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "aa").unwrap();
        fs::write(folder.join("b"), "bb").unwrap();
        let stamp = Stamp::of(&folder, PINS).unwrap();
        stamp.write().unwrap();
        set_time(&stamp.path, 60);
        assert!(Stamp::of(&folder, PINS).unwrap().is_believed());
        (dir, folder)
    }

    fn set_time(path: &Path, seconds_from_now: u64) {
        let time = SystemTime::now() + Duration::from_secs(seconds_from_now);
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    #[test]
    fn a_file_that_changed_is_not_believed_even_at_its_old_size_and_time() {
        let (_dir, folder) = stamped();
        let file = folder.join("b");
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "bc").unwrap();
        File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_modified(time)
            .unwrap();
        assert!(!Stamp::of(&folder, PINS).unwrap().is_believed());
    }

    #[test]
    fn a_file_that_is_gone_has_no_stamp() {
        let (_dir, folder) = stamped();
        fs::remove_file(folder.join("a")).unwrap();
        assert!(Stamp::of(&folder, PINS).is_none());
    }

    #[test]
    fn another_pin_is_not_believed() {
        let (_dir, folder) = stamped();
        assert!(
            !Stamp::of(&folder, Pins("00  a\n12  b"))
                .unwrap()
                .is_believed()
        );
    }

    #[test]
    fn a_stamp_no_newer_than_its_files_is_not_believed() {
        let (_dir, folder) = stamped();
        set_time(&folder.join("a"), 120);
        let stamp = Stamp::of(&folder, PINS).unwrap();
        stamp.write().unwrap();
        assert!(!stamp.is_believed());
    }

    #[test]
    fn a_stamp_that_says_something_else_is_not_believed() {
        let (_dir, folder) = stamped();
        let stamp = Stamp::of(&folder, PINS).unwrap();
        fs::write(&stamp.path, "catpipe checked files 1\n").unwrap();
        set_time(&stamp.path, 60);
        assert!(!stamp.is_believed());
    }
}
