//! What a head is trained on.

use ndarray::ArrayView2;

use super::error::HeadError;

/// Feature rows with their labels.
///
/// `features` is `[labels.len() * views, width]`; the row of view `v` of example `e` is
/// `e * views + v`, and view 0 is the plain, unaugmented one.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// One row for each view of each example.
    pub features: ArrayView2<'a, f32>,
    /// Rows of an example: the plain view and its augmented ones; at least 1.
    pub views: usize,
    /// The class of each example, below `classes`.
    pub labels: &'a [usize],
    /// How many classes there are; at least 2.
    pub classes: usize,
}

impl Examples<'_> {
    /// Features of a row.
    pub fn width(&self) -> usize {
        self.features.ncols()
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example at all.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many examples each class has.
    pub(super) fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for &label in self.labels {
            if let Some(count) = counts.get_mut(label) {
                *count += 1;
            }
        }
        counts
    }

    /// The largest magnitude among the features; it tells a bad scale from a bad learning rate.
    pub(super) fn largest_feature(&self) -> f32 {
        self.features
            .iter()
            .fold(0.0, |largest, x| largest.max(x.abs()))
    }

    /// Everything that training relies on.
    ///
    /// # Errors
    /// No examples, fewer than two classes in them, a shape that does not fit, a label out of
    /// range, a feature that is not a number.
    pub(super) fn check(&self) -> Result<(), HeadError> {
        if self.is_empty() || self.width() == 0 {
            return Err(HeadError::NoExamples {
                examples: self.len(),
                width: self.width(),
            });
        }
        let rows = self.features.nrows();
        if self.views == 0 || self.len().checked_mul(self.views) != Some(rows) {
            return Err(HeadError::RowCount {
                rows,
                examples: self.len(),
                views: self.views,
            });
        }
        for (example, &label) in self.labels.iter().enumerate() {
            if label >= self.classes {
                return Err(HeadError::LabelRange {
                    example,
                    label,
                    classes: self.classes,
                });
            }
        }
        let counts = self.class_counts();
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return Err(HeadError::OneClass {
                classes: self.classes,
            });
        }
        for (row, features) in self.features.outer_iter().enumerate() {
            if let Some(column) = features.iter().position(|x| !x.is_finite()) {
                let (example, view) = (row / self.views, row % self.views);
                let value = features[column];
                return Err(HeadError::FeatureNotFinite {
                    example,
                    view,
                    column,
                    value,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn message(features: &Array2<f32>, views: usize, labels: &[usize], classes: usize) -> String {
        let examples = Examples {
            features: features.view(),
            views,
            labels,
            classes,
        };
        examples.check().unwrap_err().to_string()
    }

    #[test]
    fn each_way_to_be_wrong_has_its_message() {
        let good = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]];
        let examples = Examples {
            features: good.view(),
            views: 2,
            labels: &[0, 1],
            classes: 2,
        };
        assert!(examples.check().is_ok());
        assert_eq!(examples.largest_feature(), 8.0);

        assert!(message(&Array2::zeros((0, 2)), 1, &[], 2).contains("no examples"));
        assert!(message(&Array2::zeros((2, 0)), 1, &[0, 1], 2).contains("width 0"));
        assert!(message(&good, 3, &[0, 1], 2).contains("4 feature rows"));
        assert!(message(&good, 0, &[0, 1], 2).contains("0 views"));
        assert!(message(&good, usize::MAX, &[0, 1], 2).contains("4 feature rows"));
        assert!(message(&good, 2, &[0, 2], 2).contains("example 1 has label 2"));
        assert!(message(&good, 2, &[1, 1], 2).contains("one class"));
        let mut bad = good.clone();
        bad[[3, 1]] = f32::INFINITY;
        assert!(message(&bad, 2, &[0, 1], 2).contains("feature 1 of example 1, view 1, is inf"));
    }
}
