//! Two finished runs side by side: whether one is better than chance would make it, and what was
//! changed between them.

mod changes;
mod error;
mod predictions;

pub use changes::Change;
pub use error::CompareError;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::head::metrics::{log_loss_of, mcnemar, mean_interval, wilson95};
use predictions::{Prediction, Predictions};

/// Which predictions of the runs are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scored {
    /// Those on the test examples.
    #[default]
    Test,
    /// The out-of-fold ones on the training examples.
    Validation,
}

/// What [`compare`] found.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What was compared.
    pub on: Scored,
    /// Examples that both runs scored: all numbers are of these.
    pub examples: usize,
    /// The runs, in the order in which they were named.
    pub runs: [ComparedRun; 2],
    /// Examples that only the first has right.
    pub first_only: usize,
    /// Examples that only the second has right.
    pub second_only: usize,
    /// McNemar's exact test, two-sided; see [`mcnemar`].
    pub p: f64,
    /// The mean log loss of the second less that of the first: below 0 the second is better.
    pub log_loss_difference: f64,
    /// Its 95 % interval, by bootstrap over the examples, each with both its losses.
    pub log_loss_difference_ci95: [f64; 2],
    /// The keys of the resolved pipelines that differ.
    pub changes: Vec<Change>,
}

/// One of the runs.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedRun {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Examples right, of those that both scored.
    pub correct: usize,
    /// Their share.
    pub accuracy: f64,
    /// Its 95 % interval, Wilson's.
    pub accuracy_ci95: [f64; 2],
    /// Mean log loss.
    pub log_loss: f64,
    /// Examples that only this run scored.
    pub not_in_other: Vec<String>,
}

/// Compares two runs: folders, or names of those in `<root>/runs/`.
///
/// # Errors
/// A run that is not there or has no predictions, predictions that cannot be read, other classes,
/// no example in common, an example with two labels.
pub fn compare(root: &Path, runs: [&str; 2], on: Scored) -> Result<Comparison, CompareError> {
    let [first, second] = runs.map(|run| folder(root, run));
    let (first, second) = (first?, second?);
    let [a, b] = [
        Predictions::read(&first, on)?,
        Predictions::read(&second, on)?,
    ];
    if a.classes != b.classes {
        return Err(CompareError::Classes {
            first: a.path,
            second: b.path,
            classes: [a.classes, b.classes],
        });
    }
    let pairs = joined(&a, &b)?;
    let [losses_a, losses_b] = [0, 1].map(|side| {
        let of = |pair: &[&Prediction; 2]| log_loss_of(pair[side].p_label);
        pairs.iter().map(of).collect::<Vec<f64>>()
    });
    let differences: Vec<f64> = losses_b.iter().zip(&losses_a).map(|(b, a)| b - a).collect();
    let only = |this: usize| {
        let other = 1 - this;
        let found = pairs.iter().filter(|p| p[this].right && !p[other].right);
        found.count()
    };
    let (first_only, second_only) = (only(0), only(1));
    let one = |side: usize, folder: PathBuf, losses: &[f64], alone: Vec<String>| {
        let correct = pairs.iter().filter(|pair| pair[side].right).count();
        ComparedRun {
            name: name_of(&folder),
            path: folder,
            correct,
            accuracy: share(correct, pairs.len()),
            accuracy_ci95: wilson95(correct, pairs.len()),
            log_loss: mean(losses),
            not_in_other: alone,
        }
    };
    let changes = changes::between(&first, &second);
    Ok(Comparison {
        on,
        examples: pairs.len(),
        runs: [
            one(0, first, &losses_a, a.missing_in(&b)),
            one(1, second, &losses_b, b.missing_in(&a)),
        ],
        first_only,
        second_only,
        p: mcnemar(first_only, second_only),
        log_loss_difference: mean(&differences),
        log_loss_difference_ci95: mean_interval(&differences),
        changes,
    })
}

/// The folder of a run that is named by it or by its name.
fn folder(root: &Path, run: &str) -> Result<PathBuf, CompareError> {
    let named = root.join("runs").join(run);
    let given = PathBuf::from(run);
    for path in [&given, &named] {
        if path.is_dir() {
            return Ok(path.clone());
        }
    }
    let mut known: Vec<String> = std::fs::read_dir(root.join("runs"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    known.sort();
    Err(CompareError::NoRun {
        run: run.to_owned(),
        named,
        known,
    })
}

fn name_of(folder: &Path) -> String {
    let whole = folder.canonicalize();
    let name = whole.as_deref().unwrap_or(folder).file_name();
    name.unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The two predictions of each example that both have, in the order of the first.
fn joined<'a>(
    a: &'a Predictions,
    b: &'a Predictions,
) -> Result<Vec<[&'a Prediction; 2]>, CompareError> {
    let of_b: HashMap<&str, &Prediction> = b.all.iter().map(|p| (p.id.as_str(), p)).collect();
    let pairs: Vec<[&Prediction; 2]> = a
        .all
        .iter()
        .filter_map(|one| Some([one, *of_b.get(one.id.as_str())?]))
        .collect();
    if pairs.is_empty() {
        return Err(CompareError::NothingShared {
            first: a.path.clone(),
            second: b.path.clone(),
        });
    }
    match pairs.iter().find(|[a, b]| a.label != b.label) {
        Some([one, other]) => Err(CompareError::Labels {
            id: one.id.clone(),
            first: (a.path.clone(), one.label.clone()),
            second: (b.path.clone(), other.label.clone()),
        }),
        None => Ok(pairs),
    }
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
