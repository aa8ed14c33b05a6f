//! How good predicted probabilities are, and how sure that is.
//!
//! Every number has a 95 % interval, `<name>_ci95`. It says how far the number may be off because
//! the examples are a sample: Wilson's for shares ([`wilson95`]) and what is made of them
//! (accuracy, balanced accuracy, precision, recall, F1, average precision), its like for areas
//! under ROC curves (Newcombe 2006), and the percentile bootstrap, 1000 draws, for log loss, Brier
//! score and calibration error. But for the last three, none shrinks to a point where everything
//! is right: a perfect score on 50 examples is not known to be perfect. All of them take examples
//! to be independent; several pictures of one thing make them too narrow.
//!
//! What has no value is `None` (`null` in JSON), never NaN: precision of a class that nothing was
//! taken for, recall of one without examples, ranking of a class against nothing.

mod confusion;
mod losses;
mod paired;
mod ranking;
#[cfg(test)]
mod tests;
mod wilson;

pub use paired::{mcnemar, mean_interval};
pub use wilson::wilson95;

pub use losses::log_loss_of;
pub(super) use wilson::{count, wilson_of_share};

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::error::HeadError;
use super::network::loss::argmax;
use confusion::{Measured, Tally, balanced_accuracy};
use losses::Losses;
use ranking::{Ranking, mean_of};

/// Scores of predictions against the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Examples whose most probable class is theirs (the first of equals).
    pub correct: usize,
    /// Examples scored.
    pub total: usize,
    /// `correct / total`.
    pub accuracy: f64,
    /// 95 % interval of the accuracy; see [`wilson95`].
    pub accuracy_ci95: [f64; 2],
    /// Mean recall of the classes that have examples.
    pub balanced_accuracy: f64,
    /// Its 95 % interval: Wilson's of the recalls, squared and added (Newcombe 1998).
    pub balanced_accuracy_ci95: [f64; 2],
    /// Mean of -ln p(truth); probabilities below `f32::EPSILON` (1.2e-7) count as that, so that
    /// one certain mistake costs 16 and not infinity (scikit-learn's rule for `float32`).
    pub log_loss: f64,
    /// Its 95 % interval, by bootstrap.
    pub log_loss_ci95: [f64; 2],
    /// Brier score: the mean of Σ (p - y)² over the classes, from 0 to 2; for two classes half of
    /// that, (p - y)² of one of them, from 0 to 1 (scikit-learn's `brier_score_loss`).
    pub brier: f64,
    /// Its 95 % interval, by bootstrap.
    pub brier_ci95: [f64; 2],
    /// Expected calibration error; see [`evaluate`].
    pub ece: f64,
    /// Its 95 % interval, by bootstrap.
    pub ece_ci95: [f64; 2],
    /// Area under the ROC curve: for two classes that of the second; for more the mean over the
    /// classes, each against the rest (scikit-learn's `multi_class="ovr"`, `average="macro"`),
    /// without those that have no examples.
    pub roc_auc: Option<f64>,
    /// Its 95 % interval.
    pub roc_auc_ci95: Option<[f64; 2]>,
    /// Average precision: for two classes that of the second; for more the mean over the classes
    /// that have examples.
    pub average_precision: Option<f64>,
    /// Its 95 % interval.
    pub average_precision_ci95: Option<[f64; 2]>,
    /// Counts: a row for each true class, a column for each predicted one.
    pub confusion: Vec<Vec<usize>>,
    /// Each class against the rest.
    pub classes: Vec<ClassMetrics>,
}

/// Scores of one class against the rest; each `None` where it has no value, see the
/// [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Its name, or its number where names are not known.
    pub class: String,
    /// Examples of it.
    pub support: usize,
    /// Share of the examples that were taken for it that are of it.
    pub precision: Option<f64>,
    /// Its 95 % interval, Wilson's.
    pub precision_ci95: Option<[f64; 2]>,
    /// Share of its examples that were taken for it.
    pub recall: Option<f64>,
    /// Its 95 % interval, Wilson's.
    pub recall_ci95: Option<[f64; 2]>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Its 95 % interval (Lam, Gopal & Qian 2023).
    pub f1_ci95: Option<[f64; 2]>,
    /// Area under its ROC curve.
    pub roc_auc: Option<f64>,
    /// Its 95 % interval (Newcombe 2006).
    pub roc_auc_ci95: Option<[f64; 2]>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Its 95 % interval (after Boyd, Eng & Page 2013).
    pub average_precision_ci95: Option<[f64; 2]>,
}

impl Metrics {
    /// The same with the names of the classes.
    #[must_use]
    pub fn named(mut self, names: &[String]) -> Self {
        for (one, name) in self.classes.iter_mut().zip(names) {
            one.class.clone_from(name);
        }
        self
    }
}

/// The class that a row of scores is for: the most probable one, the first of equals.
#[must_use]
pub fn predicted(row: ArrayView1<'_, f32>) -> usize {
    argmax(row)
}

