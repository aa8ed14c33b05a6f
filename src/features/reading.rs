//! Rows out of shards, the next pieces being read while the rows of this one are taken.

use super::error::{Damage, StoreError};
use super::index::{Place, Shard};
use super::key::RowId;
use super::numbers::Decoder;
use super::opening::{refused, verify};
use super::raw::{Grid, Piece, Raw};
use super::shard::{self, Contents, Refusal};
use super::store::{Store, lock};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// A row that is wanted: where it is, and its position among those asked for.
pub(super) type Wanted = (Place, usize);

/// Pieces that wait to be taken: enough that neither thread waits for the other's every step.
const AHEAD: usize = 2;

/// Pieces of one shard that are worth asking for all of it at once.
const MANY: usize = 8;

/// Rows in memory that were just compared with a checksum.
enum Loaded {
    Piece(Piece),
    Contents(Arc<Contents>),
}

impl Loaded {
    /// The row at `row` of the shard, if it is here and has this id.
    fn row<'a>(&'a self, row: u32, id: &RowId, decoder: &'a mut Decoder) -> Option<&'a [f32]> {
        match self {
            Self::Piece(piece) => piece.row(row, id).map(|bytes| decoder.row(bytes)),
            Self::Contents(contents) => {
                let at = row as usize;
                let width = contents.values.ncols();
                (contents.keys.get(at)? == id)
                    .then(|| contents.values.as_slice()?.chunks(width).nth(at))?
            }
        }
    }

    /// The memory, to be used again.
    fn buffer(self) -> Vec<u8> {
        match self {
            Self::Piece(piece) => piece.into_bytes(),
            Self::Contents(_) => Vec::new(),
        }
    }
}

/// Rows that were read and the shard that has them, or why not.
type Read = Result<(Arc<Source>, Loaded), StoreError>;

/// A shard that pieces are read from.
struct Source {
    number: u32,
    shard: Shard,
    way: Way,
}

/// How a shard's rows are had.
enum Way {
    /// By a few at a time, each piece compared with its own checksum.
    Pieces(File, Raw),
    /// All of them through HDF5, compared with the shard's name.
    Whole(Arc<Contents>),
}

/// The pieces that nobody reads yet, in order.
struct Unread<'a> {
    store: &'a Store,
    grid: Grid,
    groups: &'a [&'a [Wanted]],
    next: AtomicUsize,
    /// The shard that was read from last. Both threads read by one descriptor, so that the system
    /// sees one reader that goes forward, and reads ahead of it.
    source: Mutex<Option<Arc<Source>>>,
}

impl Unread<'_> {
    /// The number of the next piece, which is then the caller's to read.
    fn claim(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.groups.len()).then_some(number)
    }

    /// Reads the next piece.
    fn read(&self, buffer: Vec<u8>) -> Option<Read> {
        self.load(self.claim()?, buffer)
    }

    fn load(&self, number: usize, buffer: Vec<u8>) -> Option<Read> {
        let (place, _) = self.groups.get(number)?.first()?;
        let later = self
            .groups
            .get(number + MANY)
            .and_then(|group| group.first());
        let many = later.is_some_and(|(later, _)| later.shard == place.shard);
        Some(self.try_load(place, many, buffer))
    }

    fn try_load(&self, place: &Place, many: bool, buffer: Vec<u8>) -> Read {
        let source = self.source(place.shard, many)?;
        let piece = self.grid.piece_of(place.row);
        let whole = match &source.way {
            Way::Whole(contents) => Ok(Arc::clone(contents)),
            Way::Pieces(file, raw) => match raw.read(file, self.grid, piece, buffer) {
                Ok(Some(piece)) => return Ok((source, Loaded::Piece(piece))),
                // The name has the last word.
                Ok(None) => self.store.whole(&source.shard),
                Err(error) => Err(refused(&source.shard.path, error)),
            },
        };
        match whole {
            Ok(contents) => {
                let source = Arc::new(Source {
                    number: source.number,
                    shard: source.shard.clone(),
                    way: Way::Whole(Arc::clone(&contents)),
                });
                *lock(&self.source) = Some(Arc::clone(&source));
                Ok((source, Loaded::Contents(contents)))
            }
            Err(refusal) => Err(self.store.refuse(place.shard, &source.shard, refusal)),
        }
    }

    /// The shard of this number, opened unless it was the last one. The system is told where many
    /// of its pieces will be wanted: a disk is faster when it is asked for all of them.
    fn source(&self, number: u32, many: bool) -> Result<Arc<Source>, StoreError> {
        let mut last = lock(&self.source);
        if let Some(source) = last.as_ref().filter(|source| source.number == number) {
            return Ok(Arc::clone(source));
        }
        let source = Arc::new(self.store.source(number)?);
        if let (true, Way::Pieces(file, _)) = (many, &source.way) {
            // Advice: where it is not taken, all that is lost is time.
            let _ = fadvise(file, 0, None, Advice::WillNeed);
        }
        *last = Some(Arc::clone(&source));
        Ok(source)
    }
}

