//! Choosing `l2` by cross-validation along a path of values.

use std::fmt;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::folds::Folds;
use super::walk::Walk;
use crate::head::config::{AutoL2, Rule};
use crate::head::error::HeadError;
use crate::head::network::loss::argmax;
use crate::head::train::Watch;

/// How many times a path is made longer at an end where it is best, and by how many values.
const EXTENSIONS: usize = 2;
const EXTRA: usize = 10;

/// A value of `l2`, and what cross-validation says of it: each example judged by the model that
/// has not seen it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct L2Point {
    /// The value.
    pub l2: f64,
    /// Mean log loss of the held-out examples.
    pub log_loss: f64,
    /// Standard error of that mean: the deviation of the folds' own means, over the root of their
    /// number.
    pub standard_error: f64,
    /// Share of the held-out examples that were right.
    pub accuracy: f64,
}

/// How `l2` was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct L2Path {
    /// The value that the head was trained with.
    pub chosen: f64,
    /// By which rule.
    pub rule: Rule,
    /// Every value that was tried, the largest first.
    pub path: Vec<L2Point>,
}

impl L2Path {
    /// The point of the lowest log loss, the largest `l2` of equals.
    #[must_use]
    pub fn lowest(&self) -> Option<&L2Point> {
        self.path.get(best(&self.path))
    }
}

/// Lines of a path that is shown.
const SHOWN: usize = 10;

/// A table of some ten of the values, the best and the chosen one among them.
impl fmt::Display for L2Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let best = best(&self.path);
        let count = self.path.len();
        let every = count.div_ceil(SHOWN).max(1);
        write!(f, "{:>10}  {:>17}  {:>8}", "l2", "log loss", "accuracy")?;
        for (place, point) in self.path.iter().enumerate() {
            let is_chosen = point.l2 == self.chosen;
            if place % every != 0 && place + 1 != count && place != best && !is_chosen {
                continue;
            }
            let mark = match (is_chosen, place == best) {
                (true, true) => "  chosen: lowest log loss",
                (true, false) => "  chosen: one standard error",
                (false, true) => "  lowest log loss",
                (false, false) => "",
            };
            let (loss, error) = (point.log_loss, point.standard_error);
            let (l2, accuracy) = (point.l2, point.accuracy);
            write!(
                f,
                "\n{l2:>10.2e}  {loss:>8.4} ± {error:.4}  {accuracy:>8.4}{mark}"
            )?;
        }
        Ok(())
    }
}

/// A value that was tried, and the models' solutions there, where they were kept.
struct Tried {
    point: L2Point,
    solutions: Vec<Array2<f32>>,
}

/// What came of a path.
pub(super) struct Explored {
    pub(super) path: L2Path,
    /// The end at which the best value lies, if so.
    pub(super) end: Option<End>,
    /// The models' solutions at the chosen value, where they were kept.
    pub(super) solutions: Vec<Array2<f32>>,
}

/// The best value so far and the first fold's model there: what is left of a path that is
/// interrupted.
pub(super) struct Foremost {
    pub(super) point: L2Point,
    pub(super) model: Array2<f64>,
}

/// Tries all values of a path, and more at an end that is left open and is best. `foremost` is the
/// best of them at any time.
///
/// # Errors
/// Rows that cannot be read, the request to end.
pub(super) fn explore(
    auto: &AutoL2,
    mut walk: Walk<'_>,
    watch: &mut dyn Watch,
    foremost: &mut Option<Foremost>,
) -> Result<Explored, HeadError> {
    let (ratio, mut largest) = (auto.ratio(), auto.largest());
    let mut tried = try_all(&mut walk, &auto.grid(), watch, foremost)?;
    let mut upward = walk.anew();
    for _ in 0..EXTENSIONS {
        let points = points(&tried);
        match End::of(&points, best(&points)) {
            Some(End::Smallest) if auto.from.is_none() => {
                let last = points.last().map_or(1.0, |point| point.l2);
                let more: Vec<f64> = further(last, 1.0 / ratio).collect();
                tried.extend(try_all(&mut walk, &more, watch, foremost)?);
            }
            Some(End::Largest) if auto.to.is_none() => {
                let more: Vec<f64> = further(largest, ratio).collect();
                let mut found = try_all(&mut upward, &more, watch, foremost)?;
                largest = more.last().copied().unwrap_or(largest);
                found.reverse();
                tried.splice(0..0, found);
            }
            _ => break,
        }
    }
    let path = points(&tried);
    let chosen = choose(&path, auto.rule);
    Ok(Explored {
        end: End::of(&path, best(&path)),
        solutions: match tried.get_mut(chosen) {
            Some(tried) => std::mem::take(&mut tried.solutions),
            None => Vec::new(),
        },
        path: L2Path {
            chosen: path.get(chosen).map_or(largest, |point| point.l2),
            rule: auto.rule,
            path,
        },
    })
}

fn try_all(
    walk: &mut Walk<'_>,
    values: &[f64],
    watch: &mut dyn Watch,
    foremost: &mut Option<Foremost>,
) -> Result<Vec<Tried>, HeadError> {
    let mut all = Vec::with_capacity(values.len());
    for &l2 in values {
        let (log_p, _) = walk.at(l2)?;
        let point = point(l2, &log_p, walk.objective.labels, walk.folds);
        let better = (foremost.as_ref()).is_none_or(|best| point.log_loss < best.point.log_loss);
        if let (true, Some(model)) = (better, walk.first()) {
            let model = model.clone();
            *foremost = Some(Foremost { point, model });
        }
        watch.l2_tried(&point);
        all.push(Tried {
            point,
            solutions: walk.solutions(values.len()),
        });
    }
    Ok(all)
}

