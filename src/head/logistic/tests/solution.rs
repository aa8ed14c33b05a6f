//! The solution, and the ways to it.

use super::*;
use crate::head::Warning;
use crate::head::logistic::blocks::{Centred, mean};
use crate::head::logistic::folds::shares;
use crate::head::logistic::objective::Objective;

#[test]
fn gradients_agree_with_differences() {
    let data = Data::clouds(14, 5, 3, 2);
    let centre = mean(&data.features).unwrap();
    let rows = Centred {
        rows: &data.features,
        mean: &centre,
    };
    let config = config("{logistic: {}}");
    let shares = [(vec![0; 14], None), ([0, 1].repeat(7), Some(1))]
        .map(|(of, held_out)| shares(&config, &data.examples(), &of, held_out).unwrap());
    let objective = Objective::<f64> {
        blocks: &rows,
        labels: &data.labels,
        views: 2,
        classes: 3,
        shares: &shares,
        judged: &[],
    };
    let l2 = 0.3;
    let point = Array2::from_shape_fn((3, 6), |(i, j)| ((i * 6 + j) as f64 * 0.7).sin());
    let other = point.mapv(|x| x * 0.5);
    let found = objective.values(&[(0, &point), (1, &other)], l2).unwrap();
    for (model, (at, value)) in [&point, &other].into_iter().zip(&found).enumerate() {
        for ((i, j), expected) in value.gradient.indexed_iter() {
            let loss = |by: f64| {
                let mut moved = at.clone();
                moved[[i, j]] += by;
                objective.values(&[(model, &moved)], l2).unwrap()[0].loss
            };
            let difference = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            assert!((difference - expected).abs() < 1e-8, "{i} {j}: {expected}");
        }
    }
}

/// In the basis of few rows, in that of many, and streamed: one solution.
#[test]
fn every_way_leads_to_the_same_solution() {
    for (n, width) in [(40, 60), (300, 20)] {
        let data = Data::clouds(n, width, 3, 1);
        let fitted = data.fit("{logistic: {}}, l2: 0.01").unwrap();
        assert!(fitted.warnings.is_empty(), "{:?}", fitted.warnings);
        let streamed = Streamed(data.features.clone());
        let examples = Examples {
            features: &streamed,
            ..data.examples()
        };
        let config = config("{logistic: {}}, l2: 0.01, validation: {folds: 3}");
        let other = fit(&config, &examples, 1, &mut |_| {}).unwrap();
        let off = largest_difference(weights(&fitted), weights(&other));
        assert!(off < 1e-5, "{n} rows of {width}: {off}");
        let inside = data
            .fit("{logistic: {}}, l2: 0.01, validation: {folds: 3}")
            .unwrap();
        let [a, b] = [&inside, &other].map(|f| &f.validation.as_ref().unwrap().probabilities);
        assert!(largest_difference(a, b) < 1e-3);
    }
}

/// All views of an example have its weight together: repeated views change nothing, and an example
/// that stands there twice counts twice.
#[test]
fn views_share_their_examples_weight() {
    let data = Data::clouds(30, 6, 2, 1);
    let alone = data.fit("{logistic: {}}, l2: 0.05").unwrap();
    let repeated: Vec<usize> = (0..30).flat_map(|e| [e; 3]).collect();
    let views = Data {
        features: data.features.select(ndarray::Axis(0), &repeated),
        views: 3,
        labels: data.labels.clone(),
        classes: 2,
    };
    let found = views.fit("{logistic: {}}, l2: 0.05").unwrap();
    assert!(largest_difference(weights(&found), weights(&alone)) < 1e-5);
}

#[test]
fn the_head_does_not_depend_on_the_number_of_threads() {
    let data = Data::clouds(700, 130, 3, 1);
    let yaml =
        "{logistic: {}}, l2: {auto: {values: 4, from: 1.0e-3, to: 1}}, validation: {folds: 3}";
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let fit = pool.unwrap().install(|| data.fit(yaml)).unwrap();
        (
            weights(&fit).clone(),
            fit.l2_path,
            fit.validation.unwrap().probabilities,
        )
    };
    let one = bytes(1);
    for threads in [2, 3] {
        assert!(bytes(threads) == one, "{threads} threads");
    }
}

#[test]
fn what_is_not_solved_is_said() {
    let data = Data::clouds(60, 8, 3, 1);
    let fit = data.fit("{logistic: {iterations: 1}}, l2: 1.0e-4").unwrap();
    let [
        Warning::NotConverged {
            iterations,
            limit,
            gradient,
            ..
        },
    ] = fit.warnings[..]
    else {
        panic!("{:?}", fit.warnings)
    };
    assert_eq!((iterations, limit), (1, 1));
    assert!(gradient > 1e-8);
}

/// Under a penalty without end the weights vanish, and the intercepts say how frequent each class
/// is.
#[test]
fn l2_shrinks_weights_and_no_intercepts() {
    let mut data = Data::clouds(40, 4, 2, 1);
    data.labels = (0..40).map(|i| usize::from(i % 4 == 0)).collect();
    let fit = data.fit("{logistic: {}}, l2: 1.0e6").unwrap();
    assert!(weights(&fit).iter().all(|w| w.abs() < 1e-5));
    let probabilities = fit.head.probabilities(data.features.view()).unwrap();
    assert!(
        probabilities
            .column(1)
            .iter()
            .all(|p| (p - 0.25).abs() < 1e-4)
    );
}

/// Classes that a line divides have no minimum without a penalty; the search still ends.
#[test]
fn separable_classes_without_a_penalty_end() {
    let data = Data {
        features: Array2::from_shape_fn((20, 3), |(i, j)| {
            (i % 2) as f32 * 4.0 + ((i * 3 + j) as f32).sin()
        }),
        views: 1,
        labels: (0..20).map(|i| i % 2).collect(),
        classes: 2,
    };
    let fit = data.fit("{logistic: {}}").unwrap();
    let p = fit.head.probabilities(data.features.view()).unwrap();
    assert!(p.iter().all(|p| p.is_finite()));
    assert!(fit.curve[0].train_loss < 1e-6, "{:?}", fit.curve);
}

/// Features of any scale, constant ones, a class without examples.
#[test]
fn odd_features_are_no_trouble() {
    let mut data = Data::clouds(50, 5, 3, 1);
    data.classes = 4;
    data.features.column_mut(2).fill(7.0);
    for scale in [1e-3_f32, 1.0, 255.0] {
        let scaled = Data {
            features: data.features.mapv(|x| x * scale),
            views: 1,
            labels: data.labels.clone(),
            classes: 4,
        };
        let fit = scaled
            .fit("{logistic: {tolerance: 1.0e-6}}, l2: 0.01")
            .unwrap();
        assert!(fit.warnings.is_empty(), "{scale}: {:?}", fit.warnings);
        assert!(weights(&fit).column(2).iter().all(|w| w.abs() < 1e-6));
    }
}
