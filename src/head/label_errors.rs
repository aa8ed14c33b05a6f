//! Examples whose label is likely wrong.

use ndarray::{ArrayView1, ArrayView2};

use super::metrics::{count, predicted};

/// An example that a model which had not seen it is confident of being another class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelError {
    /// The example's place.
    pub example: usize,
    /// The class that it is labelled as.
    pub label: usize,
    /// The class that it seems to be.
    pub suggested: usize,
    /// The out-of-fold probability of its label.
    pub p_label: f32,
    /// That of the class that it seems to be.
    pub p_suggested: f32,
}

/// Confident learning (Northcutt, Jiang & Chuang 2021): from out-of-fold `probabilities`
/// `[n, classes]` and the given `labels`, the examples off the diagonal of the confident joint.
///
/// A class's threshold is its mean probability over the examples that are labelled as it:
/// tⱼ = mean of pⱼ where the label is j. An example is confidently of the class with the largest
/// pⱼ among those with pⱼ ≥ tⱼ, if any; it is listed where neither that nor its most probable class is its label
/// (cleanlab's rule). So a class that
/// the model is never sure of asks for less than one that it knows well. The most doubtful come
/// first: the smallest p of the label less p of the other.
///
/// A list to look at, not one to delete: an example may stand here because it is hard.
pub fn label_errors(probabilities: ArrayView2<'_, f32>, labels: &[usize]) -> Vec<LabelError> {
    let thresholds = thresholds(probabilities, labels);
    let rows = probabilities.outer_iter().zip(labels).enumerate();
    let mut found: Vec<LabelError> = rows
        .filter_map(|(example, (row, &label))| {
            let suggested = confident(row, &thresholds).filter(|class| *class != label)?;
            // Whoever predicts the label does not doubt it.
            if predicted(row) == label {
                return None;
            }
            Some(LabelError {
                example,
                label,
                suggested,
                p_label: *row.get(label)?,
                p_suggested: *row.get(suggested)?,
            })
        })
        .collect();
    let margin = |one: &LabelError| one.p_label - one.p_suggested;
    found.sort_by(|a, b| margin(a).total_cmp(&margin(b)));
    found
}

/// The mean probability of each class over the examples labelled as it; above 1, which nothing
/// reaches, for a class without examples.
fn thresholds(probabilities: ArrayView2<'_, f32>, labels: &[usize]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_usize); probabilities.ncols()];
    for (row, &label) in probabilities.outer_iter().zip(labels) {
        if let (Some(sum), Some(&p)) = (sums.get_mut(label), row.get(label)) {
            *sum = (sum.0 + f64::from(p), sum.1 + 1);
        }
    }
    let mean = |(sum, n): (f64, usize)| if n == 0 { 2.0 } else { sum / count(n) };
    sums.into_iter().map(mean).collect()
}

/// The class that a row is confidently of: the most probable of those that reach their threshold,
/// up to what rounding in an `f32` may take away.
fn confident(row: ArrayView1<'_, f32>, thresholds: &[f64]) -> Option<usize> {
    row.iter()
        .zip(thresholds)
        .enumerate()
        .filter(|(_, (p, threshold))| f64::from(**p) >= **threshold - 1e-6)
        .map(|(class, (&p, _))| (class, p))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Ninety examples of three classes of different difficulty, some labelled as another.
    fn made() -> (Array2<f32>, Vec<usize>) {
        let part = |i: usize, m: usize| ((i * 37 + m * 11) % 64) as f32 / 64.0;
        let mut labels = Vec::new();
        let mut rows = Vec::new();
        for i in 0..90 {
            let truth = i % 3;
            let own = [0.9, 0.7, 0.5][truth] - 0.35 * part(i, 1);
            let split = part(i, 2);
            let mut row = [0.0; 3];
            row[truth] = own;
            row[(truth + 1) % 3] = (1.0 - own) * split;
            row[(truth + 2) % 3] = (1.0 - own) * (1.0 - split);
            labels.push(if i % 10 == 7 { (truth + 1) % 3 } else { truth });
            rows.extend(row);
        }
        (Array2::from_shape_vec((90, 3), rows).unwrap(), labels)
    }

    /// Golden values: cleanlab 2.9.0, `tests/golden/label_errors.py`.
    #[test]
    fn the_doubtful_are_those_of_cleanlab() {
        let (probabilities, labels) = made();
        let found = label_errors(probabilities.view(), &labels);
        let mut places: Vec<usize> = found.iter().map(|one| one.example).collect();
        places.sort_unstable();
        assert_eq!(places, GOLDEN);
        let first = found[0];
        assert_eq!(first.label, labels[first.example]);
        assert_eq!(first.suggested, first.example % 3);
        assert!(first.p_suggested > first.p_label);
        assert!(found.windows(2).all(|two| {
            two[0].p_label - two[0].p_suggested <= two[1].p_label - two[1].p_suggested
        }));
    }

    const GOLDEN: &[usize] = &[
        1, 7, 8, 13, 17, 29, 37, 41, 46, 47, 53, 57, 58, 65, 74, 86, 87,
    ];

    #[test]
    fn a_class_without_examples_is_never_suggested() {
        let p = ndarray::array![[0.1, 0.0, 0.9], [0.2, 0.0, 0.8], [0.9, 0.1, 0.0]];
        assert!(label_errors(p.view(), &[0, 0, 0]).is_empty());
        assert!(label_errors(Array2::zeros((0, 3)).view(), &[]).is_empty());
    }
}
