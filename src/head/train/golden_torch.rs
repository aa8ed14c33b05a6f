//! A hundred steps against PyTorch, from the same weights on the same batches.
//!
//! Golden values: `tests/golden/torch_training.json`, by `tests/golden/torch_training.py` (PyTorch
//! 2.15.0 on a CPU, float64): Adam with L2 and BatchNorm; AdamW with GELU, warm-up and cosine;
//! gradient descent with momentum, tanh, label smoothing, class weights, clipping and steps; and
//! all that goes together at once.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::Deserialize;

use super::schedule::{Progress, factor};
use super::stepper::Stepper;
use crate::head::config::TrainConfig;
use crate::head::network::Network;
use crate::head::network::gradient_check::wave;
use crate::head::network::loss::Targets;
use crate::head::random::stream;
use crate::head::real::Real;

const FEATURES: usize = 6;
const CLASSES: usize = 3;
const BATCH: usize = 8;

/// What PyTorch came to.
#[derive(Deserialize)]
struct Golden {
    config: String,
    first_loss: f64,
    last_loss: f64,
    parameters: Vec<Vec<f64>>,
    running: Vec<[Vec<f64>; 2]>,
}

fn golden() -> BTreeMap<String, Golden> {
    let text = include_str!("../../../tests/golden/torch_training.json");
    serde_json::from_str(text).unwrap()
}

fn batch<F: Real>(step: usize) -> (Array2<F>, Vec<usize>) {
    let x = wave(BATCH, FEATURES, 0.1 * step as f64).mapv(F::of);
    (x, (0..BATCH).map(|i| (i * i + step) % CLASSES).collect())
}

/// The network after 100 steps, the first loss and the last.
fn trained<F: Real>(config: &TrainConfig) -> (Network<F>, [f64; 2]) {
    let random = &mut stream("golden", 0, &[]);
    let mut network: Network<F> = Network::new(&config.head, FEATURES, CLASSES, random);
    for (i, parameter) in network.parameters().into_iter().enumerate() {
        let (rows, columns) = parameter.value.dim();
        let values = wave(rows, columns, i as f64) * 0.5;
        *parameter.value = values.mapv(F::of);
    }
    let names: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    let weights = config.class_weights.as_ref();
    let weights = weights.map(|weights| weights.of(&names, &[1; CLASSES]).unwrap());
    let mut stepper = Stepper::new(config, network, BATCH, weights.as_deref());
    let mut losses = Vec::new();
    for step in 0..100 {
        let (x, labels) = batch::<F>(step);
        let at = Progress {
            step,
            steps_an_epoch: 10,
            epochs: config.epochs.get(),
        };
        let lr = config.optimizer.lr() * factor(config.schedule.as_ref(), at);
        let loss = stepper.step(x.view(), Targets::plain(&labels), None, lr);
        losses.push(loss.mean.to_f64().unwrap());
    }
    (stepper.network, [losses[0], losses[99]])
}

/// The largest difference of any weight, statistic or loss from PyTorch's.
fn off<F: Real>(golden: &Golden) -> f64 {
    let config: TrainConfig = serde_saphyr::from_str(&golden.config).unwrap();
    let (mut network, losses) = trained::<F>(&config);
    let mut pairs: Vec<(f64, f64)> = losses
        .into_iter()
        .zip([golden.first_loss, golden.last_loss])
        .collect();
    let mut compare = |found: &Array2<F>, expected: &[f64]| {
        assert_eq!(found.len(), expected.len());
        let found = found.iter().map(|x| x.to_f64().unwrap());
        pairs.extend(found.zip(expected.iter().copied()));
    };
    let norms = network
        .hidden
        .iter()
        .filter_map(|layer| layer.norm.as_ref());
    for (norm, [mean, variance]) in norms.zip(&golden.running) {
        compare(&norm.mean, mean);
        compare(&norm.variance, variance);
    }
    let found = network.parameters();
    assert_eq!(found.len(), golden.parameters.len());
    for (found, expected) in found.iter().zip(&golden.parameters) {
        compare(found.value, expected);
    }
    let differences = pairs.iter().map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most })
}

#[test]
fn a_hundred_steps_are_those_of_pytorch() {
    for (name, golden) in golden() {
        let off = off::<f64>(&golden);
        assert!(off < 1e-9, "{name}: off by {off}");
    }
}

/// But for the first run: in the shift of a unit that never answers PyTorch's own float32 is 0.08
/// from its float64. The gradient there is zero but for rounding, and Adam makes whole steps of it.
#[test]
fn in_single_precision_they_are_so_to_four_digits() {
    let chaotic = "adam, l2, BatchNorm, relu";
    for (name, golden) in golden().into_iter().filter(|(name, _)| name != chaotic) {
        let off = off::<f32>(&golden);
        assert!(off < 1e-4, "{name}: off by {off}");
    }
}
