//! Several sessions of one network that share each batch.
//!
//! Threads that share one operator wait for each other at its end, a hundred times a batch, and
//! whatever else the machine does in between (decoding, above all) is waited for by all of them.
//! Sessions with threads of their own meet once a batch, and not even then while a second batch
//! stands ready. A row's bits do not depend on its batch, so it does not matter who computes it.

use std::collections::VecDeque;

use super::bound::{Bound, DEPTH, Failed};

/// The sessions, each in a thread of its own, and what they are at.
#[derive(Debug)]
pub(super) struct Several {
    sessions: Vec<Bound>,
    /// The batches that were started and not finished.
    under_way: VecDeque<Batch>,
    /// The session that gets the next row of a batch with fewer rows than there are sessions.
    turn: usize,
}

/// A batch that is shared out from session `first` on.
#[derive(Debug, Clone, Copy)]
struct Batch {
    rows: usize,
    first: usize,
}

impl Several {
    pub(super) fn new(sessions: Vec<Bound>) -> Self {
        Self {
            sessions,
            under_way: VecDeque::with_capacity(DEPTH),
            turn: 0,
        }
    }

    /// Shares out a batch of `rows`, which is copied: `input` is free when this returns.
    pub(super) fn start(&mut self, input: &[f32], rows: usize) -> Result<(), Failed> {
        if self.under_way.len() == DEPTH {
            return Err(Failed::Order("another batch has to be finished first"));
        }
        let (count, each) = (self.sessions.len(), input.len() / rows.max(1));
        // Else session i always has the i-th part, and so buffers of one size.
        let first = if rows < count { self.turn } else { 0 };
        let (mut left, mut given) = (input, Ok(()));
        for (at, part) in shares(rows, count) {
            let (mine, rest) = left.split_at(part * each);
            left = rest;
            let started = self.sessions[(first + at) % count].start(mine, part, 0);
            given = given.and(started);
        }
        self.turn = (first + rows) % count;
        if given.is_err() {
            // Some have their part and some have not: none of it can be told apart any more.
            self.abandon();
            return given;
        }
        self.under_way.push_back(Batch { rows, first });
        Ok(())
    }

    /// Waits for all of the batch that was started first, and puts its features (`width` a row)
    /// into the beginning of `out`, as far as that reaches; gives the number of its rows.
    pub(super) fn finish(&mut self, width: usize, out: &mut [f32]) -> Result<usize, Failed> {
        let batch = self.under_way.pop_front();
        let Batch { rows, first } = batch.ok_or(Failed::Order("no batch was started"))?;
        let (count, mut from, mut outcome) = (self.sessions.len(), 0, Ok(rows));
        for (at, part) in shares(rows, count) {
            let to = out.get_mut(from * width..(from + part) * width);
            from += part;
            let taken = self.sessions[(first + at) % count].finish(|features, _| {
                if let Some(to) = to {
                    to.copy_from_slice(features);
                }
            });
            // All are waited for, that the next batch begins with the same one everywhere.
            outcome = outcome.and_then(|rows| taken.map(|()| rows));
        }
        outcome
    }

    /// Waits for what is under way and drops it.
    pub(super) fn abandon(&mut self) {
        self.under_way.clear();
        self.sessions.iter_mut().for_each(Bound::abandon);
    }
}

/// The parts of a batch, as even as can be: who is counted from the first, and how many rows. Those
/// that get none are left out.
fn shares(rows: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let part = move |at| (at, rows / count + usize::from(at < rows % count));
    (0..count).map(part).filter(|(_, rows)| *rows > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_somebodys_and_nobody_has_two_more_than_another() {
        for rows in 0..40 {
            for count in 1..9 {
                let shares: Vec<_> = shares(rows, count).collect();
                assert_eq!(shares.iter().map(|(_, part)| part).sum::<usize>(), rows);
                assert_eq!(shares.len(), rows.min(count));
                let parts = || shares.iter().map(|(_, part)| *part);
                let (least, most) = (parts().min(), parts().max());
                assert!(most <= least.map(|least| least + 1), "{rows} by {count}");
            }
        }
    }
}
