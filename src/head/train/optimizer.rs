//! Steps down a gradient: Adam, AdamW and gradient descent, with the L2 penalty and clipping.

use ndarray::Array2;
use rayon::prelude::*;

use crate::head::config::{AdamConfig, OptimizerConfig, SgdConfig};
use crate::head::network::Parameter;
use crate::head::real::Real;

/// Numbers that one thread takes at once, in an order that depends on nothing else.
const PIECE: usize = 1 << 14;

/// The memory of an optimizer, in the order of the parameters it moves.
#[derive(Debug)]
pub(super) struct Optimizer<F> {
    config: OptimizerConfig,
    l2: F,
    clip_norm: Option<f64>,
    steps: i32,
    moments: Vec<Moments<F>>,
}

/// Running means of a parameter's gradient; gradient descent uses the first as its velocity.
#[derive(Debug)]
struct Moments<F> {
    first: Vec<F>,
    second: Vec<F>,
}

/// What a step does to a number: w, its gradient's and its two moments' places.
struct Part<'a, F> {
    w: &'a mut [F],
    gradient: &'a [F],
    first: &'a mut [F],
    second: &'a mut [F],
}

impl<F: Real> Optimizer<F> {
    pub(super) fn new(
        config: OptimizerConfig,
        l2: f64,
        clip_norm: Option<f64>,
        parameters: &[Parameter<'_, F>],
    ) -> Self {
        let zeros = |parameter: &Parameter<'_, F>| {
            let length = parameter.value.len();
            let first = vec![F::zero(); length];
            let second = match config {
                OptimizerConfig::Adam(_) | OptimizerConfig::AdamW(_) => first.clone(),
                OptimizerConfig::Sgd(_) | OptimizerConfig::Lbfgs => Vec::new(),
            };
            Moments { first, second }
        };
        let moments = parameters.iter().map(zeros).collect();
        Self {
            config,
            l2: F::of(l2),
            clip_norm,
            steps: 0,
            moments,
        }
    }

    /// One step with the learning rate `lr`. `gradients` are those of the mean loss alone; where
    /// all of them together are longer than the clipping norm, they are scaled down to it. l2 * w,
    /// the derivative of the penalty l2 / 2 * w², is added after that for the parameters that
    /// decay.
    pub(super) fn step(
        &mut self,
        parameters: Vec<Parameter<'_, F>>,
        gradients: &[&Array2<F>],
        lr: f64,
    ) {
        self.steps = self.steps.saturating_add(1);
        let scale = F::of(
            self.clip_norm
                .map_or(1.0, |most| clip(most, norm(gradients))),
        );
        let all = parameters.into_iter().zip(gradients).zip(&mut self.moments);
        for ((parameter, gradient), moments) in all {
            let decays = parameter.decays;
            let l2 = if decays { self.l2 } else { F::zero() };
            let (Some(w), Some(gradient)) = (parameter.value.as_slice_mut(), gradient.as_slice())
            else {
                continue;
            };
            let part = Part {
                w,
                gradient,
                first: &mut moments.first,
                second: &mut moments.second,
            };
            match self.config {
                OptimizerConfig::Adam(adam) => {
                    part.adam(&AdamStep::new(adam, self.steps, lr, scale, l2, F::one()));
                }
                OptimizerConfig::AdamW(adamw) => {
                    let keep = match decays {
                        true => F::of(1.0 - lr * adamw.weight_decay.get()),
                        false => F::one(),
                    };
                    let adam = adamw.adam();
                    part.adam(&AdamStep::new(adam, self.steps, lr, scale, F::zero(), keep));
                }
                OptimizerConfig::Sgd(sgd) => part.descend(sgd, lr, scale, l2),
                // Takes no such steps; see `logistic`.
                OptimizerConfig::Lbfgs => {}
            }
        }
    }
}

/// The Euclidean norm of all gradients together, summed in f64 piece by piece in their order.
fn norm<F: Real>(gradients: &[&Array2<F>]) -> f64 {
    let squares = |piece: &[F]| {
        let square = |x: &F| x.to_f64().map_or(f64::NAN, |x| x * x);
        piece.iter().map(square).sum::<f64>()
    };
    let mut sum = 0.0;
    for gradient in gradients {
        let values = gradient.as_slice().unwrap_or_default();
        let pieces: Vec<f64> = values.par_chunks(PIECE).map(squares).collect();
        sum += pieces.iter().sum::<f64>();
    }
    sum.sqrt()
}

