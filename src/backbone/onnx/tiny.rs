//! Small residual networks with seeded random weights, for tests and benchmarks.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::build::{GraphBuilder, float, int, ints};
use super::proto::ModelProto;

/// The shape of a small network and the seed of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TinyConfig {
    /// Seeds the weights.
    pub seed: u64,
    /// Height and width of the input in pixels.
    pub size: usize,
    /// Channels of every layer, and so the length of `features`.
    pub width: usize,
    /// Classes of the classifier.
    pub classes: usize,
}

impl Default for TinyConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            size: 32,
            width: 8,
            classes: 10,
        }
    }
}

/// A network in the form of a ResNet, a few KB small: a 3x3 convolution with stride 2, one
/// residual block of two 3x3 convolutions, a global average pool, a dense layer and a softmax.
/// Names and shapes are those of a real backbone: input `input` `[N,3,size,size]`; outputs
/// `features` `[N,width]`, `feature_map` `[N,width,s,s]` with s = size / 2 rounded up, and
/// `probabilities` `[N,classes]`. Lengths of 0 count as 1. The same configuration gives the same
/// bytes on every machine.
pub fn residual(config: &TinyConfig) -> ModelProto {
    let [size, width, classes] = [config.size, config.width, config.classes].map(|n| n.max(1));
    let map = size.div_ceil(2);
    let mut net = Net {
        graph: GraphBuilder::new("tiny_residual"),
        seed: config.seed,
    };
    net.graph.input("input", &[3, size, size]);
    net.conv("stem", "input", 3, width, 2);
    net.relu("stem_relu", "stem");
    net.conv("block_1", "stem_relu", width, width, 1);
    net.relu("block_1_relu", "block_1");
    net.conv("block_2", "block_1_relu", width, width, 1);
    net.graph.node(
        "Add",
        "block_add",
        &["block_2", "stem_relu"],
        "block_add",
        Vec::new(),
    );
    net.graph.node(
        "Relu",
        "block_relu",
        &["block_add"],
        "feature_map",
        Vec::new(),
    );
    // One node for the pool and the loss of its 1x1 axes.
    let axes = vec![ints("axes", &[2, 3]), int("keepdims", 0)];
    net.graph
        .node("ReduceMean", "pool", &["feature_map"], "features", axes);
    net.dense("classifier", "features", width, classes);
    net.graph.node(
        "Softmax",
        "softmax",
        &["classifier"],
        "probabilities",
        vec![int("axis", 1)],
    );
    net.graph.output("features", &[width]);
    net.graph.output("feature_map", &[width, map, map]);
    net.graph.output("probabilities", &[classes]);
    net.graph.finish(&[
        ("source", "random weights"),
        ("seed", &config.seed.to_string()),
    ])
}

struct Net {
    graph: GraphBuilder,
    seed: u64,
}

impl Net {
    /// A 3x3 convolution that pads its input by one on each side.
    fn conv(&mut self, name: &str, input: &str, channels: usize, filters: usize, stride: usize) {
        let kernel = self.weights(name, "kernel", &[filters, channels, 3, 3], 9 * channels);
        let bias = self.weights(name, "bias", &[filters], 9 * channels);
        let attributes = vec![
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[stride, stride]),
            ints("pads", &[1, 1, 1, 1]),
        ];
        self.graph
            .node("Conv", name, &[input, &kernel, &bias], name, attributes);
    }

    fn relu(&mut self, name: &str, input: &str) {
        self.graph.node("Relu", name, &[input], name, Vec::new());
    }

    fn dense(&mut self, name: &str, input: &str, width: usize, units: usize) {
        let kernel = self.weights(name, "kernel", &[width, units], width);
        let bias = self.weights(name, "bias", &[units], width);
        let attributes = vec![float("alpha", 1.0)];
        self.graph
            .node("Gemm", name, &[input, &kernel, &bias], name, attributes);
    }

    /// Uniform weights of He's variance 2 / fan_in, which keeps the scale of what flows through.
    fn weights(&mut self, layer: &str, role: &str, dims: &[usize], fan_in: usize) -> String {
        let name = format!("{layer}/{role}");
        let key = Sha256::new()
            .chain_update(b"catpipe tiny network weights")
            .chain_update(self.seed.to_le_bytes())
            .chain_update(name.as_bytes())
            .finalize();
        let mut random = ChaCha8Rng::from_seed(key.into());
        let limit = (6.0 / fan_in as f32).sqrt();
        let values: Vec<f32> = (0..dims.iter().product())
            .map(|_| {
                let uniform = (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
                limit * (2.0 * uniform - 1.0)
            })
            .collect();
        self.graph.floats(name, dims, &values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Summary, encode};
    use super::*;

    #[test]
    fn the_seed_alone_decides_the_weights() {
        let config = TinyConfig::default();
        assert_eq!(encode(&residual(&config)), encode(&residual(&config)));
        let digest = Sha256::digest(encode(&residual(&config)));
        // As first written on x86-64 Linux: a change here changes every cached row of tests.
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digest,
            "2ad2c437b0a5feef1405671e90552c9fc1d169e1d6833b1398c00ec904667cfe"
        );
        let other = TinyConfig { seed: 2, ..config };
        assert_ne!(encode(&residual(&config)), encode(&residual(&other)));
    }

    #[test]
    fn the_default_is_a_few_kilobytes() {
        let bytes = encode(&residual(&TinyConfig::default())).len();
        assert!((4_000..12_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn lengths_of_zero_count_as_one() {
        let zero = TinyConfig {
            seed: 1,
            size: 0,
            width: 0,
            classes: 0,
        };
        let one = TinyConfig {
            seed: 1,
            size: 1,
            width: 1,
            classes: 1,
        };
        assert_eq!(residual(&zero), residual(&one));
    }

    #[test]
    fn an_odd_size_rounds_its_map_up() {
        let summary = Summary::of(&residual(&TinyConfig {
            size: 33,
            ..TinyConfig::default()
        }));
        let map = summary.output("feature_map").unwrap().to_string();
        assert_eq!(map, "feature_map: float32 [N, 8, 17, 17]");
    }
}
