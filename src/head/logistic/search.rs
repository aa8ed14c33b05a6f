//! One model's way to its minimum: L-BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5).
//!
//! f is convex, and strictly so for `l2` > 0. Hence every pair of a step s and the change y of the
//! gradient has sᵀy >= 0, and a step may end wherever f has gone down enough: the line search
//! looks at the slope along the line alone, in which rounding is felt far later than in f. A step
//! is taken where the slope is still negative but by less than 0.9 of what it was (the curvature
//! condition of Wolfe), or where it is positive but f meets Armijo's condition; else the zero of
//! the slope is looked for between the nearest points on both sides of it, by the secant kept
//! within the middle four fifths.
//!
//! The pairs hold the change of the loss' gradient without the penalty's, which is `l2` s and is
//! added when they are used: so they stay right from one `l2` of a path to the next.

use std::collections::VecDeque;

use ndarray::{Array2, Zip, s};

use super::objective::Value;
use super::preconditioner::Preconditioner;

/// Points that are tried on a line.
const TRIES: usize = 15;

/// The constants of Armijo's condition and of the curvature condition.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// What the rounding of a loss may amount to, relative to it.
const ROUNDING: f64 = 1e-9;

/// A model on its way.
pub(super) struct Search {
    /// Where it is: `[classes, width + 1]`, the intercepts in the last column.
    pub(super) point: Array2<f64>,
    /// f there, once it is known.
    pub(super) value: Option<Value>,
    pairs: VecDeque<Pair>,
    /// Pairs that are remembered.
    memory: usize,
    line: Option<Line>,
}

/// A step, and what it changed.
struct Pair {
    step: Array2<f64>,
    /// Of the gradient of the loss, without the penalty.
    change: Array2<f64>,
    /// The product of the two.
    curvature: f64,
    /// The square of the step, without its intercepts.
    square: f64,
}

impl Pair {
    fn new(step: Array2<f64>, change: Array2<f64>) -> Self {
        let weights = step.slice(s![.., ..-1]);
        let square = weights.iter().map(|w| w * w).sum();
        Self {
            curvature: dot(&step, &change),
            square,
            step,
            change,
        }
    }

    /// sᵀy, y the change of the gradient with the penalty's.
    fn curvature(&self, l2: f64) -> f64 {
        self.curvature + l2 * self.square
    }

    /// yᵀr.
    fn change_along(&self, l2: f64, r: &Array2<f64>) -> f64 {
        let weights = s![.., ..-1];
        let (step, r_weights) = (self.step.slice(weights), r.slice(weights));
        let penalty = Zip::from(step)
            .and(r_weights)
            .fold(0.0, |sum, a, b| sum + a * b);
        dot(&self.change, r) + l2 * penalty
    }
}

/// A line that is searched.
struct Line {
    direction: Array2<f64>,
    /// df/dt at t = 0.
    slope: f64,
    /// The point that is tried now.
    t: f64,
    trial: Array2<f64>,
    /// The farthest point known where the slope is negative: t and slope.
    below: (f64, f64),
    /// The nearest point known that is too far.
    above: Option<(f64, f64)>,
    tries: usize,
}

/// What came of a tried point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The model is at a new point.
    Taken,
    /// Another point of the line is to be tried.
    Again,
    /// The line has no better point that rounding would let one see.
    Stuck,
}

impl Search {
    /// A search from a point that remembers so many of its steps.
    pub(super) fn new(point: Array2<f64>, memory: usize) -> Self {
        Self {
            point,
            value: None,
            pairs: VecDeque::new(),
            memory,
            line: None,
        }
    }

    /// Goes on from another point, perhaps with another `l2`; what was learned is kept.
    pub(super) fn restart(&mut self, point: Array2<f64>) {
        self.point = point;
        self.value = None;
        self.line = None;
    }

    /// Where it is, unless that is W = 0, which tells nothing apart.
    pub(super) fn moved(&self) -> Option<&Array2<f64>> {
        let is_anywhere = self.point.iter().any(|w| *w != 0.0);
        is_anywhere.then_some(&self.point)
    }

    /// The largest element of the gradient, infinite where it is not known.
    pub(super) fn gradient(&self) -> f64 {
        let Some(value) = &self.value else {
            return f64::INFINITY;
        };
        // A maximum would pass over what is not a number.
        let largest = value.gradient.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        if value.loss.is_finite() && value.gradient.iter().all(|x| x.is_finite()) {
            largest
        } else {
            f64::NAN
        }
    }

    /// The point where f is wanted next.
    pub(super) fn wanted(&self) -> &Array2<f64> {
        self.line.as_ref().map_or(&self.point, |line| &line.trial)
    }

