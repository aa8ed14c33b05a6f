use super::confusion::Tally;
use super::losses::{bin_of, middle95};
use super::ranking::{Ranking, area_interval};
use super::*;
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde::Deserialize;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

/// Golden values: statsmodels 0.15.0, `proportion_confint(k, n, method='wilson')`; scipy 1.17.1,
/// `binomtest(k, n).proportion_ci(method='wilson')`, says the same.
#[test]
fn wilson_intervals() {
    for (correct, total, low, high) in [
        (0, 50, 0.0, 0.07134759913335874),
        (1, 50, 0.003539259271646236, 0.10495443589637815),
        (25, 50, 0.3664451431682858, 0.6335548568317142),
        (40, 50, 0.6696289406777458, 0.8875624998422389),
        (49, 50, 0.8950455641036218, 0.9964607407283538),
        (50, 50, 0.9286524008666412, 1.0),
        (0, 1, 0.0, 0.7934506856227627),
        (1, 1, 0.2065493143772374, 1.0),
        (7, 12, 0.31951131254954973, 0.8067396863412435),
        (8123, 10000, 0.8045274883566583, 0.819832666261017),
    ] {
        let found = wilson95(correct, total);
        close(found[0], low);
        close(found[1], high);
    }
    assert_eq!(wilson95(0, 0), [0.0, 1.0]);
    assert_eq!(wilson95(0, 50)[0], 0.0);
    assert_eq!(wilson95(50, 50)[1], 1.0);
}

fn predictions() -> (Array2<f32>, [usize; 8]) {
    let probabilities = array![
        [0.75, 0.125, 0.125],
        [0.5, 0.25, 0.25],
        [0.125, 0.125, 0.75],
        [0.25, 0.5, 0.25],
        [0.0, 0.0, 1.0],
        [0.0625, 0.90625, 0.03125],
        [0.34375, 0.3125, 0.34375],
        [0.0, 1.0, 0.0],
    ];
    (probabilities, [0, 1, 2, 1, 0, 1, 2, 1])
}

/// Golden values: scikit-learn 1.9.1, `log_loss` on float32 probabilities (2.47043395 as float32;
/// the digits below are the same clipped sum in float64 by numpy 2.4.6) and `confusion_matrix`;
/// the calibration error is equation 3 of Guo et al. 2017 written out in numpy.
#[test]
fn scores_of_eight_predictions() {
    let (probabilities, labels) = predictions();
    let metrics = evaluate(probabilities.view(), &labels).unwrap();
    assert_eq!((metrics.correct, metrics.total), (5, 8));
    close(metrics.accuracy, 0.625);
    assert_eq!(metrics.accuracy_ci95, wilson95(5, 8));
    close(metrics.log_loss, 2.470433942784594);
    close(metrics.ece, 0.2421875);
    assert_eq!(metrics.confusion, [[1, 0, 1], [1, 3, 0], [1, 0, 1]]);
}

/// A case of `tests/golden/metrics.py`, whose words say what its numbers are made with.
#[derive(Deserialize)]
struct Golden {
    labels: Vec<usize>,
    probabilities: Vec<Vec<f32>>,
    accuracy: f64,
    balanced_accuracy: f64,
    log_loss: f64,
    brier: f64,
    ece: f64,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    confusion: Vec<Vec<usize>>,
    classes: Vec<ClassMetrics>,
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(include_str!("../../../tests/golden/metrics.json")).unwrap()
}

fn scored(case: &Golden) -> Metrics {
    let width = case.probabilities[0].len();
    let flat: Vec<f32> = case.probabilities.concat();
    let p = Array2::from_shape_vec((case.labels.len(), width), flat).unwrap();
    evaluate(p.view(), &case.labels).unwrap()
}

fn as_close(found: Option<f64>, expected: Option<f64>) {
    assert_eq!(found.is_some(), expected.is_some());
    close(found.unwrap_or_default(), expected.unwrap_or_default());
}

#[test]
fn numbers_are_those_of_other_tools() {
    for case in golden() {
        let found = scored(&case);
        close(found.accuracy, case.accuracy);
        close(found.balanced_accuracy, case.balanced_accuracy);
        close(found.log_loss, case.log_loss);
        close(found.brier, case.brier);
        close(found.ece, case.ece);
        as_close(found.roc_auc, case.roc_auc);
        as_close(found.average_precision, case.average_precision);
        assert_eq!(found.confusion, case.confusion);
        for (found, expected) in found.classes.iter().zip(&case.classes) {
            assert_eq!(
                (&found.class, found.support),
                (&expected.class, expected.support)
            );
            let numbers = |one: &ClassMetrics| {
                let ends = [
                    one.precision_ci95,
                    one.recall_ci95,
                    one.f1_ci95,
                    one.roc_auc_ci95,
                    one.average_precision_ci95,
                ];
                let middle = [
                    one.precision,
                    one.recall,
                    one.f1,
                    one.roc_auc,
                    one.average_precision,
                ];
                let ends = ends.map(|ends| [ends.map(|e| e[0]), ends.map(|e| e[1])]);
                [middle.to_vec(), ends.concat()].concat()
            };
            for (found, expected) in numbers(found).into_iter().zip(numbers(expected)) {
                assert_eq!(found.is_some(), expected.is_some());
                let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
                assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
            }
        }
    }
}

