//! What is kept where somebody asks for the end.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::head::{EpochRow, Head, L2Point, Partial, Trial, Watch, fit_watched, metrics};
use crate::stop::Stop;

/// Asks for the end once so many values of `l2`, or trials, are done.
#[derive(Default)]
struct Asking {
    stop: Stop,
    after: usize,
    tried: Vec<L2Point>,
    trials: usize,
}

impl Watch for Asking {
    fn stop(&self) -> Stop {
        self.stop.clone()
    }

    fn epoch(&mut self, _: &EpochRow) {}

    fn l2_tried(&mut self, point: &L2Point) {
        self.tried.push(*point);
        if self.tried.len() == self.after {
            self.stop.ask();
        }
    }

    fn trial_ended(&mut self, _: &Trial) {
        self.trials += 1;
        if self.trials == self.after {
            self.stop.ask();
        }
    }
}

/// Rows that are not in memory, and ask for the end when they are read for the `left`th time.
#[derive(Debug)]
struct Ending {
    rows: Array2<f32>,
    left: AtomicUsize,
    stop: Stop,
}

impl Rows for Ending {
    fn count(&self) -> usize {
        self.rows.nrows()
    }

    fn width(&self) -> usize {
        self.rows.ncols()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.stop.ask();
        }
        self.rows.view().read(places, into)
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        None
    }
}

fn partial(result: Result<Fit, HeadError>) -> Partial {
    match result.unwrap_err() {
        HeadError::Interrupted(partial) => *partial,
        other => panic!("{other}"),
    }
}

fn log_loss(data: &Data, head: &Head) -> f64 {
    let found = head.probabilities(data.features.view()).unwrap();
    let found = metrics::evaluate(found.view(), &data.labels).unwrap();
    found.log_loss
}

/// What is kept if the `n`th time that rows are read the end is asked for; `None` where there are
/// not so many.
fn ended_at_read(data: &Data, yaml: &str, n: usize) -> Option<Partial> {
    let stop = Stop::default();
    let rows = Ending {
        rows: data.features.clone(),
        left: AtomicUsize::new(n),
        stop: stop.clone(),
    };
    let examples = Examples {
        features: &rows,
        ..data.examples()
    };
    let mut watch = Asking {
        stop: stop.clone(),
        ..Asking::default()
    };
    let ended = fit_watched(&config(yaml), &examples, 1, &mut watch);
    stop.is_asked()
        .then_some(ended)
        .filter(Result::is_err)
        .map(partial)
}

/// What is kept after each number of reads, without repetitions, with the last head of each.
fn kept(data: &Data, yaml: &str) -> Vec<(String, Option<Head>)> {
    let mut kept: Vec<(String, Option<Head>)> = Vec::new();
    for partial in (1..).map_while(|n| ended_at_read(data, yaml, n)) {
        match kept.last_mut() {
            Some((what, head)) if *what == partial.what => *head = partial.head,
            _ => kept.push((partial.what, partial.head)),
        }
    }
    kept
}

#[test]
fn a_path_hands_over_the_best_of_the_values_until_then() {
    let data = Data::clouds(90, 40, 3, 1);
    let yaml = "{logistic: {}}, l2: {auto: {values: 15, from: 1.0e-5, to: 100}}, \
                validation: {folds: 3}";
    let mut watch = Asking {
        after: 12,
        ..Asking::default()
    };
    let found = partial(fit_watched(&config(yaml), &data.examples(), 1, &mut watch));
    assert_eq!(watch.tried.len(), 12);
    let best = (watch.tried.iter()).min_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    let best = best.unwrap();
    assert!(best.l2 < 100.0 && best.l2 > watch.tried[11].l2, "{best:?}");
    let what = format!(
        "the model of the cross-validation's first fold at l2 {:.2e}, the best so far",
        best.l2
    );
    assert_eq!(found.what, what);
    // It has seen two thirds of these examples, and the others are like them.
    let loss = log_loss(&data, &found.head.unwrap());
    assert!((loss - best.log_loss).abs() < 0.2, "{loss} {best:?}");
}

#[test]
fn a_head_that_is_being_solved_is_handed_over_as_it_stands() {
    let data = Data::clouds(60, 12, 3, 1);
    let yaml = "{logistic: {}}, l2: 0.01";
    let kept = kept(&data, yaml);
    let whats: Vec<&str> = kept.iter().map(|(what, _)| &**what).collect();
    let unfinished = "the unfinished solution of all examples";
    assert_eq!(whats, ["no step had been taken", unfinished]);
    assert!(kept[0].1.is_none());
    // Asked for at its last pass, it has nearly come to its end.
    let whole = log_loss(&data, &data.fit(yaml).unwrap().head);
    let last = log_loss(&data, kept[1].1.as_ref().unwrap());
    assert!((last - whole).abs() < 1e-3, "{last} {whole}");
}

#[test]
fn what_was_judged_comes_before_what_was_not() {
    let data = Data::clouds(60, 12, 3, 1);
    let kept = kept(&data, "{logistic: {}}, l2: 0.01, validation: {folds: 3}");
    let whats: Vec<&str> = kept.iter().map(|(what, _)| &**what).collect();
    let expected = [
        "no step had been taken",
        "the unfinished model of the cross-validation's first fold",
        "the finished model of the cross-validation's first fold",
    ];
    assert_eq!(whats, expected);
}

#[test]
fn a_search_hands_over_the_best_of_the_trials_that_are_done() {
    let data = Data::clouds(60, 12, 3, 1);
    let yaml = "{logistic: {}}, validation: {folds: 3}, search: {grid: {l2: [1000, 0.01, 0.1]}}";
    let mut watch = Asking {
        after: 2,
        ..Asking::default()
    };
    let found = partial(fit_watched(&config(yaml), &data.examples(), 1, &mut watch));
    let what = "the finished model of the cross-validation's first fold";
    assert_eq!(found.what, what);
    // With `l2` 1000 the head would know nothing.
    let loss = log_loss(&data, &found.head.unwrap());
    assert!(loss < 0.5, "{loss}");
}