/// What the thread that takes the rows has read itself.
#[derive(Default)]
struct Here {
    /// One piece that is not due yet.
    early: Option<(usize, Read)>,
    buffer: Vec<u8>,
}

impl Here {
    /// Piece `number`, which is the next one that was not taken.
    fn take(&mut self, number: usize, unread: &Unread<'_>, loaded: &mpsc::Receiver<Read>) -> Read {
        if let Some((_, read)) = self.early.take_if(|(early, _)| *early == number) {
            return read;
        }
        // The other thread reads pieces in order, so that what comes from it is this one.
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
    /// the disk. A second thread reads and checks the next rows meanwhile: no more than a few
    /// hundred KiB of them (at least a few) are in memory, however many there are.
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
        self.each_piece(&wanted, |group, shard, loaded| {
            for (place, position) in group {
                let id = ids
                    .get(*position)
                    .ok_or_else(|| self.misled(shard, place))?;
                let row = loaded.row(place.row, id, &mut decoder);
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

    /// Hands `take` each piece of a shard that holds one of `wanted`, which is in order, with those
    /// that it holds.
    ///
    /// A second thread reads ahead. Where this one would have to wait for it, it reads the piece
    /// after that itself: with two cores neither is idle, and `take` still gets one piece after
    /// another.
    fn each_piece<E: From<StoreError>>(
        &self,
        wanted: &[Wanted],
        mut take: impl FnMut(&[Wanted], &Shard, &Loaded) -> Result<(), E>,
    ) -> Result<(), E> {
        let grid = Grid::new(self.space());
        let piece = |place: &Place| (place.shard, grid.piece_of(place.row));
        let by_piece = wanted.chunk_by(|(a, _), (b, _)| piece(a) == piece(b));
        let groups: Vec<&[Wanted]> = by_piece.collect();
        let unread = Unread {
            store: self,
            grid,
            groups: &groups,
            next: AtomicUsize::new(0),
            source: Mutex::new(None),
        };
        thread::scope(|scope| {
            let (send, loaded) = mpsc::sync_channel(AHEAD);
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
                let (source, read) = here.take(number, unread, &loaded)?;
                take(group, &source.shard, &read)?;
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

    /// The shard of this number, by the best way to its rows.
    fn source(&self, number: u32) -> Result<Source, StoreError> {
        let shard = self.index().shard(number).cloned();
        let shard = shard.ok_or_else(|| self.vanished())?;
        match self.way(&shard) {
            Ok(way) => Ok(Source { number, shard, way }),
            Err(refusal) => Err(self.refuse(number, &shard, refusal)),
        }
    }

    fn way(&self, shard: &Shard) -> Result<Way, Refusal> {
        if let Some(raw) = &shard.raw {
            let (right, file) = File::open(&shard.path)
                .and_then(|file| Ok((raw.is_of(&file, Grid::new(self.space()))?, file)))
                .map_err(|error| refused(&shard.path, error))?;
            if right {
                return Ok(Way::Pieces(file, raw.clone()));
            }
        }
        // No other checksum is known, or it would be wrong: the name has the last word.
        self.whole(shard).map(Way::Whole)
    }

    /// All rows of a shard, all of which was compared with its name.
    fn whole(&self, shard: &Shard) -> Result<Arc<Contents>, Refusal> {
        let length = verify(shard)?;
        shard::contents(&shard.path, self.space(), length).map(Arc::new)
    }

    /// The error of a shard that was refused; a damaged one is set aside.
    fn refuse(&self, number: u32, shard: &Shard, refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::Error(error) => error,
            Refusal::Damage(damage) => self.lose(number, shard.path.clone(), damage),
        }
    }

    /// The error of a row that is not where the index says, in a shard whose bytes are right.
    fn misled(&self, shard: &Shard, place: &Place) -> StoreError {
        let what = format!("its row {} is not the one that it was known for", place.row);
        self.lose(place.shard, shard.path.clone(), Damage::Layout { what })
    }
}
