//! What a classifier answers under one convention, and how good the answers look without a label.

use super::pictures::VIEWS;

/// Below this, one minus the chance of agreeing by accident counts as nothing.
const TINY: f64 = 1e-9;

/// How the answers under one convention look.
///
/// `score` is Cohen's kappa (1960, "A coefficient of agreement for nominal scales") for two
/// answers that are drawn from what the classifier gives for two views: `within` a picture they
/// should agree, `between` pictures they agree by accident. Unlike mere sharpness it is low both
/// for answers that waver and for a saturated answer that is the same for every picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// How many pictures were answered.
    pub pictures: usize,
    /// `(within - between) / (1 - between)`: at most 1, 0 where the picture does not matter.
    pub score: f64,
    /// The chance that answers for two views of a picture agree, 0..=1.
    pub within: f64,
    /// The chance that answers for two pictures agree, 0..=1.
    pub between: f64,
    /// The mean of the largest probability for the plain picture, 0..=1.
    pub max_probability: f64,
    /// The mean entropy of the answer for the plain picture, in nats.
    pub entropy: f64,
    /// The share of views whose likeliest class is that of the plain picture, 0..=1.
    pub agreement: f64,
    /// The mean Jensen-Shannon divergence of a picture's views, in nats.
    pub divergence: f64,
    /// How many classes the answers for all pictures are spread over: the exponential of the mean
    /// answer's entropy.
    pub spread: f64,
}

/// The answers so far.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Picture after picture, the mean answer of its views.
    means: Vec<Vec<f32>>,
    within: Vec<f64>,
    max_probability: f64,
    entropy: f64,
    agreement: f64,
    divergence: f64,
}

impl Answers {
    /// How many pictures were answered.
    pub(super) fn len(&self) -> usize {
        self.within.len()
    }

    /// Takes what the classifier gives for the views of a picture, the plain one first: one row of
    /// classes each, probabilities or logits.
    pub(super) fn push(&mut self, views: &[f32], classes: usize) {
        let rows: Vec<Vec<f64>> = views.chunks_exact(classes).map(probabilities).collect();
        let count = rows.len() as f64;
        let sum: Vec<f64> = (0..classes)
            .map(|class| rows.iter().map(|row| row[class]).sum())
            .collect();
        let squares: f64 = rows.iter().flatten().map(|p| p * p).sum();
        let pairs = sum.iter().map(|s| s * s).sum::<f64>() - squares;
        self.within.push(pairs / (count * (count - 1.0)).max(1.0));
        let mean: Vec<f64> = sum.iter().map(|s| s / count).collect();
        let each = rows.iter().map(|row| entropy(row)).sum::<f64>() / count;
        self.divergence += (entropy(&mean) - each).max(0.0);
        if let Some((plain, others)) = rows.split_first() {
            let top = likeliest(plain);
            let same = others.iter().filter(|row| likeliest(row) == top).count();
            self.agreement += same as f64 / (VIEWS - 1) as f64;
            self.max_probability += plain.get(top).copied().unwrap_or(0.0);
            self.entropy += entropy(plain);
        }
        self.means.push(mean.iter().map(|p| *p as f32).collect());
    }

    pub(super) fn figures(&self) -> Figures {
        let pictures = self.len();
        let count = (pictures as f64).max(1.0);
        let within = self.within.iter().sum::<f64>() / count;
        let accidents: f64 = self.accidents().iter().sum();
        let between = accidents / (count * (count - 1.0)).max(1.0);
        let all: Vec<f64> = self.sum().iter().map(|p| p / count).collect();
        Figures {
            pictures,
            score: kappa(within, between),
            within,
            between,
            max_probability: self.max_probability / count,
            entropy: self.entropy / count,
            agreement: self.agreement / count,
            divergence: self.divergence / count,
            spread: entropy(&all).exp(),
        }
    }

    /// The score without each of the pictures, for the jackknife; of three pictures or more.
    pub(super) fn scores_without_one(&self) -> Vec<f64> {
        let count = self.len() as f64;
        let accidents = self.accidents();
        let (all, within) = (
            accidents.iter().sum::<f64>(),
            self.within.iter().sum::<f64>(),
        );
        let left = (count - 1.0).max(1.0);
        let pairs = (left * (count - 2.0)).max(1.0);
        self.within
            .iter()
            .zip(&accidents)
            .map(|(own, shared)| kappa((within - own) / left, (all - 2.0 * shared) / pairs))
            .collect()
    }

    fn sum(&self) -> Vec<f64> {
        let classes = self.means.first().map_or(0, Vec::len);
        let mut sum = vec![0.0; classes];
        for mean in &self.means {
            for (sum, p) in sum.iter_mut().zip(mean) {
                *sum += f64::from(*p);
            }
        }
        sum
    }

    /// For each picture, the chances that its answer is that of another, added up.
    fn accidents(&self) -> Vec<f64> {
        let sum = self.sum();
        let shared = |mean: &Vec<f32>| {
            let terms = mean.iter().map(|p| f64::from(*p)).zip(&sum);
            terms.map(|(p, sum)| p * (sum - p)).sum::<f64>()
        };
        self.means.iter().map(shared).collect()
    }
}

