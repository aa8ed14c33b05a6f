//! A session whose batches go through buffers of their own, so that the next one is taken in while
//! the device computes.
//!
//! A thread of its own has the session: what a device keeps for each thread (streams, handles,
//! recorded graphs) is made once. A batch is copied into one of [`DEPTH`] slots by whoever brings
//! it, handed to that thread, which copies it to the device and computes it, and comes back in the
//! same order. Nothing is allocated for a batch that is no larger than those before it, or as large
//! as they are where batches are not padded.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use ort::session::Session;

use super::slot::{Plan, Slot};
use super::told;
use crate::backbone::error::BackboneError;

/// Batches that are under way at once: one that is computed, one that is brought.
pub(super) const DEPTH: usize = 2;

/// The session in its thread, and the slots that are not there.
#[derive(Debug)]
pub(super) struct Bound {
    /// Taken when the thread is to end.
    jobs: Option<SyncSender<Job>>,
    answers: Receiver<Answer>,
    worker: Option<JoinHandle<()>>,
    idle: Vec<Slot>,
    /// Came back while something else was waited for.
    early: VecDeque<Ran>,
    /// Batches that were started and not finished.
    under_way: usize,
    /// Whether a batch that is smaller than those before it is padded to their size.
    pads: bool,
    /// The rows of the slots: where it pads, those of the largest batch so far.
    rows: usize,
}

#[derive(Debug)]
enum Job {
    /// Make a slot of so many rows, in the place of one that is too small.
    Make(Option<Slot>, usize),
    /// Compute a batch of so many rows.
    Run(Slot, usize),
    /// Free a slot: memory is given back by the thread that took it.
    Free(Slot),
}

#[derive(Debug)]
enum Answer {
    Made(Result<Slot, String>),
    Ran(Ran),
}

#[derive(Debug)]
struct Ran {
    slot: Slot,
    rows: usize,
    outcome: Result<(), String>,
}

/// Why a batch came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// There is no memory for a batch of so many rows.
    Memory { rows: usize, reason: String },
    /// It was not computed, in ONNX Runtime's words.
    Run { rows: usize, reason: String },
    /// As many as can be are under way, or none is.
    Order(&'static str),
    /// The thread is gone.
    Lost,
}

impl Failed {
    /// As it is put to a person.
    pub(super) fn told(self, path: &Path) -> BackboneError {
        let path = path.to_path_buf();
        match self {
            Self::Memory { rows, reason } => BackboneError::Memory { path, rows, reason },
            Self::Run { rows, reason } => BackboneError::Run {
                path,
                batch: rows,
                reason,
            },
            Self::Order(reason) => BackboneError::Order(reason),
            Self::Lost => BackboneError::Order("the thread that computes ended unexpectedly"),
        }
    }
}

impl Bound {
    /// Gives the session a thread. Where it `pads`, all batches run as ones of the size of the
    /// largest so far; else each as it is, and one of another size than the last costs an
    /// allocation.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn new(session: Session, plan: Plan, pads: bool) -> Result<Self, String> {
        let (jobs, to_do) = sync_channel(DEPTH);
        let (done, answers) = sync_channel(DEPTH);
        let work = move || {
            let mut work = Work {
                session,
                plan,
                made: 0,
            };
            while let Ok(job) = to_do.recv() {
                if work
                    .on(job)
                    .is_some_and(|answer| done.send(answer).is_err())
                {
                    return;
                }
            }
        };
        let worker = thread::Builder::new().name("inference".to_owned());
        let worker = worker.spawn(work).map_err(|error| error.to_string())?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            worker: Some(worker),
            idle: Vec::with_capacity(DEPTH),
            early: VecDeque::with_capacity(DEPTH),
            under_way: 0,
            pads,
            rows: 0,
        })
    }

    /// Takes in a batch of `rows`, which runs as one of at least `least`. It is copied: `input` is
    /// free when this returns.
    pub(super) fn start(&mut self, input: &[f32], rows: usize, least: usize) -> Result<(), Failed> {
        if self.under_way == DEPTH {
            return Err(Failed::Order("another batch has to be finished first"));
        }
        let before = if self.pads { self.rows } else { 0 };
        self.rows = before.max(rows).max(least);
        let mut slot = match self.idle.pop() {
            Some(slot) if slot.rows() == self.rows => slot,
            small => self.made(small)?,
        };
        slot.fill(input);
        self.send(Job::Run(slot, rows))?;
        self.under_way += 1;
        Ok(())
    }

    /// Waits for the batch that was started first, and gives its features to `take`.
    pub(super) fn finish<T>(&mut self, take: impl FnOnce(&[f32], usize) -> T) -> Result<T, Failed> {
        if self.under_way == 0 {
            return Err(Failed::Order("no batch was started"));
        }
        let Ran {
            mut slot,
            rows,
            outcome,
        } = match self.early.pop_front() {
            Some(ran) => ran,
            None => match self.answers.recv().map_err(|_| Failed::Lost)? {
                Answer::Ran(ran) => ran,
                Answer::Made(_) => return Err(Failed::Lost),
            },
        };
        self.under_way -= 1;
        let taken = outcome
            .map(|()| take(slot.features(rows), rows))
            .map_err(|reason| Failed::Run { rows, reason });
        self.idle.push(slot);
        taken
    }

    /// Waits for what is under way and drops it.
    pub(super) fn abandon(&mut self) {
        while self.under_way > 0 {
            if self.finish(|_, _| ()) == Err(Failed::Lost) {
                return;
            }
        }
    }

    fn made(&mut self, small: Option<Slot>) -> Result<Slot, Failed> {
        self.send(Job::Make(small, self.rows))?;
        loop {
            match self.answers.recv().map_err(|_| Failed::Lost)? {
                Answer::Ran(ran) => self.early.push_back(ran),
                Answer::Made(made) => {
                    let rows = self.rows;
                    return made.map_err(|reason| {
                        // A smaller batch may still find room.
                        self.rows = 0;
                        Failed::Memory { rows, reason }
                    });
                }
            }
        }
    }

    fn send(&self, job: Job) -> Result<(), Failed> {
        let jobs = self.jobs.as_ref().ok_or(Failed::Lost)?;
        jobs.send(job).map_err(|_| Failed::Lost)
    }
}

impl Drop for Bound {
    /// Slots refer to the session: they go first, and the thread with it ends before this does.
    fn drop(&mut self) {
        self.abandon();
        for slot in std::mem::take(&mut self.idle) {
            let _ = self.send(Job::Free(slot));
        }
        self.jobs = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// What the thread has.
struct Work {
    session: Session,
    plan: Plan,
    /// Slots made so far.
    made: u32,
}

impl Work {
    fn on(&mut self, job: Job) -> Option<Answer> {
        match job {
            Job::Make(small, rows) => {
                drop(small);
                self.made += 1;
                let slot = Slot::new(&self.session, &self.plan, rows, self.made);
                Some(Answer::Made(slot.map_err(|error| told(&error))))
            }
            Job::Run(mut slot, rows) => {
                let outcome = slot.run(&mut self.session);
                Some(Answer::Ran(Ran {
                    slot,
                    rows,
                    outcome,
                }))
            }
            Job::Free(slot) => {
                drop(slot);
                None
            }
        }
    }
}
