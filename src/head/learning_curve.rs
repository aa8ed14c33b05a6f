//! How good the head would be with fewer examples, and so whether more would help.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayViewMut2};
use serde::{Deserialize, Serialize};

use super::config::{AtLeast, Calibration, TrainConfig, ValidationConfig};
use super::error::HeadError;
use super::examples::Examples;
use super::metrics::{count, log_loss_of, predicted, wilson_of_share};
use super::model::Head;
use super::random::{shuffle, stream};
use super::rows::Rows;
use super::train::{Fit, fit, folds};

/// Rows that are scored at once.
const SCORED_AT_ONCE: usize = 512;

/// How a learning curve is drawn.
///
/// It is off unless it is asked for: with its defaults it trains about twice as long as a
/// cross-validation (the sizes halve, so all together are two of the largest), for an answer that
/// one wants once and not with every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningCurveConfig {
    /// How many sizes at most, each twice the one before, up to all that cross-validation trains
    /// on; those that are too small for an example of each class are left out.
    pub sizes: AtLeast<2>,
    /// How often folds and subsets are drawn anew.
    pub repeats: AtLeast<1>,
}

impl Default for LearningCurveConfig {
    fn default() -> Self {
        Self {
            sizes: AtLeast::constant(5),
            repeats: AtLeast::constant(1),
        }
    }
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// Examples that each model was trained on.
    pub examples: usize,
    /// The share of the held-out examples that was right, the mean over the repeats.
    pub accuracy: f64,
    /// Its 95 % interval, Wilson's, of as many examples as there are.
    pub accuracy_ci95: [f64; 2],
    /// Mean log loss of the held-out examples.
    pub log_loss: f64,
}

/// The learning curve of a head, `found` being the head and how it was trained.
///
/// The training examples are dealt into folds as for cross-validation. For each fold, models are
/// trained on growing parts of the others, each part holding the one before, stratified and group
/// by group; all are judged on the plain views of the same held-out fold. Test examples have no
/// part in it. What the whole training chose, the settings of a search, its epochs and its
/// temperature, is kept for all sizes.
///
/// `progress` hears how many of how many models are trained.
///
/// # Errors
/// What dealing folds or training fails with.
pub fn learning_curve(
    found: &Fit,
    examples: &Examples<'_>,
    how: LearningCurveConfig,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<LearningPoint>, HeadError> {
    let division = ValidationConfig {
        repeats: how.repeats,
        ..found.config.validation.unwrap_or_default()
    };
    let fold_of = folds::divide(examples, division, seed)?;
    let splits: Vec<Split> = (fold_of.iter().enumerate())
        .flat_map(|(repeat, of)| (0..division.folds.get()).map(move |fold| (repeat, of, fold)))
        .map(|(repeat, of, fold)| Split::new(examples, of, fold, (seed, repeat)))
        .collect();
    let sizes = sizes(&splits, examples, how.sizes.get());
    let config = as_found(found);
    let total = sizes.len() * splits.len();
    let mut points = Vec::with_capacity(sizes.len());
    for &size in &sizes {
        let mut sums = Sums::default();
        for split in &splits {
            progress(points.len() * splits.len() + sums.models, total);
            let part = split.order.get(..size).unwrap_or(&split.order);
            let head = trained(&config, examples, part, seed)?;
            let head = head.with_temperature(found.head.temperature());
            sums.judge(&head, examples, &split.held_out)?;
        }
        points.push(sums.point(size, examples.len()));
    }
    Ok(points)
}

/// The settings of each model: those of the head, with what its training chose.
fn as_found(found: &Fit) -> TrainConfig {
    let config = &found.config;
    let epochs = i64::try_from(found.epochs).map(AtLeast::try_from);
    TrainConfig {
        validation: None,
        calibration: Calibration::None,
        early_stopping: None,
        search: None,
        epochs: epochs.ok().and_then(Result::ok).unwrap_or(config.epochs),
        ..config.clone()
    }
}

/// What a fold's models learn from, in the order in which it comes to them, and are judged on.
struct Split {
    order: Vec<usize>,
    held_out: Vec<usize>,
}

impl Split {
    fn new(
        examples: &Examples<'_>,
        fold_of: &[usize],
        fold: usize,
        (seed, repeat): (u64, usize),
    ) -> Self {
        let (held_out, members): (Vec<usize>, Vec<usize>) =
            (0..fold_of.len()).partition(|&example| fold_of[example] == fold);
        Self {
            order: growing(examples, &members, seed, &[repeat as u64, fold as u64]),
            held_out,
        }
    }
}

/// `members` in an order each beginning of which is stratified and, but for its end, of whole
/// groups: again and again the class that has had the smallest share of its own gets the next of
/// its groups, which are in a random order.
fn growing(examples: &Examples<'_>, members: &[usize], seed: u64, keys: &[u64]) -> Vec<usize> {
    let mut groups = groups_of(examples, members);
    shuffle(&mut groups, &mut stream("learning curve", seed, keys));
    let mut queues = vec![VecDeque::new(); examples.classes];
    let mut totals = vec![0_usize; examples.classes];
    for (place, group) in groups.iter().enumerate() {
        for &example in group {
            let class = examples.labels[example];
            totals[class] += 1;
            if queues[class].back() != Some(&place) {
                queues[class].push_back(place);
            }
        }
    }
    let mut had = vec![0_usize; examples.classes];
    let mut order = Vec::with_capacity(members.len());
    while let Some(class) = (0..examples.classes)
        .filter(|&class| !queues[class].is_empty())
        .min_by(|&a, &b| (had[a] * totals[b]).cmp(&(had[b] * totals[a])))
    {
        let Some(place) = queues[class].pop_front() else {
            break;
        };
        // Taken already where it came with another of its classes.
        for example in std::mem::take(&mut groups[place]) {
            had[examples.labels[example]] += 1;
            order.push(example);
        }
    }
    order
}

/// The members of each group; without groups each for itself.
fn groups_of(examples: &Examples<'_>, members: &[usize]) -> Vec<Vec<usize>> {
    let Some(groups) = examples.groups else {
        return members.iter().map(|&example| vec![example]).collect();
    };
    let mut sorted = members.to_vec();
    sorted.sort_by_key(|&example| groups[example]);
    sorted
        .chunk_by(|&a, &b| groups[a] == groups[b])
        .map(<[usize]>::to_vec)
        .collect()
}

/// The sizes, rising: the largest that every split has, its half and so on, but none that leaves a
/// split without one of its classes.
fn sizes(splits: &[Split], examples: &Examples<'_>, most: usize) -> Vec<usize> {
    let largest = splits.iter().map(|split| split.order.len()).min();
    let complete = |split: &Split| {
        let mut seen = vec![false; examples.classes];
        let first = split.order.iter().enumerate().filter(|(_, example)| {
            let class = examples.labels[**example];
            !std::mem::replace(&mut seen[class], true)
        });
        first.last().map_or(0, |(place, _)| place + 1)
    };
    let least = splits.iter().map(complete).max().unwrap_or(0);
    let mut sizes: Vec<usize> = std::iter::successors(largest, |size| Some(size / 2))
        .take(most)
        .take_while(|size| *size >= least.max(2))
        .collect();
    sizes.reverse();
    sizes
}

/// A head trained on some of the examples.
fn trained(
    config: &TrainConfig,
    examples: &Examples<'_>,
    part: &[usize],
    seed: u64,
) -> Result<Head, HeadError> {
    let views = examples.views;
    let places: Vec<usize> = part
        .iter()
        .flat_map(|example| example * views..(example + 1) * views)
        .collect();
    let labels: Vec<usize> = part.iter().map(|&e| examples.labels[e]).collect();
    let part = |features: &dyn Rows| {
        let examples = Examples {
            features,
            labels: &labels,
            groups: None,
            ..*examples
        };
        Ok(fit(config, &examples, seed, &mut |_| {})?.head)
    };
    if examples.features.in_memory().is_some() {
        let mut rows = Array2::zeros((places.len(), examples.width()));
        examples.features.read(&places, rows.view_mut())?;
        return part(&rows);
    }
    part(&Selected {
        rows: examples.features,
        places,
    })
}

/// Some of the rows of others.
#[derive(Debug)]
struct Selected<'a> {
    rows: &'a dyn Rows,
    places: Vec<usize>,
}

