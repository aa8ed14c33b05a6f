//! What a head is trained on.

use super::error::HeadError;
use super::rows::{Rows, blocks};

/// Feature rows with their labels.
///
/// `features` is `[labels.len() * views, width]`; the row of view `v` of example `e` is
/// `e * views + v`, and view 0 is the plain, unaugmented one.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// One row for each view of each example.
    pub features: &'a dyn Rows,
    /// Rows of an example: the plain view and its augmented ones; at least 1.
    pub views: usize,
    /// The class of each example, below `classes`.
    pub labels: &'a [usize],
    /// How many classes there are; at least 2.
    pub classes: usize,
    /// What must stay on one side of any division: the number of each example's group. Without
    /// groups each example is one of its own.
    pub groups: Option<&'a [usize]>,
}

impl Examples<'_> {
    /// Features of a row.
    pub fn width(&self) -> usize {
        self.features.width()
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
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn largest_feature(&self) -> Result<f32, HeadError> {
        let mut largest = 0.0_f32;
        blocks(self.features, |_, rows| {
            largest = rows.iter().fold(largest, |largest, x| largest.max(x.abs()));
            Ok(())
        })?;
        Ok(largest)
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
        let rows = self.features.count();
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
        if let Some(groups) = self.groups
            && groups.len() != self.len()
        {
            return Err(HeadError::GroupCount {
                groups: groups.len(),
                examples: self.len(),
            });
        }
        blocks(self.features, |start, rows| {
            let bad = rows.indexed_iter().find(|(_, x)| !x.is_finite());
            bad.map_or(Ok(()), |((row, column), &value)| {
                Err(HeadError::FeatureNotFinite {
                    example: (start + row) / self.views,
                    view: (start + row) % self.views,
                    column,
                    value,
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn message(features: &Array2<f32>, views: usize, labels: &[usize], classes: usize) -> String {
        let examples = Examples {
            features,
            views,
            labels,
            classes,
            groups: None,
        };
        examples.check().unwrap_err().to_string()
    }

    #[test]
    fn each_way_to_be_wrong_has_its_message() {
        let good = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]];
        let examples = Examples {
            features: &good,
            views: 2,
            labels: &[0, 1],
            classes: 2,
            groups: None,
        };
        assert!(examples.check().is_ok());
        assert_eq!(examples.largest_feature().unwrap(), 8.0);

        assert!(message(&Array2::zeros((0, 2)), 1, &[], 2).contains("no examples"));
        assert!(message(&Array2::zeros((2, 0)), 1, &[0, 1], 2).contains("width 0"));
        assert!(message(&good, 3, &[0, 1], 2).contains("4 feature rows"));
        assert!(message(&good, 0, &[0, 1], 2).contains("0 views"));
        assert!(message(&good, usize::MAX, &[0, 1], 2).contains("4 feature rows"));
        assert!(message(&good, 2, &[0, 2], 2).contains("example 1 has label 2"));
        assert!(message(&good, 2, &[1, 1], 2).contains("one class"));
        let grouped = Examples {
            groups: Some(&[0]),
            ..examples
        };
        let told = grouped.check().unwrap_err().to_string();
        assert!(told.contains("1 groups"), "{told}");
        let mut bad = good.clone();
        bad[[3, 1]] = f32::INFINITY;
        assert!(message(&bad, 2, &[0, 1], 2).contains("feature 1 of example 1, view 1, is inf"));
    }
}
