//! Training as a whole, on data made here.

mod dense;
mod learning;
mod refusals;
mod streamed;
mod validation;

use std::collections::BTreeMap;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::{Fit, fit};
use crate::head::config::TrainConfig;
use crate::head::error::HeadError;
use crate::head::examples::Examples;
use crate::head::model::Head;
use crate::head::random::{below, stream, uniform};

/// Feature rows, their views and labels.
struct Data {
    features: Array2<f32>,
    views: usize,
    labels: Vec<usize>,
    classes: usize,
}

impl Data {
    fn examples(&self) -> Examples<'_> {
        Examples {
            features: &self.features,
            views: self.views,
            labels: &self.labels,
            classes: self.classes,
            groups: None,
        }
    }

    fn fit(&self, yaml: &str, seed: u64) -> Result<Fit, HeadError> {
        fit(&config(yaml), &self.examples(), seed, &mut |_| {})
    }

    /// Share of the plain views that a head gets right.
    fn accuracy(&self, head: &Head) -> f64 {
        let plain = self.features.slice(ndarray::s![..;self.views, ..]);
        let probabilities = head.probabilities(plain).unwrap();
        crate::head::metrics::evaluate(probabilities.view(), &self.labels)
            .unwrap()
            .accuracy
    }
}

fn config(yaml: &str) -> TrainConfig {
    serde_saphyr::from_str(&format!("{{{yaml}}}")).unwrap()
}

/// About normal with variance 1: a sum of twelve uniforms (Irwin and Hall).
fn normal(random: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| uniform(random)).sum::<f32>() - 6.0
}

/// Clouds around one centre a class, `gap` from the origin along axes of their own.
fn clouds(n: usize, width: usize, classes: usize, views: usize, gap: f32) -> Data {
    let mut random = stream("clouds", 11, &[n as u64, width as u64]);
    let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
    let features = Array2::from_shape_fn((n * views, width), |(row, column)| {
        let centre = if column == labels[row / views] {
            gap
        } else {
            0.0
        };
        centre + normal(&mut random)
    });
    Data {
        features,
        views,
        labels,
        classes,
    }
}

/// Features that say nothing about the labels.
fn noise(n: usize, width: usize, seed: u64) -> Data {
    let mut data = clouds(n, width, 2, 1, 0.0);
    let mut random = stream("labels", seed, &[]);
    data.labels
        .iter_mut()
        .for_each(|label| *label = below(&mut random, 2));
    data
}

fn bytes(fit: &Fit) -> Vec<u8> {
    fit.head.to_bytes(&BTreeMap::new()).unwrap()
}

const LOGISTIC: &str = "head: {logistic: {}}";
const DENSE: &str = "head: {dense: {hidden: [16, 8], dropout: 0.2, batch_norm: true}}";
