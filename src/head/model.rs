//! A trained head.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::error::HeadError;
use super::network::Network;
use super::network::loss::log_softmax;

/// A classifier of feature rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub(super) network: Network<f32>,
    pub(super) class_names: Vec<String>,
    /// What logits are divided by before the softmax; 1 leaves them as they are.
    pub(super) temperature: f32,
    /// The least probability of the most probable class that counts as an answer.
    pub(super) reject_below: Option<f32>,
}

impl Head {
    /// A head whose classes are named by their numbers.
    pub(super) fn new(network: Network<f32>) -> Self {
        let class_names = (0..network.output.outputs())
            .map(|class| class.to_string())
            .collect();
        Self {
            network,
            class_names,
            temperature: 1.0,
            reject_below: None,
        }
    }

    /// The same head with names for its classes, which are saved with it.
    ///
    /// # Errors
    /// Another number of names than there are classes.
    pub fn with_class_names(self, names: &[String]) -> Result<Self, HeadError> {
        let expected = self.classes();
        if names.len() != expected {
            return Err(HeadError::ClassNames {
                expected,
                found: names.len(),
            });
        }
        Ok(Self {
            class_names: names.to_vec(),
            ..self
        })
    }

    /// The same head with another temperature, a finite number above 0 (others are left out of
    /// account).
    #[must_use]
    pub fn with_temperature(self, temperature: f32) -> Self {
        if !is_temperature(temperature) {
            return self;
        }
        Self {
            temperature,
            ..self
        }
    }

    /// The same head, which is to give no answer where the probability of its most probable class
    /// is below `threshold`; see [`Head::answers`].
    #[must_use]
    pub fn with_reject_below(self, threshold: Option<f32>) -> Self {
        Self {
            reject_below: threshold.filter(|share| is_share(*share)),
            ..self
        }
    }

    /// What the logits are divided by before the softmax, so that the probabilities are as sure as
    /// they ought to be (Guo et al. 2017); 1 where nothing was fitted.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The probability that a head's answer must have; `None` where every answer counts.
    pub fn reject_below(&self) -> Option<f32> {
        self.reject_below
    }

    /// Whether a row of [`Head::probabilities`] is sure enough to be an answer.
    pub fn answers(&self, probabilities: ArrayView1<'_, f32>) -> bool {
        let most = probabilities.iter().copied().fold(0.0, f32::max);
        self.reject_below.is_none_or(|least| most >= least)
    }

    /// The names of the classes, in the order of the columns.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> usize {
        self.network.output.outputs()
    }

    /// Features that a row must have.
    pub fn inputs(&self) -> usize {
        self.network.inputs()
    }

    /// `[n, inputs] -> [n, classes]`, before the softmax. A row's logits do not depend on the
    /// rows beside it.
    ///
    /// # Errors
    /// Rows of another width than the head was trained on.
    pub fn logits(&self, features: ArrayView2<'_, f32>) -> Result<Array2<f32>, HeadError> {
        let (expected, found) = (self.inputs(), features.ncols());
        if expected != found {
            return Err(HeadError::Width { expected, found });
        }
        Ok(self.network.logits(features))
    }

    /// `[n, inputs] -> [n, classes]`: the softmax of the logits over the temperature; each row
    /// sums to 1.
    ///
    /// # Errors
    /// Rows of another width than the head was trained on.
    pub fn probabilities(&self, features: ArrayView2<'_, f32>) -> Result<Array2<f32>, HeadError> {
        Ok(softmax_at(self.temperature, self.logits(features)?))
    }
}

/// The softmax of `logits / temperature`, row by row. Logits may also be log probabilities, which
/// differ from them by a constant a row.
pub(super) fn softmax_at(temperature: f32, logits: Array2<f32>) -> Array2<f32> {
    log_softmax(logits.mapv_into(|x| x / temperature)).mapv_into(f32::exp)
}

/// Whether logits can be divided by it.
pub(super) fn is_temperature(x: f32) -> bool {
    x.is_finite() && x > 0.0
}

/// Whether it is a share of a whole.
pub(super) fn is_share(x: f32) -> bool {
    (0.0..=1.0).contains(&x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::config::{DenseConfig, HeadConfig};
    use crate::head::random::stream;
    use ndarray::s;

    fn head() -> Head {
        let dense: DenseConfig =
            serde_saphyr::from_str("{hidden: [70, 33], batch_norm: true}").unwrap();
        let config = HeadConfig::Dense(dense);
        Head::new(Network::new(&config, 129, 5, &mut stream("test", 1, &[])))
    }

    fn rows() -> Array2<f32> {
        Array2::from_shape_fn((23, 129), |(i, j)| (i as f32 * 3.7 + j as f32 * 0.9).sin())
    }

    #[test]
    fn probabilities_are_the_softmax_of_the_logits() {
        let (head, rows) = (head(), rows());
        let p = head.probabilities(rows.view()).unwrap();
        let e = head
            .logits(rows.view())
            .unwrap()
            .mapv(|x| f64::from(x).exp());
        for (p, e) in p.outer_iter().zip(e.outer_iter()) {
            let sum = e.sum();
            assert!(
                p.iter()
                    .zip(&e)
                    .all(|(&p, e)| (f64::from(p) - e / sum).abs() < 1e-6)
            );
        }
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let (cold, rows) = (head().with_temperature(0.5), rows());
        let doubled = head().logits(rows.view()).unwrap() * 2.0;
        let expected = softmax_at(1.0, doubled);
        let found = cold.probabilities(rows.view()).unwrap();
        assert!((&found - &expected).iter().all(|d| d.abs() < 1e-6));
        assert_eq!(cold.temperature(), 0.5);
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(head().with_temperature(bad), head());
        }
    }

    #[test]
    fn an_answer_below_the_threshold_is_none() {
        let sure = ndarray::array![0.05, 0.9, 0.05];
        let row = |head: &Head| head.answers(sure.view());
        assert!(row(&head()));
        assert!(row(&head().with_reject_below(Some(0.9))));
        assert!(!row(&head().with_reject_below(Some(0.91))));
        assert_eq!(head().with_reject_below(Some(1.5)).reject_below(), None);
    }

    #[test]
    fn a_row_scores_the_same_alone_and_in_company() {
        let (head, rows) = (head(), rows());
        let whole = head.probabilities(rows.view()).unwrap();
        for size in [1, 2, 5, 16] {
            for start in (0..23).step_by(size) {
                let part = s![start..(start + size).min(23), ..];
                assert_eq!(
                    head.probabilities(rows.slice(part)).unwrap(),
                    whole.slice(part)
                );
            }
        }
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let message = head()
            .logits(Array2::zeros((2, 128)).view())
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "the head takes rows of 129 features, these have 128"
        );
        let head = head();
        assert_eq!((head.inputs(), head.classes()), (129, 5));
        assert_eq!(head.class_names(), ["0", "1", "2", "3", "4"]);
    }
}
