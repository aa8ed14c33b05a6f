//! What is drawn of predicted probabilities against the truth.

use super::metrics::wilson95;

/// Examples with the score of a class and whether they are of it, from the highest score on: how
/// many of the class and of the others each score, and those above it, has: (own, others), one for
/// each distinct score.
fn ranked(scored: &[(f32, bool)]) -> Vec<(usize, usize)> {
    let mut scored = scored.to_vec();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (mut own, mut others) = (0, 0);
    let mut steps = Vec::new();
    for tied in scored.chunk_by(|(a, _), (b, _)| a == b) {
        let of_class = tied.iter().filter(|(_, is)| *is).count();
        own += of_class;
        others += tied.len() - of_class;
        steps.push((own, others));
    }
    steps
}

/// The ROC curve of a class against the rest: (false positive rate, true positive rate) for each
/// threshold, from (0, 0) to (1, 1). `scored` has the score of each example and whether it is of
/// the class. None where either has no example.
#[must_use]
pub fn roc(scored: &[(f32, bool)]) -> Option<Vec<[f64; 2]>> {
    let steps = ranked(scored);
    let &(own, others) = steps.last()?;
    if own == 0 || others == 0 {
        return None;
    }
    let point = |(o, n): (usize, usize)| [ratio(n, others), ratio(o, own)];
    Some(std::iter::once((0, 0)).chain(steps).map(point).collect())
}

/// The precision-recall curve of a class: (recall, precision) for each threshold, from the highest
/// on, begun at recall 0 with precision 1 as scikit-learn does. None without an example of the
/// class.
#[must_use]
pub fn precision_recall(scored: &[(f32, bool)]) -> Option<Vec<[f64; 2]>> {
    let steps = ranked(scored);
    let own = steps.last().map(|(own, _)| *own).filter(|own| *own > 0)?;
    let mut points = vec![[0.0, 1.0]];
    points.extend(
        steps
            .iter()
            .map(|(o, n)| [ratio(*o, own), ratio(*o, o + n)]),
    );
    Some(points)
}

/// The examples of a range of confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// The range is above this.
    pub from: f64,
    /// Up to this.
    pub to: f64,
    /// Examples in it.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// Share of them that is right.
    pub accuracy: f64,
    /// Its 95 % interval, Wilson's.
    pub interval: [f64; 2],
}

/// A reliability diagram (Niculescu-Mizil & Caruana 2005): the examples, each a confidence and
/// whether it is right, in `bins` bins of equal width; those without examples are left out.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and `bins`
pub fn reliability(examples: &[(f64, bool)], bins: usize) -> Vec<ReliabilityBin> {
    let width = 1.0 / count(bins.max(1));
    let mut sums = vec![(0, 0, 0.0); bins.max(1)];
    for &(confidence, right) in examples {
        let bin = ((confidence / width).ceil() as usize).clamp(1, sums.len()) - 1;
        let (n, correct, sum) = &mut sums[bin];
        *n += 1;
        *correct += usize::from(right);
        *sum += confidence;
    }
    let numbered = sums.into_iter().enumerate().filter(|(_, (n, ..))| *n > 0);
    let bin = |(at, (n, correct, sum)): (usize, (usize, usize, f64))| ReliabilityBin {
        from: count(at) * width,
        to: count(at + 1) * width,
        count: n,
        confidence: sum / count(n),
        accuracy: ratio(correct, n),
        interval: wilson95(correct, n),
    };
    numbered.map(bin).collect()
}

/// Selective accuracy (El-Yaniv & Wiener 2010): (coverage, accuracy) where only the most confident
/// examples are answered, from few to all; examples of one confidence come together.
#[must_use]
pub fn coverage(examples: &[(f64, bool)]) -> Vec<[f64; 2]> {
    let mut examples = examples.to_vec();
    examples.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (mut answered, mut right) = (0, 0);
    let mut points = Vec::new();
    for tied in examples.chunk_by(|(a, _), (b, _)| a == b) {
        answered += tied.len();
        right += tied.iter().filter(|(_, right)| *right).count();
        points.push([ratio(answered, examples.len()), ratio(right, answered)]);
    }
    points
}

fn ratio(part: usize, whole: usize) -> f64 {
    count(part) / count(whole.max(1))
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCORED: [(f32, bool); 4] = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];

    /// Golden values: the examples in scikit-learn's documentation of `roc_curve` and
    /// `precision_recall_curve` (which gives the points in the other order).
    #[test]
    fn curves_are_those_of_scikit_learn() {
        let roc = roc(&SCORED).unwrap();
        assert_eq!(
            roc,
            [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]
        );
        let precision = precision_recall(&SCORED).unwrap();
        let expected = [
            [0.0, 1.0],
            [0.5, 1.0],
            [0.5, 0.5],
            [1.0, 2.0 / 3.0],
            [1.0, 0.5],
        ];
        assert_eq!(precision, expected);
    }

    #[test]
    fn what_cannot_be_ranked_has_no_curve() {
        assert_eq!(roc(&[]), None);
        assert_eq!(roc(&[(0.5, true)]), None);
        assert_eq!(precision_recall(&[(0.5, false)]), None);
        assert_eq!(
            roc(&[(0.5, true), (0.5, false)]).unwrap(),
            [[0.0, 0.0], [1.0, 1.0]]
        );
    }

    #[test]
    fn bins_hold_their_examples() {
        let examples = [(0.55, true), (0.6, false), (0.95, true), (1.0, true)];
        let bins = reliability(&examples, 10);
        assert_eq!(bins.len(), 2, "{bins:?}");
        assert_eq!((bins[0].count, bins[0].accuracy), (2, 0.5));
        assert!((bins[0].confidence - 0.575).abs() < 1e-12);
        assert_eq!((bins[1].count, bins[1].to), (2, 1.0));
        assert_eq!(bins[1].interval, wilson95(2, 2));
        let points = coverage(&examples);
        assert_eq!(
            points,
            [[0.25, 1.0], [0.5, 1.0], [0.75, 2.0 / 3.0], [1.0, 0.75]]
        );
    }

    proptest! {
        #[test]
        fn a_roc_curve_climbs_to_the_corner(
            scored in prop::collection::vec((0.0f32..1.0, any::<bool>()), 2..60),
        ) {
            if let Some(points) = roc(&scored) {
                prop_assert_eq!(points[0], [0.0, 0.0]);
                prop_assert_eq!(points[points.len() - 1], [1.0, 1.0]);
                prop_assert!(points.windows(2).all(|w| w[0][0] <= w[1][0] && w[0][1] <= w[1][1]));
            }
        }

        #[test]
        fn every_example_is_in_one_bin(
            examples in prop::collection::vec((0.0f64..=1.0, any::<bool>()), 0..60),
        ) {
            let bins = reliability(&examples, 10);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), examples.len());
            for bin in bins {
                prop_assert!(bin.confidence <= bin.to + 1e-12);
                prop_assert!(bin.confidence > bin.from - 1e-12);
            }
        }
    }
}
