//! The engine: workers, a pool of batch buffers, and one thread that infers in order.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::flow::Flow;

/// Whatever went wrong in somebody else's part of the work.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One row to compute: a view of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the example in its source.
    pub example: usize,
    /// Number of the view; 0 is the plain image.
    pub view: u32,
}

/// Turns a row into the network's input. Each worker thread has one of its own.
pub trait Prepare: Send {
    /// Fills `input` (`Shape::input` values) for `row`, which is number `index` of all rows.
    ///
    /// # Errors
    /// The image cannot be read or does not fit.
    fn prepare(&mut self, index: usize, row: Row, input: &mut [f32]) -> Result<(), Failure>;
}

/// Turns a batch of inputs into features.
pub trait Infer {
    /// Computes `features` (`rows` x `Shape::width`) from `input` (`rows` x `Shape::input`).
    ///
    /// # Errors
    /// The network cannot run, or gives something that is no feature.
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure>;

    /// The way by which the next batch is taken in while one is computed, where there is one: it
    /// is then used in the place of [`Infer::infer`].
    fn ahead(&mut self) -> Option<&mut dyn Ahead> {
        None
    }
}

/// Turns batches of inputs into features beside the calling thread, in their order.
pub trait Ahead {
    /// How many batches can be started before the first has to be finished, at least 1.
    fn depth(&self) -> usize;

    /// Takes in a batch (`rows` x `Shape::input`); `input` is free when this returns.
    ///
    /// # Errors
    /// The network cannot run.
    fn start(&mut self, input: &[f32], rows: usize) -> Result<(), Failure>;

    /// Waits for the batch that was started first, and puts its features into the beginning of
    /// `features` (`Shape::batch` x `Shape::width`).
    ///
    /// # Errors
    /// The network failed, or gave something that is no feature.
    fn finish(&mut self, features: &mut [f32]) -> Result<(), Failure>;
}

/// Takes the features of a batch: the index of its first row, and its rows x `Shape::width` values.
pub type Sink<'a> = dyn FnMut(usize, &[f32]) -> Result<(), Failure> + 'a;

/// Sizes of the work.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Values of one row's input.
    pub input: usize,
    /// Values of one row's features.
    pub width: usize,
    /// Rows of a batch, at least 1.
    pub batch: usize,
}

/// Where the calling thread's time went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Waiting for a prepared batch.
    pub wait: Duration,
    /// Inference.
    pub infer: Duration,
    /// Handing features on.
    pub write: Duration,
    /// All of it, from first to last.
    pub total: Duration,
}

/// Why an extraction stopped. Batches before the failing row have been handed on.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// A row could not be prepared.
    #[error("{source}")]
    Prepare {
        /// The row.
        row: Row,
        /// The reason, which names the image.
        source: Failure,
    },
    /// The network failed.
    #[error("{0}")]
    Infer(Failure),
    /// The features could not be handed on.
    #[error("{0}")]
    Write(Failure),
    /// A worker ended without a word.
    #[error("a worker thread that prepares images ended unexpectedly; this is a bug of catpipe")]
    Worker,
}

/// A prepared batch, or the row that could not be prepared.
type Prepared = Result<Vec<f32>, (Row, Failure)>;

/// Computes the features of `rows` and hands them to `sink`, batch after batch in the order of
/// `rows`.
///
/// One thread is started for each of `workers`; inference and `sink` run on the calling thread.
///
/// # Errors
/// The first row, in order, that cannot be prepared; a failing network; a failing sink.
pub fn extract<P: Prepare>(
    rows: &[Row],
    shape: Shape,
    workers: Vec<P>,
    infer: &mut dyn Infer,
    sink: &mut Sink,
) -> Result<Times, ExtractError> {
    let start = Instant::now();
    let shape = Shape {
        batch: shape.batch.max(1),
        ..shape
    };
    // One buffer in each worker's hands, one in inference, one ready to follow it.
    let pool = workers.len() + 2;
    let (give_back, free) = sync_channel::<Vec<f32>>(pool);
    for _ in 0..pool {
        let _ = give_back.send(vec![0.0; shape.batch * shape.input]);
    }
    let claims = Mutex::new(Claims { free, next: 0 });
    thread::scope(|scope| {
        let (ready, prepared) = sync_channel(pool);
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let (claims, ready) = (&claims, ready.clone());
                scope.spawn(move || prepare_batches(worker, rows, shape, claims, &ready))
            })
            .collect();
        drop(ready);
        let result = infer_batches(rows, shape, pool, &prepared, &give_back, infer, sink);
        // Both ends gone: workers that still wait for a buffer or for room stop.
        drop(prepared);
        drop(give_back);
        // Every one is joined: a panic that nobody has joined would go on in the scope.
        let joined: Vec<_> = handles
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        let lost = joined.iter().any(Result::is_err);
        match result {
            Ok(_) | Err(ExtractError::Worker) if lost => Err(ExtractError::Worker),
            other => other,
        }
    })
    .map(|times| Times {
        total: start.elapsed(),
        ..times
    })
}

