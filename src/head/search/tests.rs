//! Searches on small data, and everything that can be wrong with one.

use ndarray::Array2;

use super::{SearchError, TrialOutcome, check};
use crate::head::train::{EpochRow, Watch};
use crate::head::{Examples, Fit, HeadError, TrainConfig, Trial, fit, fit_watched};

const BASE: &str = "head: {dense: {hidden: [4]}}, epochs: 3, validation: {folds: 3}";

fn config(yaml: &str) -> TrainConfig {
    serde_saphyr::from_str(&format!("{{{yaml}}}")).unwrap()
}

/// Two classes that two of five features tell apart.
fn features() -> (Array2<f32>, Vec<usize>) {
    let labels: Vec<usize> = (0..30).map(|i| (i * i) % 7 % 2).collect();
    let value = |(i, j): (usize, usize)| {
        let noise = ((i * 31 + j * 17) as f32 * 0.7).sin();
        if j < 2 {
            noise + labels[i] as f32
        } else {
            noise
        }
    };
    (Array2::from_shape_fn((30, 5), value), labels)
}

fn searched(yaml: &str) -> Result<Fit, HeadError> {
    watched(yaml, &mut Vec::new())
}

fn watched(yaml: &str, told: &mut Vec<String>) -> Result<Fit, HeadError> {
    struct Told<'a>(&'a mut Vec<String>);
    impl Watch for Told<'_> {
        fn epoch(&mut self, _: &EpochRow) {}
        fn trial_begins(&mut self, place: usize, of: usize) {
            self.0.push(format!("{place} of {of}"));
        }
        fn trial_ended(&mut self, trial: &Trial) {
            self.0.push(trial.to_string());
        }
    }
    let (features, labels) = features();
    let examples = Examples {
        features: &features,
        views: 1,
        labels: &labels,
        classes: 2,
        groups: None,
    };
    fit_watched(&config(yaml), &examples, 1, &mut Told(told))
}

fn plain(yaml: &str) -> Fit {
    let (features, labels) = features();
    let examples = Examples {
        features: &features,
        views: 1,
        labels: &labels,
        classes: 2,
        groups: None,
    };
    fit(&config(yaml), &examples, 1, &mut |_| {}).unwrap()
}

fn log_losses(fit: &Fit) -> Vec<f64> {
    let loss = |trial: &Trial| trial.metrics().map_or(f64::INFINITY, |m| m.log_loss);
    fit.trials.iter().map(loss).collect()
}

#[test]
fn a_grid_is_every_combination_and_each_is_the_run_that_its_settings_alone_give() {
    let mut told = Vec::new();
    let search =
        "search: {grid: {l2: [0.0, 1.0], adam.lr: {from: 0.001, to: 0.1, steps: 3, scale: log}}}";
    let fit = watched(&format!("{BASE}, {search}"), &mut told).unwrap();
    let settings: Vec<String> = fit.trials.iter().map(Trial::words).collect();
    assert_eq!(
        settings,
        [
            "l2 0.0, adam.lr 0.001",
            "l2 0.0, adam.lr 0.01",
            "l2 0.0, adam.lr 0.1",
            "l2 1.0, adam.lr 0.001",
            "l2 1.0, adam.lr 0.01",
            "l2 1.0, adam.lr 0.1"
        ]
    );
    assert_eq!(
        (told.len(), told[0].as_str(), told[10].as_str()),
        (12, "0 of 6", "5 of 6")
    );
    assert!(
        told[1].starts_with("trial 1: l2 0.0, adam.lr 0.001: log loss 0."),
        "{}",
        told[1]
    );

    let losses = log_losses(&fit);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let chosen: Vec<usize> = (0..6).filter(|&i| fit.trials[i].chosen).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(losses[chosen[0]], best);
    assert_eq!(fit.validation.as_ref().unwrap().metrics.log_loss, best);

    // By itself, the chosen one gives the same scores and the same head.
    let (l2, lr) = (
        &fit.trials[chosen[0]].settings[0].1,
        &fit.trials[chosen[0]].settings[1].1,
    );
    let alone = plain(&format!("{BASE}, l2: {l2}, adam: {{lr: {lr}}}"));
    assert_eq!(alone.head, fit.head);
    assert_eq!(alone.curve, fit.curve);
    let alone = plain(&format!("{BASE}, l2: 0.0, adam: {{lr: 0.01}}"));
    assert_eq!(alone.validation.unwrap().metrics.log_loss, losses[1]);
}

