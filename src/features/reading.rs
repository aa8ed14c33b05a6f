//! Rows out of shards, the next shard being read while the rows of this one are taken.

use super::error::{Damage, StoreError};
use super::index::{Place, Shard};
use super::key::{RowId, Space};
use super::numbers::Decoder;
use super::opening::{refused, verify};
use super::shard::{self, Contents, Refusal};
use super::store::Store;
use std::fs::File;
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

impl Store {
    /// Hands `take` each row of `ids` with its position among them, in whatever order they lie on
    /// the disk. A second thread reads and checks the next shard meanwhile: no more than two are
    /// in memory, however many rows there are.
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
    fn places(&self, ids: &[RowId]) -> Result<Vec<Wanted>, StoreError> {
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
    fn each_shard<E: From<StoreError>>(
        &self,
        wanted: &[Wanted],
        mut take: impl FnMut(&[Wanted], &Shard, &Loaded) -> Result<(), E>,
    ) -> Result<(), E> {
        let groups = || wanted.chunk_by(|(a, _), (b, _)| a.shard == b.shard);
        thread::scope(|scope| {
            // Nothing waits between the two threads: one fills its buffer while the other empties
            // its own, and both buffers may stay in the processor's cache.
            let (send, loaded) = mpsc::sync_channel(0);
            let (give_back, spare) = mpsc::channel();
            let read_ahead = move || {
                for group in groups() {
                    let read = self.load(group, spare.try_recv().unwrap_or_default());
                    let failed = read.is_err();
                    // Nobody waits any more where rows were refused.
                    if send.send(read).is_err() || failed {
                        return;
                    }
                }
            };
            let several = groups().nth(1).is_some();
            let thread = several.then(|| {
                let builder = thread::Builder::new().name("catpipe-rows".to_owned());
                builder.spawn_scoped(scope, read_ahead)
            });
            let ahead = matches!(thread, Some(Ok(_)));
            for group in groups() {
                let (shard, read) = match ahead.then(|| loaded.recv()) {
                    Some(Ok(read)) => read?,
                    // One shard, or no thread to be had: read here.
                    _ => self.load(group, Vec::new())?,
                };
                take(group, &shard, &read)?;
                // The thread may have ended.
                let _ = give_back.send(read.buffer());
            }
            Ok(())
        })
    }

    /// The one shard that holds all of `wanted`.
    fn load(&self, wanted: &[Wanted], buffer: Vec<u8>) -> Result<(Shard, Loaded), StoreError> {
        let number = wanted.first().map_or(0, |(place, _)| place.shard);
        let shard = self.index().shard(number).cloned();
        let shard = shard.ok_or_else(|| StoreError::Damaged {
            path: self.path().to_owned(),
            damage: Damage::Gone,
            moved_to: None,
        })?;
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
