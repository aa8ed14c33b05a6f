//! The index file of a space: what its shards hold, so that opening a store reads none of them.
//!
//! `index.sqlite` has one record a shard. Each says no more than can be found out from the shard
//! again, ends with a checksum over all of it and over the space, and is believed only with that;
//! so the file may be lost, damaged or out of date at any time, and only costs time then.
//!
//! SQLite, and not one of the embedded stores of Rust such as redb, because two runs on one
//! machine use one store at once: redb's file can be opened by one process at a time, while SQLite
//! lets any number read and makes writers wait for each other. With a rollback journal and not
//! with a write-ahead log: a log needs memory that processes share, which file systems of
//! networks do not have, it needs a writable folder even to be read, and it leaves two more files
//! behind a process that was killed.
//!
//! Nothing here may open `index.sqlite` by other means than SQLite: closing any descriptor of a
//! file gives up all of the process's locks on it.

use super::key::Space;
use super::raw::{Grid, Raw};
use crate::digests::Stamp;
use rusqlite::ffi::ErrorCode;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::Duration;
use twox_hash::XxHash3_128;

/// The version of the file's tables; a newer one is neither read nor written, and an older one is
/// made anew. Version 1 had one checksum of a whole shard.
const VERSION: i32 = 2;
/// `catp`: what says that the file is catpipe's.
const APPLICATION: i32 = 0x6361_7470;
/// How long to wait for another process, whose writing takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5_000 });

/// How a connection behaves. Without trust in what a damaged file says; and synced as is usual:
/// what a power loss leaves in spite of that is found by its checksums.
const SETTINGS: &str = "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; \
                        PRAGMA synchronous = NORMAL;";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS shards (
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the file: its name
    stamp TEXT NOT NULL,         -- size, inode and times of the file when it was right, as JSON
    pieces BLOB NOT NULL,        -- XXH3-128 of each few rows, lowest byte first
    rest BLOB NOT NULL,          -- XXH3-128 of all other bytes
    rows INTEGER NOT NULL,
    features INTEGER NOT NULL,   -- where the rows begin in the file
    keys_at INTEGER NOT NULL,    -- where their ids begin
    keys BLOB NOT NULL,          -- the ids, 32 bytes each
    checksum BLOB NOT NULL       -- XXH3-128 over the space and all of the above
)";
const FIND: &str = "SELECT stamp, pieces, rest, rows, features, keys_at, keys, checksum \
                    FROM shards WHERE digest = ?1";
const PUT: &str = "INSERT OR REPLACE INTO shards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Why the index is not used.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What it says cannot be: set it aside.
    Damaged(String),
    /// It cannot be used here and now, or by this program: leave it alone.
    Unusable(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode::{
            ConstraintViolation, DatabaseCorrupt, NotADatabase, TooBig, TypeMismatch, Unknown,
        };
        let what = error.to_string();
        match error.sqlite_error_code() {
            // `Unknown` is a table or a column that is not there.
            Some(
                DatabaseCorrupt | NotADatabase | TypeMismatch | TooBig | ConstraintViolation
                | Unknown,
            ) => Self::Damaged(what),
            Some(_) => Self::Unusable(what),
            // Not the library's words but the binding's: a value of another type.
            None => Self::Damaged(what),
        }
    }
}

/// What the index says of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// SHA-256 of the file.
    pub(super) digest: [u8; 32],
    /// The file, when it was last known to be right.
    pub(super) stamp: Stamp,
    /// How its rows are taken from its bytes.
    pub(super) raw: Raw,
    /// The ids of its rows, 32 bytes each.
    pub(super) keys: Vec<u8>,
}

impl Record {
    /// The stamp in words, and the checksum over everything.
    fn sealed(&self, space: &[u8; 32]) -> Option<(String, [u8; 16])> {
        let stamp = serde_json::to_string(&self.stamp).ok()?;
        let raw = &self.raw;
        let mut hash = XxHash3_128::new();
        hash.write(b"catpipe index record");
        for part in [&space[..], &self.digest, stamp.as_bytes(), &self.keys] {
            hash.write(&(part.len() as u64).to_le_bytes());
            hash.write(part);
        }
        for number in [raw.size, u64::from(raw.rows), raw.features, raw.keys] {
            hash.write(&number.to_le_bytes());
        }
        hash.write(&raw.rest.to_le_bytes());
        hash.write(&raw.pieces_as_bytes());
        Some((stamp, hash.finish_128().to_le_bytes()))
    }

    /// What a row of the table says, and its checksum.
    fn from_row(digest: [u8; 32], row: &Row<'_>) -> rusqlite::Result<(Option<Self>, Vec<u8>)> {
        let stamp: String = row.get(0)?;
        let stamp: Option<Stamp> = serde_json::from_str(&stamp).ok();
        let pieces: Vec<u8> = row.get(1)?;
        let (pieces, _) = pieces.as_chunks::<16>();
        let rest: [u8; 16] = row.get(2)?;
        let (rows, features, keys) = (row.get(3)?, row.get::<_, i64>(4)?, row.get::<_, i64>(5)?);
        let raw = |size| Raw {
            size,
            pieces: pieces.iter().copied().map(u128::from_le_bytes).collect(),
            rest: u128::from_le_bytes(rest),
            rows,
            features: features.cast_unsigned(),
            keys: keys.cast_unsigned(),
        };
        let keys: Vec<u8> = row.get(6)?;
        let record = stamp.map(|stamp| Self {
            digest,
            raw: raw(stamp.size()),
            stamp,
            keys,
        });
        Ok((record, row.get(7)?))
    }
}