fn points(tried: &[Tried]) -> Vec<L2Point> {
    tried.iter().map(|tried| tried.point).collect()
}

fn further(from: f64, ratio: f64) -> impl Iterator<Item = f64> {
    (1..=EXTRA as i32).map(move |i| from * ratio.powi(i))
}

/// An end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its smallest value.
    Smallest,
    /// Its largest value.
    Largest,
}

impl End {
    fn of(points: &[L2Point], place: usize) -> Option<Self> {
        if place + 1 == points.len() {
            Some(Self::Smallest)
        } else {
            (place == 0).then_some(Self::Largest)
        }
    }
}

/// The place of the lowest log loss, the first (the largest `l2`) of equals.
fn best(points: &[L2Point]) -> usize {
    let lowest = points
        .iter()
        .enumerate()
        .fold(None, |best, (i, point)| match best {
            Some((_, loss)) if point.log_loss >= loss => best,
            _ => Some((i, point.log_loss)),
        });
    lowest.map_or(0, |(i, _)| i)
}

/// The place of the value that a rule takes, among points whose `l2` falls.
pub(super) fn choose(points: &[L2Point], rule: Rule) -> usize {
    let best = best(points);
    let Some(lowest) = points.get(best) else {
        return 0;
    };
    match rule {
        Rule::Best => best,
        Rule::OneStandardError => {
            let enough = lowest.log_loss + lowest.standard_error;
            let first = points.iter().position(|point| point.log_loss <= enough);
            first.unwrap_or(best)
        }
    }
}

/// What out-of-fold ln p, of each repeat, says of a value. With repeats, the folds' means deviate
/// over all of them; their number is still that of one repeat, as repeats see the same examples.
#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn point(l2: f64, log_p: &[Array2<f64>], labels: &[usize], folds: &Folds) -> L2Point {
    let mut sums = vec![(0.0, 0_usize); folds.shares.len()];
    let (mut total, mut correct, mut count) = (0.0, 0_usize, 0_usize);
    for (repeat, log_p) in log_p.iter().enumerate() {
        let models = folds.models(repeat);
        for ((row, &label), model) in log_p.outer_iter().zip(labels).zip(models) {
            let loss = -row.get(label).copied().unwrap_or(f64::NAN);
            total += loss;
            count += 1;
            correct += usize::from(argmax(row) == label);
            if let Some((sum, count)) = sums.get_mut(model) {
                *sum += loss;
                *count += 1;
            }
        }
    }
    let mean = |(sum, count): &(f64, usize)| sum / (*count).max(1) as f64;
    let means: Vec<f64> = sums.iter().map(mean).collect();
    let centre = means.iter().sum::<f64>() / means.len().max(1) as f64;
    let squares = means.iter().map(|m| (m - centre).powi(2)).sum::<f64>();
    let variance = squares / means.len().saturating_sub(1).max(1) as f64;
    L2Point {
        l2,
        log_loss: mean(&(total, count)),
        standard_error: (variance / folds.count.max(1) as f64).sqrt(),
        accuracy: correct as f64 / count.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn points(losses: &[(f64, f64)]) -> Vec<L2Point> {
        let of = |(i, &(log_loss, standard_error)): (usize, &(f64, f64))| L2Point {
            l2: 10_f64.powi(-(i as i32)),
            log_loss,
            standard_error,
            accuracy: 0.5,
        };
        losses.iter().enumerate().map(of).collect()
    }

    #[test]
    fn rules() {
        let path = points(&[(0.9, 0.1), (0.45, 0.1), (0.4, 0.06), (0.4, 0.2), (0.7, 0.1)]);
        assert_eq!(choose(&path, Rule::Best), 2);
        assert_eq!(choose(&path, Rule::OneStandardError), 1);
        assert_eq!(End::of(&path, 2), None);
        assert_eq!(End::of(&path, 0), Some(End::Largest));
        assert_eq!(End::of(&path, 4), Some(End::Smallest));
    }

    #[test]
    fn a_path_is_shown_in_some_ten_lines() {
        let losses: Vec<_> = (0..50)
            .map(|i| ((f64::from(i) - 31.0).abs() / 50.0, 0.1))
            .collect();
        let path = points(&losses);
        let chosen = choose(&path, Rule::OneStandardError);
        let shown = L2Path {
            chosen: path[chosen].l2,
            rule: Rule::OneStandardError,
            path,
        };
        insta::assert_snapshot!(shown.to_string());
    }

    /// Losses 1, 2 (fold 0) and 3, 6 (fold 1): their mean is 3, the folds' means are 1.5 and 4.5,
    /// deviating by sqrt(4.5); over sqrt(2) that is 1.5.
    #[test]
    fn a_point_by_hand() {
        let log_p = array![[-1.0, -9.0], [-2.0, -0.5], [-0.1, -3.0], [-7.0, -6.0]];
        let of = vec![vec![0, 0, 1, 1]];
        let folds = Folds {
            count: 2,
            shares: vec![Vec::new(); 2],
            of,
            judged: Vec::new(),
        };
        let found = point(0.1, &[log_p], &[0, 0, 1, 1], &folds);
        assert_eq!(found.log_loss, 3.0);
        assert!((found.standard_error - 1.5).abs() < 1e-12, "{found:?}");
        assert_eq!(found.accuracy, 0.5);
    }
}
