//! Weights as signed bytes with a scale for each output channel.

use ndarray::{ArrayView2, Axis, s};

use super::capture::{Capture, Network, Tensor};
use super::error::QuantizeError;
use super::gptq::{self, TOP};
use super::observe::Grids;
use super::patches::{self, Grams};
use super::plan::{Conv, Plan};
use super::{QuantizeConfig, Rounding, Watch, parallel};

/// Bytes of sums of products that are held at one time; what does not fit waits for another pass
/// over the images.
const BUDGET: usize = 1 << 30;
/// The largest bias in steps of its scale: half of what 32 bits hold, so that the sum with the
/// products does too.
const BIAS_TOP: f64 = (1_u64 << 30) as f64;

/// A convolution's weights and bias as whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IntegerWeights {
    /// In the order of the float weights, -127..=127.
    pub(super) weights: Vec<i8>,
    /// One scale for each output channel.
    pub(super) scales: Vec<f32>,
    /// The bias in steps of `bias_scales`, which are the weights' scales times the input's.
    pub(super) bias: Option<Vec<i32>>,
    pub(super) bias_scales: Vec<f32>,
}

/// All weights of a network.
#[derive(Debug)]
pub(super) struct Rounded {
    /// By the convolutions of the plan.
    pub(super) weights: Vec<IntegerWeights>,
    /// Convolutions that were rounded to the nearest although more was asked for.
    pub(super) nearest: Vec<String>,
}

/// Rounds the weights of every convolution.
///
/// # Errors
/// A run that fails, an input that does not fit its convolution.
pub(super) fn round(
    network: &Network<'_>,
    plan: &Plan,
    grids: &Grids,
    images: &[&[f32]],
    config: &QuantizeConfig,
    watch: &mut Watch<'_>,
) -> Result<Rounded, QuantizeError> {
    let mut rounded = Rounded {
        weights: Vec::with_capacity(plan.convs.len()),
        nearest: Vec::new(),
    };
    let mut rest = plan.convs.as_slice();
    while !rest.is_empty() {
        let mut some = rest.len();
        if config.rounding == Rounding::Gptq {
            some = fitting(rest);
        }
        let (convs, others) = rest.split_at(some);
        rest = others;
        let mut grams: Vec<Option<Grams>> = match config.rounding {
            Rounding::Nearest => convs.iter().map(|_| None).collect(),
            Rounding::Gptq => {
                let sums = sums(network, convs, images, config.seed, watch)?;
                sums.into_iter().map(Some).collect()
            }
        };
        watch("weights", rounded.weights.len(), plan.convs.len());
        let done = parallel::each(&mut grams, |place, grams| {
            let input = grids.get(&convs[place].input);
            let step = input.map_or(1.0, |grid| grid.scale);
            // Taken, so that the sums are gone as soon as they are used.
            one(&convs[place], step, grams.take().as_ref())
        });
        for (conv, (weights, fell_back)) in convs.iter().zip(done) {
            rounded.weights.push(weights);
            if fell_back {
                rounded.nearest.push(conv.name.clone());
            }
        }
    }
    watch("weights", plan.convs.len(), plan.convs.len());
    Ok(rounded)
}

/// How many of the convolutions fit into the budget together; at least one.
fn fitting(convs: &[Conv]) -> usize {
    let mut bytes = 0_usize;
    let over = convs.iter().position(|conv| {
        bytes = bytes.saturating_add(patches::bytes(conv));
        bytes > BUDGET
    });
    over.map_or(convs.len(), |place| place.max(1))
}

