//! Against scikit-learn: `tests/golden/logistic.json`, made by `tests/golden/logistic.py` with
//! scikit-learn 1.9.1.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use serde::Deserialize;

use crate::head::{Examples, Fit, fit};

#[derive(Deserialize)]
struct Set {
    features: Vec<Vec<f32>>,
    labels: Vec<usize>,
    solutions: Vec<Solution>,
}

#[derive(Deserialize)]
struct Solution {
    l2: f64,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    log_loss: f64,
    objective: f64,
}

/// The head's weights and intercepts in `f64`, the latter less their mean: a constant added to all
/// of them changes nothing.
fn parameters(fit: &Fit) -> (Array2<f64>, Array1<f64>) {
    let output = &fit.head.network.output;
    let bias = output.bias.as_ref().unwrap().row(0).mapv(f64::from);
    let mean = bias.mean().unwrap();
    (output.weight.mapv(f64::from), bias - mean)
}

fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let off = (found - expected).abs();
    assert!(
        off < tolerance,
        "{what}: {found} is not {expected}: off by {off:e}"
    );
}

/// One of scikit-learn's solutions. It keeps the difference of two classes' weights.
fn check(name: &str, set: &Set, expected: &Solution) {
    let classes = set.labels.iter().max().unwrap() + 1;
    let shape = (set.labels.len(), set.features[0].len());
    let features = Array2::from_shape_vec(shape, set.features.concat()).unwrap();
    let config = format!("{{head: {{logistic: {{}}}}, l2: {}}}", expected.l2);
    let examples = Examples {
        features: &features,
        views: 1,
        labels: &set.labels,
        classes,
        groups: None,
    };
    let config = serde_saphyr::from_str(&config).unwrap();
    let found = fit(&config, &examples, 1, &mut |_| {}).unwrap();
    assert_eq!(found.warnings, [], "{name}");

    let (weights, intercepts) = parameters(&found);
    let what = format!("{name}, l2 {}", expected.l2);
    let rows = expected
        .coefficients
        .iter()
        .zip(&expected.intercepts)
        .enumerate();
    let centre = expected.intercepts.iter().sum::<f64>() / classes as f64;
    for (row, (coefficients, intercept)) in rows {
        let (own, bias, intercept) = match classes {
            2 => (
                &weights.row(1) - &weights.row(0),
                intercepts[1] - intercepts[0],
                *intercept,
            ),
            _ => (
                weights.row(row).to_owned(),
                intercepts[row],
                intercept - centre,
            ),
        };
        for (found, expected) in own.iter().zip(coefficients) {
            near(&what, *found, *expected, 1e-4);
        }
        near(&what, bias, intercept, 1e-4);
    }
    let loss = found.curve.last().unwrap().train_loss;
    near(&what, loss, expected.log_loss, 1e-6);
    let penalty = expected.l2 / 2.0 * weights.iter().map(|w| w * w).sum::<f64>();
    near(&what, loss + penalty, expected.objective, 1e-6);
}

#[test]
fn solutions_equal_those_of_scikit_learn() {
    let sets: BTreeMap<String, Set> =
        serde_json::from_str(include_str!("../../../../tests/golden/logistic.json")).unwrap();
    assert_eq!(sets.len(), 3);
    for (name, set) in &sets {
        for solution in &set.solutions {
            check(name, set, solution);
        }
    }
}
