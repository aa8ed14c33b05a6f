//! An asset that is a folder of pinned files, unpacked from one archive.

use super::claim::Claim;
use super::error::AssetError;
use super::news::{Log, Meter, News, Phase};
use super::pins::{Pins, digest_watched, size_of};
use super::place::parent;
use super::stamp::Stamp;
use sha2::Digest;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A folder that is to hold pinned files.
#[derive(Debug)]
pub(super) struct Folder {
    /// What it is, for people.
    pub(super) title: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// The files in it.
    pub(super) pins: Pins,
    /// Whether files that were right before and look untouched are believed unhashed, for an
    /// asset that takes long to hash.
    pub(super) stamped: bool,
}

impl Folder {
    /// Sees to it that the folder is there and right. Where it is not, `fill(scratch, unpacked)`
    /// fetches in the empty folder `scratch` and puts the pinned files into the empty folder
    /// `unpacked`; then that gets its place.
    pub(super) fn ensure(
        &self,
        log: Log<'_>,
        fill: impl FnOnce(&Path, &Path, Log<'_>) -> Result<(), AssetError>,
    ) -> Result<(), AssetError> {
        if self.is_right(&mut *log)? {
            return Ok(());
        }
        let claim = Claim::take(&self.path, &mut *log)?;
        // Another process may have fetched it while this one waited.
        if self.is_right(&mut |_| ())? {
            return Ok(());
        }
        let scratch = claim.part().join("fetched");
        let unpacked = claim.part().join("unpacked");
        for dir in [&scratch, &unpacked] {
            fs::create_dir_all(dir).map_err(AssetError::io(dir, "creating this folder"))?;
        }
        fill(&scratch, &unpacked, &mut *log)?;
        self.publish(&unpacked, claim.part())?;
        log(News::Line(format!(
            "{}: in {}",
            self.title,
            self.path.display()
        )));
        Ok(())
    }

    /// Whether every pinned file is there and right; says so, or what is wrong.
    fn is_right(&self, log: Log<'_>) -> Result<bool, AssetError> {
        let (title, path) = (&self.title, self.path.display());
        if !self.path.is_dir() {
            return Ok(false);
        }
        let stamp = if self.stamped {
            Stamp::of(&self.path, self.pins)
        } else {
            None
        };
        if stamp.as_ref().is_some_and(Stamp::is_believed) {
            log(News::Line(format!(
                "{title}: already in {path}, unchanged since it was checked"
            )));
            return Ok(true);
        }
        if let Some(pin) = self.pins.first_wrong(&self.path, &mut *log)? {
            log(News::Line(format!(
                "{title}: {path}/{} is damaged or missing: fetching anew",
                pin.name
            )));
            return Ok(false);
        }
        log(News::Line(format!(
            "{title}: already in {path}, checksums right"
        )));
        // A cache that cannot be written is only slower: the files are hashed every time.
        let _ = stamp.map(|stamp| stamp.write());
        Ok(true)
    }

    /// Gives `unpacked` its place. What was there before, damaged, goes with the claim's folder; a
    /// program that has one of its files open keeps it.
    fn publish(&self, unpacked: &Path, part: &Path) -> Result<(), AssetError> {
        sync(unpacked)?;
        if fs::symlink_metadata(&self.path).is_ok() {
            fs::rename(&self.path, part.join("damaged")).map_err(AssetError::io(
                &self.path,
                "moving the damaged one out of the way",
            ))?;
        }
        fs::rename(unpacked, &self.path).map_err(AssetError::io(
            &self.path,
            "giving the finished folder its name",
        ))?;
        sync(parent(&self.path))?;
        match Stamp::of(&self.path, self.pins).filter(|_| self.stamped) {
            Some(stamp) => stamp.write(),
            None => Ok(()),
        }
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync(dir: &Path) -> Result<(), AssetError> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(AssetError::io(dir, "syncing it"))
}

/// Compares a file that `tool` has just fetched as `what` with its pinned digest.
pub(super) fn check_fetched<D: Digest>(
    path: &Path,
    what: &str,
    tool: &'static str,
    expected: &str,
    log: Log<'_>,
) -> Result<(), AssetError> {
    let mut meter = Meter::new(log, Phase::Checking, size_of(path));
    let Some(found) = digest_watched::<D>(path, &mut |bytes| meter.add(bytes))? else {
        return Err(AssetError::NothingCame {
            tool,
            path: path.to_owned(),
        });
    };
    if found == expected {
        return Ok(());
    }
    let (what, expected) = (what.to_owned(), expected.to_owned());
    Err(AssetError::WrongChecksum {
        what,
        bits: 8 * <D as Digest>::output_size(),
        expected,
        found,
    })
}
