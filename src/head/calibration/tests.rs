use super::*;
use crate::head::network::loss::log_softmax;
use ndarray::{Array2, array};
use proptest::prelude::*;

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
/// m = np.bincount(y, minlength=3); t = ((m + 1) / (m + 2))[y]
/// q = np.repeat(((1 - t) / 2)[:, None], 3, 1); q[np.arange(40), y] = t
/// f = lambda b: (logsumexp(np.exp(b) * z, 1) - np.exp(b) * (q * z).sum(1)).mean()
/// np.exp(-minimize_scalar(f, bounds=(-3, 3), method="bounded", options={"xatol": 1e-12}).x)
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

const GOLDEN: f64 = 1.636_974_667_041_343_9;

#[test]
fn examples_that_are_all_right_do_not_make_a_head_certain() {
    let row = |label: usize| if label == 0 { [2.0, 0.0] } else { [0.0, 2.0] };
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    let scores = Array2::from_shape_fn((40, 2), |(i, j)| row(labels[i])[j]);
    let t = f64::from(temperature(&[scores.view()], &labels));
    // With 20 examples a class: p = 21 / 22, so 2 / T = ln 21.
    assert!((t - 2.0 / 21.0_f64.ln()).abs() < 1e-5, "{t}");
}

#[test]
fn scores_without_meaning_are_made_as_unsure_as_can_be() {
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    let scores = Array2::from_shape_fn((40, 2), |(i, j)| if (i / 2) % 2 == j { 3.0 } else { 0.0 });
    assert!(temperature(&[scores.view()], &labels) > 19.0);
    let infinite = array![[0.0, f32::NEG_INFINITY], [f32::NEG_INFINITY, 0.0]];
    assert!(temperature(&[infinite.view()], &[0, 1]).is_finite());
    assert!(temperature(&[], &[]).is_finite());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Scores that are k times as large have a temperature k times as high.
    #[test]
    fn the_temperature_follows_the_scale(k in 0.3..3.0_f32) {
        let (scores, labels) = scores();
        let one = temperature(&[scores.view()], &labels);
        let scaled = temperature(&[(&scores * k).view()], &labels);
        prop_assert!((scaled / one / k - 1.0).abs() < 1e-4);
    }
}
