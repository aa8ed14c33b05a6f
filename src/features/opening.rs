//! What is in a store's folder, brought into the index in memory.
//!
//! A shard that the index file knows is not opened: its name is in the folder's listing, and its
//! size, inode and times are those that it had when it was last right. A change that leaves all
//! of them as they were would go unseen here, and is seen when its rows are read, as always.

use super::catalogue::{Record, Trouble};
use super::error::{Damage, StoreError, Warning};
use super::files;
use super::index::{ByDigest, Shard};
use super::key::{RowId, hex};
use super::raw::Raw;
use super::shard::{self, Refusal};
use super::store::{OPENING, Store};
use crate::digests::Stamp;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Shards that are read before what was found in them is entered in the index file: what a killed
/// rebuilding has done is not lost.
const ENTERED_AT_ONCE: usize = 64;

/// What is believed of shards that were right before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// A shard whose size, inode and times are the same.
    Unchanged,
    /// None: each is compared with its SHA-256.
    Nothing,
}

/// What an opening found out that the index file does not know.
#[derive(Default)]
struct News {
    records: Vec<Record>,
    /// Shards that were read.
    read: usize,
    trouble: Option<Trouble>,
    warnings: Vec<Warning>,
}

impl Store {
    /// Makes the index in memory, and the index file, what the folder of shards is now.
    pub(super) fn update(&self, belief: Belief) -> Result<Vec<Warning>, StoreError> {
        let shards = self.path().join("shards");
        let (mut fresh, mut news) = (Vec::new(), News::default());
        let mut there = ByDigest::default();
        for name in list(&shards)?
            .iter()
            .filter(|name| !files::is_writers(name))
        {
            let path = shards.join(name);
            match digest_of(name) {
                Some(digest) if self.index().has(&digest) => {
                    there.insert(digest, ());
                }
                Some(digest) if path.is_file() => {
                    there.insert(digest, ());
                    fresh.push((digest, path));
                }
                // Another process set it aside since it was listed: it has told its user.
                Some(_) if !path.exists() => {}
                _ => news.warnings.push(Warning::Stranger { path }),
            }
        }
        self.forget_gone(&there);
        if !fresh.is_empty() {
            self.enter_fresh(fresh, belief, &mut news)?;
        }
        Ok(self.warnings(news))
    }

    /// Drops what the index file says of shards that are not there any more.
    fn drop_gone(&self) {
        let shards = self.path().join("shards");
        let is_gone = |digest: &[u8; 32]| {
            let path = shards.join(format!("{}.h5", hex(digest)));
            !path.exists()
        };
        // A record too many is never asked for: it only takes room.
        let _ = self.catalogue.drop_gone(is_gone);
    }

    /// Forgets the shards whose files are not there any more.
    fn forget_gone(&self, there: &ByDigest<[u8; 32], ()>) {
        let mut index = self.index();
        // What was published since the folder was listed is not among `there`.
        let is_gone = |shard: &Shard| !there.contains_key(&shard.digest) && !shard.path.exists();
        let gone: Vec<_> = index
            .shards()
            .filter(|(_, shard)| is_gone(shard))
            .map(|(number, _)| number)
            .collect();
        gone.into_iter().for_each(|number| index.forget(number));
    }

    /// Enters shards that this process does not know: by their records, else by reading them.
    fn enter_fresh(
        &self,
        fresh: Vec<([u8; 32], PathBuf)>,
        belief: Belief,
        news: &mut News,
    ) -> Result<(), StoreError> {
        let digests = || fresh.iter().map(|(digest, _)| digest);
        // Held while a damaged index is replaced, so that no process sets a new one aside.
        let mut _turn = None;
        let mut found = self.catalogue.find(digests());
        if matches!(found, Err(Trouble::Damaged(_))) {
            _turn = File::open(self.path())
                .and_then(|dir| dir.lock().map(|()| dir))
                .ok();
            found = self.catalogue.find(digests());
        }
        let (found, wrong) = match found {
            Ok(found) => found,
            Err(Trouble::Damaged(what)) => {
                let moved_to = self.catalogue.set_aside(&self.path().join("damaged"));
                news.warn_of_index(self.catalogue.path(), what, moved_to);
                (Vec::new(), 0)
            }
            Err(trouble) => {
                news.trouble = Some(trouble);
                (Vec::new(), 0)
            }
        };
        if wrong > 0 {
            let what = format!("the checksums of {wrong} of its records are wrong");
            news.warn_of_index(self.catalogue.path(), what, None);
        }
        let rows = found.iter().map(|record| record.raw.rows as usize).sum();
        self.index().reserve(rows);
        let mut found: ByDigest<_, _> = found.into_iter().map(|r| (r.digest, r)).collect();
        for (digest, path) in fresh {
            let record = found.remove(&digest);
            self.enter_one(digest, path, record, belief, news)?;
            if news.records.len() >= ENTERED_AT_ONCE {
                self.record(news);
            }
        }
        self.record(news);
        // Not where the index was in use just now: it would be waited for again.
        if news.trouble.is_none() {
            self.drop_gone();
        }
        Ok(())
    }

