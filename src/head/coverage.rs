//! Answers that are held back: how many are left, and how good these are.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::metrics::{count, predicted, wilson95};

/// Thresholds that are always shown.
const THRESHOLDS: [f32; 9] = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999];

/// What is left where only answers of at least some probability count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The least probability that the most probable class must have.
    pub threshold: f32,
    /// The share of the examples that get an answer.
    pub coverage: f64,
    /// The share of these answers that is right; `None` where there are none.
    pub accuracy: Option<f64>,
    /// Its 95 % interval, Wilson's.
    pub accuracy_ci95: Option<[f64; 2]>,
}

/// Coverage against accuracy: a reject option after Chow 1970, which holds back whatever is least
/// sure first. One line for each of some thresholds, rising, `own` among them where there is one.
/// `probabilities` is `[n, classes]`.
pub fn coverage(
    probabilities: ArrayView2<'_, f32>,
    labels: &[usize],
    own: Option<f32>,
) -> Vec<Coverage> {
    let mut thresholds: Vec<f32> = THRESHOLDS.into_iter().chain(own).collect();
    thresholds.sort_by(f32::total_cmp);
    thresholds.dedup();
    let judged: Vec<(f32, bool)> = probabilities
        .outer_iter()
        .zip(labels)
        .map(|(row, &label)| {
            let class = predicted(row);
            (row.get(class).copied().unwrap_or_default(), class == label)
        })
        .collect();
    thresholds
        .into_iter()
        .map(|threshold| at(threshold, &judged))
        .collect()
}

fn at(threshold: f32, judged: &[(f32, bool)]) -> Coverage {
    let answers = judged.iter().filter(|(sure, _)| *sure >= threshold);
    let (total, right) = answers.fold((0, 0), |(total, right), (_, one)| {
        (total + 1, right + usize::from(*one))
    });
    Coverage {
        threshold,
        coverage: count(total) / count(judged.len().max(1)),
        accuracy: (total > 0).then(|| count(right) / count(total)),
        accuracy_ci95: (total > 0).then(|| wilson95(right, total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    #[test]
    fn what_is_unsure_is_held_back_first() {
        let p = array![[0.95, 0.05], [0.3, 0.7], [0.55, 0.45], [0.05, 0.95]];
        let table = coverage(p.view(), &[0, 1, 1, 1], Some(0.95));
        assert_eq!(table.len(), 9);
        let line = |threshold: f32| *table.iter().find(|l| l.threshold == threshold).unwrap();
        assert_eq!((line(0.0).coverage, line(0.0).accuracy), (1.0, Some(0.75)));
        assert_eq!((line(0.6).coverage, line(0.6).accuracy), (0.75, Some(1.0)));
        assert_eq!(line(0.6).accuracy_ci95, Some(wilson95(3, 3)));
        // At least as sure: the threshold itself is an answer.
        assert_eq!(line(0.95).coverage, 0.5);
        assert_eq!((line(0.99).coverage, line(0.99).accuracy), (0.0, None));
        assert_eq!(coverage(p.view(), &[0, 1, 1, 1], Some(0.85)).len(), 10);
        assert_eq!(
            coverage(Array2::zeros((0, 2)).view(), &[], None)[0].coverage,
            0.0
        );
    }

    proptest! {
        #[test]
        fn a_higher_threshold_never_covers_more(
            sure in prop::collection::vec(0.5..1.0_f32, 1..30),
            own in 0.0..1.0_f32,
        ) {
            let p = Array2::from_shape_fn((sure.len(), 2), |(i, j)| {
                if j == 0 { sure[i] } else { 1.0 - sure[i] }
            });
            let table = coverage(p.view(), &vec![0; sure.len()], Some(own));
            prop_assert!(table.windows(2).all(|w| w[0].threshold < w[1].threshold));
            prop_assert!(table.windows(2).all(|w| w[0].coverage >= w[1].coverage));
            prop_assert_eq!(table[0].coverage, 1.0);
        }
    }
}
