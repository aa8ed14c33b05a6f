//! Choosing `l2`.

use super::*;
use crate::head::config::Rule;
use crate::head::{End, L2Path, Warning};

fn path(data: &Data, auto: &str) -> (L2Path, Fit) {
    let mut fit = data
        .fit(&format!(
            "{{logistic: {{}}}}, l2: {{auto: {auto}}}, validation: {{folds: 4}}"
        ))
        .unwrap();
    (fit.l2_path.take().unwrap(), fit)
}

/// Each point of a path is what a cross-validation at that `l2` alone, solved tightly, finds.
#[test]
fn a_path_agrees_with_tight_solutions() {
    for (n, width) in [(60, 90), (240, 12)] {
        let data = Data::clouds(n, width, 3, 1);
        let (path, _) = path(&data, "{values: 12, from: 1.0e-3, to: 10}");
        for point in path.path.iter().step_by(3) {
            let yaml = format!(
                "{{logistic: {{tolerance: 1.0e-9}}}}, l2: {}, validation: {{folds: 4}}, \
                 calibration: none",
                point.l2
            );
            let alone = data.fit(&yaml).unwrap().validation.unwrap();
            let off = (alone.metrics.log_loss - point.log_loss).abs();
            assert!(
                off < 1e-3 * point.log_loss.max(1.0),
                "{point:?}: off by {off}"
            );
        }
    }
}

#[test]
fn the_chosen_value_is_the_best_and_its_head_is_the_one_of_that_value() {
    let data = Data::clouds(90, 40, 3, 1);
    let (path, fit) = path(&data, "{values: 15, from: 1.0e-5, to: 100}");
    let lowest = path
        .path
        .iter()
        .map(|p| p.log_loss)
        .fold(f64::INFINITY, f64::min);
    assert_eq!(path.rule, Rule::Best);
    let chosen = path.path.iter().find(|p| p.l2 == path.chosen).unwrap();
    assert_eq!(chosen.log_loss, lowest);
    assert!(path.path.windows(2).all(|pair| pair[0].l2 > pair[1].l2));
    assert!(fit.warnings.is_empty(), "{:?}", fit.warnings);

    let alone = data
        .fit(&format!("{{logistic: {{}}}}, l2: {}", path.chosen))
        .unwrap();
    assert!(largest_difference(weights(&alone), weights(&fit)) < 1e-5);
    // The figures of the run are those at the chosen value.
    let found = fit.validation.unwrap().metrics;
    assert!((found.log_loss - chosen.log_loss).abs() < 1e-3, "{found:?}");
}

#[test]
fn the_one_standard_error_rule_takes_a_simpler_head() {
    let data = Data::clouds(90, 40, 3, 1);
    let (best, _) = path(&data, "{values: 15, from: 1.0e-5, to: 100}");
    let (simple, _) = path(
        &data,
        "{values: 15, from: 1.0e-5, to: 100, rule: one_standard_error}",
    );
    assert_eq!(best.path, simple.path);
    assert!(
        simple.chosen > best.chosen,
        "{} {}",
        simple.chosen,
        best.chosen
    );
}

/// Labels that no feature tells: the more penalty, the better.
#[test]
fn a_best_value_at_an_end_goes_on_or_warns() {
    let mut data = Data::clouds(60, 30, 2, 1);
    data.labels = (0..60)
        .map(|i| usize::from((i * i + i / 3) % 5 > 1))
        .collect();
    let (fixed, fit) = path(&data, "{values: 4, from: 1.0e-4, to: 1.0e-2}");
    assert_eq!(fixed.path.len(), 4);
    let [
        Warning::PathEnd {
            end: End::Largest, ..
        },
    ] = fit.warnings[..]
    else {
        panic!("{:?}", fit.warnings)
    };
    let (open, fit) = path(&data, "{values: 40, from: 1.0e-4}");
    let ended = !fit.warnings.is_empty();
    assert!(
        open.path.len() > 40 || !ended,
        "{} {:?}",
        open.path.len(),
        fit.warnings
    );
    assert!(open.path.windows(2).all(|pair| pair[0].l2 > pair[1].l2));
}

#[test]
fn auto_needs_no_validation_of_its_own() {
    let data = Data::clouds(60, 10, 3, 1);
    let fit = data.fit("{logistic: {}}, l2: {auto: {values: 5}}").unwrap();
    assert_eq!(fit.validation.unwrap().fold_of[0].iter().max(), Some(&4));
    assert!(fit.l2_path.unwrap().path.len() >= 5);
}
