//! The operators that an import writes, computed by their definitions, for one image.

use std::collections::HashMap;

use super::super::super::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};

/// Numbers row by row, without the batch axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Tensor {
    pub(super) fn vector(values: Vec<f32>) -> Self {
        Self {
            dims: vec![values.len()],
            values,
        }
    }

    fn map(&self) -> [usize; 3] {
        self.dims[..].try_into().unwrap()
    }

    /// The axes in another order.
    pub(super) fn transposed(&self, order: [usize; 3]) -> Self {
        let dims = order.map(|axis| self.dims[axis]);
        let strides = [self.dims[1] * self.dims[2], self.dims[2], 1];
        let values = places(dims)
            .map(|place| self.values[(0..3).map(|i| place[i] * strides[order[i]]).sum::<usize>()]);
        Self {
            dims: dims.to_vec(),
            values: values.collect(),
        }
    }

    fn each(&self, of: impl Fn(f32) -> f32) -> Self {
        Self {
            dims: self.dims.clone(),
            values: self.values.iter().map(|&x| of(x)).collect(),
        }
    }

    /// One value for each place of a map of these dims.
    fn filled(dims: [usize; 3], of: impl Fn([usize; 3]) -> f64) -> Self {
        Self {
            dims: dims.to_vec(),
            values: places(dims).map(|at| of(at) as f32).collect(),
        }
    }

    /// The value at a place that may lie outside.
    fn at(&self, channel: usize, y: isize, x: isize) -> Option<f64> {
        let [_, height, width] = self.map();
        let (y, x) = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
        let inside = y < height && x < width;
        inside.then(|| f64::from(self.values[(channel * height + y) * width + x]))
    }
}

fn places(dims: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [first, second, third] = dims;
    (0..first * second * third).map(move |i| [i / (second * third), i / third % second, i % third])
}

/// Runs `model` on pixels [height, width, channels]; maps come back in the same order.
pub(super) fn run(model: &ModelProto, output: &str, pixels: &Tensor) -> Tensor {
    let graph = model.graph.as_ref().unwrap();
    let mut tensors: HashMap<&str, Tensor> = HashMap::new();
    let mut weights: HashMap<&str, &TensorProto> = HashMap::new();
    weights.extend(
        graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name(), tensor)),
    );
    tensors.insert("input", pixels.transposed([2, 0, 1]));
    for node in &graph.node {
        let inputs: Vec<&Tensor> = node
            .input
            .iter()
            .filter_map(|name| tensors.get(name.as_str()))
            .collect();
        let result = compute(node, &inputs, &weights);
        tensors.insert(&node.output[0], result);
    }
    let result = &tensors[output];
    if result.dims.len() == 3 {
        result.transposed([1, 2, 0])
    } else {
        result.clone()
    }
}

struct Node<'a> {
    node: &'a NodeProto,
    weights: &'a HashMap<&'a str, &'a TensorProto>,
}

impl Node<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node
            .attribute
            .iter()
            .find(|attribute| attribute.name() == name)
    }

    fn ints(&self, name: &str) -> Vec<usize> {
        self.attribute(name)
            .unwrap()
            .ints
            .iter()
            .map(|&int| int as usize)
            .collect()
    }

    fn int(&self, name: &str) -> usize {
        self.attribute(name).unwrap().i() as usize
    }

    fn initializer(&self, place: usize) -> Option<&TensorProto> {
        self.weights
            .get(self.node.input.get(place)?.as_str())
            .copied()
    }

    fn floats(&self, place: usize) -> Option<Vec<f32>> {
        let raw = self.initializer(place)?.raw_data().to_vec();
        Some(
            raw.chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        )
    }

    fn integers(&self, place: usize) -> Vec<i64> {
        let raw = self.initializer(place).unwrap().raw_data().to_vec();
        raw.chunks(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }
}

