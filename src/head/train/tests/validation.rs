//! Cross-validation and early stopping.

use super::*;
use crate::head::train::{EpochRow, Phase};

#[test]
fn validation_leaves_the_final_head_as_it_is() {
    let data = clouds(31, 5, 3, 2, 1.0);
    let plain = data.fit(&format!("{DENSE}, epochs: 4"), 1).unwrap();
    let validated = data
        .fit(&format!("{DENSE}, epochs: 4, validation: {{}}"), 1)
        .unwrap();
    let uncalibrated = "calibration: none, validation: {repeats: 2}";
    let uncalibrated = data.fit(&format!("{DENSE}, epochs: 4, {uncalibrated}"), 1);
    assert_eq!(bytes(&plain), bytes(&uncalibrated.unwrap()));
    // With calibration it differs in its temperature alone.
    let temperature = validated.validation.as_ref().unwrap().temperature;
    assert!(temperature != 1.0 && validated.head.temperature() == temperature);
    assert_eq!(validated.head.clone().with_temperature(1.0), plain.head);
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
    let before = validation.uncalibrated.unwrap();
    assert!((row.validation_loss.unwrap() - before.log_loss).abs() < 1e-6);
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
    let before = validation.uncalibrated.as_ref().unwrap();
    assert!((before.log_loss - best).abs() < 1e-6);
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
    let found = fit.head.with_temperature(1.0);
    assert_eq!(plain.unwrap().head, found);
}

/// The head is the model that was judged, with the weights that it had at its best epoch.
#[test]
fn a_share_keeps_the_weights_of_the_best_epoch() {
    let data = clouds(60, 20, 2, 3, 1.0);
    let yaml = "head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 200, \
                validation: {share: 0.25}, calibration: none, early_stopping: {patience: 5}";
    let fit = data.fit(yaml, 1).unwrap();
    let losses: Vec<f64> = fit.curve.iter().filter_map(|r| r.validation_loss).collect();
    assert_eq!(losses.len(), fit.curve.len(), "there is no second training");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses.len(), fit.epochs + 5);
    assert_eq!(losses[fit.epochs - 1], best);

    let validation = fit.validation.as_ref().unwrap();
    let held_out = &validation.examples;
    assert_eq!((held_out.len(), validation.metrics.total), (15, 15));
    let plain: Vec<usize> = held_out.iter().map(|example| example * 3).collect();
    let rows = data.features.select(ndarray::Axis(0), &plain);
    let said = fit.head.probabilities(rows.view()).unwrap();
    assert_eq!(said, validation.probabilities);
    let labels: Vec<usize> = held_out.iter().map(|&e| data.labels[e]).collect();
    let judged = crate::head::metrics::evaluate(said.view(), &labels).unwrap();
    assert!((judged.log_loss - best).abs() < 1e-6);

    // It is the first model of the cross-validation with as many folds.
    let folds = yaml.replace("share: 0.25", "folds: 4");
    let folds = data.fit(&folds, 1).unwrap().validation.unwrap();
    let first: Vec<usize> = (0..60).filter(|&e| folds.fold_of[0][e] == 0).collect();
    assert_eq!(held_out, &first);
    assert_eq!(folds.fold_of, validation.fold_of);
}

/// Without early stopping the last epoch counts; with calibration the held-out examples tell the
/// temperature.
#[test]
fn a_share_without_early_stopping_keeps_the_last_epoch() {
    let data = clouds(40, 5, 3, 1, 1.0);
    let yaml = format!("{DENSE}, epochs: 4, validation: {{share: 0.2}}");
    let fit = data.fit(&yaml, 1).unwrap();
    assert_eq!((fit.epochs, fit.curve.len()), (4, 4));
    let validation = fit.validation.unwrap();
    assert_eq!(validation.probabilities.nrows(), 8);
    assert!(validation.temperature != 1.0 && validation.uncalibrated.is_some());
    assert_eq!(fit.head.temperature(), validation.temperature);
}

#[test]
fn early_stopping_goes_by_the_metric_that_it_is_given() {
    let data = clouds(60, 20, 2, 1, 1.0);
    let yaml = "head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 200, \
                validation: {folds: 4}, early_stopping: {patience: 5, metric: accuracy}";
    let fit = data.fit(yaml, 1).unwrap();
    let shares: Vec<f64> = fit
        .curve
        .iter()
        .filter_map(|row| row.validation_accuracy)
        .collect();
    let best = shares.iter().copied().fold(0.0, f64::max);
    let first = shares.iter().position(|&share| share == best).unwrap() + 1;
    assert_eq!((fit.epochs, shares.len()), (first, first + 5));
    let validation = fit.validation.unwrap();
    assert_eq!(
        (validation.epoch, validation.metrics.accuracy),
        (first, best)
    );
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
        let mut rows = (0..40).filter(|&e| validation.fold_of[0][e] == fold);
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

/// Twins with one label a pair, which chance gave: a model that has seen the one knows the other.
#[test]
fn what_is_of_one_group_is_never_on_both_sides() {
    let pairs: Vec<usize> = (0..60).flat_map(|pair| [pair; 2]).collect();
    let (mut together, mut apart) = (0, 0);
    for seed in 0..5 {
        let mut data = noise(60, 40, seed);
        data.features = data.features.select(ndarray::Axis(0), &pairs);
        data.labels = pairs.iter().map(|&pair| data.labels[pair]).collect();
        let config =
            config("head: {dense: {hidden: [64]}}, adam: {lr: 0.01}, epochs: 30, validation: {}");
        let right = |groups| {
            let examples = Examples {
                groups,
                ..data.examples()
            };
            let fit = fit(&config, &examples, seed, &mut |_| {}).unwrap();
            fit.validation.unwrap().metrics.correct
        };
        together += right(Some(&pairs[..]));
        apart += right(None);
    }
    // 300 expected of 600, pairs counting as one: four standard errors are 4 * sqrt(300) = 70.
    assert!(together.abs_diff(300) < 70, "{together}");
    assert!(apart > 450, "{apart}");
}

#[test]
fn repeats_are_averaged_for_each_example() {
    let data = clouds(40, 5, 2, 1, 0.7);
    let of = |repeats: usize| {
        let yaml = format!("{LOGISTIC}, epochs: 5, validation: {{folds: 4, repeats: {repeats}}}");
        data.fit(&yaml, 1).unwrap().validation.unwrap()
    };
    let (one, three) = (of(1), of(3));
    assert_eq!((one.fold_of.len(), three.fold_of.len()), (1, 3));
    assert_eq!(one.fold_of[0], three.fold_of[0]);
    assert_eq!(three.metrics.total, 40);
    assert_ne!(one.probabilities, three.probabilities);
    let sums = three.probabilities.sum_axis(ndarray::Axis(1));
    assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
}

#[test]
fn the_curve_is_a_csv_table() {
    let row = EpochRow {
        phase: Phase::CrossValidation,
        epoch: 3,
        of: 9,
        train_loss: 0.5,
        train_accuracy: 0.75,
        validation_loss: Some(0.625),
        validation_accuracy: Some(0.5),
    };
    let last = EpochRow {
        phase: Phase::Final,
        validation_loss: None,
        validation_accuracy: None,
        ..row
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    for row in [row, last] {
        csv.serialize(row).unwrap();
    }
    let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
    assert_eq!(
        text,
        "phase,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n\
         cross_validation,3,0.5,0.75,0.625,0.5\n\
         final,3,0.5,0.75,,\n"
    );
}