/// By how many standard errors `leader` scores higher than `rival` on the same pictures: the
/// jackknife of Tukey (1958) over the pictures. Answers that are the same are 0 apart.
pub(super) fn margin(leader: &Answers, rival: &Answers) -> f64 {
    let difference = leader.figures().score - rival.figures().score;
    let without: Vec<f64> = leader
        .scores_without_one()
        .iter()
        .zip(rival.scores_without_one())
        .map(|(leader, rival)| leader - rival)
        .collect();
    let count = (without.len() as f64).max(1.0);
    let mean = without.iter().sum::<f64>() / count;
    let squares: f64 = without.iter().map(|d| (d - mean).powi(2)).sum();
    let error = ((count - 1.0) / count * squares).sqrt();
    difference / error.max(TINY)
}

fn kappa(within: f64, between: f64) -> f64 {
    let room = 1.0 - between;
    if room < TINY {
        return 0.0;
    }
    (within - between) / room
}

/// A row of probabilities: as it is where it is one, else its softmax.
fn probabilities(row: &[f32]) -> Vec<f64> {
    let row: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
    let sum: f64 = row.iter().sum();
    if row.iter().all(|value| *value >= 0.0) && (sum - 1.0).abs() < 1e-3 {
        return row.iter().map(|value| value / sum).collect();
    }
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|value| (value - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// In nats.
fn entropy(row: &[f64]) -> f64 {
    let terms = row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln());
    -terms.sum::<f64>()
}

fn likeliest(row: &[f64]) -> usize {
    let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
    best.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of one picture after another: the class and the probability of each view.
    fn answers(pictures: &[[(usize, f32); VIEWS]]) -> Answers {
        let mut answers = Answers::default();
        for picture in pictures {
            let mut rows = Vec::new();
            for (class, p) in picture {
                let rest = (1.0 - p) / 3.0;
                rows.extend((0..4).map(|c| if c == *class { *p } else { rest }));
            }
            answers.push(&rows, 4);
        }
        answers
    }

    #[test]
    fn certain_answers_of_their_own_score_one_and_a_constant_one_nothing() {
        let own = answers(&[[(0, 1.0); 3], [(1, 1.0); 3], [(2, 1.0); 3]]).figures();
        assert_eq!((own.score, own.within, own.between), (1.0, 1.0, 0.0));
        assert_eq!(
            (own.max_probability, own.entropy, own.agreement),
            (1.0, 0.0, 1.0)
        );
        assert!((own.spread - 3.0).abs() < 1e-6, "{own:?}");
        let constant = answers(&[[(1, 1.0); 3], [(1, 1.0); 3], [(1, 1.0); 3]]).figures();
        assert_eq!((constant.score, constant.between), (0.0, 1.0));
        let unsure = answers(&[[(0, 0.25); 3], [(1, 0.25); 3]]).figures();
        assert!(unsure.score.abs() < 1e-9, "{unsure:?}");
        assert!((unsure.entropy - 4.0_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn views_that_disagree_are_seen() {
        let wavering = answers(&[[(0, 1.0), (0, 1.0), (1, 1.0)], [(2, 1.0); 3]]).figures();
        // One pair of three agrees in the first picture, all in the second.
        assert!((wavering.within - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(wavering.agreement, 0.75);
        assert!(wavering.divergence > 0.3, "{wavering:?}");
    }

    #[test]
    fn leaving_one_out_is_what_the_rest_scores() {
        let all = [
            [(0, 0.9), (0, 0.8), (1, 0.6)],
            [(1, 0.7), (1, 0.9), (1, 0.8)],
            [(2, 0.5), (3, 0.4), (2, 0.9)],
            [(0, 0.6), (0, 0.6), (2, 0.7)],
        ];
        let without = answers(&all).scores_without_one();
        for (i, found) in without.iter().enumerate() {
            let rest: Vec<_> = (0..4).filter(|j| *j != i).map(|j| all[j]).collect();
            let expected = answers(&rest).figures().score;
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn a_margin_counts_standard_errors() {
        let sharp = answers(&[[(0, 0.9); 3], [(1, 0.8); 3], [(2, 0.9); 3], [(3, 0.85); 3]]);
        let blunt = answers(&[[(0, 0.5); 3], [(1, 0.3); 3], [(2, 0.5); 3], [(3, 0.6); 3]]);
        assert!(margin(&sharp, &blunt) > 3.0);
        assert_eq!(margin(&sharp, &sharp), 0.0);
        assert!((margin(&blunt, &sharp) + margin(&sharp, &blunt)).abs() < 1e-9);
    }

    #[test]
    fn logits_and_probabilities_are_told_apart() {
        assert_eq!(probabilities(&[0.25, 0.75]), [0.25, 0.75]);
        let soft = probabilities(&[1000.0, 1000.0 + 3.0_f32.ln()]);
        assert!((soft[1] - 0.75).abs() < 1e-4, "{soft:?}");
    }
}
