//! Class activation maps.

use ndarray::{Array2, ArrayView1, ArrayView3, Zip};

/// How much each place of an image speaks for a class, `[height, width]`:
///
/// > M(i, j) = sum over channels c of w(c) A(c, i, j)
///
/// from the feature map A `[channels, height, width]` and a weight for each channel (those beyond
/// the shorter of the two are left out). Where the features f are the means of the channels (a
/// global average pool) and w is the class's row of a linear head, the mean of M plus the bias is
/// the logit: the class activation map of Zhou et al. 2016 ("Learning Deep Features for
/// Discriminative Localization"), equation 2. With the gradient of the logit for w it is Grad-CAM
/// (Selvaraju et al. 2017), equations 1 and 2, but for their ReLU, which is left to whoever draws
/// the map, and for their factor of 1 / (height * width): the gradient of a mean spreads evenly
/// over the places, so theirs is this map divided by their number.
#[must_use]
pub fn class_map(map: ArrayView3<'_, f32>, weights: ArrayView1<'_, f32>) -> Array2<f32> {
    let (_, height, width) = map.dim();
    let mut sum = Array2::<f64>::zeros((height, width));
    for (channel, &weight) in map.outer_iter().zip(weights) {
        let weight = f64::from(weight);
        Zip::from(&mut sum)
            .and(&channel)
            .for_each(|sum, &a| *sum += weight * f64::from(a));
    }
    #[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
    sum.mapv(|value| value as f32)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Axis, array};

    use super::*;
    use crate::head::explain::LogitGradients;
    use crate::head::explain::testing::head;

    fn map() -> Array3<f32> {
        Array3::from_shape_fn((12, 4, 3), |(c, i, j)| {
            ((c * 12 + i * 3 + j) as f32 * 0.77).sin().max(0.0)
        })
    }

    #[test]
    fn a_map_by_hand() {
        let map = array![[[1.0, 2.0]], [[3.0, 4.0]]];
        let weights = array![10.0, -1.0];
        assert_eq!(class_map(map.view(), weights.view()), array![[7.0, 16.0]]);
    }

    #[test]
    fn of_a_linear_head_the_mean_plus_the_bias_is_the_logit() {
        let head = head(&[], false);
        let features = map().mean_axis(Axis(2)).unwrap();
        let features = features.mean_axis(Axis(1)).unwrap().insert_axis(Axis(0));
        let logits = head.logits(features.view()).unwrap();
        let gradients = LogitGradients::of(&head);
        let bias = head.layers()[0].bias.clone();
        for class in 0..head.classes() {
            let weights = gradients.at(features.row(0), class).unwrap();
            let mean = class_map(map().view(), weights.view()).mean().unwrap();
            let off = mean + bias[class] - logits[[0, class]];
            assert!(off.abs() < 1e-6, "class {class}: {off}");
        }
    }
}
