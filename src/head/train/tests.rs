//! Training as a whole, on data made here.

use std::collections::BTreeMap;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::head::error::{Cause, Diverging};
use crate::head::random::{below, stream, uniform};

/// Feature rows, their views and labels.
struct Data {
    features: Array2<f32>,
    views: usize,
    labels: Vec<usize>,
    classes: usize,
}

impl Data {
    fn examples(&self) -> Examples<'_> {
        Examples {
            features: self.features.view(),
            views: self.views,
            labels: &self.labels,
            classes: self.classes,
        }
    }

    fn fit(&self, yaml: &str, seed: u64) -> Result<Fit, HeadError> {
        fit(&config(yaml), &self.examples(), seed, &mut |_| {})
    }

    /// Share of the plain views that a head gets right.
    fn accuracy(&self, head: &Head) -> f64 {
        let plain = self.features.slice(ndarray::s![..;self.views, ..]);
        let probabilities = head.probabilities(plain).unwrap();
        crate::head::metrics::evaluate(probabilities.view(), &self.labels)
            .unwrap()
            .accuracy
    }
}

fn config(yaml: &str) -> TrainConfig {
    serde_saphyr::from_str(&format!("{{{yaml}}}")).unwrap()
}

/// About normal with variance 1: a sum of twelve uniforms (Irwin and Hall).
fn normal(random: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| uniform(random)).sum::<f32>() - 6.0
}

/// Clouds around one centre a class, `gap` from the origin along axes of their own.
fn clouds(n: usize, width: usize, classes: usize, views: usize, gap: f32) -> Data {
    let mut random = stream("clouds", 11, &[n as u64, width as u64]);
    let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
    let features = Array2::from_shape_fn((n * views, width), |(row, column)| {
        let centre = if column == labels[row / views] {
            gap
        } else {
            0.0
        };
        centre + normal(&mut random)
    });
    Data {
        features,
        views,
        labels,
        classes,
    }
}

/// Features that say nothing about the labels.
fn noise(n: usize, width: usize, seed: u64) -> Data {
    let mut data = clouds(n, width, 2, 1, 0.0);
    let mut random = stream("labels", seed, &[]);
    data.labels
        .iter_mut()
        .for_each(|label| *label = below(&mut random, 2));
    data
}

fn bytes(fit: &Fit) -> Vec<u8> {
    fit.head.to_bytes(&BTreeMap::new()).unwrap()
}

const LOGISTIC: &str = "head: {logistic: {}}";
const DENSE: &str = "head: {dense: {hidden: [16, 8], dropout: 0.2, batch_norm: true}}";

#[test]
fn separable_classes_are_told_apart() {
    let data = clouds(60, 5, 3, 2, 12.0);
    for head in [LOGISTIC, DENSE] {
        for optimizer in ["adam: {lr: 0.02}", "sgd: {lr: 0.02, momentum: 0.9}"] {
            for batch in ["7", "32", "all"] {
                let yaml = format!("{head}, {optimizer}, batch: {batch}, epochs: 60");
                let fit = data.fit(&yaml, 1).unwrap();
                assert_eq!(data.accuracy(&fit.head), 1.0, "{yaml}");
            }
        }
    }
}

#[test]
fn a_dense_head_learns_noise_by_heart() {
    let data = noise(24, 6, 1);
    let fit = data
        .fit(
            "head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 300",
            1,
        )
        .unwrap();
    assert_eq!(data.accuracy(&fit.head), 1.0);
    assert!(fit.curve.last().unwrap().train_loss < 0.01);
}

#[test]
fn what_is_not_linear_needs_the_hidden_layer() {
    // Exclusive or of two signs, repeated.
    let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0_f32]];
    let data = Data {
        features: Array2::from_shape_fn((40, 2), |(i, j)| corners[i % 4][j]),
        views: 1,
        labels: (0..40).map(|i| [0, 1, 1, 0][i % 4]).collect(),
        classes: 2,
    };
    let logistic = data.fit("head: {logistic: {}}, epochs: 50", 1).unwrap();
    assert!(data.accuracy(&logistic.head) <= 0.75);
    let dense = data
        .fit(
            "head: {dense: {hidden: [16]}}, adam: {lr: 0.02}, epochs: 100",
            1,
        )
        .unwrap();
    assert_eq!(data.accuracy(&dense.head), 1.0);
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let data = clouds(31, 5, 3, 3, 1.0);
    let yaml = format!("{DENSE}, l2: 0.01, batch: 6, epochs: 5, validation: {{folds: 3}}");
    let (a, b, c) = (data.fit(&yaml, 1), data.fit(&yaml, 1), data.fit(&yaml, 2));
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    assert_eq!(bytes(&a), bytes(&b));
    assert_eq!(a.curve, b.curve);
    let (va, vb) = (
        a.validation.as_ref().unwrap(),
        b.validation.as_ref().unwrap(),
    );
    assert_eq!(va.probabilities, vb.probabilities);
    assert_eq!(va.metrics, vb.metrics);
    assert_ne!(bytes(&a), bytes(&c));
}