/// The index file of one space.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    path: PathBuf,
    space: [u8; 32],
    grid: Grid,
}

impl Catalogue {
    /// That of `space` in its folder `dir`. Nothing is opened yet.
    pub(super) fn new(dir: &Path, space: &Space) -> Self {
        Self {
            path: dir.join("index.sqlite"),
            space: space.digest(),
            grid: Grid::new(space),
        }
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The records of those of `digests` that have one. A record whose checksum is wrong is none,
    /// and counted.
    pub(super) fn find<'a>(
        &self,
        digests: impl Iterator<Item = &'a [u8; 32]>,
    ) -> Result<(Vec<Record>, usize), Trouble> {
        let (mut found, mut wrong) = (Vec::new(), 0);
        let Some(connection) = self.open()? else {
            return Ok((found, wrong));
        };
        let mut find = connection.prepare(FIND)?;
        for digest in digests {
            let row = find.query_row([&digest[..]], |row| Record::from_row(*digest, row));
            match row.optional()? {
                None => {}
                Some((Some(record), checksum)) if self.is_right(&record, &checksum) => {
                    found.push(record);
                }
                Some(_) => wrong += 1,
            }
        }
        Ok((found, wrong))
    }

    fn is_right(&self, record: &Record, checksum: &[u8]) -> bool {
        let sealed = record.sealed(&self.space);
        sealed.is_some_and(|(_, right)| right == checksum)
            && record.keys.len() as u64 == u64::from(record.raw.rows) * 32
            && record.raw.fits(self.grid)
    }

    /// Enters `records`, all or none; one of the same digest is replaced.
    pub(super) fn enter(&self, records: &[Record]) -> Result<(), Trouble> {
        let mut connection = match self.open()? {
            Some(connection) => connection,
            None => self.create()?,
        };
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for record in records {
            let Some((stamp, checksum)) = record.sealed(&self.space) else {
                continue;
            };
            let raw = &record.raw;
            change.prepare(PUT)?.execute(params![
                &record.digest[..],
                stamp,
                raw.pieces_as_bytes(),
                &raw.rest.to_le_bytes()[..],
                raw.rows,
                raw.features.cast_signed(),
                raw.keys.cast_signed(),
                record.keys,
                &checksum[..],
            ])?;
        }
        Ok(change.commit()?)
    }

    /// Drops the records for whose shards `is_gone` says so.
    pub(super) fn drop_gone(&self, is_gone: impl Fn(&[u8; 32]) -> bool) -> Result<(), Trouble> {
        let Some(mut connection) = self.open()? else {
            return Ok(());
        };
        let gone: Vec<[u8; 32]> = {
            let mut all = connection.prepare("SELECT digest FROM shards")?;
            let digests = all.query_map([], |row| row.get(0))?;
            let digests: Vec<[u8; 32]> = digests.collect::<rusqlite::Result<_>>()?;
            digests
                .into_iter()
                .filter(|digest| is_gone(digest))
                .collect()
        };
        if gone.is_empty() {
            return Ok(());
        }
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for digest in gone {
            change.execute("DELETE FROM shards WHERE digest = ?1", [&digest[..]])?;
        }
        Ok(change.commit()?)
    }

    /// The file as it is; `None` where there is none, or nothing in it that is of use.
    fn open(&self) -> Result<Option<Connection>, Trouble> {
        if !self.path.exists() {
            return Ok(None);
        }
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
        // A page that nobody got to write, or that a power loss has taken: an empty index.
        if number("PRAGMA page_count")? == 0 {
            return Ok(None);
        }
        let (application, version) = (
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
        );
        match (application, version) {
            (APPLICATION, VERSION) => Ok(Some(connection)),
            (APPLICATION, 1..VERSION) => Ok(None),
            (APPLICATION, newer) if newer > VERSION => Err(Trouble::Unusable(format!(
                "it has version {newer}, and this catpipe knows versions up to {VERSION}"
            ))),
            _ => Err(Trouble::Damaged(format!(
                "it says to be version {version} of kind {application:#x}"
            ))),
        }
    }

    /// A new file, or one of an older version, with an empty table. Another process may be doing the
    /// same.
    fn create(&self) -> Result<Connection, Trouble> {
        let mut connection =
            self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = change.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0))?;
        if version < VERSION {
            change.execute("DROP TABLE IF EXISTS shards", [])?;
        }
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", VERSION)?;
        change.execute(TABLE, [])?;
        change.commit()?;
        Ok(connection)
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, Trouble> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(SETTINGS)?;
        Ok(connection)
    }

    /// Moves the file into `dir`, whose name it keeps; `None` where that is not possible.
    ///
    /// What a killed process left of a change goes first: SQLite would take it for a part of
    /// whatever has the file's name next.
    pub(super) fn set_aside(&self, dir: &Path) -> Option<PathBuf> {
        let target = dir.join(self.path.file_name()?);
        super::files::create_dir(dir).ok()?;
        let mut journal = self.path.clone().into_os_string();
        journal.push("-journal");
        match std::fs::remove_file(journal) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return None,
            _ => {}
        }
        std::fs::rename(&self.path, &target).ok()?;
        Some(target)
    }
}

/// Why an index is not used, in words for a person.
impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(what) | Self::Unusable(what) => f.write_str(what),
        }
    }
}
