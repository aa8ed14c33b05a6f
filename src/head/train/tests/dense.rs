//! The keys of a dense head, threads, and an end before the end.

use super::*;
use crate::head::error::Cause;
use crate::head::train::{EpochRow, Partial, Watch, fit_watched};
use crate::stop::Stop;

pub(super) const EVERYTHING: &str = "head: {dense: {hidden: [16, 8], dropout: 0.3, batch_norm: true, \
    activation: gelu}}, adamw: {lr: 0.01}, schedule: {warmup: 1, cosine: {to: 0.1}}, \
    label_smoothing: 0.05, mixup: {alpha: 0.3}, clip_norm: 1, class_weights: balanced, batch: 7";

#[test]
fn everything_at_once_still_learns() {
    let data = clouds(60, 5, 3, 2, 12.0);
    let fit = data.fit(&format!("{EVERYTHING}, epochs: 40"), 1).unwrap();
    assert_eq!(data.accuracy(&fit.head), 1.0);
}

/// Layers and batches wide enough to be cut into pieces.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let data = clouds(150, 80, 3, 2, 1.0);
    let yaml = EVERYTHING
        .replace("[16, 8]", "[150, 20]")
        .replace("batch: 7", "batch: 100");
    let yaml = format!("{yaml}, epochs: 2, validation: {{folds: 2}}");
    let trained = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let fit = pool
            .build()
            .unwrap()
            .install(|| data.fit(&yaml, 1).unwrap());
        (bytes(&fit), fit.curve)
    };
    let one = trained(1);
    for threads in [2, 3] {
        assert!(one == trained(threads), "{threads} threads");
    }
}

/// The features say nothing, so that the head can only learn how much each class counts.
#[test]
fn rare_classes_count_as_much_as_they_are_given() {
    let mut data = clouds(80, 4, 2, 1, 0.0);
    data.labels = (0..80).map(|i| usize::from(i % 4 == 0)).collect();
    let rare = |key: &str| {
        let yaml = format!(
            "head: {{dense: {{hidden: [4]}}}}, l2: 10, sgd: {{lr: 0.02, momentum: 0.9}}, \
             batch: all, epochs: 300{key}"
        );
        let head = data.fit(&yaml, 1).unwrap().head;
        let probabilities = head.probabilities(data.features.view()).unwrap();
        probabilities.column(1).mean().unwrap()
    };
    for (key, expected) in [
        ("", 0.25),
        (", class_weights: balanced", 0.5),
        (", class_weights: {1: 9}", 0.75),
        (", class_weights: {0: 0}", 1.0),
        (", sampling: balanced", 0.5),
        (", label_smoothing: 0.4", 0.25 * 0.6 + 0.2),
    ] {
        let found = rare(key);
        assert!((found - expected).abs() < 0.03, "{key}: {found}");
    }
}

#[test]
fn weights_that_leave_nothing_or_name_nothing_are_refused() {
    let data = clouds(12, 4, 2, 1, 1.0);
    let message = |weights: &str| {
        let yaml = format!("{DENSE}, epochs: 1, class_weights: {weights}");
        data.fit(&yaml, 1).unwrap_err().to_string()
    };
    assert!(message("{0: 0, 1: 0}").contains("every class of the training examples the weight 0"));
    assert!(message("{2: 1}").contains("there is no class `2`"));
}

#[test]
fn a_decay_that_overshoots_is_named() {
    let data = clouds(20, 4, 2, 1, 1.0);
    let yaml = "head: {dense: {hidden: [4]}}, adamw: {lr: 10, weight_decay: 1000}, epochs: 100";
    let HeadError::Diverged { cause, .. } = data.fit(yaml, 1).unwrap_err() else {
        panic!()
    };
    let (decay, lr) = (1000.0, 10.0);
    assert_eq!(cause, Cause::Decay { decay, lr });
    assert!(
        cause
            .to_string()
            .contains("`weight_decay` 1000 times `lr` 10 is above 2")
    );
}

/// Asks for the end after so many epochs, counted over both trainings.
struct Impatient {
    stop: Stop,
    after: usize,
    seen: usize,
}

impl Watch for Impatient {
    fn epoch(&mut self, _row: &EpochRow) {
        self.seen += 1;
        if self.seen == self.after {
            self.stop.ask();
        }
    }

    fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

fn ended_after(data: &Data, yaml: &str, after: usize) -> Result<Fit, HeadError> {
    let stop = Stop::default();
    if after == 0 {
        stop.ask();
    }
    let mut watch = Impatient {
        stop,
        after,
        seen: 0,
    };
    fit_watched(&config(yaml), &data.examples(), 1, &mut watch)
}

fn partial(result: Result<Fit, HeadError>) -> Partial {
    match result.unwrap_err() {
        HeadError::Interrupted(partial) => *partial,
        other => panic!("{other}"),
    }
}

#[test]
fn a_training_that_is_interrupted_hands_over_its_best_head() {
    let data = clouds(30, 4, 2, 1, 1.0);
    let alone = format!("{DENSE}, epochs: 20");
    let found = partial(ended_after(&data, &alone, 4));
    assert_eq!(found.what, "the training in epoch 5 of 20");
    let four = data.fit(&format!("{DENSE}, epochs: 4"), 1).unwrap();
    assert_eq!(found.head.unwrap(), four.head);

    // In cross-validation, and in the final training after it, the model of the first fold.
    let folds = format!("{alone}, validation: {{folds: 3}}");
    let found = partial(ended_after(&data, &folds, 6));
    let end = "first fold after epoch 6, the best so far";
    assert!(found.what.ends_with(end), "{}", found.what);
    assert_eq!(found.head.unwrap().inputs(), 4);
    let found = partial(ended_after(&data, &folds, 25));
    let end = "first fold after epoch 20, the best so far";
    assert!(found.what.ends_with(end), "{}", found.what);
    assert!(ended_after(&data, &alone, 20).is_ok());
}

#[test]
fn before_the_first_step_there_is_no_head() {
    let data = clouds(30, 4, 2, 1, 1.0);
    let found = partial(ended_after(&data, DENSE, 0));
    assert!(found.head.is_none());
    assert_eq!(found.what, "no step had been taken");
}