/// What makes a gradient of this norm at most as long as `most`: PyTorch's `clip_grad_norm_`, which
/// adds 1e-6 to the norm. What is not a number stays so.
fn clip(most: f64, norm: f64) -> f64 {
    let scale = most / (norm + 1e-6);
    if scale > 1.0 { 1.0 } else { scale }
}

/// The numbers of Adam's step t (from 1), the same for all weights.
struct AdamStep<F> {
    /// What clipping scales the gradient by.
    scale: F,
    l2: F,
    /// What AdamW leaves of a weight, before all else.
    keep: F,
    keep1: F,
    new1: F,
    keep2: F,
    new2: F,
    /// lr / (1 - β₁ᵗ).
    rate: F,
    /// 1 / √(1 - β₂ᵗ).
    second: F,
    epsilon: F,
}

impl<F: Real> AdamStep<F> {
    fn new(config: AdamConfig, t: i32, lr: f64, scale: F, l2: F, keep: F) -> Self {
        let (beta1, beta2) = (config.beta1.get(), config.beta2.get());
        Self {
            scale,
            l2,
            keep,
            keep1: F::of(beta1),
            new1: F::of(1.0 - beta1),
            keep2: F::of(beta2),
            new2: F::of(1.0 - beta2),
            rate: F::of(lr / (1.0 - beta1.powi(t))),
            second: F::of(1.0 / (1.0 - beta2.powi(t)).sqrt()),
            epsilon: F::of(config.epsilon.get()),
        }
    }
}

