//! A head as a plain list of layers, for what runs it elsewhere or looks into it.

use ndarray::{Array1, Array2, Axis};

use super::config::Activation;
use super::model::Head;
use super::network::Hidden;
use super::network::batch_norm::EPSILON;
use super::network::linear::Linear;

/// One layer as it is used after training: `activation(x Wᵀ + b)`. A BatchNorm is folded into
/// weight and bias, dropout is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// W, `[outputs, inputs]`.
    pub weight: Array2<f32>,
    /// b, `[outputs]`.
    pub bias: Array1<f32>,
    /// What follows; `None` for the last layer, which gives the logits.
    pub activation: Option<Activation>,
}

impl Head {
    /// Whether convolutions of its own stand before its layers.
    #[must_use]
    pub fn has_convolutions(&self) -> bool {
        !self.network.maps.is_empty()
    }

    /// The layers from features to logits: one for a logistic head, more for a dense one. Of a
    /// convolutional head those that follow its convolutions, which are no layers of this kind.
    ///
    /// A BatchNorm with the running mean m and variance v, scale g and shift s is the linear map
    /// y = (x - m) * g / sqrt(v + epsilon) + s, so it disappears in the layer before it. Weights
    /// are folded in `f64` and rounded once.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        let hidden = self.network.hidden.iter().map(folded);
        let last = Layer {
            weight: self.network.output.weight.clone(),
            bias: bias_of(&self.network.output),
            activation: None,
        };
        hidden.chain([last]).collect()
    }
}

fn bias_of(linear: &Linear<f32>) -> Array1<f32> {
    match &linear.bias {
        Some(bias) => bias.iter().copied().collect(),
        None => Array1::zeros(linear.outputs()),
    }
}

#[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
fn folded(layer: &Hidden<f32>) -> Layer {
    let mut weight = layer.linear.weight.clone();
    let mut bias = bias_of(&layer.linear);
    if let Some(norm) = &layer.norm {
        let rows = weight.axis_iter_mut(Axis(0)).zip(&mut bias).enumerate();
        for (unit, (mut row, bias)) in rows {
            let at = [0, unit];
            let deviation = (f64::from(norm.variance[at]) + EPSILON).sqrt();
            let factor = f64::from(norm.affine.scale[at]) / deviation;
            row.mapv_inplace(|w| (f64::from(w) * factor) as f32);
            let centred = f64::from(*bias) - f64::from(norm.mean[at]);
            *bias = (centred * factor + f64::from(norm.affine.shift[at])) as f32;
        }
    }
    Layer {
        weight,
        bias,
        activation: Some(layer.activation),
    }
}

#[cfg(test)]
mod tests {
    use crate::head::explain::testing::{features, head};

    #[test]
    fn the_layers_give_the_logits_of_the_head() {
        for (hidden, batch_norm) in [(&[][..], false), (&[9], false), (&[9, 6], true)] {
            let head = head(hidden, batch_norm);
            let x = features(7);
            let logits = head.logits(x.view()).unwrap();
            let mut h = x;
            for layer in head.layers() {
                h = h.dot(&layer.weight.t()) + &layer.bias;
                if let Some(activation) = layer.activation {
                    h = activation.apply(h);
                }
            }
            let off = (&h - &logits)
                .mapv(f32::abs)
                .into_iter()
                .fold(0.0, f32::max);
            assert!(off < 1e-5, "{hidden:?}: {off}");
        }
    }
}
