//! Checksums that are written in the code, and files compared with them.

use super::error::AssetError;
use super::news::{Counted, Log, Meter, Phase};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// The files of an asset, in the form of `sha256sum`: a digest, two spaces and a path a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pins(pub(super) &'static str);

/// One pinned file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// Its path in the asset's folder.
    pub(super) name: &'static str,
    /// Its SHA-256 in hex.
    pub(super) sha256: &'static str,
}

impl Pins {
    /// The files, in the order they are written.
    pub(super) fn iter(self) -> impl Iterator<Item = Pin> {
        let pin = |(sha256, name)| Pin { name, sha256 };
        self.0
            .lines()
            .filter_map(move |line| line.split_once("  ").map(pin))
    }

    /// The pin of a path.
    pub(super) fn get(self, name: &str) -> Option<Pin> {
        self.iter().find(|pin| pin.name == name)
    }

    /// The first file of `dir` that is not what is pinned, if any.
    pub(super) fn first_wrong(self, dir: &Path, log: Log<'_>) -> Result<Option<Pin>, AssetError> {
        let total = self.iter().map(|pin| size_of(&dir.join(pin.name))).sum();
        let mut meter = Meter::new(log, Phase::Checking, total);
        let mut read = |bytes| meter.add(bytes);
        for pin in self.iter() {
            let found = digest_watched::<Sha256>(&dir.join(pin.name), &mut read)?;
            if found.as_deref() != Some(pin.sha256) {
                return Ok(Some(pin));
            }
        }
        Ok(None)
    }
}

/// SHA-256 of a file in hex; `None` where there is no such file.
pub(super) fn sha256_of(path: &Path) -> Result<Option<String>, AssetError> {
    digest_of::<Sha256>(path)
}

/// A digest of a file in hex; `None` where there is no such file.
pub(super) fn digest_of<D: Digest>(path: &Path) -> Result<Option<String>, AssetError> {
    digest_watched::<D>(path, &mut |_| ())
}

/// [`digest_of`] that calls `read` with the number of bytes of each piece that is read.
pub(super) fn digest_watched<D: Digest>(
    path: &Path,
    read: &mut dyn FnMut(u64),
) -> Result<Option<String>, AssetError> {
    let fail = AssetError::io(path, "checking its checksum");
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened
            .and_then(|from| copy::<D>(Counted { from, read }, io::sink()))
            .map(Some)
            .map_err(fail),
    }
}

/// The size of a file, for whoever waits for it to be read; 0 where there is none.
pub(super) fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Copies `from` to `to`, and gives the digest of what was copied, in hex.
pub(super) fn copy<D: Digest>(mut from: impl Read, mut to: impl Write) -> io::Result<String> {
    let mut hash = D::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                hash.update(bytes);
                to.write_all(bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha512;

    // Golden values: `printf abc | sha256sum`, `printf abc | sha512sum`.
    #[test]
    fn digests_are_those_of_sha256sum_and_sha512sum() {
        let mut copied = Vec::new();
        let digest = copy::<Sha256>(&b"abc"[..], &mut copied).unwrap();
        assert_eq!(
            digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(copied, b"abc");
        let digest = copy::<Sha512>(&b"abc"[..], io::sink()).unwrap();
        assert!(digest.starts_with("ddaf35a193617abacc417349ae204131") && digest.len() == 128);
    }

    #[test]
    fn the_first_wrong_file_is_found() {
        let dir = tempfile::TempDir::new().unwrap();
        let pins = Pins(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b",
        );
        let wrong = || pins.first_wrong(dir.path(), &mut |_| ()).unwrap();
        std::fs::write(dir.path().join("a"), "abc").unwrap();
        assert_eq!(wrong(), pins.get("b"));
        std::fs::write(dir.path().join("b"), "abd").unwrap();
        assert_eq!(wrong(), pins.get("b"));
        std::fs::write(dir.path().join("b"), "abc").unwrap();
        assert_eq!(wrong(), None);
    }
}
