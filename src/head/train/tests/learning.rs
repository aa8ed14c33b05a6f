//! What a head can learn, and what moves its weights.

use super::*;

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
