//! EfficientNet-Lite by its definition, one image at a time, batch norm not folded.

use std::collections::HashMap;

use super::super::architecture::Blueprint;
use super::writer::Entry;

/// Side and values, channel by channel.
#[derive(Clone)]
struct Map(usize, Vec<f64>);

struct Net<'a>(HashMap<&'a str, &'a Entry>);

/// Features and logits of an image.
pub(super) fn run(net: &Blueprint, entries: &[Entry], image: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let known = entries.iter().map(|entry| (entry.name.as_str(), entry));
    let weights = Net(known.collect());
    let pixels = image.iter().copied().map(f64::from).collect();
    let x = Map(net.size, pixels);
    let mut x = relu6(weights.conv("_conv_stem", "_bn0", &x, 2, false));
    for (place, block) in net.blocks.iter().enumerate() {
        let name = |part: &str| format!("_blocks.{place}.{part}");
        let input = x.clone();
        if block.expansion != 1 {
            x = relu6(weights.conv(&name("_expand_conv"), &name("_bn0"), &x, 1, false));
        }
        let depthwise = (name("_depthwise_conv"), name("_bn1"));
        x = relu6(weights.conv(&depthwise.0, &depthwise.1, &x, block.stride, true));
        x = weights.conv(&name("_project_conv"), &name("_bn2"), &x, 1, false);
        if (block.stride, block.inputs) == (1, block.outputs) {
            x.1.iter_mut().zip(&input.1).for_each(|(x, y)| *x += y);
        }
    }
    let x = relu6(weights.conv("_conv_head", "_bn1", &x, 1, false));
    let pixels = x.0 * x.0;
    let features: Vec<f64> =
        x.1.chunks(pixels)
            .map(|map| map.iter().sum::<f64>() / pixels as f64)
            .collect();
    let (kernel, bias) = (weights.0["_fc.weight"], weights.0["_fc.bias"]);
    let logit = |class: usize| {
        let products = features.iter().enumerate();
        let sum: f64 = products.map(|(i, x)| x * at(kernel, &[class, i])).sum();
        (sum + at(bias, &[class])) as f32
    };
    let logits = (0..bias.shape[0]).map(logit).collect();
    (features.iter().map(|x| *x as f32).collect(), logits)
}

fn relu6(mut map: Map) -> Map {
    map.1.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0));
    map
}

/// The element of a tensor at some indices.
fn at(entry: &Entry, indices: &[usize]) -> f64 {
    let place: usize = indices.iter().zip(&entry.strides).map(|(i, s)| i * s).sum();
    f64::from(entry.values[place])
}

impl Net<'_> {
    /// A convolution padded as TensorFlow does, and a batch norm.
    fn conv(&self, conv: &str, norm: &str, x: &Map, stride: usize, depthwise: bool) -> Map {
        let kernel = self.0[format!("{conv}.weight").as_str()];
        let [filters, depth, side, _] = kernel.shape[..].try_into().unwrap();
        let out = x.0.div_ceil(stride);
        let before = ((out - 1) * stride + side).saturating_sub(x.0) / 2;
        let role = |role: &str| self.0[format!("{norm}.{role}").as_str()];
        let (gamma, beta) = (role("weight"), role("bias"));
        let (mean, variance) = (role("running_mean"), role("running_var"));
        let mut values = Vec::new();
        for o in 0..filters {
            let scale = at(gamma, &[o]) / (at(variance, &[o]) + 1e-3).sqrt();
            for place in 0..out * out {
                let corner = [place / out * stride, place % out * stride];
                let mut sum = 0.0;
                for k in 0..depth * side * side {
                    let (i, dy, dx) = (k / (side * side), k / side % side, k % side);
                    let inside = |from: usize| (before..x.0 + before).contains(&from);
                    let (y, x0) = (corner[0] + dy, corner[1] + dx);
                    if inside(y) && inside(x0) {
                        let channel = if depthwise { o } else { i };
                        let pixel = (channel * x.0 + y - before) * x.0 + x0 - before;
                        sum += at(kernel, &[o, i, dy, dx]) * x.1[pixel];
                    }
                }
                values.push((sum - at(mean, &[o])) * scale + at(beta, &[o]));
            }
        }
        Map(out, values)
    }
}