impl<F: Real> Part<'_, F> {
    /// With g = scale * gradient + l2 w, at step t (from 1), in one pass over memory:
    /// w = keep w, m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g²,
    /// w = w - lr m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).
    fn adam(self, step: &AdamStep<F>) {
        let both = self
            .w
            .par_chunks_mut(PIECE)
            .zip(self.gradient.par_chunks(PIECE));
        let moments = (self.first.par_chunks_mut(PIECE)).zip(self.second.par_chunks_mut(PIECE));
        both.zip(moments)
            .for_each(|((w, gradient), (first, second))| {
                let moments = first.iter_mut().zip(second);
                for ((w, &g), (m, v)) in w.iter_mut().zip(gradient).zip(moments) {
                    let g = step.scale * g + step.l2 * *w;
                    *m = step.keep1 * *m + step.new1 * g;
                    *v = step.keep2 * *v + step.new2 * g * g;
                    let down = step.rate * *m / (v.sqrt() * step.second + step.epsilon);
                    *w = step.keep * *w - down;
                }
            });
    }

    /// With g = scale * gradient + l2 w: u = momentum u + g, w = w - lr u.
    fn descend(self, config: SgdConfig, lr: f64, scale: F, l2: F) {
        let (lr, momentum) = (F::of(lr), F::of(config.momentum.get()));
        let both = self
            .w
            .par_chunks_mut(PIECE)
            .zip(self.gradient.par_chunks(PIECE));
        both.zip(self.first.par_chunks_mut(PIECE))
            .for_each(|((w, gradient), velocity)| {
                for ((w, &g), u) in w.iter_mut().zip(gradient).zip(velocity) {
                    *u = momentum * *u + scale * g + l2 * *w;
                    *w -= lr * *u;
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::agree;
    use ndarray::array;

    fn parameter(value: &mut Array2<f64>, decays: bool) -> Parameter<'_, f64> {
        Parameter { value, decays }
    }

    /// Three steps from [1, -2, 0.5], with and without the penalty.
    fn steps(yaml: &str, decays: bool) -> Vec<Array2<f64>> {
        let yaml = format!("{{head: {{logistic: {{}}}}, {yaml}}}");
        let config: crate::head::TrainConfig = serde_saphyr::from_str(&yaml).unwrap();
        let mut value = array![[1.0, -2.0, 0.5]];
        let mut optimizer = Optimizer::new(
            config.optimizer,
            config.l2.get(),
            config.clip_norm.map(crate::head::config::Positive::get),
            &[parameter(&mut value, decays)],
        );
        [
            [0.5, -1.0, 0.001],
            [-0.25, 3.0, 0.002],
            [0.125, 0.0, -0.004],
        ]
        .map(|gradient| {
            let lr = config.optimizer.lr();
            optimizer.step(
                vec![parameter(&mut value, decays)],
                &[&array![gradient]],
                lr,
            );
            value.clone()
        })
        .to_vec()
    }

    /// Golden values: algorithm 1 of Kingma & Ba 2015 written out in numpy 2.4.6 in f64 (not
    /// PyTorch itself), with g = gradient + 0.25 w.
    #[test]
    fn adam_after_the_paper() {
        let found = steps(
            "l2: 0.25, adam: {lr: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1.0e-3}",
            true,
        );
        agree(
            &found[0],
            &array![[0.9001331557922769, -1.900066622251832, 0.40078740157480314]],
        );
        agree(
            &found[1],
            &array![[0.8356172199229027, -1.929794905494036, 0.3026774094019211]],
        );
        agree(
            &found[2],
            &array![[0.7640210226418866, -1.9421504044166202, 0.2076923035434997]],
        );
    }

    /// AdamW's decay is apart from its steps: with none of it, and with none of `l2`, both are
    /// the same; with it a weight shrinks by lr * weight_decay before each step.
    #[test]
    fn decoupled_decay_is_apart_from_the_step() {
        let adam = steps("adam: {lr: 0.1}", true);
        let decayed = steps("adamw: {lr: 0.1, weight_decay: 0.5}", true);
        agree(
            &steps("adamw: {lr: 0.1, weight_decay: 0}", true)[2],
            &adam[2],
        );
        agree(
            &steps("adamw: {lr: 0.1, weight_decay: 0.5}", false)[2],
            &adam[2],
        );
        let start = array![[1.0, -2.0, 0.5]];
        agree(&decayed[0], &(&adam[0] - &(start * 0.05)));
        let second = &adam[1] - &adam[0];
        agree(&decayed[1], &(&decayed[0] * 0.95 + second));
    }

    /// Golden values: the formula in numpy 2.4.6.
    #[test]
    fn gradient_descent_with_momentum() {
        let found = steps("l2: 0.25, sgd: {lr: 0.1, momentum: 0.9}", true);
        agree(&found[0], &array![[0.925, -1.85, 0.4874]]);
        agree(&found[1], &array![[0.859375, -1.96875, 0.463675]]);
        agree(&found[2], &array![[0.766328125, -2.02640625, 0.431130625]]);
    }

    /// Adam's first step is the learning rate in every direction, however small the gradient.
    #[test]
    fn what_does_not_decay_knows_no_penalty() {
        let found = steps("l2: 0.25, sgd: {lr: 0.1}", false);
        agree(&found[0], &array![[0.95, -1.9, 0.4999]]);
        let found = steps("l2: 0.25, adam: {lr: 0.1}", false);
        agree(&found[0], &array![[0.9, -1.9, 0.4 + 1e-6]]);
    }

    /// The first gradient has the norm √1.250001, the last one 0.125.
    #[test]
    fn a_gradient_is_scaled_down_to_the_norm_and_never_up() {
        let found = steps("clip_norm: 0.5, sgd: {lr: 1}", true);
        let scale = 0.5 / (1.250001_f64.sqrt() + 1e-6);
        let start = array![[1.0, -2.0, 0.5]];
        agree(&found[0], &(start - array![[0.5, -1.0, 0.001]] * scale));
        agree(&(&found[1] - &found[2]), &array![[0.125, 0.0, -0.004]]);
        assert!(clip(1.0, f64::NAN).is_nan());
    }

    /// Longer than a piece: every number is moved, once.
    #[test]
    fn long_parameters_are_moved_whole() {
        let n = 3 * PIECE + 17;
        let mut value = Array2::<f64>::ones((1, n));
        let gradient = Array2::from_elem((1, n), 2.0);
        let config = OptimizerConfig::Sgd(SgdConfig::default());
        let mut optimizer = Optimizer::new(config, 0.0, Some(1.0), &[parameter(&mut value, false)]);
        optimizer.step(vec![parameter(&mut value, false)], &[&gradient], 1.0);
        let norm = 2.0 * (n as f64).sqrt();
        let expected = 1.0 - 2.0 / (norm + 1e-6);
        assert!(value.iter().all(|w| (w - expected).abs() < 1e-12));
    }
}
