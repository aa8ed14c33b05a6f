use super::*;
use ndarray::{Array2, array};
use proptest::prelude::*;

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

#[test]
fn metrics_are_named_for_their_json() {
    let (probabilities, labels) = predictions();
    let metrics = evaluate(probabilities.view(), &labels).unwrap();
    let json = serde_json::to_value(&metrics).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "correct",
            "total",
            "accuracy",
            "accuracy_ci95",
            "log_loss",
            "ece",
            "confusion"
        ]
    );
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
    }
}
