//! Rows out of shards, the next shard being read while the rows of this one are taken.

use super::error::{Damage, StoreError};
use super::index::{Place, Shard};
use super::key::{RowId, Space};
use super::numbers::Decoder;
use super::opening::{refused, verify};
use super::shard::{self, Contents, Refusal};
use super::store::Store;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// A row that is wanted: where it is, and its position among those asked for.
pub(super) type Wanted = (Place, usize);

/// A shard in memory that was just compared with its checksum.
enum Loaded {
    Bytes(Vec<u8>, super::raw::Raw),
    Contents(Contents),
}

impl Loaded {
    /// The row at `row`, if it is there and has this id.
    fn row<'a>(
        &'a self,
        row: u32,
        id: &RowId,
        space: &Space,
        decoder: &'a mut Decoder,
    ) -> Option<&'a [f32]> {
        match self {
            Self::Bytes(bytes, raw) => {
                let bytes = (raw.key(bytes, row)? == *id)
                    .then(|| raw.row(bytes, row, space.width, space.rows))??;
                Some(decoder.row(bytes))
            }
            Self::Contents(contents) => {
                let at = row as usize;
                (contents.keys.get(at)? == id)
                    .then(|| contents.values.as_slice()?.chunks(space.width).nth(at))?
            }
        }
    }

    /// The memory, to be used again.
    fn buffer(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes, _) => bytes,
            Self::Contents(_) => Vec::new(),
        }
    }
}

/// A shard that was read, or why not.
type Read = Result<(Shard, Loaded), StoreError>;

/// The shards that nobody reads yet, in order.
struct Unread<'a> {
    store: &'a Store,
    groups: &'a [&'a [Wanted]],
    next: AtomicUsize,
}

impl Unread<'_> {
    /// The number of the next shard, which is then the caller's to read.
    fn claim(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.groups.len()).then_some(number)
    }

    /// Reads the next shard.
    fn read(&self, buffer: Vec<u8>) -> Option<Read> {
        self.load(self.claim()?, buffer)
    }

    fn load(&self, number: usize, buffer: Vec<u8>) -> Option<Read> {
        let group = self.groups.get(number)?;
        Some(self.store.load(group, buffer))
    }
}

/// What the thread that takes the rows has read itself.
#[derive(Default)]
struct Here {
    /// One shard that is not due yet.
    early: Option<(usize, Read)>,
    buffer: Vec<u8>,
}

impl Here {
    /// Shard `number`, which is the next one that was not taken.
    fn take(&mut self, number: usize, unread: &Unread<'_>, loaded: &mpsc::Receiver<Read>) -> Read {
        if let Some((_, read)) = self.early.take_if(|(early, _)| *early == number) {
            return read;
        }
        // The other thread reads shards in order, so that what comes from it is this one.
        if let Ok(read) = loaded.try_recv() {
            return read;
        }
        if self.early.is_none()
            && let Some(early) = unread.claim()
            && let Some(read) = unread.load(early, std::mem::take(&mut self.buffer))
        {
            if early == number {
                return read;
            }
            self.early = Some((early, read));
        }
        // The other thread has it: it does not end before it has handed over what it claimed.
        loaded.recv().unwrap_or_else(|_| {
            let read = unread.load(number, Vec::new());
            read.unwrap_or_else(|| Err(unread.store.vanished()))
        })
    }
}

impl Store {
    /// Hands `take` each row of `ids` with its position among them, in whatever order they lie on
    /// the disk. A second thread reads and checks the next shards meanwhile: no more than four
    /// are in memory, however many rows there are.
    ///
    /// # Errors
    /// As [`Store::read`], and what `take` says, which ends it.
    pub fn visit<E: From<StoreError>>(
        &self,
        ids: &[RowId],
        mut take: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut wanted = self.places(ids)?;
        wanted.sort_unstable();
        let mut decoder = Decoder::new(self.space().rows);
        self.each_shard(&wanted, |group, shard, loaded| {
            for (place, position) in group {
                let id = ids
                    .get(*position)
                    .ok_or_else(|| self.misled(shard, place))?;
                let row = loaded.row(place.row, id, self.space(), &mut decoder);
                take(*position, row.ok_or_else(|| self.misled(shard, place))?)?;
            }
            Ok(())
        })
    }

