//! What logistic regression minimises, for several models at once.
//!
//! For scores z_i = W x_i + b of example i with label y_i and share a_i of the examples (they sum
//! to 1; an example that a model may not see has 0):
//!
//! > f(W, b) = sum of a_i (ln(sum over k of exp(z_ik)) - z_iy_i) + `l2` / 2 * sum of w²
//!
//! and its gradient, with the residuals r_i = a_i (softmax(z_i) - onehot(y_i)):
//!
//! > df/dW = sum of r_i x_iᵀ + `l2` W, df/db = sum of r_i
//!
//! All views of an example have its share together. The models are those of the folds of a
//! cross-validation, say: side by side, a pass over the rows is two wide matrix products.

use ndarray::{Array2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

use super::blocks::Blocks;
use crate::head::error::HeadError;
use crate::head::linalg;
use crate::head::real::Real;

/// Rows whose residuals are computed together: their sums are added up in order, so that the bits
/// do not depend on the number of threads.
const CHUNK: usize = 32;

/// Rows with labels, and the models that learn from them.
pub(super) struct Objective<'a, F> {
    /// The rows; those of an example stand together.
    pub(super) blocks: &'a dyn Blocks<F>,
    /// The class of each example.
    pub(super) labels: &'a [usize],
    /// Rows of an example.
    pub(super) views: usize,
    /// How many classes there are.
    pub(super) classes: usize,
    /// For each model, the share of each example; 0 for those that it must not see.
    pub(super) shares: &'a [Vec<f64>],
    /// For each model, whether it is to judge an example; nothing where none is to judge any.
    pub(super) judged: &'a [Vec<bool>],
}

/// f at a point, in `f64` whatever the products are computed in.
#[derive(Debug, Clone)]
pub(super) struct Value {
    /// f itself.
    pub(super) loss: f64,
    /// `[classes, width + 1]`: df/dW, and df/db in the last column, as in the point.
    pub(super) gradient: Array2<f64>,
    /// The mean of (1 - sum over k of p_k²) / (classes - 1): how curved the loss is. It is the
    /// mean of the eigenvalues of diag(p) - p pᵀ other than 0, and 1 / classes at W = 0.
    pub(super) curvature: f64,
    /// The scores of the plain views of the examples that the model is to judge, in their order,
    /// `classes` each: they fall out of the pass over all rows.
    pub(super) judged: Vec<f64>,
}

/// A model's part of a sum over rows.
#[derive(Clone)]
struct Sums {
    loss: f64,
    curvature: f64,
    bias: Vec<f64>,
    judged: Vec<f64>,
}

