//! Convolutions: plain, depthwise, and the two one after the other.

use serde::Deserialize;

use super::super::Problem;
use super::super::plan::Op;
use super::super::shape::{Padding, Pads, Pair, Shape};
use super::{Lowering, activation, need_channels_last, yes};

/// A convolution in ONNX's order.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Conv {
    /// [filters, channels / groups, height, width], row by row.
    pub(in super::super) kernel: Vec<f32>,
    /// The kernel's shape.
    pub(in super::super) shape: [usize; 4],
    /// One a filter.
    pub(in super::super) bias: Option<Vec<f32>>,
    /// Height and width of the kernel.
    pub(in super::super) window: [usize; 2],
    pub(in super::super) strides: [usize; 2],
    pub(in super::super) pads: Pads,
    pub(in super::super) groups: usize,
}

impl Conv {
    /// The same convolution with nothing in it yet.
    pub(in super::super) fn without_weights(&self) -> Self {
        Self {
            kernel: Vec::new(),
            bias: None,
            ..*self
        }
    }
}

/// What all convolutions have.
#[derive(Deserialize)]
struct Window {
    kernel_size: Pair,
    #[serde(default = "one")]
    strides: Pair,
    #[serde(default = "valid")]
    padding: Padding,
    data_format: Option<String>,
    #[serde(default = "one")]
    dilation_rate: Pair,
    activation: Option<String>,
    #[serde(default = "yes")]
    use_bias: bool,
}

