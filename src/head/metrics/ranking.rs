//! How well a score ranks the examples of a class before the others.

use super::confusion::Measured;
use super::wilson::{Z95, count, wilson_of_share};

/// Examples in order of a score, the highest first, with the runs of equal scores.
pub(super) struct Ranking {
    /// For each run of equal scores: its examples of the class, and the others.
    ties: Vec<(usize, usize)>,
    positives: usize,
    negatives: usize,
}

impl Ranking {
    /// Ranks `scored`: a score, and whether the example is of the class.
    pub(super) fn new(mut scored: Vec<(f32, bool)>) -> Self {
        scored.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let tied = scored.chunk_by(|(a, _), (b, _)| a == b);
        let split = |run: &[(f32, bool)]| {
            let own = run.iter().filter(|(_, own)| *own).count();
            (own, run.len() - own)
        };
        let ties: Vec<(usize, usize)> = tied.map(split).collect();
        Self {
            positives: ties.iter().map(|(own, _)| own).sum(),
            negatives: ties.iter().map(|(_, others)| others).sum(),
            ties,
        }
    }

    /// The area under the ROC curve: the chance that an example of the class has a higher score
    /// than one of the others, an equal score counting half (Mann & Whitney's U / mn). `None`
    /// where either has no example. Its interval is [`area_interval`].
    pub(super) fn roc_auc(&self) -> Option<Measured> {
        if self.positives == 0 || self.negatives == 0 {
            return None;
        }
        let (m, n) = (count(self.positives), count(self.negatives));
        let mut above = 0;
        let mut pairs = 0.0;
        for &(own, others) in &self.ties {
            pairs += count(others) * (count(above) + count(own) / 2.0);
            above += own;
        }
        let area = pairs / (m * n);
        Some((area, area_interval(area, m, n)))
    }

    /// Average precision, Σ (Rᵢ - Rᵢ₋₁) Pᵢ over the distinct scores from the highest on, where Pᵢ
    /// and Rᵢ are precision and recall of taking all with that score or a higher one
    /// (scikit-learn's `average_precision_score`, without interpolation). `None` without an example
    /// of the class.
    ///
    /// Its interval is Wilson's, of a share among the examples of the class: the score form of the
    /// binomial interval of Boyd, Eng & Page 2013.
    pub(super) fn average_precision(&self) -> Option<Measured> {
        if self.positives == 0 {
            return None;
        }
        let m = count(self.positives);
        let (mut right, mut taken, mut sum) = (0, 0, 0.0);
        for &(own, others) in &self.ties {
            right += own;
            taken += own + others;
            sum += count(own * right) / count(taken);
        }
        // Divided last, so that a perfect order is 1 and not a rounding away from it.
        let average = (sum / m).min(1.0);
        Some((average, wilson_of_share(average, m)))
    }
}

/// The 95 % interval of an area Â under the ROC curve of `m` examples against `n`: the areas A
/// within 1.96 of their own standard errors from it, with the variance of Hanley & McNeil 1982 in
/// the symmetric form of Newcombe 2006 (method 5),
///
/// > A (1 - A) / mn · (1 + N ((1 - A) / (2 - A) + A / (1 + A))), N = (m + n) / 2 - 1
///
/// As Wilson's, of which it is the like, it has a width even for an area of 1, where a bootstrap
/// has none. For m = n = 1 it is Wilson's.
pub(super) fn area_interval(area: f64, m: f64, n: f64) -> [f64; 2] {
    let variance = |a: f64| {
        let spread = (1.0 - a) / (2.0 - a) + a / (1.0 + a);
        a * (1.0 - a) / (m * n) * (1.0 + ((m + n) / 2.0 - 1.0) * spread)
    };
    let outside = |a: f64| (area - a).powi(2) > Z95 * Z95 * variance(a);
    // The end lies between one that is outside, 0 or 1, and the area itself.
    let end = |mut far: f64, mut near: f64| {
        for _ in 0..100 {
            let middle = f64::midpoint(far, near);
            if outside(middle) {
                far = middle;
            } else {
                near = middle;
            }
        }
        near
    };
    let low = if area <= 0.0 { 0.0 } else { end(0.0, area) };
    let high = if area >= 1.0 { 1.0 } else { end(1.0, area) };
    [low, high]
}

/// The mean of what the classes have, and the means of the ends of their intervals: an interval
/// that holds at least as often, however the classes' numbers go together. `None` where no class
/// has any.
pub(super) fn mean_of(classes: impl Iterator<Item = Option<Measured>>) -> Option<Measured> {
    let known: Vec<Measured> = classes.flatten().collect();
    let k = count(known.len());
    let mean = |of: fn(&Measured) -> f64| known.iter().map(of).sum::<f64>() / k;
    let interval = [mean(|one| one.1[0]), mean(|one| one.1[1])];
    (!known.is_empty()).then(|| (mean(|one| one.0), interval))
}
