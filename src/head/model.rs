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