#[test]
fn validation_leaves_the_final_head_as_it_is() {
    let data = clouds(31, 5, 3, 2, 1.0);
    let plain = data.fit(&format!("{DENSE}, epochs: 4"), 1).unwrap();
    let validated = data
        .fit(&format!("{DENSE}, epochs: 4, validation: {{}}"), 1)
        .unwrap();
    assert_eq!(bytes(&plain), bytes(&validated));
    assert!(plain.validation.is_none());
}

#[test]
fn progress_sees_the_curve_as_it_grows() {
    let data = clouds(30, 4, 2, 1, 2.0);
    let config = config(&format!("{LOGISTIC}, epochs: 3, validation: {{folds: 3}}"));
    let mut seen = Vec::new();
    let fit = fit(&config, &data.examples(), 1, &mut |row| seen.push(*row)).unwrap();
    assert_eq!(fit.curve, seen);
    let shape: Vec<_> = seen
        .iter()
        .map(|row| (row.phase, row.epoch, row.of))
        .collect();
    let (cv, last) = (Phase::CrossValidation, Phase::Final);
    assert_eq!(
        shape,
        [
            (cv, 1, 3),
            (cv, 2, 3),
            (cv, 3, 3),
            (last, 1, 3),
            (last, 2, 3),
            (last, 3, 3)
        ]
    );
    assert!(
        seen.iter()
            .all(|row| row.validation_loss.is_some() == (row.phase == cv))
    );
    let validation = fit.validation.unwrap();
    assert_eq!((fit.epochs, validation.epoch), (3, 3));
    let row = seen[2];
    assert_eq!(row.validation_accuracy, Some(validation.metrics.accuracy));
    assert!((row.validation_loss.unwrap() - validation.metrics.log_loss).abs() < 1e-6);
}

#[test]
fn early_stopping_takes_the_epoch_that_validates_best() {
    let data = clouds(60, 20, 2, 1, 1.0);
    let yaml = "head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 200, \
                validation: {folds: 4}, early_stopping: {patience: 5}";
    let fit = data.fit(yaml, 1).unwrap();
    let losses: Vec<f64> = fit
        .curve
        .iter()
        .filter_map(|row| row.validation_loss)
        .collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let epoch = losses.iter().position(|&loss| loss == best).unwrap() + 1;
    assert_eq!(losses.len(), epoch + 5);
    assert_eq!(fit.epochs, epoch);
    let validation = fit.validation.as_ref().unwrap();
    assert_eq!(validation.epoch, epoch);
    // What is reported is of that epoch, not of the last one.
    assert!((validation.metrics.log_loss - best).abs() < 1e-6);
    let last: Vec<_> = fit
        .curve
        .iter()
        .filter(|row| row.phase == Phase::Final)
        .collect();
    assert_eq!(last.len(), epoch);
    assert!(last.iter().all(|row| row.of == epoch));
    // The final head is the one that these epochs without any validation give.
    let plain = data.fit(
        &format!("head: {{dense: {{hidden: [64]}}}}, adam: {{lr: 0.01}}, epochs: {epoch}"),
        1,
    );
    assert_eq!(bytes(&plain.unwrap()), bytes(&fit));
}

/// The plain views are blank and the others give the label away: training sees the others,
/// validation the plain ones only.
#[test]
fn training_sees_all_views_and_validation_the_plain_one() {
    let mut data = clouds(40, 3, 2, 4, 20.0);
    data.features.slice_mut(ndarray::s![..;4, ..]).fill(0.0);
    let yaml = format!("{LOGISTIC}, epochs: 30, validation: {{folds: 4}}");
    let fit = data.fit(&yaml, 1).unwrap();
    let row = fit.curve.last().unwrap();
    // About three in four views give the label away.
    assert!(row.train_accuracy > 0.75, "{row:?}");
    let validation = fit.validation.unwrap();
    // Blank rows: every example of a fold gets the same probabilities.
    for fold in 0..4 {
        let mut rows = (0..40).filter(|&e| validation.fold_of[e] == fold);
        let first = validation.probabilities.row(rows.next().unwrap());
        assert!(rows.all(|e| validation.probabilities.row(e) == first));
    }
    assert!(validation.metrics.log_loss > 0.65);
}

