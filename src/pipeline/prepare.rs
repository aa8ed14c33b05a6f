//! From an example to the network's input, on worker threads beside inference.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::augment::{self, AugmentConfig};
use crate::backbone::{Preprocess, Preprocessor};
use crate::dataset::{DatasetError, ReadTimes, Reader, Source};
use crate::extract::{Failure, Prepare, Row};

use super::results::Timings;
use super::rows::Part;

/// What the workers share.
pub(super) struct Preparing<'a> {
    pub(super) source: &'a Source,
    pub(super) part: &'a Part,
    pub(super) augment: &'a AugmentConfig,
    pub(super) seed: u64,
    pub(super) preprocess: Preprocess,
    pub(super) pictures: Pictures<'a>,
    pub(super) clock: Clock,
}

impl Preparing<'_> {
    /// A worker with buffers of its own.
    pub(super) fn worker(&self) -> Worker<'_> {
        Worker {
            shared: self,
            preprocessor: self.preprocess.worker(),
            reader: Reader::new(self.source),
            picture: None,
        }
    }
}

/// Nanoseconds that all workers together spent on each step.
#[derive(Default)]
pub(super) struct Clock {
    read: AtomicU64,
    decode: AtomicU64,
    augment: AtomicU64,
    resize: AtomicU64,
}

impl Clock {
    fn add(counter: &AtomicU64, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counter.fetch_add(nanos, Ordering::Relaxed);
    }

    fn add_read(&self, times: ReadTimes) {
        Clock::add(&self.read, times.read);
        Clock::add(&self.decode, times.decode);
    }

    pub(super) fn add_to(&self, timings: &mut Timings) {
        let seconds = |counter: &AtomicU64| {
            Duration::from_nanos(counter.load(Ordering::Relaxed)).as_secs_f64()
        };
        timings.read += seconds(&self.read);
        timings.decode += seconds(&self.decode);
        timings.augment += seconds(&self.augment);
        timings.resize += seconds(&self.resize);
    }
}

/// The pictures whose views stand in more than one batch, each decoded by whoever comes to it
/// first and dropped when the last of its batches has it. The others are their worker's own.
pub(super) struct Pictures<'a> {
    rows: &'a [Row],
    batch: usize,
    shared: Mutex<HashMap<usize, Picture>>,
}

/// A picture that is there or will be; `None` in it where it could not be decoded.
type Promised = Arc<OnceLock<Option<RgbImage>>>;

struct Picture {
    promised: Promised,
    /// Batches that have not taken it yet.
    left: usize,
}

impl<'a> Pictures<'a> {
    /// Those of `rows`, in which an example's rows follow each other.
    pub(super) fn new(rows: &'a [Row], batch: usize) -> Self {
        Self {
            rows,
            batch: batch.max(1),
            shared: Mutex::default(),
        }
    }

    /// Whether row `index` is the first of its example in its batch.
    fn is_first(&self, index: usize) -> bool {
        index.is_multiple_of(self.batch) || self.rows[index - 1].example != self.rows[index].example
    }

    /// How many batches the example of row `index` stands in.
    fn batches(&self, index: usize) -> usize {
        let example = self.rows[index].example;
        let same = |row: &&Row| row.example == example;
        let before = self.rows[..index].iter().rev().take_while(same).count();
        let after = self.rows[index..].iter().take_while(same).count();
        (index + after - 1) / self.batch - (index - before) / self.batch + 1
    }

    /// The picture of row `index` for the batch that it stands in; `None` where it is the only one.
    /// To be called once for each batch.
    fn take(&self, index: usize) -> Option<Promised> {
        let left = self.batches(index);
        if left == 1 {
            return None;
        }
        // A poisoned lock holds a whole map all the same: nothing in here panics half-way.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let example = self.rows[index].example;
        let picture = shared.entry(example).or_insert_with(|| Picture {
            promised: Promised::default(),
            left,
        });
        picture.left -= 1;
        let promised = Arc::clone(&picture.promised);
        if picture.left == 0 {
            shared.remove(&example);
        }
        Some(promised)
    }
}

/// Prepares rows for one thread.
pub(super) struct Worker<'a> {
    shared: &'a Preparing<'a>,
    preprocessor: Preprocessor,
    /// An example's views follow each other and share one decoding.
    reader: Reader<'a>,
    /// The picture at hand, where it is shared with other batches.
    picture: Option<Promised>,
}

impl Prepare for Worker<'_> {
    fn prepare(&mut self, index: usize, row: Row, input: &mut [f32]) -> Result<(), Failure> {
        let shared = self.shared;
        if shared.pictures.is_first(index) {
            self.picture = shared.pictures.take(index);
        }
        let image = picture(&mut self.reader, &self.picture, row.example, &shared.clock)?;
        let view;
        let (pixels, resizing) = if row.view == 0 {
            (image, Instant::now())
        } else {
            let start = Instant::now();
            let key = &shared.part.examples[row.example];
            view = augment::view(image, shared.augment, shared.seed, key, row.view);
            let end = Instant::now();
            Clock::add(&shared.clock.augment, end - start);
            (&view, end)
        };
        let id = &shared.source.examples()[row.example].id;
        self.preprocessor.apply(id, pixels, input)?;
        Clock::add(&shared.clock.resize, resizing.elapsed());
        Ok(())
    }
}

/// The pixels of an example, decoded at most once for all batches that it stands in.
fn picture<'p>(
    reader: &'p mut Reader<'_>,
    promised: &'p Option<Promised>,
    example: usize,
    clock: &Clock,
) -> Result<&'p RgbImage, DatasetError> {
    let mut times = ReadTimes::default();
    if let Some(promised) = promised {
        let shared = promised.get_or_init(|| reader.read(example, &mut times).ok().cloned());
        clock.add_read(times);
        if let Some(picture) = shared {
            return Ok(picture);
        }
        // Read once more for the error, which is then this thread's own.
        times = ReadTimes::default();
    }
    let picture = reader.read(example, &mut times);
    clock.add_read(times);
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(examples: usize, views: u32) -> Vec<Row> {
        let row = |example| (0..views).map(move |view| Row { example, view });
        (0..examples).flat_map(row).collect()
    }

    #[test]
    fn a_picture_is_shared_by_the_batches_that_it_stands_in_and_then_dropped() {
        for (views, batch) in [(1, 1), (1, 16), (9, 1), (9, 4), (9, 16), (9, 9), (3, 2)] {
            let rows = rows(7, views);
            let pictures = Pictures::new(&rows, batch);
            let mut promised: HashMap<usize, Vec<Promised>> = HashMap::new();
            for (index, row) in rows.iter().enumerate() {
                if pictures.is_first(index) {
                    let found = pictures.take(index);
                    assert_eq!(found.is_some(), pictures.batches(index) > 1);
                    promised.entry(row.example).or_default().extend(found);
                }
            }
            for (example, found) in promised {
                let same = found.windows(2).all(|two| Arc::ptr_eq(&two[0], &two[1]));
                assert!(same, "example {example}, {views} views, batch {batch}");
            }
            assert!(pictures.shared.lock().unwrap().is_empty());
        }
    }
}
