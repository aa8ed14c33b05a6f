//! A small head for the tests of this room.

use ndarray::Array2;

use crate::head::config::{DenseConfig, HeadConfig, LogisticConfig};
use crate::head::model::Head;
use crate::head::network::Network;
use crate::head::random::stream;

/// A head of 12 features and 3 classes that is no longer as it began: every value, running
/// statistics included, follows a wave.
pub(crate) fn head(hidden: &[usize], batch_norm: bool) -> Head {
    head_with(hidden, batch_norm, "relu")
}

/// [`head`] with another nonlinearity.
pub(crate) fn head_with(hidden: &[usize], batch_norm: bool, activation: &str) -> Head {
    let config = if hidden.is_empty() {
        HeadConfig::Logistic(LogisticConfig::default())
    } else {
        let text = format!(
            "{{hidden: {hidden:?}, batch_norm: {batch_norm}, dropout: 0.5, activation: {activation}}}"
        );
        let dense: DenseConfig = serde_saphyr::from_str(&text).unwrap();
        HeadConfig::Dense(dense)
    };
    let mut network = Network::<f32>::new(&config, 12, 3, &mut stream("test", 1, &[]));
    let wave = |array: &mut Array2<f32>, phase: f32, around: f32| {
        for (place, value) in array.iter_mut().enumerate() {
            *value = around + 0.4 * (place as f32 * 1.37 + phase).sin();
        }
    };
    for (phase, parameter) in (0..).zip(network.parameters()) {
        wave(parameter.value, phase as f32, 0.05);
    }
    for norm in network.hidden.iter_mut().filter_map(|h| h.norm.as_mut()) {
        wave(&mut norm.mean, 0.3, 0.1);
        wave(&mut norm.variance, 0.9, 1.0);
        wave(&mut norm.affine.scale, 1.7, 1.0);
    }
    Head::new(network)
}

/// `n` rows of features, `[n, 12]`.
pub(crate) fn features(n: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, 12), |(i, j)| (i as f32 * 3.7 + j as f32 * 0.9).sin())
}
