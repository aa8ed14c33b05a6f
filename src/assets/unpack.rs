//! Archives to files, by exact names.
//!
//! An archive is only opened once its own checksum was right. Still, only files with a pinned name
//! are written, under that name, so that no path in an archive leads anywhere else; each is capped
//! and compared with its pin.

use super::error::AssetError;
use super::pins::{Pin, Pins, copy};
use super::place::parent;
use flate2::read::GzDecoder;
use sha2::Sha256;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

/// No file of any asset is longer than this.
const FILE_CAP: u64 = 512 << 20;
/// No archive of any asset unpacks to more than this.
const ARCHIVE_CAP: u64 = 512 << 20;

/// Files on their way out of an archive.
struct Unpacker<'a> {
    archive: &'a Path,
    folder: &'a Path,
    pins: Pins,
    done: HashSet<&'static str>,
}

/// Unpacks the pinned files of the zip file `archive` into `folder`. `rename` says which pinned
/// name a path in the archive may have.
pub(super) fn zip(
    archive: &Path,
    folder: &Path,
    pins: Pins,
    rename: fn(&str) -> Option<&str>,
) -> Result<(), AssetError> {
    let mut unpacker = Unpacker {
        archive,
        folder,
        pins,
        done: HashSet::new(),
    };
    let file = File::open(archive).map_err(AssetError::io(archive, "unpacking it"))?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| unpacker.bad(error.to_string()))?;
    for number in 0..zip.len() {
        let entry = zip
            .by_index(number)
            .map_err(|error| unpacker.bad(error.to_string()))?;
        let path = entry
            .name()
            .map_err(|error| unpacker.bad(error.to_string()))?
            .into_owned();
        let pin = rename(&path).and_then(|name| pins.get(name));
        if let Some(pin) = pin.filter(|_| entry.is_file()) {
            unpacker.write(pin, entry)?;
        }
    }
    unpacker.finish()
}

/// Unpacks the pinned files of the gzipped tar file `archive` into `folder`. `rename` says which
/// pinned name a path in the archive may have.
pub(super) fn tar_gz(
    archive: &Path,
    folder: &Path,
    pins: Pins,
    rename: fn(&str) -> Option<&str>,
) -> Result<(), AssetError> {
    let mut unpacker = Unpacker {
        archive,
        folder,
        pins,
        done: HashSet::new(),
    };
    let file = File::open(archive).map_err(AssetError::io(archive, "unpacking it"))?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)).take(ARCHIVE_CAP));
    let entries = tar
        .entries()
        .map_err(|error| unpacker.bad(error.to_string()))?;
    for entry in entries {
        let entry = entry.map_err(|error| unpacker.bad(error.to_string()))?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let pin = rename(&path).and_then(|name| pins.get(name));
        if let Some(pin) = pin.filter(|_| entry.header().entry_type().is_file()) {
            unpacker.write(pin, entry)?;
        }
    }
    unpacker.finish()
}

impl Unpacker<'_> {
    fn bad(&self, what: impl Into<String>) -> AssetError {
        AssetError::BadArchive {
            archive: self.archive.to_owned(),
            what: what.into(),
        }
    }

    /// Writes one file, synced, if it is what is pinned.
    fn write(&mut self, pin: Pin, content: impl Read) -> Result<(), AssetError> {
        if !self.done.insert(pin.name) {
            return Err(self.bad(format!("it has {} twice", pin.name)));
        }
        let path = self.folder.join(pin.name);
        let dir = parent(&path);
        fs::create_dir_all(dir).map_err(AssetError::io(dir, "creating this folder"))?;
        let fail = AssetError::io(&path, "unpacking to it");
        let found = File::create_new(&path)
            .and_then(|file| {
                let digest = copy::<Sha256>(content.take(FILE_CAP), &file)?;
                file.sync_all()?;
                Ok(digest)
            })
            .map_err(fail)?;
        if found == pin.sha256 {
            return Ok(());
        }
        Err(AssetError::WrongChecksum {
            what: format!("{} in {}", pin.name, self.archive.display()),
            bits: 256,
            expected: pin.sha256.to_owned(),
            found,
        })
    }

    fn finish(self) -> Result<(), AssetError> {
        match self.pins.iter().find(|pin| !self.done.contains(pin.name)) {
            Some(pin) => Err(self.bad(format!("it has no {}", pin.name))),
            None => Ok(()),
        }
    }
}
