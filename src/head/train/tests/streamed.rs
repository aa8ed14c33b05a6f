//! Rows that are read as they are wanted.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{ArrayView2, ArrayViewMut2};

use super::dense::EVERYTHING;
use super::*;
use crate::head::rows::Rows;

/// Rows that could not be kept in memory, as far as a head can tell.
#[derive(Debug)]
struct Elsewhere {
    rows: Array2<f32>,
    /// How many were read.
    read: AtomicUsize,
}

impl Rows for Elsewhere {
    fn count(&self) -> usize {
        self.rows.nrows()
    }

    fn width(&self) -> usize {
        self.rows.ncols()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        self.read.fetch_add(places.len(), Ordering::Relaxed);
        self.rows.view().read(places, into)
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        None
    }
}

impl Elsewhere {
    /// The examples of `data`, with their rows here.
    fn of<'a>(&'a self, data: &'a Data) -> Examples<'a> {
        Examples {
            features: self,
            ..data.examples()
        }
    }
}

fn elsewhere(data: &Data) -> Elsewhere {
    Elsewhere {
        rows: data.features.clone(),
        read: AtomicUsize::new(0),
    }
}

/// Rows come in the order that was drawn, wherever they lie: the shuffle is the same.
#[test]
fn streamed_rows_train_the_same_head() {
    let data = clouds(50, 5, 3, 3, 1.0);
    let rows = elsewhere(&data);
    let examples = rows.of(&data);
    let yaml = format!("{EVERYTHING}, epochs: 4, validation: {{folds: 3}}");
    let expected = data.fit(&yaml, 1).unwrap();
    // A window of all rows; one of 1024 * 1024 / 2 / 20 rows is that of a megabyte.
    for memory in ["1MiB", "1GiB"] {
        let config = config(&format!("{yaml}, memory: {memory}"));
        let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
        assert_eq!(bytes(&found), bytes(&expected));
        assert_eq!(found.curve, expected.curve);
    }
    // Windows of a batch or two.
    let mut config = config(&yaml);
    config.memory = Some(crate::size::Bytes::of(2 * 15 * 20));
    let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
    assert_eq!(bytes(&found), bytes(&expected));
}

/// Once an epoch for all folds of all trials, and the plain views once to judge them; then once an
/// epoch for the head.
#[test]
fn the_folds_of_all_trials_share_a_pass() {
    const EPOCHS: usize = 5;
    let data = clouds(60, 5, 3, 3, 1.0);
    let rows = elsewhere(&data);
    let examples = rows.of(&data);
    let yaml = format!(
        "{DENSE}, epochs: {EPOCHS}, memory: 64MiB, validation: {{folds: 3, repeats: 2}}, \
         search: {{grid: {{l2: [0, 0.01], adam.lr: [0.001, 0.01], batch: [7, 32]}}}}"
    );
    let found = fit(&config(&yaml), &examples, 1, &mut |_| {}).unwrap();
    let (all, plain) = (180, 60);
    let checked = all;
    let expected = checked + EPOCHS * (60 + plain) + EPOCHS * 60;
    assert_eq!(rows.read.load(Ordering::Relaxed), expected);

    let expected = data.fit(&yaml, 1).unwrap();
    assert_eq!(found.trials, expected.trials);
    assert_eq!(bytes(&found), bytes(&expected));
    assert_eq!(found.curve, expected.curve);
}

/// Balanced draws are each model's own; a trial that diverges ends no other.
#[test]
fn trials_side_by_side_are_what_they_are_alone() {
    let data = clouds(60, 5, 3, 1, 1.0);
    let rows = elsewhere(&data);
    let examples = rows.of(&data);
    let yaml = "head: {dense: {hidden: [8]}}, sgd: {lr: 0.1}, epochs: 6, memory: 1MiB, \
                validation: {folds: 3}, early_stopping: {patience: 1}, \
                search: {grid: {sampling: [once, balanced], sgd.lr: [0.01, 1.0e30]}}";
    let found = fit(&config(yaml), &examples, 1, &mut |_| {}).unwrap();
    let expected = data.fit(yaml, 1).unwrap();
    assert_eq!(found.trials, expected.trials);
    let diverged = |trial: &&crate::head::Trial| trial.metrics().is_none();
    assert_eq!(found.trials.iter().filter(diverged).count(), 2);
    assert_eq!(bytes(&found), bytes(&expected));
}
