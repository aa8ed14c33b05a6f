//! Which rows a run is going to compute, so that two runs at once do not compute the same ones.
//!
//! A list of claims lies beside the lock file of a [`Lease`]. It is made, and those of others are
//! read, by one process at a time (a [`Turn`]), and never changed:
//!
//! ```text
//! "catpipe claims 1"   16 bytes
//! process              u64, little endian
//! rows                 u64, little endian
//! rows x 32 bytes      the ids of the rows, sorted
//! XXH3-128             16 bytes, big endian, over all before
//! ```
//!
//! It is not synced, as it need not outlive its process, let alone the machine. What is damaged,
//! or cannot be read, counts as no claim: at worst, rows are computed twice.

use super::error::{StoreError, Warning};
use super::files::{self, Holder, Lease, Turn};
use super::key::RowId;
use super::store::Store;
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use twox_hash::XxHash3_128;

const MAGIC: &[u8; 16] = b"catpipe claims 1";

const CLAIMING: &str = "claiming rows to compute";

/// A run that has shown no sign of life for so long hangs, and holds up nobody.
pub(super) const SILENCE: Duration = Duration::from_secs(600);

/// How often a run shows that it lives.
const BEAT: Duration = Duration::from_secs(10);

/// What is this run's to compute, and what other runs are computing.
#[derive(Debug)]
pub struct Claim {
    mine: Vec<usize>,
    others: Vec<Other>,
    warnings: Vec<Warning>,
    lease: Option<Lease>,
    beat: Cell<Instant>,
}

/// Another run that is computing rows which this one needs.
#[derive(Debug)]
pub struct Other {
    /// Its process.
    pub process: u64,
    /// How many of the rows asked for are its.
    pub rows: usize,
    list: PathBuf,
}

impl Store {
    /// Claims those of `ids` that the store does not have and that no other living run is going
    /// to compute, for as long as the [`Claim`] lives. One that was made before has to be dropped
    /// first: it counts like that of another run.
    ///
    /// # Errors
    /// A place that cannot be written, a full disk, a file system without file locks; as
    /// [`Store::refresh`].
    pub fn claim(&self, ids: &[RowId]) -> Result<Claim, StoreError> {
        self.hold()?;
        let shards = self.path().join("shards");
        files::create_dir(&shards)?;
        Claim::make(self, &shards, ids)
    }
}

impl Claim {
    /// Claims for `store`, whose shards are in `dir`.
    fn make(store: &Store, dir: &Path, ids: &[RowId]) -> Result<Self, StoreError> {
        let turn = Turn::take(dir)?;
        // Claims first, then shards: a run that ends in between has published what it claimed.
        let lists = living(dir)?;
        let warnings = store.refresh()?;
        let mut mine = Vec::new();
        let mut counts = vec![0; lists.len()];
        for position in store.missing(ids) {
            let id = ids.get(position);
            let claimed = id.and_then(|id| lists.iter().position(|list| list.has(id)));
            match claimed.and_then(|list| counts.get_mut(list)) {
                Some(count) => *count += 1,
                None => mine.push(position),
            }
        }
        let lease = match mine.is_empty() {
            true => None,
            false => Some(claim(dir, ids, &mine)?),
        };
        drop(turn);
        let others = lists.into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
        Ok(Self {
            mine,
            others: others.map(|(list, rows)| list.other(rows)).collect(),
            warnings,
            lease,
            beat: Cell::new(Instant::now()),
        })
    }

    /// The rows to compute, as positions among the ids asked for, in order and each id once.
    #[must_use]
    pub fn mine(&self) -> &[usize] {
        &self.mine
    }

    /// The runs that compute the rest of what is missing.
    #[must_use]
    pub fn others(&self) -> &[Other] {
        &self.others
    }

    /// What a person should know about shards that others published.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Shows other runs that this one does not hang. Costs nothing when it was just done.
    pub fn beat(&self) {
        if let Some(lease) = &self.lease
            && self.beat.get().elapsed() >= BEAT
        {
            lease.beat();
            self.beat.set(Instant::now());
        }
    }

    /// Whether all of the [others](Claim::others) are still at work. Where one is not, its rows are
    /// there or free to be claimed.
    #[must_use]
    pub fn others_are_at_work(&self) -> bool {
        self.others.iter().all(|other| is_at_work(&other.list))
    }
}

/// A list of claims by a living run.
struct List {
    path: PathBuf,
    process: u64,
    /// The file, which is whole.
    bytes: Vec<u8>,
}

impl List {
    fn has(&self, row: &RowId) -> bool {
        let rows = rows(&self.bytes).unwrap_or_default();
        rows.binary_search(&row.0).is_ok()
    }

    fn other(self, rows: usize) -> Other {
        Other {
            process: self.process,
            rows,
            list: self.path,
        }
    }
}

/// The claims that count.
fn living(dir: &Path) -> Result<Vec<List>, StoreError> {
    let entries = fs::read_dir(dir).map_err(|source| StoreError::io(dir, CLAIMING, source))?;
    let mut lists = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| StoreError::io(dir, CLAIMING, source))?;
        let path = entry.path();
        if files::is_claims(&entry.file_name().to_string_lossy()) && is_at_work(&path) {
            lists.extend(read(&path));
        }
    }
    Ok(lists)
}

fn is_at_work(list: &Path) -> bool {
    // A run that gives up its claims removes the list first.
    matches!(files::holder(list), Holder::Living(silent) if silent < SILENCE) && list.exists()
}

/// Claims the rows of `ids` at `positions`.
fn claim(dir: &Path, ids: &[RowId], positions: &[usize]) -> Result<Lease, StoreError> {
    let rows = positions.iter().filter_map(|position| ids.get(*position));
    let mut rows: Vec<[u8; 32]> = rows.map(|id| id.0).collect();
    rows.sort_unstable();
    let lease = Lease::take(dir)?;
    let path = lease.claims();
    write(&path, &rows).map_err(|source| StoreError::io(&path, CLAIMING, source))?;
    Ok(lease)
}

/// What stands before the rows, and after them.
const HEAD: usize = 32;
const SUM: usize = 16;

fn write(path: &Path, rows: &[[u8; 32]]) -> io::Result<()> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&u64::from(std::process::id()).to_le_bytes());
    head.extend_from_slice(&(rows.len() as u64).to_le_bytes());
    let mut sum = XxHash3_128::new();
    let mut file = File::create(path)?;
    for part in [&head, rows.as_flattened()] {
        sum.write(part);
        file.write_all(part)?;
    }
    file.write_all(&sum.finish_128().to_be_bytes())
}

/// The list at `path`, where it is whole.
fn read(path: &Path) -> Option<List> {
    let bytes = fs::read(path).ok()?;
    let (said, sum) = bytes.split_last_chunk::<SUM>()?;
    if u128::from_be_bytes(*sum) != XxHash3_128::oneshot(said) {
        return None;
    }
    let (process, rest) = said.strip_prefix(MAGIC)?.split_first_chunk()?;
    let process = u64::from_le_bytes(*process);
    let count = u64::from_le_bytes(*rest.first_chunk()?);
    let rows = rows(&bytes)?;
    let whole = count == rows.len() as u64 && rows.is_sorted();
    let path = path.to_owned();
    whole.then_some(List {
        path,
        process,
        bytes,
    })
}

/// The rows of a list.
fn rows(bytes: &[u8]) -> Option<&[[u8; 32]]> {
    let end = bytes.len().checked_sub(SUM)?;
    let (rows, rest) = bytes.get(HEAD..end)?.as_chunks();
    rest.is_empty().then_some(rows)
}