#[test]
fn random_trials_follow_the_seed_differ_and_stay_in_their_ranges() {
    let yaml = format!(
        "{BASE}, search: {{random: {{trials: 7, keys: {{l2: {{from: 1.0e-5, to: 0.1, scale: log}}, \
         epochs: {{from: 1, to: 9}}, head.dense.hidden: [[2], [3, 2]]}}}}}}"
    );
    let fit = searched(&yaml).unwrap();
    assert_eq!(fit.trials.len(), 7);
    for (i, trial) in fit.trials.iter().enumerate() {
        let [(_, l2), (_, epochs), (_, hidden)] = trial.settings.as_slice() else {
            panic!("{trial}")
        };
        assert!((1e-5..=0.1).contains(&l2.as_f64().unwrap()), "{trial}");
        assert!((1..=9).contains(&epochs.as_i64().unwrap()), "{trial}");
        assert!(
            ["[2]", "[3,2]"].contains(&hidden.to_string().as_str()),
            "{trial}"
        );
        assert!(
            fit.trials[..i]
                .iter()
                .all(|other| other.settings != trial.settings)
        );
    }
    assert_eq!(searched(&yaml).unwrap().trials, fit.trials);
    // More of them begin with the same ones.
    let more = searched(&yaml.replace("trials: 7", "trials: 9")).unwrap();
    for (a, b) in fit.trials.iter().zip(&more.trials) {
        assert_eq!((&a.settings, &a.outcome), (&b.settings, &b.outcome));
    }
}

#[test]
fn random_trials_end_where_there_are_no_more_combinations() {
    let search = "search: {random: {trials: 50, keys: {l2: [0.1, 0.2], epochs: [1, 2]}}}";
    let trials = searched(&format!("{BASE}, {search}")).unwrap().trials;
    assert_eq!(trials.len(), 4);
}

#[test]
fn heads_of_all_kinds_and_their_settings_stand_in_one_search() {
    let search = "search: {grid: {head: [{dense: {dropout: 0.5}}, {dense: {}}], head.dense.hidden: [[2], [3]]}}";
    let fit = searched(&format!("{BASE}, {search}")).unwrap();
    assert_eq!(fit.trials.len(), 4);
    let search = "search: {grid: {head: [logistic, {dense: {hidden: [2]}}]}}";
    let fit = searched(&format!("{BASE}, {search}")).unwrap();
    assert!(fit.trials.iter().all(|trial| trial.metrics().is_some()));
}

/// Accuracy has ties on 30 examples: here two trials that end after no step worth the name.
#[test]
fn a_tie_goes_to_the_stronger_regularisation() {
    let yaml = "head: {logistic: {}}, sgd: {lr: 1.0e-30}, epochs: 1, validation: {folds: 3}, \
                search: {grid: {l2: [0.1, 0.3, 0.2]}, metric: accuracy}";
    let fit = searched(yaml).unwrap();
    let losses = log_losses(&fit);
    assert!(losses.iter().all(|loss| *loss == losses[0]));
    let chosen = fit.trials.iter().find(|trial| trial.chosen).unwrap();
    assert_eq!(chosen.words(), "l2 0.3");
}

#[test]
fn a_trial_that_diverges_is_told_of_and_passed_over() {
    let base = "head: {dense: {hidden: [4]}}, epochs: 3, validation: {folds: 3}, sgd: {lr: 0.1}";
    let mut told = Vec::new();
    let yaml = format!("{base}, search: {{grid: {{sgd.lr: [1.0e30, 0.1]}}}}");
    let fit = watched(&yaml, &mut told).unwrap();
    assert!(
        told[1].contains("sgd.lr 1e+30") && told[1].contains("diverged"),
        "{}",
        told[1]
    );
    assert!(matches!(fit.trials[0].outcome, TrialOutcome::Diverged(_)));
    assert!(!fit.trials[0].chosen && fit.trials[1].chosen);

    let yaml = format!("{base}, search: {{grid: {{sgd.lr: [1.0e30, 1.0e31]}}}}");
    let message = searched(&yaml).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "all 2 trials of `search` diverged. trial 1 (sgd.lr 1e+30): training diverged"
        ),
        "{message}"
    );
}