    /// Each row's place and its position among those asked for.
    pub(super) fn places(&self, ids: &[RowId]) -> Result<Vec<Wanted>, StoreError> {
        let index = self.index();
        let find = |(position, id): (usize, &RowId)| match index.place(id) {
            Some(place) => Ok((place, position)),
            None => Err(StoreError::MissingRow {
                row: *id,
                index: position,
            }),
        };
        ids.iter().enumerate().map(find).collect()
    }

    /// Hands `take` each shard that holds one of `wanted`, which is in order, with those that it
    /// holds.
    ///
    /// A second thread reads ahead. Where this one would have to wait for it, it reads the shard
    /// after that itself: with two cores neither is idle, and `take` still gets one shard after
    /// another.
    fn each_shard<E: From<StoreError>>(
        &self,
        wanted: &[Wanted],
        mut take: impl FnMut(&[Wanted], &Shard, &Loaded) -> Result<(), E>,
    ) -> Result<(), E> {
        let by_shard = wanted.chunk_by(|(a, _), (b, _)| a.shard == b.shard);
        let groups: Vec<&[Wanted]> = by_shard.collect();
        let unread = Unread {
            store: self,
            groups: &groups,
            next: AtomicUsize::new(0),
        };
        thread::scope(|scope| {
            let (send, loaded) = mpsc::sync_channel(0);
            let (give_back, spare) = mpsc::channel();
            let unread = &unread;
            let read_ahead = move || {
                while let Some(read) = unread.read(spare.try_recv().unwrap_or_default()) {
                    let failed = read.is_err();
                    // Nobody waits any more where rows were refused.
                    if send.send(read).is_err() || failed {
                        return;
                    }
                }
            };
            if groups.len() > 1 {
                let builder = thread::Builder::new().name("catpipe-rows".to_owned());
                // Without a thread to be had, all is read here.
                let _ = builder.spawn_scoped(scope, read_ahead);
            }
            let mut here = Here::default();
            for (number, group) in groups.iter().enumerate() {
                let (shard, read) = here.take(number, unread, &loaded)?;
                take(group, &shard, &read)?;
                // Each thread keeps its memory; what it lacks it gets from the other.
                let buffer = read.buffer();
                if here.buffer.capacity() == 0 {
                    here.buffer = buffer;
                } else {
                    // The other thread may have ended.
                    let _ = give_back.send(buffer);
                }
            }
            Ok(())
        })
    }

    /// The error of a shard that another thread has found to be bad.
    fn vanished(&self) -> StoreError {
        StoreError::Damaged {
            path: self.path().to_owned(),
            damage: Damage::Gone,
            moved_to: None,
        }
    }

    /// The one shard that holds all of `wanted`.
    fn load(&self, wanted: &[Wanted], buffer: Vec<u8>) -> Read {
        let number = wanted.first().map_or(0, |(place, _)| place.shard);
        let shard = self.index().shard(number).cloned();
        let shard = shard.ok_or_else(|| self.vanished())?;
        match self.read_shard(&shard, buffer) {
            Ok(loaded) => Ok((shard, loaded)),
            Err(Refusal::Error(error)) => Err(error),
            Err(Refusal::Damage(damage)) => Err(self.lose(number, shard.path, damage)),
        }
    }

    /// Reads a shard, and compares all of it with its checksum.
    fn read_shard(&self, shard: &Shard, mut buffer: Vec<u8>) -> Result<Loaded, Refusal> {
        if let Some(raw) = shard.raw {
            let right = File::open(&shard.path)
                .and_then(|file| raw.read(&file, &mut buffer))
                .map_err(|error| refused(&shard.path, error))?;
            if right {
                return Ok(Loaded::Bytes(buffer, raw));
            }
        }
        // No other checksum is known, or it is wrong: the name has the last word.
        let length = verify(shard)?;
        shard::contents(&shard.path, self.space(), length).map(Loaded::Contents)
    }

    /// The error of a row that is not where the index says, in a shard whose bytes are right.
    fn misled(&self, shard: &Shard, place: &Place) -> StoreError {
        let what = format!("its row {} is not the one that it was known for", place.row);
        self.lose(place.shard, shard.path.clone(), Damage::Layout { what })
    }
}
