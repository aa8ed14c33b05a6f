//! What each example adds to the scores of probabilities, their means, and how far chance would
//! move these means.

use ndarray::ArrayView2;
use rand_chacha::rand_core::Rng;

use super::wilson::count;
use crate::head::network::loss::argmax;
use crate::head::random::stream;

/// Bins of the expected calibration error (Guo et al. 2017 use 15).
const BINS: usize = 15;

/// How often the examples are drawn anew for an interval.
pub(super) const DRAWS: usize = 1000;

/// What an example adds.
#[derive(Debug, Clone, Copy)]
struct Loss {
    log: f64,
    brier: f64,
    /// The probability of the predicted class, and whether that was right: one less the other.
    gap: f64,
    bin: usize,
}

/// The losses of all examples.
pub(super) struct Losses(Vec<Loss>);

/// Means over examples.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Means {
    pub(super) log: f64,
    pub(super) brier: f64,
    pub(super) ece: f64,
}

impl Losses {
    pub(super) fn new(probabilities: ArrayView2<'_, f32>, labels: &[usize]) -> Self {
        let of = |(row, &label): (ndarray::ArrayView1<'_, f32>, &usize)| {
            let predicted = argmax(row);
            let confidence = f64::from(row[predicted]);
            Loss {
                log: log_loss_of(row[label]),
                brier: brier_of(row, label),
                gap: f64::from(u8::from(predicted == label)) - confidence,
                bin: bin_of(confidence),
            }
        };
        Self(probabilities.outer_iter().zip(labels).map(of).collect())
    }

    pub(super) fn means(&self) -> Means {
        means(&self.0, 0..self.0.len())
    }

    /// The 95 % intervals of [`Losses::means`]: the middle 95 % of what 1000 draws of as many
    /// examples give, each drawn with replacement (Efron & Tibshirani 1993, the percentile
    /// interval). The draws are the same at every call.
    ///
    /// An interval that would leave its own number out is stretched to it: to draw anew adds
    /// noise, and noise adds to a calibration error, which is a sum of magnitudes.
    pub(super) fn intervals(&self) -> [[f64; 2]; 3] {
        let mut random = stream("bootstrap", 0, &[]);
        let n = self.0.len();
        let mut draws = [const { Vec::new() }; 3];
        for _ in 0..DRAWS {
            let drawn = means(&self.0, (0..n).map(|_| one_of(n, &mut random)));
            for (all, one) in draws.iter_mut().zip([drawn.log, drawn.brier, drawn.ece]) {
                all.push(one);
            }
        }
        let own = self.means();
        let mut own = [own.log, own.brier, own.ece].into_iter();
        draws.map(|mut all| {
            let [low, high] = middle95(&mut all);
            let own = own.next().unwrap_or(low);
            [low.min(own), high.max(own)]
        })
    }
}

/// -ln p(truth) of one example; probabilities below `f32::EPSILON` (1.2e-7) count as that, so that one certain
/// mistake costs 16 and not infinity (scikit-learn's rule for `float32`).
#[must_use]
pub fn log_loss_of(truth: f32) -> f64 {
    -f64::from(truth.max(f32::EPSILON)).ln()
}

/// Σ (p - y)² over the classes, y being 1 for the label and 0 else; half of it for two classes.
fn brier_of(row: ndarray::ArrayView1<'_, f32>, label: usize) -> f64 {
    let square = |(class, &p): (usize, &f32)| {
        let truth = f64::from(u8::from(class == label));
        (f64::from(p) - truth).powi(2)
    };
    let sum: f64 = row.iter().enumerate().map(square).sum();
    if row.len() == 2 { sum / 2.0 } else { sum }
}

/// The bin ((m - 1) / 15, m / 15] of a confidence, from 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 15
pub(super) fn bin_of(confidence: f64) -> usize {
    let above = (confidence * count(BINS)).ceil() as usize;
    above.saturating_sub(1).min(BINS - 1)
}

/// The means over some of the examples, of which one may come more than once.
fn means(losses: &[Loss], chosen: impl ExactSizeIterator<Item = usize>) -> Means {
    let n = count(chosen.len().max(1));
    let (mut log, mut brier, mut gaps) = (0.0, 0.0, [0.0; BINS]);
    for loss in chosen.filter_map(|example| losses.get(example)) {
        log += loss.log;
        brier += loss.brier;
        gaps[loss.bin] += loss.gap;
    }
    Means {
        log: log / n,
        brier: brier / n,
        ece: gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / n,
    }
}

/// One of `n`, each as likely as the others to a part in 2^32 / n.
#[allow(clippy::cast_possible_truncation)] // below n, which was a usize
pub(super) fn one_of(n: usize, random: &mut impl Rng) -> usize {
    ((u64::from(random.next_u32()) * n as u64) >> 32) as usize
}

/// The 2.5 % and 97.5 % quantiles, between two draws in proportion (numpy's default).
pub(super) fn middle95(draws: &mut [f64]) -> [f64; 2] {
    draws.sort_unstable_by(f64::total_cmp);
    [0.025, 0.975].map(|share| quantile(draws, share))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a place among the draws
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * count(sorted.len().saturating_sub(1));
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or_default();
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract()
}