impl Rows for Selected<'_> {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn read(&self, places: &[usize], into: ArrayViewMut2<'_, f32>) -> Result<(), HeadError> {
        let of = |place: &usize| self.places.get(*place).copied().unwrap_or(usize::MAX);
        self.rows
            .read(&places.iter().map(of).collect::<Vec<_>>(), into)
    }

    fn in_memory(&self) -> Option<ndarray::ArrayView2<'_, f32>> {
        None
    }
}

/// Sums over the models of a size.
#[derive(Default)]
struct Sums {
    models: usize,
    judged: usize,
    right: usize,
    loss: f64,
}

impl Sums {
    fn judge(
        &mut self,
        head: &Head,
        examples: &Examples<'_>,
        held_out: &[usize],
    ) -> Result<(), HeadError> {
        for chunk in held_out.chunks(SCORED_AT_ONCE) {
            let plain: Vec<usize> = chunk.iter().map(|e| e * examples.views).collect();
            let mut rows = Array2::zeros((plain.len(), examples.width()));
            examples.features.read(&plain, rows.view_mut())?;
            let probabilities = head.probabilities(rows.view())?;
            for (row, &example) in probabilities.outer_iter().zip(chunk) {
                let label = examples.labels[example];
                self.right += usize::from(predicted(row) == label);
                self.loss += log_loss_of(row[label]);
                self.judged += 1;
            }
        }
        self.models += 1;
        Ok(())
    }

    fn point(&self, examples: usize, all: usize) -> LearningPoint {
        let judged = count(self.judged.max(1));
        let accuracy = count(self.right) / judged;
        LearningPoint {
            examples,
            accuracy,
            accuracy_ci95: wilson_of_share(accuracy, count(all)),
            log_loss: self.loss / judged,
        }
    }
}

#[cfg(test)]
mod tests;
