//! Archives to files, by exact names.
//!
//! An archive is only opened once its own checksum was right. Still, only files with a pinned name
//! are written, under that name, so that no path in an archive leads anywhere else; each is capped
//! and compared with its pin.

use super::error::AssetError;
use super::news::{Counted, Log, Meter, Phase};
use super::pins::{Pin, Pins, copy, size_of};
use super::place::parent;
use flate2::read::GzDecoder;
use sha2::Sha256;
use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
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
    /// Where in the archive it is read.
    place: &'a Cell<u64>,
    meter: Meter<'a>,
}

/// A file that says where it is read.
struct Placed<'a> {
    file: File,
    place: &'a Cell<u64>,
}

impl Read for Placed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.place.set(self.place.get() + count as u64);
        Ok(count)
    }
}

impl Seek for Placed<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = self.file.seek(to)?;
        self.place.set(place);
        Ok(place)
    }
}

/// Unpacks the pinned files of the zip file `archive` into `folder`. `rename` says which pinned
/// name a path in the archive may have.
pub(super) fn zip(
    archive: &Path,
    folder: &Path,
    pins: Pins,
    rename: fn(&str) -> Option<&str>,
    log: Log<'_>,
) -> Result<(), AssetError> {
    let place = Cell::new(0);
    let (mut unpacker, file) = Unpacker::open(archive, folder, pins, &place, log)?;
    let mut zip = zip::ZipArchive::new(file).map_err(|error| unpacker.bad(error.to_string()))?;
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
    log: Log<'_>,
) -> Result<(), AssetError> {
    let place = Cell::new(0);
    let (mut unpacker, file) = Unpacker::open(archive, folder, pins, &place, log)?;
    let mut tar = tar::Archive::new(GzDecoder::new(file).take(ARCHIVE_CAP));
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

impl<'a> Unpacker<'a> {
    /// Before the first file, and the archive's bytes.
    fn open(
        archive: &'a Path,
        folder: &'a Path,
        pins: Pins,
        place: &'a Cell<u64>,
        log: Log<'a>,
    ) -> Result<(Self, BufReader<Placed<'a>>), AssetError> {
        let file = File::open(archive).map_err(AssetError::io(archive, "unpacking it"))?;
        let unpacker = Self {
            archive,
            folder,
            pins,
            done: HashSet::new(),
            place,
            meter: Meter::new(log, Phase::Unpacking, size_of(archive)),
        };
        Ok((unpacker, BufReader::new(Placed { file, place })))
    }

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
        let content = Counted {
            from: content.take(FILE_CAP),
            read: &mut |_| self.meter.reach(self.place.get()),
        };
        let found = File::create_new(&path)
            .and_then(|file| {
                let digest = copy::<Sha256>(content, &file)?;
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

    fn finish(mut self) -> Result<(), AssetError> {
        match self.pins.iter().find(|pin| !self.done.contains(pin.name)) {
            Some(pin) => Err(self.bad(format!("it has no {}", pin.name))),
            None => {
                // What is left of it is nothing that anybody waits for.
                self.meter.finish();
                Ok(())
            }
        }
    }
}
