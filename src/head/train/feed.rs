//! The rows of an epoch, batch by batch: the next ones are fetched while a step is taken.
//!
//! Rows are wanted in the order that was drawn, which is the same wherever they lie: each of all
//! orders is equally likely, and streamed rows train the same head, bit by bit, as rows in memory.
//! (Shuffling only within blocks of the file would be kinder to a disk, and worse for training:
//! rows lie there class by class as often as not, and batches of neighbours are unlike the rest.)
//!
//! Rows in memory are gathered a batch at a time. Rows that are read come a *window* at a time: as
//! many of the next batches as half of the budget holds, fetched in one go so that who reads them
//! can do so in the order of the disk, while training works through the window before.

use std::ops::Range;
use std::thread;

use ndarray::{Array2, ArrayView2, s};

use crate::head::error::HeadError;
use crate::head::rows::Rows;

/// What is done with a batch: its range of the places, and its rows.
pub(super) type Step<'a> =
    dyn FnMut(Range<usize>, ArrayView2<'_, f32>) -> Result<(), HeadError> + Send + 'a;

/// Fetches the rows of batches ahead of their use.
#[derive(Debug)]
pub(super) struct Feed<'e> {
    rows: &'e dyn Rows,
    /// Rows that a window may have; it has at least one batch.
    window: usize,
    current: Array2<f32>,
    next: Array2<f32>,
}

/// Batches whose rows are fetched together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    batches: Range<usize>,
    rows: Range<usize>,
}

impl<'e> Feed<'e> {
    /// Two windows in at most `budget` bytes, or in what two batches need.
    pub(super) fn new(rows: &'e dyn Rows, budget: usize) -> Self {
        let width = rows.width();
        let window = match rows.in_memory() {
            Some(_) => 0,
            None => budget / 2 / width.saturating_mul(size_of::<f32>()).max(1),
        };
        Self {
            rows,
            window,
            current: Array2::zeros((0, width)),
            next: Array2::zeros((0, width)),
        }
    }

    /// Whether rows are read from elsewhere.
    pub(super) fn is_streamed(&self) -> bool {
        self.rows.in_memory().is_none()
    }

    /// Hands `step` the rows of each of `batches` (ranges of `places`, one after another), in
    /// order.
    ///
    /// # Errors
    /// What `step` says, which ends it, or rows that cannot be read.
    pub(super) fn each(
        &mut self,
        places: &[usize],
        batches: &[Range<usize>],
        step: &mut Step<'_>,
    ) -> Result<(), HeadError> {
        let windows = windows(batches, self.window);
        self.reserve(&windows);
        let (rows, streamed) = (self.rows, self.is_streamed());
        let fetch = |window: Option<&Window>, into: &mut Array2<f32>| match window {
            None => Ok(()),
            Some(Window { rows: own, .. }) => {
                let places = places.get(own.clone()).unwrap_or_default();
                rows.read(places, into.slice_mut(s![..places.len(), ..]))
            }
        };
        fetch(windows.first(), &mut self.current)?;
        for (number, window) in windows.iter().enumerate() {
            let (current, next) = (&self.current, &mut self.next);
            let mut train = || {
                for batch in batches.get(window.batches.clone()).unwrap_or_default() {
                    let own = batch.start - window.rows.start..batch.end - window.rows.start;
                    step(batch.clone(), current.slice(s![own, ..]))?;
                }
                Ok::<(), HeadError>(())
            };
            let upcoming = windows.get(number + 1);
            let (trained, fetched) = match streamed {
                false => rayon::join(&mut train, || fetch(upcoming, next)),
                true => beside(&mut train, || fetch(upcoming, next)),
            };
            trained?;
            fetched?;
            std::mem::swap(&mut self.current, &mut self.next);
        }
        if streamed {
            // Another model may need the room.
            self.current = Array2::zeros((0, rows.width()));
            self.next = Array2::zeros((0, rows.width()));
        }
        Ok(())
    }

    fn reserve(&mut self, windows: &[Window]) {
        let most = windows.iter().map(|window| window.rows.len()).max();
        let most = most.unwrap_or_default();
        if self.current.nrows() < most {
            let width = self.rows.width();
            self.current = Array2::zeros((0, width));
            self.next = Array2::zeros((0, width));
            self.current = Array2::zeros((most, width));
            self.next = Array2::zeros((if windows.len() > 1 { most } else { 0 }, width));
        }
    }
}