fn compute(node: &NodeProto, inputs: &[&Tensor], weights: &HashMap<&str, &TensorProto>) -> Tensor {
    let operator = node.op_type();
    let node = Node { node, weights };
    let x = inputs[0];
    match operator {
        "Conv" => conv(&node, x),
        "BatchNormalization" => norm(&node, x),
        "Gemm" => gemm(&node, x),
        "MaxPool" | "AveragePool" => pool(&node, x, operator == "MaxPool"),
        "GlobalMaxPool" | "GlobalAveragePool" => global(x, operator == "GlobalMaxPool"),
        "Pad" => pad(&node, x),
        "Relu" => x.each(|x| x.max(0.0)),
        "LeakyRelu" => {
            let alpha = node.attribute("alpha").unwrap().f();
            x.each(|x| if x < 0.0 { alpha * x } else { x })
        }
        "Clip" => {
            let low = node.floats(1).map_or(f32::NEG_INFINITY, |low| low[0]);
            let high = node.floats(2).map_or(f32::INFINITY, |high| high[0]);
            x.each(|x| x.max(low).min(high))
        }
        "Sigmoid" => x.each(|x| 1.0 / (1.0 + (-x).exp())),
        "HardSigmoid" => x.each(|x| (0.2 * x + 0.5).clamp(0.0, 1.0)),
        "Tanh" => x.each(f32::tanh),
        "Softmax" => softmax(&node, x),
        "Add" => stretched(x, inputs[1], |x, y| x + y),
        "Mul" => stretched(x, inputs[1], |x, y| x * y),
        "Concat" => concat(&node, inputs),
        "Flatten" => Tensor::vector(x.values.clone()),
        "Reshape" => {
            let dims = node.integers(1);
            assert_eq!(dims[0], 0, "the batch stays");
            let dims: Vec<usize> = dims[1..].iter().map(|&dim| dim as usize).collect();
            assert_eq!(dims.iter().product::<usize>(), x.values.len());
            Tensor {
                dims,
                values: x.values.clone(),
            }
        }
        "Transpose" => {
            let order = node.ints("perm");
            x.transposed([order[1] - 1, order[2] - 1, order[3] - 1])
        }
        other => panic!("{other} is not expected of an import"),
    }
}

fn conv(node: &Node<'_>, x: &Tensor) -> Tensor {
    let (kernel, bias) = (node.floats(1).unwrap(), node.floats(2));
    let dims: Vec<usize> = node
        .initializer(1)
        .unwrap()
        .dims
        .iter()
        .map(|&d| d as usize)
        .collect();
    let (filters, depth, window) = (dims[0], dims[1], [dims[2], dims[3]]);
    assert_eq!(node.ints("kernel_shape"), window);
    let per_group = filters / node.int("group");
    assert_eq!(depth * node.int("group"), x.dims[0]);
    windows(node, x, window, filters, |o, y, x0| {
        let mut sum = bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
        for [i, dy, dx] in places([depth, window[0], window[1]]) {
            let channel = o / per_group * depth + i;
            let weight = kernel[((o * depth + i) * window[0] + dy) * window[1] + dx];
            let value = x
                .at(channel, y + dy as isize, x0 + dx as isize)
                .unwrap_or(0.0);
            sum += f64::from(weight) * value;
        }
        sum
    })
}

fn pool(node: &Node<'_>, x: &Tensor, max: bool) -> Tensor {
    let window: [usize; 2] = node.ints("kernel_shape").try_into().unwrap();
    windows(node, x, window, x.dims[0], |channel, y, x0| {
        let values: Vec<f64> = places([1, window[0], window[1]])
            .filter_map(|[_, dy, dx]| x.at(channel, y + dy as isize, x0 + dx as isize))
            .collect();
        match max {
            true => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            false => values.iter().sum::<f64>() / values.len() as f64,
        }
    })
}

/// Calls `of(channel, y, x)` for the corner of each window.
fn windows(
    node: &Node<'_>,
    x: &Tensor,
    window: [usize; 2],
    channels: usize,
    of: impl Fn(usize, isize, isize) -> f64,
) -> Tensor {
    let strides = node.ints("strides");
    let pads = pads(node, x, window, &strides);
    let size = |axis: usize| {
        (x.dims[axis + 1] + pads[axis] + pads[axis + 2] - window[axis]) / strides[axis] + 1
    };
    Tensor::filled([channels, size(0), size(1)], |[channel, y, x]| {
        let corner =
            |axis: usize, place: usize| (place * strides[axis]) as isize - pads[axis] as isize;
        of(channel, corner(0, y), corner(1, x))
    })
}

/// Both begins, then both ends, from `pads` or by ONNX's definition of `auto_pad`.
fn pads(node: &Node<'_>, x: &Tensor, window: [usize; 2], strides: &[usize]) -> Vec<usize> {
    if let Some(how) = node.attribute("auto_pad") {
        assert!(node.attribute("pads").is_none(), "they exclude each other");
        if how.s() == b"VALID" {
            return vec![0; 4];
        }
        assert_eq!(how.s(), b"SAME_UPPER");
        let total = |axis: usize| {
            let out = x.dims[axis + 1].div_ceil(strides[axis]);
            ((out - 1) * strides[axis] + window[axis]).saturating_sub(x.dims[axis + 1])
        };
        let before = [total(0) / 2, total(1) / 2];
        return vec![
            before[0],
            before[1],
            total(0) - before[0],
            total(1) - before[1],
        ];
    }
    node.ints("pads")
}