/// Free buffers and the next batch to prepare. A batch is claimed only together with a buffer, so
/// the earliest unfinished batch always has one, and the reordering below cannot starve.
struct Claims {
    free: Receiver<Vec<f32>>,
    next: usize,
}

impl Claims {
    fn claim(&mut self, batches: usize) -> Option<(usize, Vec<f32>)> {
        if self.next >= batches {
            return None;
        }
        let buffer = self.free.recv().ok()?;
        self.next += 1;
        Some((self.next - 1, buffer))
    }
}

fn prepare_batches<P: Prepare>(
    mut worker: P,
    rows: &[Row],
    shape: Shape,
    claims: &Mutex<Claims>,
    ready: &SyncSender<(usize, Prepared)>,
) {
    let batches = rows.len().div_ceil(shape.batch);
    loop {
        let claimed = claims.lock().ok().and_then(|mut c| c.claim(batches));
        let Some((index, mut buffer)) = claimed else {
            return;
        };
        let prepared = (index * shape.batch..)
            .zip(batch_rows(rows, shape, index))
            .zip(buffer.chunks_exact_mut(shape.input.max(1)))
            .try_for_each(|((at, row), input)| {
                worker.prepare(at, *row, input).map_err(|e| (*row, e))
            });
        if ready.send((index, prepared.map(|()| buffer))).is_err() {
            return;
        }
    }
}

fn infer_batches(
    rows: &[Row],
    shape: Shape,
    pool: usize,
    prepared: &Receiver<(usize, Prepared)>,
    give_back: &SyncSender<Vec<f32>>,
    infer: &mut dyn Infer,
    sink: &mut Sink,
) -> Result<Times, ExtractError> {
    let mut times = Times::default();
    // No batch is claimed without a buffer, so those that wait here are never as many as the
    // buffers, and two of them never share a place.
    let mut early: Vec<Option<Prepared>> = (0..pool).map(|_| None).collect();
    let mut flow = Flow::new(infer, shape);
    for index in 0..rows.len().div_ceil(shape.batch) {
        let waiting = Instant::now();
        let batch = loop {
            if let Some(batch) = early[index % pool].take() {
                break batch;
            }
            let (other, batch) = prepared.recv().map_err(|_| ExtractError::Worker)?;
            early[other % pool] = Some(batch);
        };
        times.wait += waiting.elapsed();
        let input: Vec<f32> = match batch {
            Ok(input) => input,
            Err((row, source)) => {
                // What came before it is not lost.
                write(&mut flow, true, sink, &mut times)?;
                return Err(ExtractError::Prepare { row, source });
            }
        };
        let count = batch_rows(rows, shape, index).len();
        flow.give(&input[..count * shape.input], count, &mut times)?;
        // The workers may all have finished: then nobody needs the buffer any more.
        let _ = give_back.send(input);
        write(&mut flow, false, sink, &mut times)?;
    }
    write(&mut flow, true, sink, &mut times)?;
    Ok(times)
}

/// Hands on what has come out of the network, or `all` that is to come.
fn write(
    flow: &mut Flow,
    all: bool,
    sink: &mut Sink,
    times: &mut Times,
) -> Result<(), ExtractError> {
    while let Some((first, features)) = flow.take(all, times)? {
        let writing = Instant::now();
        sink(first, features).map_err(ExtractError::Write)?;
        times.write += writing.elapsed();
    }
    Ok(())
}

fn batch_rows(rows: &[Row], shape: Shape, index: usize) -> &[Row] {
    let start = index * shape.batch;
    &rows[start..rows.len().min(start + shape.batch)]
}