/// Both, the second on a thread of its own: it waits for a disk, and would keep a thread from
/// working that is there for arithmetic.
fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    thread::scope(|scope| {
        let handle = scope.spawn(there);
        let done = here();
        match handle.join() {
            Ok(also) => (done, also),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Neighbouring batches together, as long as they have no more than `most` rows.
fn windows(batches: &[Range<usize>], most: usize) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        match windows.last_mut() {
            Some(last) if batch.end - last.rows.start <= most => {
                last.batches.end = number + 1;
                last.rows.end = batch.end;
            }
            _ => windows.push(Window {
                batches: number..number + 1,
                rows: batch.clone(),
            }),
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::train::batches::ranges;
    use ndarray::ArrayViewMut2;
    use proptest::prelude::*;

    /// Rows that lie elsewhere: row i is i, i, ...
    #[derive(Debug)]
    struct Elsewhere(usize);

    impl Rows for Elsewhere {
        fn count(&self) -> usize {
            self.0
        }

        fn width(&self) -> usize {
            3
        }

        fn read(
            &self,
            places: &[usize],
            mut into: ArrayViewMut2<'_, f32>,
        ) -> Result<(), HeadError> {
            for (mut row, &place) in into.outer_iter_mut().zip(places) {
                if place >= self.0 {
                    let reason = format!("no row {place}");
                    return Err(HeadError::Rows { reason });
                }
                row.fill(place as f32);
            }
            Ok(())
        }

        fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
            None
        }
    }

    fn fed(rows: &dyn Rows, budget: usize, places: &[usize], size: usize) -> Vec<f32> {
        let mut feed = Feed::new(rows, budget);
        let mut seen = Vec::new();
        // Twice, as the buffers are used again.
        for _ in 0..2 {
            seen.clear();
            let batches = ranges(places.len(), size);
            let mut step = |batch: Range<usize>, x: ArrayView2<'_, f32>| {
                assert_eq!(batch.len(), x.nrows());
                seen.extend(x.column(2));
                Ok(())
            };
            feed.each(places, &batches, &mut step).unwrap();
        }
        seen
    }

    proptest! {
        /// Each row comes when it is due, wherever it lies and however little memory there is.
        #[test]
        fn rows_come_in_the_order_asked_for(
            places in prop::collection::vec(0..50_usize, 0..60),
            size in 1..20_usize,
            budget in 0..2_000_usize,
        ) {
            let expected: Vec<f32> = places.iter().map(|place| *place as f32).collect();
            let memory = Array2::from_shape_fn((50, 3), |(i, _)| i as f32);
            prop_assert_eq!(&fed(&Elsewhere(50), budget, &places, size), &expected);
            prop_assert_eq!(&fed(&memory, budget, &places, size), &expected);
        }

        #[test]
        fn windows_cover_all_batches_and_keep_to_their_size(
            n in 0..200_usize, size in 1..30_usize, most in 0..100_usize
        ) {
            let batches = ranges(n, size);
            let windows = windows(&batches, most);
            let all: Vec<usize> = windows.iter().flat_map(|w| w.batches.clone()).collect();
            prop_assert_eq!(all, (0..batches.len()).collect::<Vec<_>>());
            for window in windows {
                prop_assert!(window.rows.len() <= most || window.batches.len() == 1);
                prop_assert_eq!(window.rows.start, batches[window.batches.start].start);
                prop_assert_eq!(window.rows.end, batches[window.batches.end - 1].end);
            }
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_ends_it() {
        let rows = Elsewhere(10);
        let mut feed = Feed::new(&rows, 0);
        let batches = ranges(6, 2);
        let mut steps = 0;
        let mut step = |_, _: ArrayView2<'_, f32>| {
            steps += 1;
            Ok(())
        };
        let error = feed.each(&[1, 2, 3, 4, 99, 5], &batches, &mut step);
        assert!(error.unwrap_err().to_string().ends_with("no row 99"));
        assert_eq!(steps, 2);
    }
}
