//! What is said about one image.

use std::path::PathBuf;

use ndarray::ArrayView1;

use crate::head::metrics::predicted;
use crate::pipeline::LooksLike;

/// What is said about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Its path, as it was named or found.
    pub image: PathBuf,
    /// The answer, or what is wrong with the image.
    pub scores: Result<Scores, String>,
}

/// A classifier's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// A probability for each class.
    pub probabilities: Vec<f32>,
    /// The most probable class, the first of equals.
    pub class: usize,
    /// Whether its probability is too small for an answer.
    pub rejected: bool,
    /// Training examples that look like the image, the most similar first.
    pub looks_like: Vec<LooksLike>,
    /// The file of its heat map.
    pub heat_map: Option<PathBuf>,
}

impl Scores {
    /// Of a row of probabilities; an answer must have at least `reject`, where that is given.
    #[must_use]
    pub fn of(probabilities: &[f32], reject: Option<f32>) -> Self {
        let class = predicted(ArrayView1::from(probabilities));
        let most = probabilities.get(class).copied().unwrap_or(0.0);
        Self {
            probabilities: probabilities.to_vec(),
            class,
            rejected: reject.is_some_and(|least| most < least),
            looks_like: Vec::new(),
            heat_map: None,
        }
    }

    /// The `k` most probable classes, the most probable first and the first of equals before the
    /// others.
    #[must_use]
    pub fn top(&self, k: usize) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.probabilities.len()).collect();
        classes.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        classes.truncate(k);
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_come_first_and_too_little_is_no_answer() {
        let scores = Scores::of(&[0.2, 0.3, 0.3, 0.2], Some(0.5));
        assert_eq!((scores.class, scores.rejected), (1, true));
        assert_eq!(scores.top(3), [1, 2, 0]);
        assert_eq!(scores.top(9).len(), 4);
        assert!(!Scores::of(&[0.5, 0.5], Some(0.5)).rejected);
        assert!(!Scores::of(&[0.1, 0.2], None).rejected);
    }
}
