//! A trained head.

use ndarray::{Array2, ArrayView2};

use super::error::HeadError;
use super::network::Network;
use super::network::loss::log_softmax;

/// A classifier of feature rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub(super) network: Network<f32>,
    pub(super) class_names: Vec<String>,
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

    /// `[n, inputs] -> [n, classes]`: the softmax of the logits; each row sums to 1.
    ///
    /// # Errors
    /// Rows of another width than the head was trained on.
    pub fn probabilities(&self, features: ArrayView2<'_, f32>) -> Result<Array2<f32>, HeadError> {
        Ok(log_softmax(self.logits(features)?).mapv_into(f32::exp))
    }
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
