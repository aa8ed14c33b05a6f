//! Trainings that fail, and what they say.

use super::*;
use crate::head::error::{Cause, Diverging};

#[test]
fn a_divergence_names_epoch_and_mend() {
    let mut data = clouds(20, 4, 2, 1, 1.0);
    let cause = |data: &Data, yaml: &str| match data.fit(yaml, 1).unwrap_err() {
        HeadError::Diverged { cause, .. } => cause,
        other => panic!("{other}"),
    };
    let fast = "head: {dense: {hidden: [8]}}, sgd: {lr: 1.0e+20}, batch: all";
    assert_eq!(
        cause(&data, fast),
        Cause::LearningRate {
            lr: 1e20,
            clipped: false
        }
    );
    let message = data.fit(fast, 1).unwrap_err().to_string();
    assert!(
        message.contains("in epoch 2 of the final training"),
        "{message}"
    );
    assert!(
        message.ends_with("try `lr: 10000000000000000000` (or `clip_norm: 1`)"),
        "{message}"
    );
    let yaml = format!("{fast}, validation: {{folds: 2}}");
    let message = data.fit(&yaml, 1).unwrap_err().to_string();
    assert!(message.contains("cross-validation fold 1"), "{message}");

    let strong = "head: {logistic: {}}, l2: 1000, sgd: {lr: 0.1}, epochs: 100, batch: all";
    assert_eq!(
        cause(&data, strong),
        Cause::L2 {
            l2: 1000.0,
            lr: 0.1
        }
    );
    data.features *= 1e30;
    let largest = data.examples().largest_feature().unwrap();
    assert_eq!(
        cause(&data, "head: {dense: {hidden: [8]}}, sgd: {lr: 0.1}"),
        Cause::Scale { largest }
    );
}

/// A last step that ruins the weights is seen although no loss was computed after it.
#[test]
fn weights_ruined_by_the_last_step_are_seen() {
    let mut data = clouds(8, 2, 2, 1, 1.0);
    data.features *= 1e20;
    let error = data.fit(
        "head: {logistic: {}}, sgd: {lr: 1.0e+30}, batch: all, epochs: 1",
        1,
    );
    let HeadError::Diverged { what, epoch, .. } = error.unwrap_err() else {
        panic!()
    };
    assert_eq!((what, epoch), (Diverging::Weights, 1));
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_starts() {
    let data = clouds(12, 4, 3, 1, 1.0);
    let message = |yaml: &str| data.fit(yaml, 1).unwrap_err().to_string();
    let folds = message(&format!("{LOGISTIC}, validation: {{folds: 5}}"));
    assert!(
        folds.starts_with("class 0 has 4 training examples, fewer than the 5 folds"),
        "{folds}"
    );
    let large = message("head: {dense: {hidden: [2147483647, 2147483647, 2147483647]}}");
    assert_eq!(
        large,
        "1 models of 4 features and these layers are more than 268435456 weights in memory at \
         once: make `hidden` or `folds` smaller"
    );
    let wide = "head: {dense: {hidden: [30000000]}}, validation: {folds: 2}";
    assert!(message(wide).starts_with("2 models of 4 features"));
}
