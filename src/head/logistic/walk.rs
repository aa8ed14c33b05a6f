//! A cross-validation that goes from one `l2` to the next.

use std::collections::VecDeque;

use ndarray::Array2;

use super::axes::Axes;
use super::folds::Folds;
use super::objective::{Objective, log_softmax};
use super::search::Search;
use super::solve::{Ending, Limits, Problem};
use crate::head::error::HeadError;

/// Steps that the models remember: along a path, where each needs one or two, more do not help.
const MEMORY: usize = 5;

/// Numbers that the solutions of a whole path may take, to go on from the best of them.
const MOST_KEPT: usize = 1 << 26;

/// The models of a cross-validation on their way along a path.
pub(super) struct Walk<'a> {
    pub(super) objective: &'a Objective<'a, f32>,
    pub(super) folds: &'a Folds,
    pub(super) axes: &'a Axes,
    pub(super) limits: Limits,
    searches: Vec<Search>,
    /// The last solutions, the newest first.
    past: VecDeque<Vec<Array2<f64>>>,
}

impl<'a> Walk<'a> {
    /// From W = 0.
    pub(super) fn new(
        objective: &'a Objective<'a, f32>,
        folds: &'a Folds,
        axes: &'a Axes,
        limits: Limits,
    ) -> Self {
        let zero = || Array2::zeros((objective.classes, objective.blocks.width() + 1));
        let searches = objective.shares.iter().map(|_| Search::new(zero(), MEMORY));
        Self {
            objective,
            folds,
            axes,
            limits,
            searches: searches.collect(),
            past: VecDeque::new(),
        }
    }

    /// From solutions, one for each model; as it is where there are none.
    pub(super) fn from(mut self, solutions: &[Array2<f32>]) -> Self {
        for (search, solution) in self.searches.iter_mut().zip(solutions) {
            search.restart(solution.mapv(f64::from));
        }
        self
    }

    /// ln p of each class for each example, for each repeat, by the model that has not seen it, at
    /// this `l2`; and how the models' minimisations ended.
    ///
    /// The values before it are taken to have been in geometric progression: the searches start
    /// where the parabola through the last three solutions points to.
    ///
    /// # Errors
    /// Rows that cannot be read, the request to end.
    pub(super) fn at(&mut self, l2: f64) -> Result<(Vec<Array2<f64>>, Vec<Ending>), HeadError> {
        for (model, search) in self.searches.iter_mut().enumerate() {
            if let Some(start) = ahead(&self.past, model) {
                search.restart(start);
            }
        }
        let problem = Problem {
            objective: self.objective,
            l2,
            axes: self.axes,
            limits: self.limits.clone(),
        };
        let endings = problem.minimise(&mut self.searches)?;
        self.past.truncate(2);
        self.past
            .push_front(self.searches.iter().map(|s| s.point.clone()).collect());
        let repeats = 0..self.folds.of.len();
        let log_p = repeats
            .map(|repeat| self.log_probabilities(repeat))
            .collect();
        Ok((log_p, endings))
    }

    /// ln p of each example by the model of a repeat that has not seen it: the scores fell out of
    /// the last pass over the rows.
    fn log_probabilities(&self, repeat: usize) -> Array2<f64> {
        let models = self.folds.models(repeat);
        let classes = self.objective.classes;
        let mut scores: Vec<_> = (self.searches.iter())
            .map(|search| search.value.as_ref().map_or(&[][..], |value| &value.judged))
            .map(|judged| judged.chunks(classes.max(1)))
            .collect();
        let mut found = Array2::from_elem((models.len(), classes), f64::NAN);
        for (mut to, model) in found.outer_iter_mut().zip(models) {
            if let Some(own) = scores.get_mut(model).and_then(Iterator::next) {
                to.iter_mut().zip(own).for_each(|(to, z)| *to = *z);
                log_softmax(to);
            }
        }
        found
    }

    /// The same from the beginning, for another path.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.objective, self.folds, self.axes, self.limits.clone())
    }

    /// The models' solutions, to go on from; none where those of `values` of them would take too
    /// much memory.
    pub(super) fn solutions(&self, values: usize) -> Vec<Array2<f32>> {
        let numbers: usize = self.searches.iter().map(|s| s.point.len()).sum();
        if numbers.saturating_mul(values) > MOST_KEPT {
            return Vec::new();
        }
        #[allow(clippy::cast_possible_truncation)] // a start need not be exact
        let rounded = |search: &Search| search.point.mapv(|x| x as f32);
        self.searches.iter().map(rounded).collect()
    }

    /// The first model as it stands; none before it has left W = 0.
    pub(super) fn first(&self) -> Option<&Array2<f64>> {
        self.searches.first().and_then(Search::moved)
    }

    /// The mean of the models: near the one of all examples.
    #[allow(clippy::cast_precision_loss)] // a handful of models
    pub(super) fn mean(&self) -> Option<Array2<f64>> {
        let mut points = self.searches.iter().map(|search| &search.point);
        let first = points.next()?.clone();
        let sum = points.fold(first, |sum, point| sum + point);
        Some(sum / self.searches.len() as f64)
    }
}

/// Where a model's next solution should be, from those before it.
fn ahead(past: &VecDeque<Vec<Array2<f64>>>, model: usize) -> Option<Array2<f64>> {
    let mut solutions = past.iter().filter_map(|all| all.get(model));
    let first = solutions.next()?;
    Some(match (solutions.next(), solutions.next()) {
        (None, _) => first.clone(),
        (Some(second), None) => first * 2.0 - second,
        (Some(second), Some(third)) => (first - second) * 3.0 + third,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Squares 1, 4, 9 lie on a parabola: the next is 16.
    #[test]
    fn what_lies_ahead_is_on_the_parabola() {
        let mut past = VecDeque::new();
        assert_eq!(ahead(&past, 0), None);
        for (seen, next) in [(1.0, 1.0), (4.0, 7.0), (9.0, 16.0)] {
            past.push_front(vec![array![[seen]]]);
            assert_eq!(ahead(&past, 0), Some(array![[next]]));
        }
    }
}
