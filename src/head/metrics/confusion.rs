//! What can be read from a confusion matrix: a row for each true class, a column for each
//! predicted one.

use super::wilson::{count, wilson95};

/// A number with its 95 % interval.
pub(super) type Measured = (f64, [f64; 2]);

/// How often a class occurs, is predicted, and is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Examples of the class: the sum of its row.
    pub(super) support: usize,
    /// Examples that were taken for it: the sum of its column.
    pub(super) predicted: usize,
    /// Both: the entry on the diagonal.
    pub(super) right: usize,
}

impl Tally {
    pub(super) fn of(confusion: &[Vec<usize>], class: usize) -> Self {
        let at = |row: &Vec<usize>, column: usize| row.get(column).copied().unwrap_or(0);
        Self {
            support: confusion.get(class).map_or(0, |row| row.iter().sum()),
            predicted: confusion.iter().map(|row| at(row, class)).sum(),
            right: confusion.get(class).map_or(0, |row| at(row, class)),
        }
    }

    /// Of those taken for the class, the share that is of it; `None` where none was.
    pub(super) fn precision(self) -> Option<Measured> {
        share(self.right, self.predicted)
    }

    /// Of those of the class, the share that was taken for it; `None` where there are none.
    pub(super) fn recall(self) -> Option<Measured> {
        share(self.right, self.support)
    }

    /// F1 = 2 right / (support + predicted), the harmonic mean of precision and recall; `None`
    /// where the class neither occurs nor is predicted.
    ///
    /// With J = right / (support + predicted - right), the share of the examples that have to do
    /// with the class, F1 = 2 J / (1 + J): the interval is Wilson's of J, put through the same
    /// formula ("Wilson indirect" of Lam, Gopal & Qian 2023).
    pub(super) fn f1(self) -> Option<Measured> {
        let concerned = self.support + self.predicted - self.right;
        let (jaccard, interval) = share(self.right, concerned)?;
        let f1 = |j: f64| 2.0 * j / (1.0 + j);
        Some((f1(jaccard), interval.map(f1)))
    }
}

/// The mean recall of the classes that have examples, and its interval: each end is as far away
/// as the ends of the k recalls together,
///
/// > mean - √(Σ (recall - low)²) / k  to  mean + √(Σ (high - recall)²) / k
///
/// (square-and-add of Newcombe 1998, with Wilson's ends; Zou & Donner 2008 for means.) The number
/// is scikit-learn's `balanced_accuracy_score`.
pub(super) fn balanced_accuracy(tallies: &[Tally]) -> Measured {
    let recalls: Vec<Measured> = tallies.iter().filter_map(|tally| tally.recall()).collect();
    let k = count(recalls.len().max(1));
    let mean = recalls.iter().map(|(recall, _)| recall).sum::<f64>() / k;
    let distance = |end: usize| {
        let squares = recalls.iter().map(|(r, ends)| (r - ends[end]).powi(2));
        squares.sum::<f64>().sqrt() / k
    };
    let interval = [mean - distance(0), mean + distance(1)];
    (mean, interval.map(|x| x.clamp(0.0, 1.0)))
}

fn share(part: usize, whole: usize) -> Option<Measured> {
    (whole > 0).then(|| (count(part) / count(whole), wilson95(part, whole)))
}
