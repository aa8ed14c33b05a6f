//! Steps down a gradient: Adam and gradient descent, with the L2 penalty.

use ndarray::{Array2, Zip};

use crate::head::config::{AdamConfig, OptimizerConfig, SgdConfig};
use crate::head::network::Parameter;
use crate::head::real::Real;

/// The memory of an optimizer, in the order of the parameters it moves.
#[derive(Debug)]
pub(super) struct Optimizer<F> {
    config: OptimizerConfig,
    l2: F,
    steps: i32,
    moments: Vec<Moments<F>>,
}

/// Running means of a parameter's gradient; gradient descent uses the first as its velocity.
#[derive(Debug)]
struct Moments<F> {
    first: Array2<F>,
    second: Array2<F>,
}

impl<F: Real> Optimizer<F> {
    pub(super) fn new(config: OptimizerConfig, l2: f64, parameters: &[Parameter<'_, F>]) -> Self {
        let zeros = |parameter: &Parameter<'_, F>| Moments {
            first: Array2::zeros(parameter.value.dim()),
            second: match config {
                OptimizerConfig::Adam(_) => Array2::zeros(parameter.value.dim()),
                OptimizerConfig::Sgd(_) => Array2::zeros((0, 0)),
            },
        };
        let moments = parameters.iter().map(zeros).collect();
        Self {
            config,
            l2: F::of(l2),
            steps: 0,
            moments,
        }
    }

    /// One step. `gradients` are those of the mean loss alone; l2 * w, the derivative of the
    /// penalty l2 / 2 * w², is added here for the parameters that decay.
    pub(super) fn step(&mut self, parameters: Vec<Parameter<'_, F>>, gradients: &[&Array2<F>]) {
        self.steps = self.steps.saturating_add(1);
        for ((parameter, gradient), moments) in
            parameters.into_iter().zip(gradients).zip(&mut self.moments)
        {
            let l2 = if parameter.decays { self.l2 } else { F::zero() };
            match self.config {
                OptimizerConfig::Adam(adam) => {
                    adam_step(adam, self.steps, l2, parameter.value, gradient, moments);
                }
                OptimizerConfig::Sgd(sgd) => {
                    sgd_step(sgd, l2, parameter.value, gradient, &mut moments.first);
                }
            }
        }
    }
}

/// With g = gradient + l2 w, at step t (from 1):
/// m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g²,
/// w = w - lr m̂ / (√v̂ + ε), where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).
fn adam_step<F: Real>(
    config: AdamConfig,
    t: i32,
    l2: F,
    w: &mut Array2<F>,
    gradient: &Array2<F>,
    moments: &mut Moments<F>,
) {
    let (beta1, beta2) = (config.beta1.get(), config.beta2.get());
    let step = F::of(config.lr.get() / (1.0 - beta1.powi(t)));
    let second = F::of((1.0 - beta2.powi(t)).sqrt());
    let epsilon = F::of(config.epsilon.get());
    let (keep1, new1) = (F::of(beta1), F::of(1.0 - beta1));
    let (keep2, new2) = (F::of(beta2), F::of(1.0 - beta2));
    Zip::from(w)
        .and(gradient)
        .and(&mut moments.first)
        .and(&mut moments.second)
        .for_each(|w, &g, m, v| {
            let g = g + l2 * *w;
            *m = keep1 * *m + new1 * g;
            *v = keep2 * *v + new2 * g * g;
            *w -= step * *m / (v.sqrt() / second + epsilon);
        });
}

/// With g = gradient + l2 w: u = momentum u + g, w = w - lr u.
fn sgd_step<F: Real>(
    config: SgdConfig,
    l2: F,
    w: &mut Array2<F>,
    gradient: &Array2<F>,
    velocity: &mut Array2<F>,
) {
    let (lr, momentum) = (F::of(config.lr.get()), F::of(config.momentum.get()));
    Zip::from(w)
        .and(gradient)
        .and(velocity)
        .for_each(|w, &g, u| {
            *u = momentum * *u + g + l2 * *w;
            *w -= lr * *u;
        });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::network::gradient_check::agree;
    use ndarray::array;

    /// Three steps from `start`, with and without the penalty.
    fn steps(yaml: &str, decays: bool) -> Vec<Array2<f64>> {
        let yaml = format!("{{head: {{logistic: {{}}}}, l2: 0.25, {yaml}}}");
        let config: crate::head::TrainConfig = serde_saphyr::from_str(&yaml).unwrap();
        let mut value = array![[1.0, -2.0, 0.5]];
        let parameter = Parameter {
            value: &mut value,
            decays,
        };
        let mut optimizer = Optimizer::new(config.optimizer, config.l2.get(), &[parameter]);
        [
            [0.5, -1.0, 0.001],
            [-0.25, 3.0, 0.002],
            [0.125, 0.0, -0.004],
        ]
        .map(|gradient| {
            let parameter = Parameter {
                value: &mut value,
                decays,
            };
            optimizer.step(vec![parameter], &[&array![gradient]]);
            value.clone()
        })
        .to_vec()
    }

    /// Golden values: algorithm 1 of Kingma & Ba 2015 written out in numpy 2.4.6 in f64 (not
    /// PyTorch itself), with g = gradient + 0.25 w.
    #[test]
    fn adam_after_the_paper() {
        let found = steps(
            "adam: {lr: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1.0e-3}",
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

    /// Golden values: the formula in numpy 2.4.6.
    #[test]
    fn gradient_descent_with_momentum() {
        let found = steps("sgd: {lr: 0.1, momentum: 0.9}", true);
        agree(&found[0], &array![[0.925, -1.85, 0.4874]]);
        agree(&found[1], &array![[0.859375, -1.96875, 0.463675]]);
        agree(&found[2], &array![[0.766328125, -2.02640625, 0.431130625]]);
    }

    /// Adam's first step is the learning rate in every direction, however small the gradient.
    #[test]
    fn what_does_not_decay_knows_no_penalty() {
        let found = steps("sgd: {lr: 0.1}", false);
        agree(&found[0], &array![[0.95, -1.9, 0.4999]]);
        let found = steps("adam: {lr: 0.1}", false);
        agree(&found[0], &array![[0.9, -1.9, 0.4 + 1e-6]]);
    }
}
