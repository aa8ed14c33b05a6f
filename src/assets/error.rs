//! Why an asset is not there.

use std::io;
use std::path::{Path, PathBuf};

/// Why an asset could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssetError {
    /// No environment variable says where the cache is.
    #[error("no place for the cache: set CATPIPE_CACHE to a folder (HOME is not set either)")]
    NoCacheDir,
    /// No build of ONNX Runtime is pinned for this machine.
    #[error(
        "no ONNX Runtime is pinned for {os} on {arch} (only for linux on x86_64 and aarch64): get \
         its shared library, 1.20 or later, and set ORT_DYLIB_PATH to it"
    )]
    UnsupportedPlatform {
        /// The operating system.
        os: String,
        /// The processor.
        arch: String,
    },
    /// A build of ONNX Runtime that is made for x86-64 alone.
    #[error(
        "ONNX Runtime with {build} is pinned for linux on x86_64 alone, and this machine is {os} on \
         {arch}: get a build of it for this machine, 1.20 or later, and set ORT_DYLIB_PATH to its \
         shared library"
    )]
    UnsupportedBuild {
        /// The build's name.
        build: &'static str,
        /// The operating system.
        os: String,
        /// The processor.
        arch: String,
    },
    /// A program that fetches is not installed.
    #[error(
        "{} is needed to {purpose} and was not found: install it (apt-get install {package})",
        program.display()
    )]
    ToolMissing {
        /// The program.
        program: PathBuf,
        /// The Debian package that has it.
        package: &'static str,
        /// What it was to do.
        purpose: String,
    },
    /// A program that fetches could not be started.
    #[error("{} could not be started to {purpose}", program.display())]
    ToolBroken {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        purpose: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program that fetches failed.
    #[error("{} failed to {purpose} ({status}):\n{stderr}", program.display())]
    ToolFailed {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        purpose: String,
        /// How it ended.
        status: String,
        /// The last lines of what it said.
        stderr: String,
    },
    /// A program that fetches ended well, and the file is not there.
    #[error("{tool} ended well, but left no file {}: is it the real {tool}?", path.display())]
    NothingCame {
        /// The program.
        tool: &'static str,
        /// The file that it should have left.
        path: PathBuf,
    },
    /// What came is not what is pinned. It was not kept.
    #[error(
        "what came as {what} has SHA-{bits} {found}, but {expected} is pinned: nothing was kept; \
         fetch again, and if it stays so, look at what stands between this machine and the source"
    )]
    WrongChecksum {
        /// The asset, or the file in it.
        what: String,
        /// Which digest: 256 for SHA-256, 512 for SHA-512.
        bits: usize,
        /// The pinned digest, in hex.
        expected: String,
        /// The digest of what came, in hex.
        found: String,
    },
    /// A file that the user has put there is another one. It is left as it is.
    #[error(
        "{}: this file has SHA-256 {found}, but the one that is needed has {expected}: \
         it is left as it is; move it away, or put the right one there",
        path.display()
    )]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The SHA-256 that is needed, in hex.
        expected: String,
        /// The SHA-256 of the file, in hex.
        found: String,
    },
    /// An archive with the right checksum lacks a file, has it twice or cannot be unpacked.
    #[error("{}: cannot be unpacked: {what}", archive.display())]
    BadArchive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the cat study is in none of its places.
    #[error(
        "{file} could not be had:\n  it is not in {}\n  {}\n  {address}: {cause}\nput the file with \
         SHA-256 {sha256} into {}, or set CATPIPE_MIRROR to a folder that has it",
        data_dir.display(), mirror_words(mirror.as_deref()), data_dir.display()
    )]
    CatsUnreachable {
        /// The file's name.
        file: &'static str,
        /// The SHA-256 that it must have, in hex.
        sha256: &'static str,
        /// The folder it belongs in.
        data_dir: PathBuf,
        /// The mirror folder that was tried.
        mirror: Option<PathBuf>,
        /// The public address that was tried.
        address: String,
        /// Why that failed.
        cause: Box<AssetError>,
    },
    /// A refusal by the system.
    #[error("{}: failed while {doing}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl AssetError {
    /// A system error at `path`, as a closure for `map_err`.
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}

fn mirror_words(mirror: Option<&Path>) -> String {
    match mirror {
        Some(dir) => format!("it is not in the mirror {}", dir.display()),
        None => "no mirror is set (CATPIPE_MIRROR)".to_owned(),
    }
}