    /// Enters one shard, or sets it aside.
    fn enter_one(
        &self,
        digest: [u8; 32],
        path: PathBuf,
        record: Option<Record>,
        belief: Belief,
        news: &mut News,
    ) -> Result<(), StoreError> {
        let stamp = Stamp::of(&path);
        if let Some(record) = &record
            && belief == Belief::Unchanged
            && stamp == Some(record.stamp)
        {
            self.enter_known(path, record);
            return Ok(());
        }
        news.read += 1;
        let shard = Shard {
            path,
            digest,
            raw: None,
        };
        match self.look(&shard, record.as_ref()) {
            Ok(Look::Known) => {
                let path = shard.path;
                if let Some((stamp, record)) = stamp.zip(record) {
                    self.enter_known(path, &record);
                    // Its times have changed, but not its bytes.
                    if stamp != record.stamp && stamp.size() == record.raw.size {
                        news.records.push(Record { stamp, ..record });
                    }
                }
            }
            Ok(Look::Read(keys, raw)) => {
                if let Some((stamp, raw)) = stamp.zip(raw.as_ref())
                    && stamp.size() == raw.size
                {
                    news.records.push(Record {
                        digest,
                        stamp,
                        raw: raw.clone(),
                        keys: keys.iter().flat_map(|key| key.0).collect(),
                    });
                }
                self.index().enter(Shard { raw, ..shard }, keys);
            }
            Err(Refusal::Damage(Damage::Gone)) => {}
            Err(Refusal::Damage(damage)) => {
                let moved_to = self.set_aside(&shard.path);
                news.warnings.push(Warning::Damaged {
                    path: shard.path,
                    damage,
                    moved_to,
                });
            }
            Err(Refusal::Error(error)) => return Err(error),
        }
        Ok(())
    }

    fn enter_known(&self, path: PathBuf, record: &Record) {
        let shard = Shard {
            path,
            digest: record.digest,
            raw: Some(record.raw.clone()),
        };
        let (keys, _) = record.keys.as_chunks::<32>();
        self.index().enter(shard, keys.iter().copied().map(RowId));
    }

    /// Compares a shard with its SHA-256 and, if it has no record, reads it.
    fn look(&self, shard: &Shard, record: Option<&Record>) -> Result<Look, Refusal> {
        let bytes = fs::read(&shard.path).map_err(|error| refused(&shard.path, error))?;
        expect(shard.digest, files::digest(&bytes))?;
        if record.is_some() {
            return Ok(Look::Known);
        }
        let space = self.space();
        let contents = shard::contents(&shard.path, space, bytes.len() as u64)?;
        let raw = Raw::of(&bytes, &contents, space);
        Ok(Look::Read(contents.keys, raw))
    }

    /// Enters in the index file what it lacked.
    fn record(&self, news: &mut News) {
        let records = std::mem::take(&mut news.records);
        if records.is_empty() || news.trouble.is_some() {
            return;
        }
        news.trouble = self.catalogue.enter(&records).err();
    }

    /// What a person should know: of the index only where it made shards be read.
    fn warnings(&self, mut news: News) -> Vec<Warning> {
        if let Some(trouble) = news.trouble.filter(|_| news.read > 0) {
            news.warnings.push(Warning::IndexUnused {
                path: self.catalogue.path().to_owned(),
                why: trouble.to_string(),
                shards: news.read,
            });
        }
        news.warnings
    }
}

impl News {
    fn warn_of_index(&mut self, path: &Path, what: String, moved_to: Option<PathBuf>) {
        self.warnings.push(Warning::IndexDamaged {
            path: path.to_owned(),
            what,
            moved_to,
        });
    }
}

/// What was seen in a shard whose SHA-256 is right.
enum Look {
    /// Its record says the rest.
    Known,
    /// Its keys, and how its rows are taken from its bytes.
    Read(Vec<RowId>, Option<Raw>),
}

/// Refuses bytes of another digest than the shard's name.
fn expect(digest: [u8; 32], found: [u8; 32]) -> Result<(), Refusal> {
    if found == digest {
        return Ok(());
    }
    let found = hex(&found);
    Err(Refusal::Damage(Damage::Checksum { found }))
}

/// Compares a shard's bytes with its name, and gives their number.
pub(super) fn verify(shard: &Shard) -> Result<u64, Refusal> {
    let (found, length) = File::open(&shard.path)
        .and_then(files::sha256)
        .map_err(|error| refused(&shard.path, error))?;
    expect(shard.digest, found).map(|()| length)
}

/// What it means that a shard's file cannot be read.
pub(super) fn refused(path: &Path, error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::Damage(Damage::Gone),
        _ => Refusal::Error(StoreError::io(path, "reading a shard", error)),
    }
}

/// The names in `dir`, sorted, so that the order of a folder changes nothing; none where there is
/// no such folder.
pub(super) fn list(dir: &Path) -> Result<Vec<String>, StoreError> {
    let fail = |source| StoreError::io(dir, OPENING, source);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| entry.map(name))
        .collect::<io::Result<_>>()
        .map_err(fail)?;
    names.sort_unstable();
    Ok(names)
}

/// The digest that a shard's file name says.
pub(super) fn digest_of(name: &str) -> Option<[u8; 32]> {
    let digits = name.strip_suffix(".h5")?;
    let mut digest = [0; 32];
    for (position, byte) in digest.iter_mut().enumerate() {
        let pair = digits.get(2 * position..2 * position + 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    (hex(&digest) == digits).then_some(digest)
}
