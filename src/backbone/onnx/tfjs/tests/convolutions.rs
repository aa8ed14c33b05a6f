//! Convolutions against the sums that Keras defines, channels last.

use serde_json::json;

use super::model::{Keras, assert_close, nodes, pixels};
use super::run::Tensor;

/// The sum over a window that Keras' convolution is, with TensorFlow's padding before the first
/// element worked out by hand.
fn keras_conv(
    x: &Tensor,
    kernel: &[f32],
    [height, width, depth, filters]: [usize; 4],
    stride: usize,
    before: usize,
    size: usize,
) -> Tensor {
    let mut result = Vec::new();
    for place in 0..size * size * filters {
        let (y, x0, o) = (
            place / filters / size,
            place / filters % size,
            place % filters,
        );
        let mut sum = 0.0f64;
        for tap in 0..height * width * depth {
            let (dy, dx, i) = (tap / depth / width, tap / depth % width, tap % depth);
            let (y, x0) = (y * stride + dy, x0 * stride + dx);
            let inside = (before..x.dims[0] + before).contains(&y)
                && (before..x.dims[1] + before).contains(&x0);
            if inside {
                let at = ((y - before) * x.dims[1] + x0 - before) * depth + i;
                sum += f64::from(x.values[at]) * f64::from(kernel[tap * filters + o]);
            }
        }
        result.push(sum as f32);
    }
    Tensor {
        dims: vec![size, size, filters],
        values: result,
    }
}

fn conv(size: usize, padding: &str, stride: usize) -> (Keras, Tensor) {
    let config = json!({
        "filters": 4, "kernel_size": [3, 3], "strides": [stride, stride], "padding": padding,
        "use_bias": false, "activation": "linear", "data_format": "channels_last",
        "dilation_rate": [1, 1], "kernel_initializer": {"class_name": "Zeros", "config": {}},
    });
    let model = Keras::image([size, size, 2])
        .then("c", "Conv2D", config)
        .weight("c/kernel", &[3, 3, 2, 4]);
    (model, pixels([size, size, 2]))
}

#[test]
fn same_convolutions_pad_as_tensorflow_does() {
    for (size, stride, before, out) in [(6, 1, 1, 6), (6, 2, 0, 3), (7, 2, 1, 4), (5, 3, 0, 2)] {
        let (model, x) = conv(size, "same", stride);
        let kernel = model.values("c/kernel");
        let expected = keras_conv(&x, kernel, [3, 3, 2, 4], stride, before, out);
        assert_close(&model.map(&x), &expected);
    }
}

#[test]
fn valid_convolutions_do_not_pad() {
    let (model, x) = conv(7, "valid", 2);
    let expected = keras_conv(&x, model.values("c/kernel"), [3, 3, 2, 4], 2, 0, 3);
    assert_close(&model.map(&x), &expected);
}

#[test]
fn grouped_convolutions_see_their_own_channels() {
    let config = json!({"filters": 4, "kernel_size": 1, "groups": 2, "use_bias": false});
    let model = Keras::image([1, 1, 4])
        .then("c", "Conv2D", config)
        .weight("c/kernel", &[1, 1, 2, 4]);
    let x = pixels([1, 1, 4]);
    let k = model.values("c/kernel");
    let value = |o: usize| {
        let group = o / 2 * 2;
        x.values[group] * k[o] + x.values[group + 1] * k[4 + o]
    };
    let expected = Tensor {
        dims: vec![1, 1, 4],
        values: (0..4).map(value).collect(),
    };
    assert_close(&model.map(&x), &expected);
}

#[test]
fn depthwise_convolutions_keep_channels_apart() {
    let config = json!({
        "kernel_size": [3, 3], "padding": "same", "depth_multiplier": 2, "use_bias": true,
    });
    let model = Keras::image([4, 4, 3])
        .then("d", "DepthwiseConv2D", config)
        .weight("d/depthwise_kernel", &[3, 3, 3, 2])
        .weight("d/bias", &[6]);
    let x = pixels([4, 4, 3]);
    // As a full convolution whose kernel is zero between different channels.
    let kernel = model.values("d/depthwise_kernel");
    let mut full = vec![0.0; 9 * 3 * 6];
    for tap in 0..9 {
        for channel in 0..3 {
            for m in 0..2 {
                full[(tap * 3 + channel) * 6 + channel * 2 + m] =
                    kernel[(tap * 3 + channel) * 2 + m];
            }
        }
    }
    let mut expected = keras_conv(&x, &full, [3, 3, 3, 6], 1, 1, 4);
    for (place, value) in expected.values.iter_mut().enumerate() {
        *value += model.values("d/bias")[place % 6];
    }
    assert_close(&model.map(&x), &expected);
}

#[test]
fn separable_convolutions_are_a_depthwise_and_a_pointwise_one() {
    let config = json!({
        "filters": 5, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same",
        "activation": "relu", "use_bias": false,
    });
    let model = Keras::image([6, 6, 2])
        .then("s", "SeparableConv2D", config)
        .weight("s/depthwise_kernel", &[3, 3, 2, 1])
        .weight("s/pointwise_kernel", &[1, 1, 2, 5]);
    let x = pixels([6, 6, 2]);
    let kernel = model.values("s/depthwise_kernel");
    let full: Vec<f32> = (0..9 * 4)
        .map(|i| {
            if i / 2 % 2 == i % 2 {
                kernel[i / 4 * 2 + i % 2]
            } else {
                0.0
            }
        })
        .collect();
    let middle = keras_conv(&x, &full, [3, 3, 2, 2], 2, 0, 3);
    let point = model.values("s/pointwise_kernel");
    let mut expected = keras_conv(&middle, point, [1, 1, 2, 5], 1, 0, 3);
    expected
        .values
        .iter_mut()
        .for_each(|value| *value = value.max(0.0));
    assert_close(&model.map(&x), &expected);
    let names = nodes(&model.import().unwrap().model)[..3].join(" ");
    assert_eq!(names, "s/depthwise s s/relu");
}