fn norm(node: &Node<'_>, x: &Tensor) -> Tensor {
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|place| node.floats(place).unwrap());
    let epsilon = node.attribute("epsilon").unwrap().f();
    let each = x.values.len() / x.dims[0];
    let values = x.values.iter().enumerate().map(|(place, value)| {
        let c = place / each;
        gamma[c] * (value - mean[c]) / (variance[c] + epsilon).sqrt() + beta[c]
    });
    Tensor {
        dims: x.dims.clone(),
        values: values.collect(),
    }
}

fn gemm(node: &Node<'_>, x: &Tensor) -> Tensor {
    let (kernel, bias) = (node.floats(1).unwrap(), node.floats(2));
    let units = node.initializer(1).unwrap().dims[1] as usize;
    let product = |unit: usize| {
        let bias = bias.as_ref().map_or(0.0, |bias| bias[unit]);
        let products = x
            .values
            .iter()
            .enumerate()
            .map(|(i, x)| x * kernel[i * units + unit]);
        products.sum::<f32>() + bias
    };
    Tensor::vector((0..units).map(product).collect())
}

fn global(x: &Tensor, max: bool) -> Tensor {
    let [channels, height, width] = x.map();
    Tensor::filled([channels, 1, 1], |[channel, ..]| {
        let values = &x.values[channel * height * width..][..height * width];
        match max {
            true => f64::from(values.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
            false => values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64,
        }
    })
}

fn pad(node: &Node<'_>, x: &Tensor) -> Tensor {
    let pads: Vec<usize> = node.integers(1).iter().map(|&pad| pad as usize).collect();
    assert_eq!([pads[0], pads[1], pads[4], pads[5]], [0; 4]);
    let [channels, height, width] = x.map();
    let dims = [
        channels,
        height + pads[2] + pads[6],
        width + pads[3] + pads[7],
    ];
    Tensor::filled(dims, |[channel, y, x0]| {
        let (y, x0) = (
            y as isize - pads[2] as isize,
            x0 as isize - pads[3] as isize,
        );
        x.at(channel, y, x0).unwrap_or(0.0)
    })
}

fn softmax(node: &Node<'_>, x: &Tensor) -> Tensor {
    assert_eq!(node.int("axis"), 1, "over the channels, which come first");
    let each = x.values.len() / x.dims[0];
    let values = x.values.iter().enumerate().map(|(place, value)| {
        let sum: f32 = (0..x.dims[0])
            .map(|c| x.values[c * each + place % each].exp())
            .sum();
        value.exp() / sum
    });
    Tensor {
        dims: x.dims.clone(),
        values: values.collect(),
    }
}

fn stretched(x: &Tensor, y: &Tensor, of: impl Fn(f32, f32) -> f32) -> Tensor {
    if x.dims == y.dims {
        let values = x
            .values
            .iter()
            .zip(&y.values)
            .map(|(&x, &y)| of(x, y))
            .collect();
        return Tensor {
            dims: x.dims.clone(),
            values,
        };
    }
    let (a, b) = (x.map(), y.map());
    let value = |tensor: &Tensor, at: [usize; 3]| {
        let [c, y, x] = [0, 1, 2].map(|i| at[i].min(tensor.dims[i] - 1));
        tensor.at(c, y as isize, x as isize).unwrap() as f32
    };
    Tensor::filled([0, 1, 2].map(|i| a[i].max(b[i])), |at| {
        f64::from(of(value(x, at), value(y, at)))
    })
}

fn concat(node: &Node<'_>, inputs: &[&Tensor]) -> Tensor {
    let axis = node.int("axis") - 1;
    let outer: usize = inputs[0].dims[..axis].iter().product();
    let mut result = Tensor {
        dims: inputs[0].dims.clone(),
        values: Vec::new(),
    };
    result.dims[axis] = inputs.iter().map(|input| input.dims[axis]).sum();
    for row in 0..outer {
        for input in inputs {
            let each = input.values.len() / outer;
            result.values.extend(&input.values[row * each..][..each]);
        }
    }
    result
}
