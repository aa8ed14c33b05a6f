use super::*;
use crate::head::network::loss::log_softmax;
use ndarray::{Array2, array};

fn scores() -> (Array2<f32>, Vec<usize>) {
    let value = |(i, j): (usize, usize)| ((i * 7 + j * 13 + i * j * 3) % 17) as f32 / 4.0 - 2.0;
    let scores = Array2::from_shape_fn((40, 3), value);
    let label = |i: usize| {
        let row = scores.row(i);
        let best = crate::head::metrics::predicted(row);
        if i % 4 == 3 { (best + 1) % 3 } else { best }
    };
    let labels = (0..40).map(label).collect();
    (scores, labels)
}

/// Golden values: scipy 1.17.1,
///
/// ```python
/// i = np.arange(40)[:, None]; j = np.arange(3)[None, :]
/// z = ((i*7 + j*13 + i*j*3) % 17) / 4 - 2
/// best = z.argmax(1); y = np.where(np.arange(40) % 4 == 3, (best + 1) % 3, best)
/// nll = lambda s: (logsumexp(z / np.exp(s), 1) - z[np.arange(40), y] / np.exp(s)).sum()
/// f = lambda s: nll(s) + (s / np.log(2)) ** 2 / 2
/// np.exp(minimize_scalar(f, bounds=(-3, 3), method="bounded", options={"xatol": 1e-12}).x)
/// ```
#[test]
fn the_temperature_of_forty_scores() {
    let (scores, labels) = scores();
    let found = temperature(&[scores.view()], &labels);
    assert!((f64::from(found) - GOLDEN).abs() < 1e-5, "{found}");
    // The same rows twice are the same minimum; log probabilities are as good as logits.
    assert_eq!(temperature(&[scores.view(), scores.view()], &labels), found);
    let logs = log_softmax(scores);
    assert!((temperature(&[logs.view()], &labels) - found).abs() < 1e-5);
}

const GOLDEN: f64 = 1.344_841_597_619_36;

const SURE: f64 = 0.429_825_877_863_271_5;

#[test]
fn examples_that_are_all_right_do_not_make_a_head_certain() {
    let row = |label: usize| if label == 0 { [2.0, 0.0] } else { [0.0, 2.0] };
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    let scores = Array2::from_shape_fn((40, 2), |(i, j)| row(labels[i])[j]);
    let t = f64::from(temperature(&[scores.view()], &labels));
    // 40 ln(1 + exp(-2 / T)) + (ln T / ln 2)² / 2 is smallest there (scipy 1.17.1, as above).
    assert!((t - SURE).abs() < 1e-5, "{t}");
}

#[test]
fn scores_without_meaning_are_made_as_unsure_as_can_be() {
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    let scores = Array2::from_shape_fn((40, 2), |(i, j)| if (i / 2) % 2 == j { 3.0 } else { 0.0 });
    let t = temperature(&[scores.view()], &labels);
    assert!(t > 3.0, "{t}");
    let infinite = array![[0.0, f32::NEG_INFINITY], [f32::NEG_INFINITY, 0.0]];
    assert!(temperature(&[infinite.view()], &[0, 1]).is_finite());
    assert!(temperature(&[], &[]).is_finite());
}

/// However few the examples, their log loss is no larger than without a temperature.
#[test]
fn a_temperature_never_makes_its_own_examples_worse() {
    let (scores, labels) = scores();
    for n in 1..40 {
        for k in [0.05, 0.5, 1.0, 3.0, 20.0] {
            let some = scores.slice(ndarray::s![..n, ..]).mapv(|z| z * k);
            let t = temperature(&[some.view()], &labels[..n]);
            let loss = |t: f64| -> f64 {
                let rows = some.outer_iter().zip(&labels);
                rows.map(|(row, &label)| loss_of(row, label, 1.0 / t)).sum()
            };
            assert!(loss(t.into()) <= loss(1.0) + 1e-6, "{n} {k} {t}");
        }
    }
}