/// What is wrong with a search, where below `search` it is, and words of the message.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "grid: {l2: [0.1, -1]}",
        &["grid", "l2", "1"],
        "must be a number of at least 0, found -1",
    ),
    (
        "grid: {adam.lrr: [0.1]}",
        &["grid", "adam.lrr"],
        "unknown key `lrr`; did you mean `lr`?",
    ),
    (
        "grid: {epoch: [1]}",
        &["grid", "epoch"],
        "unknown key `epoch`; did you mean `epochs`?",
    ),
    (
        "grid: {head.dense.hiden: [[1]]}",
        &["grid", "head.dense.hiden"],
        "did you mean `hidden`?",
    ),
    (
        "grid: {head.dense.hidden: [[1], [2, 0]]}",
        &["grid", "head.dense.hidden", "1"],
        "at least 1, found 0",
    ),
    (
        "grid: {l2.x: [1]}",
        &["grid", "l2.x", "0"],
        "lies under a value that has no keys",
    ),
    (
        "grid: {head.dense.dropout: {from: 0, to: 1, steps: 3}}",
        &["grid", "head.dense.dropout"],
        "below 1, found 1",
    ),
    (
        "random: {trials: 3, keys: {l2: {from: -2, to: -1}}}",
        &["random", "keys", "l2"],
        "at least 0",
    ),
    (
        "random: {trials: 20000, keys: {l2: {from: 1, to: 2}}}",
        &[],
        "more than 10000 trials",
    ),
    (
        "grid: {l2: {from: 1, to: 2, steps: 200}, adam.lr: {from: 1, to: 2, steps: 200}}",
        &[],
        "more than 10000",
    ),
    (
        "grid: {sgd: [{lr: 0.1}]}",
        &[],
        "both `adam` and `sgd`: keep one of them (with sgd {\"lr\":0.1})",
    ),
];

#[test]
fn what_cannot_be_tried_is_refused_where_it_stands() {
    for (yaml, at, words) in REFUSED {
        let config = config(&format!("{BASE}, search: {{{yaml}}}"));
        let error: SearchError = check(&config, 1).unwrap_err();
        assert!(error.to_string().contains(words), "{yaml}\n gave\n{error}");
        assert_eq!(error.at(), *at, "{yaml}");
    }
}

/// What no search is, and words of the message.
const MALFORMED: &[(&str, &str)] = &[
    ("{}", "needs `grid:"),
    (
        "{grid: {l2: [1]}, random: {trials: 1, keys: {l2: [1]}}}",
        "both `grid` and `random`",
    ),
    ("{grid: {}}", "at least one setting"),
    ("{grid: {l2: []}}", "at least one value"),
    ("{grid: {l2: 3}}", "a list of values, or a range"),
    (
        "{grid: {l2: {from: 1, to: 2}}}",
        "the range of `l2` in a grid needs `steps`",
    ),
    (
        "{grid: {l2: {from: 2, to: 1, steps: 3}}}",
        "`from` must be below `to`",
    ),
    (
        "{grid: {l2: {from: 0, to: 1, steps: 3, scale: log}}}",
        "`from` above 0",
    ),
    ("{grid: {l2: {from: 1, to: 2, step: 3}}}", "steps"),
    ("{grid: {l2: {from: 1, to: 2, steps: 1}}}", "at least 2"),
    ("{grid: {validation.folds: [3, 5]}}", "the same folds"),
    ("{grid: {train.l2: [3, 5]}}", "below `train`"),
    ("{grid: {\"adam..lr\": [3, 5]}}", "no path of keys"),
    ("{grid: {l2: [1]}, metric: loss}", "log_loss"),
    ("{random: {keys: {l2: [1]}}}", "trials"),
];

#[test]
fn what_is_no_search_is_refused_when_it_is_read() {
    for (yaml, words) in MALFORMED {
        let yaml = format!("{{{BASE}, search: {yaml}}}");
        let message = serde_saphyr::from_str::<TrainConfig>(&yaml)
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{yaml}\n gave\n{message}");
    }
    let yaml = "{head: {logistic: {}}, search: {grid: {l2: [1]}}}";
    let message = serde_saphyr::from_str::<TrainConfig>(yaml)
        .unwrap_err()
        .to_string();
    assert!(message.contains("`search` needs `validation`"), "{message}");
}

#[test]
fn a_search_is_written_as_it_was_read() {
    let all = "search: {random: {trials: 2, keys: {l2: {from: 0.1, to: 1, steps: 3, scale: log}, \
               adam.lr: [1.0e-7], head: [logistic, {dense: {}}]}}, metric: accuracy}";
    let config = config(&format!("{BASE}, {all}"));
    let text = serde_saphyr::to_string(&config).unwrap();
    let again: TrainConfig = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(again, config, "{text}");
}

proptest::proptest! {
    /// A range's numbers rise from one end to the other and begin and end exactly there.
    #[test]
    fn ranges_hit_their_ends(from in 1e-9..1e3_f64, factor in 1.01..1e6_f64, steps in 2..30_usize, log: bool) {
        let (to, scale) = (from * factor, if log { "log" } else { "linear" });
        let yaml = format!("{{from: {from:?}, to: {to:?}, steps: {steps}, scale: {scale}}}");
        let values: super::Values = serde_saphyr::from_str(&yaml).unwrap();
        let numbers: Vec<f64> = (0..steps).map(|i| values.at(i).as_f64().unwrap()).collect();
        proptest::prop_assert_eq!((numbers[0], numbers[steps - 1]), (from, to));
        proptest::prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", numbers);
    }
}