/// Scores `probabilities` `[n, classes]` against `labels` `[n]`.
///
/// The expected calibration error (Guo et al. 2017, equation 3) takes the confidence of each
/// example, the probability of its most probable class, into 15 bins of equal width
/// ((m - 1) / 15, m / 15], and is the sum over the bins of
/// |examples in bin| / n * |accuracy in bin - mean confidence in bin|.
///
/// # Errors
/// No example, another number of labels than rows, a label without a column, a value that is not
/// between 0 and 1.
pub fn evaluate(
    probabilities: ArrayView2<'_, f32>,
    labels: &[usize],
) -> Result<Metrics, HeadError> {
    check(probabilities, labels)?;
    let confusion = confusion_of(probabilities, labels);
    let tallies: Vec<Tally> = (0..confusion.len())
        .map(|class| Tally::of(&confusion, class))
        .collect();
    let rankings: Vec<(Option<Measured>, Option<Measured>)> = (0..confusion.len())
        .map(|class| ranking(probabilities, labels, class))
        .map(|one| (one.roc_auc(), one.average_precision()))
        .collect();
    let correct = tallies.iter().map(|tally| tally.right).sum();
    let losses = Losses::new(probabilities, labels);
    let means = losses.means();
    let [log_loss_ci95, brier_ci95, ece_ci95] = losses.intervals();
    let (balanced_accuracy, balanced_accuracy_ci95) = balanced_accuracy(&tallies);
    // Of two classes, each one's area is the other's.
    let whole = if rankings.len() == 2 { 1 } else { 0 }..;
    let whole = rankings.get(whole).unwrap_or_default();
    let (roc_auc, roc_auc_ci95) = mean_of(whole.iter().map(|one| one.0)).unzip();
    let (average_precision, average_precision_ci95) =
        mean_of(whole.iter().map(|one| one.1)).unzip();
    let classes = tallies.iter().zip(&rankings).enumerate();
    Ok(Metrics {
        correct,
        total: labels.len(),
        accuracy: count(correct) / count(labels.len()),
        accuracy_ci95: wilson95(correct, labels.len()),
        balanced_accuracy,
        balanced_accuracy_ci95,
        log_loss: means.log,
        log_loss_ci95,
        brier: means.brier,
        brier_ci95,
        ece: means.ece,
        ece_ci95,
        roc_auc,
        roc_auc_ci95,
        average_precision,
        average_precision_ci95,
        classes: classes
            .map(|(class, (&tally, &(area, average)))| of_class(class, tally, area, average))
            .collect(),
        confusion,
    })
}

fn of_class(
    class: usize,
    tally: Tally,
    area: Option<Measured>,
    average: Option<Measured>,
) -> ClassMetrics {
    let (precision, precision_ci95) = tally.precision().unzip();
    let (recall, recall_ci95) = tally.recall().unzip();
    let (f1, f1_ci95) = tally.f1().unzip();
    let (roc_auc, roc_auc_ci95) = area.unzip();
    let (average_precision, average_precision_ci95) = average.unzip();
    ClassMetrics {
        class: class.to_string(),
        support: tally.support,
        precision,
        precision_ci95,
        recall,
        recall_ci95,
        f1,
        f1_ci95,
        roc_auc,
        roc_auc_ci95,
        average_precision,
        average_precision_ci95,
    }
}

fn confusion_of(probabilities: ArrayView2<'_, f32>, labels: &[usize]) -> Vec<Vec<usize>> {
    let classes = probabilities.ncols();
    let mut confusion = vec![vec![0; classes]; classes];
    for (row, &label) in probabilities.outer_iter().zip(labels) {
        confusion[label][argmax(row)] += 1;
    }
    confusion
}

/// All examples in order of the probability of `class`.
fn ranking(probabilities: ArrayView2<'_, f32>, labels: &[usize], class: usize) -> Ranking {
    let column = probabilities.column(class);
    let own = labels.iter().map(|&label| label == class);
    Ranking::new(column.iter().copied().zip(own).collect())
}

fn check(probabilities: ArrayView2<'_, f32>, labels: &[usize]) -> Result<(), HeadError> {
    let (rows, classes) = probabilities.dim();
    if rows != labels.len() {
        return Err(HeadError::LabelCount {
            rows,
            labels: labels.len(),
        });
    }
    if rows == 0 || classes == 0 {
        return Err(HeadError::NoExamples {
            examples: rows,
            width: classes,
        });
    }
    if let Some((example, &label)) = labels.iter().enumerate().find(|(_, l)| **l >= classes) {
        return Err(HeadError::LabelRange {
            example,
            label,
            classes,
        });
    }
    // A softmax in f32 may sum to a little over 1, and so its largest part may too.
    let fits = |p: f32| (0.0..=1.0 + 1e-5).contains(&p);
    match probabilities.indexed_iter().find(|(_, p)| !fits(**p)) {
        Some(((row, class), &value)) => Err(HeadError::NotAProbability { row, class, value }),
        None => Ok(()),
    }
}
