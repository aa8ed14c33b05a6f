//! How a logit changes with the features.

use ndarray::{Array1, ArrayView1, Axis};

use crate::head::error::HeadError;
use crate::head::layers::Layer;
use crate::head::model::Head;

/// The gradients of a head's logits with respect to its features, exact through all layers as they
/// are used after training (BatchNorm by its running statistics, no dropout).
#[derive(Debug, Clone)]
pub struct LogitGradients {
    layers: Vec<Layer>,
}

impl LogitGradients {
    /// Of this head.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        Self {
            layers: head.layers(),
        }
    }

    /// d logit of `class` / d features at a row of features, `[features]`. Of a linear head it is
    /// the class's row of weights, wherever it is taken.
    ///
    /// # Errors
    /// A row of another width than the head was trained on, a class that it does not know.
    pub fn at(
        &self,
        features: ArrayView1<'_, f32>,
        class: usize,
    ) -> Result<Array1<f32>, HeadError> {
        let inputs = self.layers.first().map_or(0, |layer| layer.weight.ncols());
        let classes = self.layers.last().map_or(0, |layer| layer.weight.nrows());
        if features.len() != inputs {
            return Err(HeadError::Width {
                expected: inputs,
                found: features.len(),
            });
        }
        if class >= classes {
            return Err(HeadError::NoSuchClass { class, classes });
        }
        let before = self.forward(features);
        let mut gradient = Array1::from_elem(1, 1.0_f32);
        for (layer, before) in self.layers.iter().zip(&before).rev() {
            match layer.activation {
                // From the class's logit alone, whose gradient is 1.
                None => gradient = layer.weight.row(class).to_owned(),
                Some(activation) => {
                    let mut rows = gradient.insert_axis(Axis(0));
                    let before = before.clone().insert_axis(Axis(0));
                    activation.backward(&before, &mut rows);
                    gradient = rows.row(0).dot(&layer.weight);
                }
            }
        }
        Ok(gradient)
    }

    /// What goes into each layer's activation.
    fn forward(&self, features: ArrayView1<'_, f32>) -> Vec<Array1<f32>> {
        let mut before = Vec::with_capacity(self.layers.len());
        let mut x = features.to_owned();
        for layer in &self.layers {
            let z = layer.weight.dot(&x) + &layer.bias;
            x = match layer.activation {
                Some(activation) => {
                    let rows = activation.apply(z.clone().insert_axis(Axis(0)));
                    rows.row(0).to_owned()
                }
                None => Array1::zeros(0),
            };
            before.push(z);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::explain::testing::{features, head};

    #[test]
    fn gradients_agree_with_differences_of_the_heads_own_logits() {
        // Steps are large for the sake of f32: between two kinks of a ReLU the logit is linear.
        const H: f32 = 1e-2;
        for (hidden, batch_norm) in [(&[][..], false), (&[9], false), (&[9, 6], true)] {
            let head = head(hidden, batch_norm);
            let gradients = LogitGradients::of(&head);
            for row in features(4).outer_iter() {
                let logit = |place: usize, step: f32, class: usize| {
                    let mut x = row.to_owned();
                    x[place] += step;
                    head.logits(x.insert_axis(Axis(0)).view()).unwrap()[[0, class]]
                };
                for class in 0..head.classes() {
                    let gradient = gradients.at(row, class).unwrap();
                    for (place, &g) in gradient.iter().enumerate() {
                        let (up, down) = (logit(place, H, class), logit(place, -H, class));
                        let (left, right) = (
                            (logit(place, 0.0, class) - down) / H,
                            (up - logit(place, 0.0, class)) / H,
                        );
                        // At a kink the two sides differ, and the slope is one of them.
                        let low = left.min(right) - 2e-3;
                        let high = left.max(right) + 2e-3;
                        assert!((low..=high).contains(&g), "{hidden:?}: {left} {g} {right}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_widths_and_classes_are_refused() {
        let gradients = LogitGradients::of(&head(&[], false));
        let narrow = gradients.at(Array1::zeros(3).view(), 0).unwrap_err();
        assert!(narrow.to_string().contains("12 features, these have 3"));
        let class = gradients.at(Array1::zeros(12).view(), 3).unwrap_err();
        assert!(class.to_string().contains("class 3"), "{class}");
    }
}
