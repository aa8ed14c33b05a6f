//! The folders of a store as they lie on the disk.

use super::super::disk;
use super::super::error::StoreError;
use super::super::files;
use super::super::key::Space;
use super::super::opening::{digest_of, list};
use super::super::store::check_format;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file with a shard's name.
#[derive(Clone, Debug)]
pub(super) struct ShardFile {
    pub(super) path: PathBuf,
    /// SHA-256 that its name says.
    pub(super) digest: [u8; 32],
    pub(super) bytes: u64,
    pub(super) written: Option<SystemTime>,
}

/// What is in the folder of a space.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) shards: Vec<ShardFile>,
    /// Files of writers that live no more.
    pub(super) leftovers: Vec<PathBuf>,
    /// Whether a writer is at work.
    pub(super) busy: bool,
    /// What was set aside.
    pub(super) damaged: Vec<PathBuf>,
    /// What is none of these where shards lie.
    pub(super) strangers: Vec<PathBuf>,
}

impl Contents {
    /// The paths of the shards, in order.
    pub(super) fn names(&self) -> Vec<PathBuf> {
        self.shards.iter().map(|shard| shard.path.clone()).collect()
    }
}

/// The folders of spaces in the store at `root`, and what else is there.
pub(super) fn spaces(root: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), StoreError> {
    let paths = list(root)?.into_iter().map(|name| root.join(name));
    Ok(paths.partition(|path| is_space(path)))
}

/// Whether a folder has the name of a space's.
pub(super) fn is_space(path: &Path) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.len() == 16 && name.bytes().all(is_hex)) && path.is_dir()
}

/// What lies in the folder of a space.
pub(super) fn contents(space: &Path) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    let shards = space.join("shards");
    for name in list(&shards)? {
        let path = shards.join(&name);
        if files::is_writers(&name) {
            match is_dead(&path) {
                true => contents.leftovers.push(path),
                false => contents.busy = true,
            }
            continue;
        }
        let about = fs::symlink_metadata(&path).ok();
        match (digest_of(&name), about) {
            (Some(digest), Some(about)) if about.is_file() => contents.shards.push(ShardFile {
                path,
                digest,
                bytes: about.len(),
                written: about.modified().ok(),
            }),
            // It went away since it was listed.
            (_, None) => {}
            _ => contents.strangers.push(path),
        }
    }
    let damaged = space.join("damaged");
    contents.damaged = list(&damaged)?
        .iter()
        .map(|name| damaged.join(name))
        .collect();
    Ok(contents)
}

/// Whether a writer's file belongs to no living one: its lock can be had, or there is none.
fn is_dead(path: &Path) -> bool {
    match File::open(path.with_extension("lock")) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => true,
    }
}

/// The space that `space.json` says, where it can be read and is that of the folder.
///
/// # Errors
/// A store of a newer format.
pub(super) fn described(space: &Path) -> Result<Option<Space>, StoreError> {
    let path = space.join("space.json");
    check_format(&path)?;
    let said = fs::read_to_string(&path).ok();
    let said: Option<serde_json::Value> = said.and_then(|text| serde_json::from_str(&text).ok());
    let found = said.and_then(|mut said| said.get_mut("space").map(serde_json::Value::take));
    let found: Option<Space> = found.and_then(|found| serde_json::from_value(found).ok());
    Ok(found.filter(|found| is_folder_of(space, found)))
}

/// Whether a folder is that of a space's rows.
pub(super) fn is_folder_of(path: &Path, space: &Space) -> bool {
    path.file_name()
        .is_some_and(|name| name == space.folder().as_str())
}

/// Moves a damaged shard of the space in `dir` out of the way; `None` where that is not possible.
pub(super) fn set_aside(dir: &Path, shard: &Path) -> Option<PathBuf> {
    let damaged = dir.join("damaged");
    let target = damaged.join(shard.file_name()?);
    files::create_dir(&damaged).ok()?;
    disk::rename(shard, &target).ok()?;
    Some(target)
}

/// Bytes of the file at `path`, or of all files below it; what can't be read counts nothing.
pub(super) fn size(path: &Path) -> u64 {
    let Ok(about) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !about.is_dir() {
        return about.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}
