//! Tells the program what it was built from: `CATPIPE_SOURCES` is a digest of its own sources and
//! of the versions that it is built with. A finished run is up to date only for the program that
//! made it, and a version number stays the same while the trainer is worked on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders of the sources.
const SOURCES: [&str; 2] = ["src", "winograd/src"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = vec![root.join("Cargo.lock")];
    for folder in SOURCES {
        collect(&root.join(folder), &mut files)?;
        println!("cargo::rerun-if-changed={folder}");
    }
    // Not the order of the file system.
    files.sort();
    let mut digest = DefaultHasher::new();
    for file in files {
        if file.is_file() {
            fs::read(file)?.hash(&mut digest);
        }
    }
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-env=CATPIPE_SOURCES={:016x}", digest.finish());
    Ok(())
}

/// Every file below `folder`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
