//! Logistic regression as a whole, on data made here.

mod golden;
mod interrupted;
mod path;
mod solution;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::head::error::HeadError;
use crate::head::random::{stream, uniform};
use crate::head::{Examples, Fit, Rows, fit};

/// Feature rows, their views and labels.
struct Data {
    features: Array2<f32>,
    views: usize,
    labels: Vec<usize>,
    classes: usize,
}

impl Data {
    /// Overlapping clouds, one a class, with features of very different variances.
    fn clouds(n: usize, width: usize, classes: usize, views: usize) -> Self {
        let mut random = stream("logistic", 5, &[n as u64, width as u64]);
        let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
        let features = Array2::from_shape_fn((n * views, width), |(row, column)| {
            let noise: f32 = (0..12).map(|_| uniform(&mut random)).sum::<f32>() - 6.0;
            let centre = if column % classes == labels[row / views] {
                1.0
            } else {
                0.0
            };
            (centre + noise) * 3.0 / (1.0 + column as f32 / 4.0) + 2.0
        });
        Self {
            features,
            views,
            labels,
            classes,
        }
    }

    fn examples(&self) -> Examples<'_> {
        Examples {
            features: &self.features,
            views: self.views,
            labels: &self.labels,
            classes: self.classes,
            groups: None,
        }
    }

    fn fit(&self, yaml: &str) -> Result<Fit, HeadError> {
        fit(&config(yaml), &self.examples(), 1, &mut |_| {})
    }
}

fn config(yaml: &str) -> crate::head::TrainConfig {
    serde_saphyr::from_str(&format!("{{head: {yaml}}}")).unwrap()
}

fn weights(fit: &Fit) -> &Array2<f32> {
    &fit.head.network.output.weight
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    (a - b).iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// Rows that are not in memory, for all that one can see.
#[derive(Debug)]
struct Streamed(Array2<f32>);

impl Rows for Streamed {
    fn count(&self) -> usize {
        self.0.nrows()
    }

    fn width(&self) -> usize {
        self.0.ncols()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        self.0.view().read(places, into)
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        None
    }
}
