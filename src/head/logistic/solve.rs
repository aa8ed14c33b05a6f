//! Minimising several objectives side by side.

use rayon::prelude::*;

use super::axes::Axes;
use super::objective::{Objective, Value};
use super::preconditioner::Preconditioner;
use super::search::{Search, Step};
use crate::head::error::HeadError;
use crate::head::real::Real;
use crate::head::train::Partial;
use crate::stop::Stop;

/// When to stop.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The largest element of the gradient that is small enough.
    pub(super) tolerance: f64,
    /// Steps of a model, at most.
    pub(super) iterations: usize,
    /// The request to end, which is looked at between two passes over the rows.
    pub(super) stop: Stop,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ending {
    /// Steps taken.
    pub(super) iterations: usize,
    /// The largest element of the gradient.
    pub(super) gradient: f64,
    /// Whether that is within the tolerance.
    pub(super) converged: bool,
    /// Whether rounding allowed no better point.
    pub(super) stuck: bool,
}

/// What a minimisation needs to know beside where it starts.
pub(super) struct Problem<'a, F> {
    pub(super) objective: &'a Objective<'a, F>,
    pub(super) l2: f64,
    /// What the preconditioner is made of.
    pub(super) axes: &'a Axes,
    pub(super) limits: Limits,
}

impl<F: Real> Problem<'_, F> {
    /// Takes every search to its minimum, all in the same passes over the rows. What a search
    /// comes to does not depend on the others.
    ///
    /// # Errors
    /// Rows that cannot be read, the request to end.
    pub(super) fn minimise(&self, searches: &mut [Search]) -> Result<Vec<Ending>, HeadError> {
        let mut steps = vec![0; searches.len()];
        let mut endings = vec![None; searches.len()];
        loop {
            if self.limits.stop.is_asked() {
                return Err(HeadError::Interrupted(Box::new(Partial::none())));
            }
            let running = |model: &usize| endings.get(*model).is_some_and(Option::is_none);
            let models: Vec<usize> = (0..searches.len()).filter(running).collect();
            if models.is_empty() {
                return Ok(endings.into_iter().flatten().collect());
            }
            let at: Vec<_> = models.iter().map(|&m| (m, searches[m].wanted())).collect();
            let mut values = self.objective.values(&at, self.l2)?.into_iter();
            let mut work = Vec::with_capacity(models.len());
            for (model, search) in searches.iter_mut().enumerate() {
                if models.contains(&model) {
                    work.extend(values.next().map(|value| (model, search, value)));
                }
            }
            let stepped: Vec<_> = work
                .into_par_iter()
                .map(|(model, search, value)| (model, self.advance(search, value, steps[model])))
                .collect();
            for (model, outcome) in stepped {
                match outcome {
                    Outcome::Searching => {}
                    Outcome::Stepped => steps[model] += 1,
                    Outcome::Ended(ending) => endings[model] = Some(ending),
                }
            }
        }
    }

    fn advance(&self, search: &mut Search, value: Value, steps: usize) -> Outcome {
        let first = search.value.is_none();
        let step = search.take(value, self.l2);
        if step == Step::Again {
            return Outcome::Searching;
        }
        let iterations = steps + usize::from(step == Step::Taken && !first);
        let gradient = search.gradient();
        let converged = gradient <= self.limits.tolerance;
        let ended = |stuck| {
            Outcome::Ended(Ending {
                iterations,
                gradient,
                converged,
                stuck,
            })
        };
        if converged || step == Step::Stuck || iterations >= self.limits.iterations {
            return ended(step == Step::Stuck);
        }
        let curvature = search.value.as_ref().map_or(1.0, |value| value.curvature);
        match search.aim(self.l2, &Preconditioner::new(self.axes, curvature, self.l2)) {
            Step::Taken if first => Outcome::Searching,
            Step::Taken => Outcome::Stepped,
            Step::Again | Step::Stuck => ended(true),
        }
    }
}

enum Outcome {
    Searching,
    Stepped,
    Ended(Ending),
}