impl<F: Real> Objective<'_, F> {
    /// f of some of the models, each at its point `[classes, width + 1]`: in one pass.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn values(
        &self,
        at: &[(usize, &Array2<f64>)],
        l2: f64,
    ) -> Result<Vec<Value>, HeadError> {
        let (width, classes) = (self.blocks.width(), self.classes);
        let weights = stacked::<F>(at, classes, width);
        let mut sums = vec![Sums::nothing(classes); at.len()];
        let mut gradient = Array2::<f64>::zeros(weights.dim());
        let mut product = Array2::<F>::zeros(weights.dim());
        self.blocks.each(&mut |start, block| {
            let mut scores = linalg::times_transposed(block, weights.view());
            let parts: Vec<Vec<Sums>> = scores
                .axis_chunks_iter_mut(Axis(0), CHUNK)
                .enumerate()
                .collect::<Vec<_>>()
                .into_par_iter()
                .map(|(i, chunk)| self.residuals(start + i * CHUNK, chunk, at))
                .collect();
            for part in parts {
                sums.iter_mut()
                    .zip(part)
                    .for_each(|(sum, own)| sum.add(&own));
            }
            linalg::transposed_times_into(scores.view(), block, product.view_mut());
            gradient.zip_mut_with(&product, |sum, x| *sum += x.to_f64().unwrap_or(f64::NAN));
            Ok(())
        })?;
        let of = |(place, (sums, (_, point))): (usize, (Sums, &(usize, &Array2<f64>)))| {
            let rows = s![place * classes..(place + 1) * classes, ..];
            sums.value(gradient.slice(rows).to_owned(), point, l2)
        };
        Ok(sums.into_iter().zip(at).enumerate().map(of).collect())
    }

    /// Turns the scores of some rows into residuals, and adds up what goes with them.
    fn residuals(
        &self,
        first: usize,
        mut scores: ArrayViewMut2<'_, F>,
        at: &[(usize, &Array2<f64>)],
    ) -> Vec<Sums> {
        let mut sums = vec![Sums::nothing(self.classes); at.len()];
        let width = self.blocks.width();
        #[allow(clippy::cast_precision_loss)] // views are far below 2^53
        let views = self.views as f64;
        for (row, mut scores) in (first..).zip(scores.outer_iter_mut()) {
            let (example, view) = (row / self.views, row % self.views);
            let label = self.labels.get(example).copied().unwrap_or_default();
            let models = scores.exact_chunks_mut(self.classes).into_iter();
            for ((scores, (model, point)), sums) in models.zip(at).zip(&mut sums) {
                let shares = self.shares.get(*model);
                let share = shares.and_then(|all| all.get(example)).copied();
                let share = share.unwrap_or_default() / views;
                let judged = self.judged.get(*model).and_then(|all| all.get(example));
                if view == 0 && judged == Some(&true) {
                    let score = |(z, b): (&F, &f64)| z.to_f64().unwrap_or(f64::NAN) + b;
                    let all = scores.iter().zip(point.column(width)).map(score);
                    sums.judged.extend(all);
                }
                residual(scores, point.column(width), label, share, sums);
            }
        }
        sums
    }

    /// ln p of each class `[examples, classes]` for the plain view of each example, at a point.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn log_probabilities(&self, point: &Array2<f64>) -> Result<Array2<f64>, HeadError> {
        let (width, classes) = (self.blocks.width(), self.classes);
        let weights = stacked::<F>(&[(0, point)], classes, width);
        let mut found = Array2::zeros((self.labels.len(), classes));
        self.blocks.each(&mut |start, block| {
            let scores = linalg::times_transposed(block, weights.view());
            let plain = (start..).zip(scores.outer_iter());
            for (row, scores) in plain.filter(|(row, _)| row % self.views == 0) {
                let mut to = found.row_mut(row / self.views);
                for ((to, z), b) in to.iter_mut().zip(scores).zip(point.column(width)) {
                    *to = z.to_f64().unwrap_or(f64::NAN) + b;
                }
                log_softmax(to);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// ln p in place of the scores of the classes.
pub(super) fn log_softmax(mut scores: ArrayViewMut1<'_, f64>) {
    let largest = scores.fold(f64::NEG_INFINITY, |m, &z| m.max(z));
    let sum: f64 = scores.iter().map(|z| (z - largest).exp()).sum();
    scores.mapv_inplace(|z| z - largest - sum.ln());
}

impl Sums {
    fn nothing(classes: usize) -> Self {
        Self {
            loss: 0.0,
            curvature: 0.0,
            bias: vec![0.0; classes],
            judged: Vec::new(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.curvature += other.curvature;
        self.judged.extend_from_slice(&other.judged);
        let biases = self.bias.iter_mut().zip(&other.bias);
        biases.for_each(|(sum, own)| *sum += own);
    }

    /// The value, penalty included, from the gradient of the weights `[classes, width]`.
    fn value(self, weights: Array2<f64>, point: &Array2<f64>, l2: f64) -> Value {
        let width = weights.ncols();
        let mut gradient = Array2::zeros(point.dim());
        let w = point.slice(s![.., ..width]);
        let mut of_weights = gradient.slice_mut(s![.., ..width]);
        of_weights.assign(&weights);
        of_weights.scaled_add(l2, &w);
        let mut of_bias = gradient.column_mut(width);
        of_bias
            .iter_mut()
            .zip(&self.bias)
            .for_each(|(to, sum)| *to = *sum);
        Value {
            loss: self.loss + l2 / 2.0 * w.iter().map(|w| w * w).sum::<f64>(),
            gradient,
            curvature: self.curvature,
            judged: self.judged,
        }
    }
}

/// The weights of all models, one below the other: `[models * classes, width]`.
fn stacked<F: Real>(at: &[(usize, &Array2<f64>)], classes: usize, width: usize) -> Array2<F> {
    let mut all = Array2::zeros((at.len() * classes, width));
    for (mut to, (_, point)) in all.axis_chunks_iter_mut(Axis(0), classes).zip(at) {
        to.zip_mut_with(&point.slice(s![.., ..width]), |to, &w| *to = F::of(w));
    }
    all
}

/// share * (softmax(z + b) - onehot(label)) in place of z.
fn residual<F: Real>(
    mut scores: ArrayViewMut1<'_, F>,
    bias: ndarray::ArrayView1<'_, f64>,
    label: usize,
    share: f64,
    sums: &mut Sums,
) {
    if share == 0.0 {
        scores.fill(F::zero());
        return;
    }
    let mut largest = F::neg_infinity();
    for (z, &b) in scores.iter_mut().zip(bias) {
        *z += F::of(b);
        largest = largest.max(*z);
    }
    let of_label = scores.get(label).copied().unwrap_or(F::nan());
    let mut sum = F::zero();
    for z in &mut scores {
        *z = (*z - largest).exp();
        sum += *z;
    }
    let real = |x: F| x.to_f64().unwrap_or(f64::NAN);
    sums.loss += share * (real(sum).ln() + real(largest - of_label));
    let weight = F::of(share);
    let mut squares = 0.0;
    for (k, (z, bias)) in scores.iter_mut().zip(&mut sums.bias).enumerate() {
        let p = *z / sum;
        squares += real(p * p);
        let onehot = if k == label { F::one() } else { F::zero() };
        *z = weight * (p - onehot);
        *bias += real(*z);
    }
    #[allow(clippy::cast_precision_loss)] // classes are far below 2^53
    let others = sums.bias.len().saturating_sub(1).max(1) as f64;
    sums.curvature += share * (1.0 - squares) / others;
}