    /// Takes in f at the point that was wanted.
    pub(super) fn take(&mut self, value: Value, l2: f64) -> Step {
        let (Some(line), Some(before)) = (&mut self.line, &self.value) else {
            self.value = Some(value);
            return Step::Taken;
        };
        let slope = dot(&value.gradient, &line.direction);
        let enough = before.loss + DECREASE * line.t * line.slope + ROUNDING * before.loss.abs();
        let bad = !(value.loss.is_finite() && slope.is_finite());
        if bad || (slope > 0.0 && value.loss > enough) {
            line.above = Some((line.t, if bad { f64::NAN } else { slope }));
        } else if slope < CURVATURE * line.slope {
            line.below = (line.t, slope);
        } else {
            return self.step(value, l2);
        }
        line.tries += 1;
        if line.tries >= TRIES {
            self.line = None;
            return Step::Stuck;
        }
        line.t = line.next();
        line.trial = &self.point + &(&line.direction * line.t);
        Step::Again
    }

    fn step(&mut self, value: Value, l2: f64) -> Step {
        let (Some(line), Some(before)) = (self.line.take(), self.value.take()) else {
            return Step::Stuck;
        };
        let step = line.direction * line.t;
        let mut change = &value.gradient - &before.gradient;
        penalize(&mut change, -l2, &step);
        if self.pairs.len() >= self.memory {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair::new(step, change));
        self.point = line.trial;
        self.value = Some(value);
        Step::Taken
    }

    /// Turns to a new line, from the point where f is known.
    pub(super) fn aim(&mut self, l2: f64, preconditioner: &Preconditioner<'_>) -> Step {
        let Some(value) = &self.value else {
            return Step::Again;
        };
        let mut direction = self.direction(&value.gradient, l2, preconditioner);
        let mut slope = dot(&direction, &value.gradient);
        if !descends(slope) {
            direction = -preconditioner.apply(&value.gradient);
            slope = dot(&direction, &value.gradient);
            self.pairs.clear();
        }
        if !descends(slope) {
            return Step::Stuck;
        }
        self.line = Some(Line {
            trial: &self.point + &direction,
            direction,
            slope,
            t: 1.0,
            below: (0.0, slope),
            above: None,
            tries: 0,
        });
        Step::Taken
    }

    /// -H g by the two loops over the pairs, with γ M⁻¹ in the place of H₀, M⁻¹ the
    /// preconditioner and γ = sᵀy / yᵀM⁻¹y of the last pair.
    fn direction(
        &self,
        gradient: &Array2<f64>,
        l2: f64,
        preconditioner: &Preconditioner<'_>,
    ) -> Array2<f64> {
        let mut q = gradient.clone();
        let curved = |pair: &&Pair| pair.curvature(l2) > 0.0;
        let pairs: Vec<&Pair> = self.pairs.iter().filter(curved).collect();
        let mut alphas = Vec::with_capacity(pairs.len());
        for pair in pairs.iter().rev() {
            let alpha = dot(&pair.step, &q) / pair.curvature(l2);
            q.scaled_add(-alpha, &pair.change);
            penalize(&mut q, -alpha * l2, &pair.step);
            alphas.push(alpha);
        }
        let mut r = preconditioner.apply(&q);
        if let Some(last) = pairs.last() {
            let mut y = last.change.clone();
            penalize(&mut y, l2, &last.step);
            let scale = last.curvature(l2) / dot(&y, &preconditioner.apply(&y));
            if scale.is_finite() && scale > 0.0 {
                r *= scale;
            }
        }
        for (pair, alpha) in pairs.iter().zip(alphas.iter().rev()) {
            let beta = pair.change_along(l2, &r) / pair.curvature(l2);
            r.scaled_add(alpha - beta, &pair.step);
        }
        -r
    }
}

/// Whether f falls with this slope.
fn descends(slope: f64) -> bool {
    slope < 0.0 && slope.is_finite()
}

impl Line {
    /// The next t to try.
    fn next(&self) -> f64 {
        let (low, low_slope) = self.below;
        let Some((high, high_slope)) = self.above else {
            return 4.0 * self.t;
        };
        // Beyond a point where f is not even a number, nothing is known: a tenth of the way.
        let zero = -low_slope / (high_slope - low_slope);
        let within = if zero.is_nan() {
            0.1
        } else {
            zero.clamp(0.1, 0.9)
        };
        low + (high - low) * within
    }
}

/// Adds `l2` W to a gradient, W without its intercepts.
fn penalize(gradient: &mut Array2<f64>, l2: f64, point: &Array2<f64>) {
    let width = point.ncols().saturating_sub(1);
    let weights = point.slice(s![.., ..width]);
    gradient.slice_mut(s![.., ..width]).scaled_add(l2, &weights);
}

/// The sum of the products of the elements.
pub(super) fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    Zip::from(a).and(b).fold(0.0, |sum, a, b| sum + a * b)
}