#[test]
fn every_interval_holds_its_number() {
    for case in golden() {
        let json = serde_json::to_value(scored(&case)).unwrap();
        let mut all = vec![&json];
        all.extend(json["classes"].as_array().unwrap());
        let mut seen = 0;
        for one in all {
            for (key, ends) in one.as_object().unwrap() {
                let Some(name) = key.strip_suffix("_ci95") else {
                    continue;
                };
                assert_eq!(ends.is_null(), one[name].is_null(), "{name}");
                if let Some(ends) = ends.as_array() {
                    let number = one[name].as_f64().unwrap();
                    let ends: Vec<f64> = ends.iter().filter_map(|end| end.as_f64()).collect();
                    assert!(ends[0] <= number && number <= ends[1], "{name} {ends:?}");
                    assert!(ends[1] > ends[0], "{name} of {number} is {ends:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 14, "{seen}");
    }
}

/// By hand: of the four that were taken for class 1 three are of it; of the six of class 1 three
/// were found.
#[test]
fn precision_and_recall_are_not_swapped() {
    let confusion = vec![vec![5, 1], vec![3, 3]];
    let tally = Tally::of(&confusion, 1);
    assert_eq!(tally.precision().unwrap(), (0.75, wilson95(3, 4)));
    assert_eq!(tally.recall().unwrap(), (0.5, wilson95(3, 6)));
    close(tally.f1().unwrap().0, 0.6);
}

#[test]
fn what_has_no_value_is_null() {
    // Only class 0 occurs, and only class 0 is predicted.
    let p = array![[0.75, 0.125, 0.125], [0.5, 0.25, 0.25]];
    let json = serde_json::to_value(evaluate(p.view(), &[0, 0]).unwrap()).unwrap();
    assert_eq!(json["balanced_accuracy"], 1.0);
    assert!(json["roc_auc"].is_null());
    assert_eq!(json["average_precision"], 1.0);
    let other = &json["classes"][1];
    for name in ["precision", "recall", "f1", "roc_auc", "average_precision"] {
        assert!(other[name].is_null(), "{name}");
        assert!(other[format!("{name}_ci95")].is_null(), "{name}");
    }
    assert_eq!(other["support"], 0);
    // Class 1 occurs and is never predicted: its precision has no value, its recall and F1 are 0.
    let json = serde_json::to_value(evaluate(p.view(), &[0, 1]).unwrap()).unwrap();
    let missed = &json["classes"][1];
    assert!(missed["precision"].is_null());
    assert_eq!(
        (&missed["recall"], &missed["f1"]),
        (&0.0.into(), &0.0.into())
    );
}

#[test]
fn names_come_to_their_classes() {
    let p = array![[0.75, 0.25]];
    let names = ["non-cat".to_owned(), "cat".to_owned()];
    let metrics = evaluate(p.view(), &[0]).unwrap().named(&names);
    assert_eq!(metrics.classes[1].class, "cat");
    let text = serde_json::to_string(&metrics).unwrap();
    assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics);
}

#[test]
fn a_perfect_score_has_a_width_and_few_examples_a_wider_one() {
    let widths = [5.0, 25.0, 500.0].map(|n| 1.0 - area_interval(1.0, n, n)[0]);
    assert!(widths[0] > widths[1] && widths[1] > widths[2] && widths[2] > 0.0);
    // One against one is a single comparison.
    let [low, high] = area_interval(1.0, 1.0, 1.0);
    close(low, wilson95(1, 1)[0]);
    close(high, 1.0);
}

/// numpy 2.4.6: `np.percentile(np.arange(10.0)**2, [2.5, 97.5])`.
#[test]
fn quantiles_are_numpys() {
    let mut squares: Vec<f64> = (0..10).rev().map(|i| f64::from(i * i)).collect();
    let [low, high] = middle95(&mut squares);
    close(low, 0.225);
    close(high, 77.175);
}

#[test]
fn bins_are_open_below_and_closed_above() {
    assert_eq!(bin_of(0.0), 0);
    assert_eq!(bin_of(1e-9), 0);
    assert_eq!(bin_of(1.0 / 15.0 - 1e-9), 0);
    assert_eq!(bin_of(1.0 / 15.0 + 1e-9), 1);
    assert_eq!(bin_of(0.5), 7);
    assert_eq!(bin_of(1.0), 14);
    assert_eq!(bin_of(1.000_001), 14);
}

#[test]
fn what_cannot_be_scored_is_named() {
    let message =
        |p: Array2<f32>, labels: &[usize]| evaluate(p.view(), labels).unwrap_err().to_string();
    assert!(message(array![[1.0, 0.0]], &[0, 1]).contains("1 rows of probabilities do not fit 2"));
    assert!(message(Array2::zeros((0, 2)), &[]).contains("no examples"));
    assert!(message(array![[1.0, 0.0]], &[2]).contains("example 0 has label 2"));
    let text = message(array![[1.0, 0.0], [f32::NAN, 1.0]], &[0, 1]);
    assert_eq!(
        text,
        "row 1 gives class 0 the probability NaN, which is not between 0 and 1"
    );
    assert!(message(array![[1.5, 0.0]], &[0]).contains("probability 1.5"));
}

proptest! {
    #[test]
    fn a_wilson_interval_holds_the_share(total in 1..5000_usize, part in 0.0..=1.0_f64) {
        let correct = ((total as f64) * part) as usize;
        let [low, high] = wilson95(correct, total);
        let share = correct as f64 / total as f64;
        prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
        prop_assert!(low <= share && share <= high);
        // Mirror image: the interval of the wrong ones.
        let [low_wrong, high_wrong] = wilson95(total - correct, total);
        prop_assert!((low + high_wrong - 1.0).abs() < 1e-12 && (high + low_wrong - 1.0).abs() < 1e-12);
    }
    /// What raises every score alike leaves the ranking as it is; what turns it round, turns the
    /// area round.
    #[test]
    fn a_ranking_knows_no_scale(
        scores in prop::collection::vec(-8..8_i8, 2..40),
        own in prop::collection::vec(any::<bool>(), 40),
    ) {
        let ranked = |f: fn(f32) -> f32| {
            let scored = scores.iter().zip(&own).map(|(x, own)| (f(f32::from(*x)), *own));
            Ranking::new(scored.collect())
        };
        let (plain, stretched, turned) = (ranked(|x| x), ranked(|x| 3.0 * x + 1.0), ranked(|x| -x));
        prop_assert_eq!(plain.roc_auc(), stretched.roc_auc());
        prop_assert_eq!(plain.average_precision(), stretched.average_precision());
        if let (Some((area, [low, high])), Some((other, ends))) = (plain.roc_auc(), turned.roc_auc()) {
            close(area + other, 1.0);
            prop_assert!((low + ends[1] - 1.0).abs() < 1e-9 && (high + ends[0] - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn scores_keep_within_their_ranges(
        logits in prop::collection::vec(-20.0..20.0_f32, 12),
        labels in prop::collection::vec(0..3_usize, 4),
    ) {
        let logits = Array2::from_shape_vec((4, 3), logits).unwrap();
        let p = crate::head::network::loss::log_softmax(logits).mapv(f32::exp);
        let metrics = evaluate(p.view(), &labels).unwrap();
        prop_assert!((0.0..=1.0 + 1e-6).contains(&metrics.ece));
        prop_assert!(metrics.log_loss >= -1e-6 && metrics.log_loss <= 16.0);
        prop_assert_eq!(metrics.confusion.iter().flatten().sum::<usize>(), 4);
        let diagonal: usize = (0..3).map(|i| metrics.confusion[i][i]).sum();
        prop_assert_eq!(diagonal, metrics.correct);
        prop_assert!((0.0..=2.0 + 1e-6).contains(&metrics.brier));
        let shares = [Some(metrics.balanced_accuracy), metrics.roc_auc, metrics.average_precision];
        prop_assert!(shares.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)));
    }
}

proptest! {
    // Each case draws its intervals anew, 2000 times over.
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Examples in another order: the same scores.
    #[test]
    fn scores_do_not_depend_on_the_order(shift in 1..40_usize, case in 0..5_usize) {
        let case = &golden()[case];
        let before = scored(case);
        let turned = |i: usize| (i + shift) % case.labels.len();
        let moved = Golden {
            labels: (0..case.labels.len()).map(|i| case.labels[turned(i)]).collect(),
            probabilities: (0..case.labels.len())
                .map(|i| case.probabilities[turned(i)].clone())
                .collect(),
            ..golden().remove(0)
        };
        let after = scored(&moved);
        close(after.log_loss, before.log_loss);
        close(after.ece, before.ece);
        prop_assert_eq!(&after.confusion, &before.confusion);
        prop_assert_eq!(&after.classes, &before.classes);
    }
}
