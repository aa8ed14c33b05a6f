//! EfficientNet-Lite as an ONNX graph, its weights by the names that
//! `efficientnet_lite_pytorch` gives them.

use super::super::build::{GraphBuilder, int, ints};
use super::super::norm::Norm;
use super::super::proto::ModelProto;
use super::architecture::{Block, Blueprint};
use super::error::{TorchError, WeightProblem};
use super::state::StateDict;

/// Of all its batch norms.
const EPSILON: f64 = 1e-3;

/// The graph, and what went into it.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) model: ModelProto,
    pub(super) classes: usize,
    pub(super) parameters: usize,
    pub(super) folded_norms: usize,
}

/// Builds the network of the blueprint, all of whose weights, and no others, must be in the state
/// dict.
pub(super) fn build(blueprint: &Blueprint, state: &mut StateDict) -> Result<Network, TorchError> {
    let mut builder = Builder {
        graph: GraphBuilder::new(blueprint.name),
        architecture: blueprint.name,
        state,
        parameters: 0,
        folded_norms: 0,
    };
    builder.body(blueprint)?;
    let classes = builder.top(blueprint.head)?;
    if let Some(name) = builder.state.unexpected().map(str::to_owned) {
        return Err(builder.wrong(&name, WeightProblem::Unexpected));
    }
    let notes = [
        ("source", "PyTorch state dict"),
        ("architecture", blueprint.name),
    ];
    Ok(Network {
        classes,
        parameters: builder.parameters,
        folded_norms: builder.folded_norms,
        model: builder.graph.finish(&notes),
    })
}

/// A convolution without its weights: a square kernel over all channels, or one over each.
#[derive(Clone, Copy, Debug)]
struct Conv {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    depthwise: bool,
}

impl Conv {
    fn pointwise(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel: 1,
            stride: 1,
            depthwise: false,
        }
    }

    /// The shape of its kernel.
    fn shape(self) -> [usize; 4] {
        let inputs = if self.depthwise { 1 } else { self.inputs };
        [self.outputs, inputs, self.kernel, self.kernel]
    }

    /// The length of a side of its output, and the zeros before and after its input: TensorFlow's
    /// `same` padding, which the weights were trained with. With a stride of two it is one more
    /// after than before.
    fn same(self, size: usize) -> (usize, [usize; 2]) {
        let after = size.div_ceil(self.stride);
        let zeros = ((after - 1) * self.stride + self.kernel).saturating_sub(size);
        (after, [zeros / 2, zeros - zeros / 2])
    }
}

struct Builder<'a> {
    graph: GraphBuilder,
    architecture: &'static str,
    state: &'a mut StateDict,
    parameters: usize,
    folded_norms: usize,
}

