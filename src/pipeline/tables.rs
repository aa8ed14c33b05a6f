//! The tables of a run folder, as CSV.

use ndarray::ArrayView2;
use serde::Serialize;

use crate::dataset::{Example, Skipped};
use crate::head::search::TrialOutcome;
use crate::head::{EpochRow, L2Path, LearningPoint, Trial, Validation, metrics};

use super::results::DoubtfulLabel;

/// `predictions.csv`: `id,label,predicted,p_<class>...`, one line an example. `label` is empty
/// where it is not known.
pub(super) fn predictions_csv(
    examples: &[Example],
    classes: &[String],
    probabilities: ArrayView2<f32>,
) -> Result<Vec<u8>, csv::Error> {
    let examples: Vec<&Example> = examples.iter().collect();
    scores_csv(&examples, classes, probabilities, None)
}

/// `validation.csv`: `id,label,fold,predicted,p_<class>...`, one line a training example that was
/// held out once, each as models say that have not seen it. Folds count from 1; with repeats they stand one after the
/// other, as `2;5;1`, and the probabilities are the mean over the repeats.
pub(super) fn validation_csv(
    examples: &[Example],
    classes: &[String],
    validation: &Validation,
) -> Result<Vec<u8>, csv::Error> {
    let fold = |example: usize| {
        let of = validation.fold_of.iter();
        let folds = of.filter_map(|repeat| Some((repeat.get(example)? + 1).to_string()));
        folds.collect::<Vec<_>>().join(";")
    };
    let folds: Vec<String> = validation.examples.iter().map(|&one| fold(one)).collect();
    let judged = validation.examples.iter();
    let judged: Vec<&Example> = judged.filter_map(|&one| examples.get(one)).collect();
    scores_csv(
        &judged,
        classes,
        validation.probabilities.view(),
        Some(&folds),
    )
}

fn scores_csv(
    examples: &[&Example],
    classes: &[String],
    probabilities: ArrayView2<f32>,
    folds: Option<&[String]>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fold = folds.map(|_| "fold".to_owned());
    let heading = ["id".to_owned(), "label".to_owned()]
        .into_iter()
        .chain(fold);
    let scores = classes.iter().map(|class| format!("p_{class}"));
    writer.write_record(heading.chain(["predicted".to_owned()]).chain(scores))?;
    let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
    for (place, (example, row)) in examples.iter().zip(probabilities.rows()).enumerate() {
        let label = example.label.map(name).unwrap_or_default();
        let fold = folds.map(|folds| folds.get(place).cloned().unwrap_or_default());
        let line = [example.id.clone(), label].into_iter().chain(fold);
        let line = line.chain([name(metrics::predicted(row))]);
        writer.write_record(line.chain(row.iter().map(f32::to_string)))?;
    }
    finish(writer)
}

/// `label_errors.csv`: `id,label,suggested,p_label,p_suggested`, the most doubtful first.
pub(super) fn label_errors_csv(found: &[DoubtfulLabel]) -> Result<Vec<u8>, csv::Error> {
    let heading = ["id", "label", "suggested", "p_label", "p_suggested"];
    table(&heading, found)
}

/// `learning_curve.csv`: `examples,accuracy,low,high,log_loss`, one line a size.
pub(super) fn learning_curve_csv(points: &[LearningPoint]) -> Result<Vec<u8>, csv::Error> {
    let lines: Vec<_> = points
        .iter()
        .map(|point| {
            let [low, high] = point.accuracy_ci95;
            (point.examples, point.accuracy, low, high, point.log_loss)
        })
        .collect();
    let heading = ["examples", "accuracy", "low", "high", "log_loss"];
    table(&heading, &lines)
}

/// A heading, and a line for each of `lines`; the heading stands also where there is no line.
fn table<T: Serialize>(heading: &[&str], lines: &[T]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(heading)?;
    for line in lines {
        writer.serialize(line)?;
    }
    finish(writer)
}

/// `curve.csv`: one line an epoch; the validation columns are empty without cross-validation.
pub(super) fn curve_csv(curve: &[EpochRow]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in curve {
        writer.serialize(row)?;
    }
    finish(writer)
}

/// `l2_path.csv`: `l2,log_loss,standard_error,accuracy`, one line a value, the largest first.
pub(super) fn l2_path_csv(path: &L2Path) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for point in &path.path {
        writer.serialize(point)?;
    }
    finish(writer)
}

/// `trials.csv`: one line a trial: its number, a column for each key that was searched (values as
/// JSON), whether it was chosen, the epoch and the out-of-fold scores, or why there are none.
pub(super) fn trials_csv(trials: &[Trial]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = trials
        .iter()
        .flat_map(|t| t.settings.iter().map(|(k, _)| k));
    let keys: Vec<&str> = keys.map(String::as_str).take(settings_of(trials)).collect();
    let scores = [
        "chosen",
        "epochs",
        "correct",
        "total",
        "accuracy",
        "balanced_accuracy",
        "log_loss",
        "brier",
        "ece",
        "roc_auc",
        "average_precision",
        "diverged",
    ];
    writer.write_record(["trial"].iter().chain(&keys).chain(&scores))?;
    for trial in trials {
        let mut record = vec![trial.trial.to_string()];
        record.extend(trial.settings.iter().map(|(_, value)| value.to_string()));
        record.push(trial.chosen.to_string());
        match &trial.outcome {
            TrialOutcome::Validated { epochs, metrics: m } => {
                record.extend([epochs, &m.correct, &m.total].map(ToString::to_string));
                let losses = [m.log_loss, m.brier, m.ece];
                let shares = [m.accuracy, m.balanced_accuracy];
                record.extend(shares.iter().chain(&losses).map(ToString::to_string));
                let known = |score: Option<f64>| score.map(|x| x.to_string()).unwrap_or_default();
                record.extend([m.roc_auc, m.average_precision].map(known));
                record.push(String::new());
            }
            TrialOutcome::Diverged(why) => {
                record.extend(std::iter::repeat_n(String::new(), 10));
                record.push(why.clone());
            }
        }
        writer.write_record(record)?;
    }
    finish(writer)
}

fn settings_of(trials: &[Trial]) -> usize {
    trials.first().map_or(0, |trial| trial.settings.len())
}

/// `skipped.csv`: `split,path,reason`, one line for each file that is no example.
pub(super) fn skipped_csv(skipped: &[Skipped]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["split", "path", "reason"])?;
    for one in skipped {
        writer.write_record([one.split, &one.path, &one.reason])?;
    }
    finish(writer)
}

/// The images that have no row, one line each.
pub(super) fn skipped_list(skipped: &[Skipped]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["path", "reason"])?;
    for one in skipped {
        writer.write_record([&one.path, &one.reason])?;
    }
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|e| e.into_error().into())
}