/// The sums of products of the inputs of some convolutions.
fn sums(
    network: &Network<'_>,
    convs: &[Conv],
    images: &[&[f32]],
    seed: u64,
    watch: &mut Watch<'_>,
) -> Result<Vec<Grams>, QuantizeError> {
    let mut wanted: Vec<&str> = convs.iter().map(|conv| conv.input.as_str()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut sums: Vec<Grams> = convs.iter().map(Grams::new).collect();
    let mut capture = Capture::open(network, network.model, &wanted)?;
    let mut add = |before: usize, tensors: &[Tensor<'_>]| {
        watch("patches", before, images.len());
        let tensor = |conv: &Conv| {
            let place = wanted.binary_search(&conv.input.as_str());
            &tensors[place.unwrap_or(0)]
        };
        let fits = parallel::each(&mut sums, |place, grams| {
            let conv = &convs[place];
            grams.add(conv, tensor(conv), before, seed)
        });
        match convs.iter().zip(fits).find(|(_, fits)| !fits) {
            None => Ok(()),
            Some((conv, _)) => Err(QuantizeError::Shape {
                path: network.path.to_owned(),
                conv: conv.name.clone(),
                found: tensor(conv).dims.clone(),
                weights: conv.shape.to_vec(),
            }),
        }
    };
    capture.run(images, &mut add)?;
    Ok(sums)
}

/// One convolution's weights, and whether any of its groups fell back to the nearest.
fn one(conv: &Conv, step: f32, grams: Option<&Grams>) -> (IntegerWeights, bool) {
    let scales = scales(conv, step);
    let mut weights = Vec::with_capacity(conv.weights.len());
    let mut fell_back = false;
    let size = (conv.shape[0], conv.fan_in());
    if let Ok(all) = ArrayView2::from_shape(size, &conv.weights) {
        let outputs = conv.shape[0] / conv.groups;
        for (group, some) in all.axis_chunks_iter(Axis(0), outputs.max(1)).enumerate() {
            let scales = &scales[group * outputs..][..some.nrows()];
            let gram = grams.and_then(|grams| grams.of.get(group));
            let made = gram.and_then(|gram| gptq::gptq(some, scales, gram));
            fell_back |= gram.is_some() && made.is_none();
            let rounded = made.unwrap_or_else(|| gptq::nearest(some, scales));
            weights.extend(rounded.slice(s![.., ..]).iter());
        }
    }
    let bias_scales: Vec<f32> = scales.iter().map(|scale| scale * step).collect();
    let whole = |(bias, scale): (&f32, &f32)| {
        (f64::from(*bias) / f64::from(*scale)).round_ties_even() as i32
    };
    let bias = conv.bias.as_ref();
    let bias = bias.map(|bias| bias.iter().zip(&bias_scales).map(whole).collect());
    let integers = IntegerWeights {
        weights,
        scales,
        bias,
        bias_scales,
    };
    (integers, fell_back)
}

/// The scale of each output channel: its largest weight is 127 steps, unless its bias needs larger
/// steps to fit 32 bits. `step` is the input's.
fn scales(conv: &Conv, step: f32) -> Vec<f32> {
    let channels = conv.weights.chunks_exact(conv.fan_in().max(1));
    let scale = |(channel, weights): (usize, &[f32])| {
        let most = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        let bias = conv.bias.as_ref().and_then(|bias| bias.get(channel));
        let needed = f64::from(bias.map_or(0.0, |bias| bias.abs())) / BIAS_TOP / f64::from(step);
        let scale = (f64::from(most) / TOP).max(needed) as f32;
        // Weights of zero, or so small that no float could hold their products' scale.
        if scale.is_normal() && (scale * step).is_normal() {
            scale
        } else {
            1.0 / step
        }
    };
    channels.enumerate().map(scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::onnx::proto::NodeProto;
    use crate::backbone::quantize::geometry::Geometry;

    fn conv(weights: &[f32], bias: &[f32]) -> Conv {
        Conv {
            node: 0,
            name: "conv".to_owned(),
            input: "x".to_owned(),
            output: "y".to_owned(),
            activation: None,
            clipped: false,
            weights: weights.to_vec(),
            shape: [bias.len(), weights.len() / bias.len(), 1, 1],
            groups: 1,
            bias: Some(bias.to_vec()),
            geometry: Geometry::of(&NodeProto::default(), [1, 1]).unwrap(),
        }
    }

    #[test]
    fn the_largest_weight_is_127_steps() {
        let conv = conv(&[0.5, -1.27, 0.1, 2.0, 0.0, -4.0], &[0.3, -0.3]);
        let (integers, fell_back) = one(&conv, 0.02, None);
        assert!(!fell_back);
        assert_eq!(integers.weights, [50, -127, 10, 64, 0, -127]);
        assert_eq!(integers.bias, Some(vec![1500, -476]));
    }

    #[test]
    fn a_bias_fits_whatever_its_weights() {
        let conv = conv(&[0.0, 0.0, 1e-9, 0.0], &[7.0, 1e4]);
        let (integers, _) = one(&conv, 0.01, None);
        let bias = integers.bias.clone().unwrap();
        for ((bias, scale), wanted) in bias.iter().zip(&integers.bias_scales).zip([7.0, 1e4]) {
            let back = f64::from(*bias) * f64::from(*scale);
            assert!((back - wanted).abs() < 1e-3 * wanted, "{back}");
        }
    }

    #[test]
    fn weights_of_zero_have_a_scale() {
        let (integers, _) = one(&conv(&[0.0, 1e-44], &[0.0, 0.0]), 0.5, None);
        assert_eq!(integers.weights, [0, 0]);
        assert_eq!(integers.bias, Some(vec![0, 0]));
        assert!(integers.scales.iter().all(|scale| *scale > 0.0));
    }
}