impl Window {
    fn check(&self) -> Result<(), Problem> {
        need_channels_last(self.data_format.as_deref())?;
        if self.dilation_rate != one() {
            let found = format!("{:?}", self.dilation_rate.0);
            let supported = "[1, 1]".to_owned();
            return Err(Problem::Option {
                name: "dilation_rate",
                found,
                supported,
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Filters {
    filters: usize,
    #[serde(default = "single")]
    groups: usize,
}

#[derive(Deserialize)]
struct Depth {
    #[serde(default = "single")]
    depth_multiplier: usize,
}

fn one() -> Pair {
    Pair([1, 1])
}

fn single() -> usize {
    1
}

fn valid() -> Padding {
    Padding::Valid
}

/// `Conv2D`: kernel [height, width, channels / groups, filters].
pub(super) fn conv(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let window: Window = lowering.config()?;
    window.check()?;
    let Filters { filters, groups } = lowering.config()?;
    let input = lowering.input()?;
    let [_, _, channels] = lowering.shape(input).need_map()?;
    if groups == 0 || channels % groups != 0 || filters % groups != 0 {
        let supported = format!("divisors of {channels} channels and {filters} filters");
        return Err(Problem::Option {
            name: "groups",
            found: groups.to_string(),
            supported,
        });
    }
    let kernel = lowering.weight("kernel", &hwio(&window, channels / groups, filters))?;
    let kernel = Kernel::plain(&kernel, window.kernel_size.0, channels / groups, filters);
    let bias = lowering.weight_if(window.use_bias, "bias", &[filters])?;
    let conv = kernel.conv(bias, groups);
    let output = window.place(lowering, "", conv, input)?;
    activation::named(lowering, window.activation.as_deref(), output)
}

/// `DepthwiseConv2D`: kernel [height, width, channels, multiplier].
pub(super) fn depthwise(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let window: Window = lowering.config()?;
    window.check()?;
    let input = lowering.input()?;
    let (mut conv, filters) = depthwise_conv(lowering, &window, input)?;
    conv.bias = lowering.weight_if(window.use_bias, "bias", &[filters])?;
    let output = window.place(lowering, "", conv, input)?;
    activation::named(lowering, window.activation.as_deref(), output)
}

/// `SeparableConv2D`: a depthwise convolution without bias, then a 1x1 convolution.
pub(super) fn separable(lowering: &mut Lowering<'_>) -> Result<usize, Problem> {
    let window: Window = lowering.config()?;
    window.check()?;
    let Filters { filters, .. } = lowering.config()?;
    let input = lowering.input()?;
    let (depthwise, channels) = depthwise_conv(lowering, &window, input)?;
    let middle = window.place(lowering, "depthwise", depthwise, input)?;
    let kernel = lowering.weight("pointwise_kernel", &[1, 1, channels, filters])?;
    let bias = lowering.weight_if(window.use_bias, "bias", &[filters])?;
    let pointwise = Kernel::plain(&kernel, [1, 1], channels, filters).conv(bias, 1);
    let point = Window {
        kernel_size: one(),
        strides: one(),
        padding: Padding::Valid,
        ..window
    };
    let output = point.place(lowering, "", pointwise, middle)?;
    activation::named(lowering, point.activation.as_deref(), output)
}

/// The depthwise convolution without bias and how many channels it gives.
fn depthwise_conv(
    lowering: &mut Lowering<'_>,
    window: &Window,
    input: usize,
) -> Result<(Conv, usize), Problem> {
    let Depth { depth_multiplier } = lowering.config()?;
    let [_, _, channels] = lowering.shape(input).need_map()?;
    let kernel = lowering.weight(
        "depthwise_kernel",
        &hwio(window, channels, depth_multiplier),
    )?;
    let kernel = Kernel::depthwise(&kernel, window.kernel_size.0, channels, depth_multiplier);
    let filters = kernel.shape[0];
    Ok((kernel.conv(None, channels), filters))
}

fn hwio(window: &Window, channels: usize, filters: usize) -> [usize; 4] {
    let [height, width] = window.kernel_size.0;
    [height, width, channels, filters]
}

impl Window {
    /// Appends the convolution with this window's strides and padding.
    fn place(
        &self,
        lowering: &mut Lowering<'_>,
        suffix: &str,
        mut conv: Conv,
        input: usize,
    ) -> Result<usize, Problem> {
        let [height, width, _] = lowering.shape(input).need_map()?;
        let (pads, [height, width]) =
            self.padding
                .plan([height, width], conv.window, self.strides.0)?;
        conv.pads = pads;
        conv.strides = self.strides.0;
        let shape = Shape::new(&[height, width, conv.shape[0]])?;
        Ok(lowering.part(suffix, Op::Conv(Box::new(conv)), vec![input], shape))
    }
}

/// A kernel in ONNX's order, [filters, channels, height, width].
struct Kernel {
    values: Vec<f32>,
    shape: [usize; 4],
}

impl Kernel {
    /// From [height, width, channels, filters].
    fn plain(values: &[f32], [height, width]: [usize; 2], channels: usize, filters: usize) -> Self {
        let place = |o: usize, i: usize, at: usize| (at * channels + i) * filters + o;
        Self::filled([filters, channels, height, width], |o, i, at| {
            values[place(o, i, at)]
        })
    }

    /// From [height, width, channels, multiplier]; filter c * multiplier + m sees channel c only.
    fn depthwise(
        values: &[f32],
        [height, width]: [usize; 2],
        channels: usize,
        times: usize,
    ) -> Self {
        let filters = channels * times;
        Self::filled([filters, 1, height, width], |o, _, at| {
            values[at * filters + o]
        })
    }

    fn filled(shape: [usize; 4], value: impl Fn(usize, usize, usize) -> f32) -> Self {
        let [filters, channels, height, width] = shape;
        let mut values = Vec::with_capacity(filters * channels * height * width);
        for o in 0..filters {
            for i in 0..channels {
                values.extend((0..height * width).map(|at| value(o, i, at)));
            }
        }
        Self { values, shape }
    }

    fn conv(self, bias: Option<Vec<f32>>, groups: usize) -> Conv {
        let [_, _, height, width] = self.shape;
        Conv {
            kernel: self.values,
            shape: self.shape,
            bias,
            window: [height, width],
            strides: [1, 1],
            pads: Pads::default(),
            groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_kernels_put_filters_and_channels_first() {
        // [1, 2, 2, 3]: the value says its place, 100 x + 10 i + o.
        let values: Vec<f32> = [
            0., 1., 2., 10., 11., 12., 100., 101., 102., 110., 111., 112.,
        ]
        .to_vec();
        let kernel = Kernel::plain(&values, [1, 2], 2, 3);
        assert_eq!(kernel.shape, [3, 2, 1, 2]);
        let expected = [
            0., 100., 10., 110., 1., 101., 11., 111., 2., 102., 12., 112.,
        ];
        assert_eq!(kernel.values, expected);
    }

    #[test]
    fn depthwise_kernels_give_each_channel_its_filters() {
        // [1, 2, 2, 2]: the value says its place, 100 x + 10 c + m.
        let values = [0., 1., 10., 11., 100., 101., 110., 111.];
        let kernel = Kernel::depthwise(&values, [1, 2], 2, 2);
        assert_eq!(kernel.shape, [4, 1, 1, 2]);
        assert_eq!(kernel.values, [0., 100., 1., 101., 10., 110., 11., 111.]);
    }
}