impl Builder<'_> {
    /// Everything up to the feature map.
    fn body(&mut self, blueprint: &Blueprint) -> Result<(), TorchError> {
        let size = blueprint.size;
        self.graph.input("input", &[3, size, size]);
        self.graph.floats("relu6/min".to_owned(), &[], &[0.0]);
        self.graph.floats("relu6/max".to_owned(), &[], &[6.0]);
        let stem = Conv {
            inputs: 3,
            outputs: blueprint.stem,
            kernel: 3,
            stride: 2,
            depthwise: false,
        };
        let mut size = self.conv("_conv_stem", "_bn0", "input", stem, size)?;
        let mut last = self.relu6("_conv_stem");
        for (place, block) in blueprint.blocks.iter().enumerate() {
            (last, size) = self.block(&format!("_blocks.{place}"), *block, &last, size)?;
        }
        let inputs = blueprint
            .blocks
            .last()
            .map_or(blueprint.stem, |block| block.outputs);
        let head = Conv::pointwise(inputs, blueprint.head);
        size = self.conv("_conv_head", "_bn1", &last, head, size)?;
        self.relu6_as("_conv_head", "feature_map");
        self.graph.output("features", &[blueprint.head]);
        self.graph
            .output("feature_map", &[blueprint.head, size, size]);
        Ok(())
    }

    /// Expansion, a convolution over each channel, projection; and its input once more where the
    /// shapes agree.
    fn block(
        &mut self,
        name: &str,
        block: Block,
        input: &str,
        size: usize,
    ) -> Result<(String, usize), TorchError> {
        let inside = block.inputs * block.expansion;
        let mut last = input.to_owned();
        if block.expansion != 1 {
            let module = format!("{name}._expand_conv");
            let conv = Conv::pointwise(block.inputs, inside);
            self.conv(&module, &format!("{name}._bn0"), &last, conv, size)?;
            last = self.relu6(&module);
        }
        let module = format!("{name}._depthwise_conv");
        let conv = Conv {
            inputs: inside,
            outputs: inside,
            kernel: block.kernel,
            stride: block.stride,
            depthwise: true,
        };
        let size = self.conv(&module, &format!("{name}._bn1"), &last, conv, size)?;
        last = self.relu6(&module);
        let module = format!("{name}._project_conv");
        let conv = Conv::pointwise(inside, block.outputs);
        self.conv(&module, &format!("{name}._bn2"), &last, conv, size)?;
        last = format!("{module}/output");
        if block.skips() {
            let output = format!("{name}.add/output");
            let inputs = [last.as_str(), input];
            self.graph
                .node("Add", &format!("{name}.add"), &inputs, &output, Vec::new());
            last = output;
        }
        Ok((last, size))
    }

    /// The average over the map, and the classifier; gives the number of classes.
    fn top(&mut self, width: usize) -> Result<usize, TorchError> {
        let pooled = "_avg_pooling/output";
        self.graph.node(
            "GlobalAveragePool",
            "_avg_pooling",
            &["feature_map"],
            pooled,
            Vec::new(),
        );
        let axis = vec![int("axis", 1)];
        self.graph
            .node("Flatten", "flatten", &[pooled], "features", axis);
        // As many classes as the file has.
        let classes = match self.state.shape("_fc.weight") {
            Some(&[classes, _]) => classes,
            _ => 1,
        };
        let kernel = self.weight("_fc.weight", &[classes, width])?;
        let bias = self.weight("_fc.bias", &[classes])?;
        let kernel = (self.graph).floats("_fc/kernel".to_owned(), &[classes, width], &kernel);
        let bias = (self.graph).floats("_fc/bias".to_owned(), &[classes], &bias);
        let inputs = ["features", kernel.as_str(), bias.as_str()];
        self.graph
            .node("Gemm", "_fc", &inputs, "logits", vec![int("transB", 1)]);
        self.graph.output("logits", &[classes]);
        Ok(classes)
    }

    /// A convolution with the batch norm after it folded in; gives the side of its output, which
    /// is called `<module>/output`.
    fn conv(
        &mut self,
        module: &str,
        norm: &str,
        input: &str,
        conv: Conv,
        size: usize,
    ) -> Result<usize, TorchError> {
        let name = format!("{module}.weight");
        let kernel = self.weight(&name, &conv.shape())?;
        let norm = self.norm(norm, conv.outputs)?;
        let folded = norm.fold(&kernel, None);
        let (kernel, bias) = folded.ok_or_else(|| self.wrong(&name, WeightProblem::Fold))?;
        self.folded_norms += 1;
        let kernel = (self.graph).floats(format!("{module}/kernel"), &conv.shape(), &kernel);
        let bias = (self.graph).floats(format!("{module}/bias"), &[conv.outputs], &bias);
        let (after, [before, behind]) = conv.same(size);
        let attributes = vec![
            ints("kernel_shape", &[conv.kernel, conv.kernel]),
            ints("strides", &[conv.stride, conv.stride]),
            ints("pads", &[before, before, behind, behind]),
            int(
                "group",
                if conv.depthwise {
                    conv.inputs as i64
                } else {
                    1
                },
            ),
        ];
        let output = format!("{module}/output");
        self.graph.node(
            "Conv",
            module,
            &[input, &kernel, &bias],
            &output,
            attributes,
        );
        Ok(after)
    }

    fn norm(&mut self, module: &str, channels: usize) -> Result<Norm, TorchError> {
        let mut take = |role: &str| self.weight(&format!("{module}.{role}"), &[channels]);
        let norm = Norm {
            gamma: take("weight")?,
            beta: take("bias")?,
            mean: take("running_mean")?,
            variance: take("running_var")?,
            epsilon: EPSILON,
        };
        // A counter of the training; old versions of PyTorch do not have it.
        self.state.ignore(&format!("{module}.num_batches_tracked"));
        if let Some((channel, _)) = norm.impossible_variance() {
            let found = norm.variance[channel];
            let name = format!("{module}.running_var");
            return Err(self.wrong(&name, WeightProblem::Variance { channel, found }));
        }
        Ok(norm)
    }

    /// ReLU6 of a module's output.
    fn relu6(&mut self, module: &str) -> String {
        let output = format!("{module}/relu6/output");
        self.relu6_as(module, &output);
        output
    }

    fn relu6_as(&mut self, module: &str, output: &str) {
        let input = format!("{module}/output");
        let inputs = [input.as_str(), "relu6/min", "relu6/max"];
        self.graph.node(
            "Clip",
            &format!("{module}/relu6"),
            &inputs,
            output,
            Vec::new(),
        );
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TorchError> {
        let values = self.state.take(name, shape);
        let values = values.map_err(|problem| self.wrong(name, problem))?;
        self.parameters += values.len();
        Ok(values)
    }

    fn wrong(&self, tensor: &str, problem: WeightProblem) -> TorchError {
        TorchError::Tensor {
            path: self.state.path.clone(),
            architecture: self.architecture,
            tensor: tensor.to_owned(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Conv;

    #[test]
    fn padding_is_that_of_tensorflow() {
        let conv = |kernel, stride| Conv {
            kernel,
            stride,
            ..Conv::pointwise(1, 1)
        };
        assert_eq!(conv(3, 1).same(7), (7, [1, 1]));
        assert_eq!(conv(3, 2).same(224), (112, [0, 1]));
        assert_eq!(conv(5, 2).same(56), (28, [1, 2]));
        assert_eq!(conv(3, 2).same(65), (33, [1, 1]));
        assert_eq!(conv(1, 1).same(1), (1, [0, 0]));
        assert_eq!(conv(5, 2).same(1), (1, [2, 2]));
    }
}