/// Labels that only chance can explain, ten times: models that had seen their held-out examples,
/// by any of their views, would get nearly all of them right.
#[test]
fn held_out_examples_are_not_learned_by_heart() {
    let repeated: Vec<usize> = (0..120).flat_map(|e| [e; 3]).collect();
    let mut correct = 0;
    for seed in 0..10 {
        let mut data = noise(120, 40, seed);
        data.features = data.features.select(ndarray::Axis(0), &repeated);
        data.views = 3;
        let yaml =
            "head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 40, validation: {folds: 5}";
        let fit = data.fit(yaml, seed).unwrap();
        assert_eq!(data.accuracy(&fit.head), 1.0);
        correct += fit.validation.unwrap().metrics.correct;
    }
    // 600 expected of 1200; four standard errors are 4 * sqrt(300) = 69.
    assert!(correct.abs_diff(600) < 69, "{correct}");
}

#[test]
fn a_remainder_of_one_is_no_trouble() {
    for n in [2, 3, 9, 13] {
        let data = clouds(n, 4, 2, 1, 5.0);
        let fit = data
            .fit(&format!("{DENSE}, batch: 4, epochs: 10"), 1)
            .unwrap();
        assert!(
            fit.curve.iter().all(|row| row.train_loss.is_finite()),
            "{n}"
        );
    }
}

/// With steps too small to matter, an epoch's loss is the mean over examples however they are
/// batched.
#[test]
fn the_loss_of_an_epoch_weighs_every_example_the_same() {
    let data = clouds(23, 4, 2, 1, 3.0);
    let loss = |batch: &str| {
        let yaml = format!(
            "head: {{dense: {{hidden: [8]}}}}, sgd: {{lr: 1.0e-12}}, batch: {batch}, epochs: 1"
        );
        data.fit(&yaml, 1).unwrap().curve[0].train_loss
    };
    for batch in ["1", "3", "4", "10", "22"] {
        assert!((loss(batch) - loss("all")).abs() < 1e-6, "batch {batch}");
    }
}

/// Under a penalty without end the weights vanish, and the biases say how frequent each class is.
#[test]
fn l2_shrinks_weights_and_no_biases() {
    let mut data = clouds(40, 4, 2, 1, 3.0);
    data.labels = (0..40).map(|i| usize::from(i % 4 == 0)).collect();
    let norm = |l2: f64| {
        let yaml = format!(
            "{LOGISTIC}, l2: {l2}, sgd: {{lr: 0.01, momentum: 0.9}}, batch: all, epochs: 3000"
        );
        let head = data.fit(&yaml, 1).unwrap().head;
        let weights = head
            .network
            .output
            .weight
            .iter()
            .map(|w| w * w)
            .sum::<f32>();
        let rare = head
            .probabilities(data.features.view())
            .unwrap()
            .column(1)
            .mean()
            .unwrap();
        (weights, rare)
    };
    let found = [0.0, 0.1, 1.0, 100.0].map(norm);
    assert!(
        found.windows(2).all(|pair| pair[1].0 < pair[0].0),
        "{found:?}"
    );
    assert!(found[3].0 < 1e-4, "{found:?}");
    assert!(
        found.iter().all(|(_, rare)| (rare - 0.25).abs() < 1e-3),
        "{found:?}"
    );
}

#[test]
fn a_divergence_names_epoch_and_mend() {
    let mut data = clouds(20, 4, 2, 1, 1.0);
    let cause = |data: &Data, yaml: &str| match data.fit(yaml, 1).unwrap_err() {
        HeadError::Diverged { cause, .. } => cause,
        other => panic!("{other}"),
    };
    let fast = "head: {dense: {hidden: [8]}}, sgd: {lr: 1.0e+20}, batch: all";
    assert_eq!(cause(&data, fast), Cause::LearningRate { lr: 1e20 });
    let message = data.fit(fast, 1).unwrap_err().to_string();
    assert!(
        message.contains("in epoch 2 of the final training"),
        "{message}"
    );
    assert!(
        message.ends_with("try `lr: 10000000000000000000`"),
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
    let largest = data.examples().largest_feature();
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
    assert!(
        large.contains("more than 268435456 weights: 4 features"),
        "{large}"
    );
    let large = message("head: {dense: {hidden: [100000000]}}");
    assert!(large.contains("make `hidden` smaller"), "{large}");
}
