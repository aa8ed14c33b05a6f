//! Taking over the shards of other stores.

use super::super::error::{StoreError, Warning};
use super::super::files::{self, Lease};
use super::super::key::{RowId, Space, hex};
use super::super::opening::digest_of;
use super::super::shard::Refusal;
use super::super::store::{Store, check_format};
use super::examine::{Examined, examine};
use super::folder;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What an import did.
#[derive(Debug, Default)]
pub struct Imported {
    /// Shards that are here now.
    pub shards: usize,
    /// Rows in them.
    pub rows: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Shards that were here already, or whose rows all were.
    pub known: usize,
    /// What was not taken over.
    pub refused: Vec<Refused>,
    /// What was found in this store on the way.
    pub warnings: Vec<Warning>,
}

/// A file that was not taken over.
#[derive(Debug)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

/// Takes the shards at `source` over into the store at `root`: those of a cache folder, of its
/// folder `features`, of a space's folder, of a folder of shards, or one shard. Each is compared
/// with its checksum and with what it says it is, linked (copied from another file system), and
/// published as a writer publishes: a reader sees all of it or nothing. What is damaged or foreign
/// stays where it is, and is told. `progress` hears how many of how many files are done.
///
/// # Errors
/// A store that cannot be written, a full disk.
pub fn import(
    root: &Path,
    source: &Path,
    into: &mut Imported,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), StoreError> {
    let found = match candidates(source) {
        Ok(found) => found,
        Err(error) => {
            into.refuse(source, format!("cannot be read: {error}"));
            return Ok(());
        }
    };
    if found.is_empty() {
        let why = "there are no shards here: give a cache folder, the folder of a space in its \
                   `features`, or a shard (.h5)";
        into.refuse(source, why);
    }
    let mut open = BTreeMap::new();
    let total = found.len();
    for (done, path) in (1..).zip(found) {
        match open_shard(&path) {
            Ok((found, digest)) => take(root, &path, found, &digest, &mut open, into)?,
            Err(why) => into.refuse(&path, why),
        }
        progress(done, total);
    }
    Ok(())
}

impl Imported {
    fn refuse(&mut self, path: &Path, why: impl Into<String>) {
        self.refused.push(Refused {
            path: path.to_owned(),
            why: why.into(),
        });
    }
}

/// A space of this store, and the rows that have come to it.
struct Open {
    store: Store,
    imported: HashSet<RowId>,
    lease: Lease,
}

/// The files at `source` that may be shards.
fn candidates(source: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(source)?.is_dir() {
        return Ok(vec![source.to_owned()]);
    }
    let store = source.join("features");
    if store.is_dir() {
        return in_store(&store);
    }
    if source.join("shards").is_dir() {
        return in_folder(&source.join("shards"));
    }
    let mut found = in_store(source)?;
    found.extend(in_folder(source)?.into_iter().filter(|path| path.is_file()));
    Ok(found)
}

fn in_store(store: &Path) -> io::Result<Vec<PathBuf>> {
    let spaces = in_folder(store)?.into_iter();
    let spaces = spaces.filter(|path| folder::is_space(path));
    let shards = spaces.map(|space| space.join("shards"));
    let found: io::Result<Vec<_>> = shards
        .filter(|path| path.is_dir())
        .map(|path| in_folder(&path))
        .collect();
    Ok(found?.concat())
}

/// Everything in a folder, by name, but what writers have unfinished.
fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !files::is_writers(&entry.file_name().to_string_lossy()) {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// A shard that is right, with its digest; else why it is not.
fn open_shard(path: &Path) -> Result<(Examined, [u8; 32]), String> {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let Some(digest) = name.and_then(|name| digest_of(&name)) else {
        return Err("not a shard of a feature store: its name is no SHA-256".to_owned());
    };
    let refused = |refusal| match refusal {
        Refusal::Damage(damage) => format!("{damage}; not imported"),
        Refusal::Error(StoreError::NewerFormat { found, known, .. }) => format!(
            "this shard has format {found}, and this catpipe knows formats up to {known}: use a \
             newer catpipe"
        ),
        Refusal::Error(error) => error.to_string(),
    };
    let found = examine(path, &digest, None).map_err(refused)?;
    match found.space.format {
        Space::FORMAT => Ok((found, digest)),
        other => Err(format!(
            "its rows have keys of version {other}, and this catpipe knows {}",
            Space::FORMAT
        )),
    }
}

fn take(
    root: &Path,
    path: &Path,
    found: Examined,
    digest: &[u8; 32],
    open: &mut BTreeMap<String, Open>,
    into: &mut Imported,
) -> Result<(), StoreError> {
    let name = found.space.folder();
    if !open.contains_key(&name) {
        check_format(&root.join(&name).join("space.json"))?;
        open.insert(name.clone(), Open::new(root, &found.space, into)?);
    }
    let Some(here) = open.get_mut(&name) else {
        return Ok(());
    };
    let is_new = |row: usize| !here.imported.contains(&found.keys[row]);
    if !here.store.missing(&found.keys).into_iter().any(is_new) {
        into.known += 1;
        return Ok(());
    }
    let shards = here.store.path().join("shards");
    let bytes = place(path, here.lease.part())?;
    // What was read is what is published, whatever happened to the file in between.
    match examine(here.lease.part(), digest, Some(&found.space)) {
        Ok(_) => files::publish(
            here.lease.part(),
            &shards.join(format!("{}.h5", hex(digest))),
        )?,
        Err(_) => {
            let _ = fs::remove_file(here.lease.part());
            into.refuse(path, "it changed while it was read; not imported");
            return Ok(());
        }
    }
    into.shards += 1;
    into.rows += found.keys.len();
    into.bytes += bytes;
    here.imported.extend(found.keys);
    Ok(())
}

impl Open {
    fn new(root: &Path, space: &Space, into: &mut Imported) -> Result<Self, StoreError> {
        let (store, warnings) = Store::open(root, space)?;
        into.warnings.extend(warnings);
        // Makes the folders and says what they are.
        drop(store.writer()?);
        let lease = Lease::take(&store.path().join("shards"))?;
        Ok(Self {
            store,
            imported: HashSet::new(),
            lease,
        })
    }
}

/// Puts the file at `path` to `part`, on the disk for good, and gives its bytes. A link is as
/// good as a copy, as nothing ever writes into a shard.
fn place(path: &Path, part: &Path) -> Result<u64, StoreError> {
    let place = || -> io::Result<u64> {
        let _ = fs::remove_file(part);
        // A symbolic link would be linked itself.
        let real = fs::canonicalize(path)?;
        if fs::hard_link(&real, part).is_err() {
            fs::copy(&real, part)?;
        }
        let file = fs::File::open(part)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    place().map_err(|source| StoreError::io(part, "importing a shard", source))
}
