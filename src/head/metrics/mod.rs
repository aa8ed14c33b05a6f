//! How good predicted probabilities are.

#[cfg(test)]
mod tests;

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::error::HeadError;
use super::network::loss::argmax;

/// Bins of the expected calibration error (Guo et al. 2017 use 15).
const BINS: usize = 15;

/// The 0.975 quantile of the standard normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

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
    /// Mean of -ln p(truth); probabilities below `f32::EPSILON` (1.2e-7) count as that, so that
    /// one certain mistake costs 16 and not infinity (scikit-learn's rule for `float32`).
    pub log_loss: f64,
    /// Expected calibration error; see [`evaluate`].
    pub ece: f64,
    /// Counts: a row for each true class, a column for each predicted one.
    pub confusion: Vec<Vec<usize>>,
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
    let classes = probabilities.ncols();
    let mut confusion = vec![vec![0; classes]; classes];
    let mut calibration = [Bin::default(); BINS];
    let (mut correct, mut loss) = (0, 0.0);
    for (row, &label) in probabilities.outer_iter().zip(labels) {
        let predicted = argmax(row);
        let right = predicted == label;
        confusion[label][predicted] += 1;
        correct += usize::from(right);
        loss -= f64::from(row[label].max(f32::EPSILON)).ln();
        let confidence = f64::from(row[predicted]);
        calibration[bin_of(confidence)].add(confidence, right);
    }
    let total = labels.len();
    Ok(Metrics {
        correct,
        total,
        accuracy: count(correct) / count(total),
        accuracy_ci95: wilson95(correct, total),
        log_loss: loss / count(total),
        ece: calibration.iter().map(Bin::gap).sum::<f64>() / count(total),
        confusion,
    })
}

/// The 95 % interval of a share of `correct` in `total` (Wilson 1927): the shares p that are
/// within z = 1.96 of their own standard errors from the observed p̂,
///
/// > (p̂ + z²/2n ± z √(p̂ (1 - p̂) / n + z²/4n²)) / (1 + z²/n)
///
/// It keeps within 0 and 1 and has a width even for 50 of 50. `[0, 1]` for a total of 0.
pub fn wilson95(correct: usize, total: usize) -> [f64; 2] {
    if total == 0 {
        return [0.0, 1.0];
    }
    let n = count(total);
    let p = count(correct.min(total)) / n;
    let z2 = Z95 * Z95;
    let centre = p + z2 / (2.0 * n);
    let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let end = |x: f64| (x / (1.0 + z2 / n)).clamp(0.0, 1.0);
    // At the ends the exact value is the end itself; rounding must not move it.
    let low = if correct == 0 {
        0.0
    } else {
        end(centre - half)
    };
    let high = if correct >= total {
        1.0
    } else {
        end(centre + half)
    };
    [low, high]
}

/// The examples of a range of confidence.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    right: f64,
    confidence: f64,
}

impl Bin {
    fn add(&mut self, confidence: f64, right: bool) {
        self.confidence += confidence;
        self.right += f64::from(u8::from(right));
    }

    /// |examples| * |accuracy - mean confidence|.
    fn gap(&self) -> f64 {
        (self.right - self.confidence).abs()
    }
}

/// The bin ((m - 1) / 15, m / 15] of a confidence, from 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 15
fn bin_of(confidence: f64) -> usize {
    let above = (confidence * count(BINS)).ceil() as usize;
    above.saturating_sub(1).min(BINS - 1)
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

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn count(n: usize) -> f64 {
    n as f64
}
