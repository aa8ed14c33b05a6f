//! Logistic regression against scikit-learn.
//!
//! Golden values: scikit-learn 1.9.1 with numpy 2.4.6,
//!
//! ```python
//! n, d = 30, 4
//! i = np.arange(n)[:, None]; j = np.arange(d)[None, :]
//! X = ((i*7 + j*13 + i*j*3) % 17) / 8 - 1
//! y = ((np.arange(n)**2 + np.arange(n)//3) % 5) % classes
//! C = (1 if classes > 2 else 2) / (0.05 * n)
//! m = LogisticRegression(C=C, tol=1e-14, max_iter=1000000).fit(X, y)
//! m.coef_, m.intercept_, log_loss(y, m.predict_proba(X))
//! ```

use ndarray::{Array2, array};

use crate::head::{Examples, Head, TrainConfig, fit, metrics};

const N: usize = 30;

fn features() -> Array2<f32> {
    let value = |(i, j)| ((i * 7 + j * 13 + i * j * 3) % 17) as f32 / 8.0 - 1.0;
    Array2::from_shape_fn((N, 4), value)
}

/// A logistic head trained to the bottom, its weights and biases, and its log loss.
fn trained(classes: usize) -> (Head, f64) {
    let features = features();
    let labels: Vec<usize> = (0..N).map(|i| (i * i + i / 3) % 5 % classes).collect();
    let yaml =
        "{head: {logistic: {}}, l2: 0.05, sgd: {lr: 0.5, momentum: 0.9}, batch: all, epochs: 2000}";
    let config: TrainConfig = serde_saphyr::from_str(yaml).unwrap();
    let examples = Examples {
        features: &features,
        views: 1,
        labels: &labels,
        classes,
        groups: None,
    };
    let head = fit(&config, &examples, 1, &mut |_| {}).unwrap().head;
    let probabilities = head.probabilities(features.view()).unwrap();
    let loss = metrics::evaluate(probabilities.view(), &labels)
        .unwrap()
        .log_loss;
    (head, loss)
}

#[track_caller]
fn near(found: &Array2<f32>, expected: &Array2<f32>) {
    let largest = (found - expected)
        .iter()
        .fold(0.0_f32, |m, d| m.max(d.abs()));
    assert!(largest < 2e-5, "off by {largest}:\n{found}\n{expected}");
}

#[test]
fn three_classes() {
    let (head, loss) = trained(3);
    let output = &head.network.output;
    near(
        &output.weight,
        &array![
            [-0.3406758, -0.0660845, -0.0337519, 0.3650214],
            [-0.1611609, 0.0541575, 0.2849903, 0.2486685],
            [0.5018366, 0.0119271, -0.2512384, -0.6136899]
        ],
    );
    // A constant added to all biases changes no probability, and none is penalised: rounding
    // moves it freely. scikit-learn's have the mean 0.
    let bias = output.bias.as_ref().unwrap();
    let centred = bias - bias.mean().unwrap();
    near(&centred, &array![[0.7175935, 0.7052401, -1.4228336]]);
    assert!((loss - 0.8127213483331577).abs() < 1e-6, "{loss}");
}

/// scikit-learn keeps the difference of the two classes' weights; hence C = 2 / (l2 n).
#[test]
fn two_classes() {
    let (head, loss) = trained(2);
    let output = &head.network.output;
    let difference = |a: &Array2<f32>, axis: usize| {
        let [zero, one] = [0, 1].map(|class| a.index_axis(ndarray::Axis(axis), class).to_owned());
        (one - zero).insert_axis(ndarray::Axis(0))
    };
    near(
        &difference(&output.weight, 0),
        &array![[-0.7989264, -0.0790292, 0.2790638, 0.5711529]],
    );
    near(
        &difference(output.bias.as_ref().unwrap(), 1),
        &array![[0.1263889]],
    );
    assert!((loss - 0.6300843274767025).abs() < 1e-6, "{loss}");
}
