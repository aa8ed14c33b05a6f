//! What a run leaves for people and programs: `metrics.json`, `predictions.csv`, `curve.csv`.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::backbone::runtime::Versions;
use crate::dataset::{Example, Skipped};
use crate::head::search::TrialOutcome;
use crate::head::{EpochRow, Metrics, Trial, metrics};

use super::auto::AutoSummary;
use super::probe::ParitySummary;

/// `metrics.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RunMetrics {
    /// The pipeline's name.
    pub name: String,
    /// What the run worked on.
    pub dataset: DatasetSummary,
    /// The head's score on the test examples (plain view).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<Metrics>,
    /// The score of the heads of cross-validation on the examples that each had not seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validation: Option<Metrics>,
    /// Epochs that the head was trained for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epochs: Option<usize>,
    /// What a `search` tried, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trials: Vec<Trial>,
    /// What the backbone ran on.
    pub provider: ProviderSummary,
    /// How near the features are to those of another arithmetic, where a certificate beside the
    /// backbone's manifest says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parity: Option<ParitySummary>,
    /// Where the time went.
    pub timings: Timings,
    /// Versions of what made the result.
    pub versions: BTreeMap<String, String>,
}

/// What a run worked on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DatasetSummary {
    /// Number of training examples.
    pub train: usize,
    /// Number of test examples.
    pub test: usize,
    /// Rows of a training example: the plain view and its augmented ones.
    pub views: usize,
    /// Class names, in the order of labels.
    pub classes: Vec<String>,
}

/// What the backbone ran on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ProviderSummary {
    /// The execution provider.
    pub name: String,
    /// The precision of its arithmetic.
    #[serde(default)]
    pub precision: String,
    /// The device, as the provider calls it.
    #[serde(default)]
    pub device: String,
    /// Everything that may change a feature's bits: provider, precision, runtime version.
    pub numeric_class: String,
    /// Versions of the driver and of the libraries below it, where they are known.
    #[serde(flatten)]
    pub versions: Versions,
    /// The figures that it was chosen by, where that was left to `auto`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auto: Option<AutoSummary>,
}

/// Seconds, and what they were spent on.
///
/// `open`, `infer`, `wait`, `write` and `others` follow each other on one thread and make up
/// `extract`.
/// `read`, `decode`, `augment` and `resize` are those of all workers together, beside inference.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Timings {
    /// Rows that this run computed.
    pub rows_computed: usize,
    /// Rows that the cache already had.
    pub rows_cached: usize,
    /// Rows of one inference, where any ran.
    pub batch: usize,
    /// Threads of one inference, where any ran.
    pub threads: usize,
    /// Threads that prepare images, where any did.
    pub workers: usize,
    /// The extraction stage as a whole.
    pub extract: f64,
    /// Of that, loading the network.
    pub open: f64,
    /// Of that, inference.
    pub infer: f64,
    /// Of that, waiting for prepared images.
    pub wait: f64,
    /// Of that, writing rows.
    pub write: f64,
    /// Of that, waiting for rows that another run was computing.
    pub others: f64,
    /// On worker threads, beside inference: reading files.
    pub read: f64,
    /// On worker threads: decoding.
    pub decode: f64,
    /// On worker threads: augmentation.
    pub augment: f64,
    /// On worker threads: resizing, scaling and layout.
    #[serde(alias = "preprocess")]
    pub resize: f64,
    /// Training, cross-validation included.
    pub train: f64,
    /// Scoring.
    pub evaluate: f64,
}

/// `predictions.csv`: `id,label,predicted,p_<class>...`, one line an example. `label` is empty
/// where it is not known.
pub(super) fn predictions_csv(
    examples: &[Example],
    classes: &[String],
    probabilities: ArrayView2<f32>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["id", "label", "predicted"].map(str::to_owned);
    writer.write_record(
        fixed
            .into_iter()
            .chain(classes.iter().map(|c| format!("p_{c}"))),
    )?;
    let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
    for (example, row) in examples.iter().zip(probabilities.rows()) {
        let predicted = metrics::predicted(row);
        let fixed = [
            example.id.clone(),
            example.label.map(name).unwrap_or_default(),
            name(predicted),
        ];
        writer.write_record(fixed.into_iter().chain(row.iter().map(f32::to_string)))?;
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

/// `trials.csv`: one line a trial: its number, a column for each key that was searched (values as
/// JSON), whether it was chosen, the epoch and the out-of-fold scores, or why there are none.
pub(super) fn trials_csv(trials: &[Trial]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = trials
        .iter()
        .flat_map(|t| t.settings.iter().map(|(k, _)| k));
    let keys: Vec<&str> = keys.map(String::as_str).take(settings_of(trials)).collect();
    let scores = [
        "chosen", "epochs", "correct", "total", "accuracy", "log_loss", "diverged",
    ];
    writer.write_record(["trial"].iter().chain(&keys).chain(&scores))?;
    for trial in trials {
        let mut record = vec![trial.trial.to_string()];
        record.extend(trial.settings.iter().map(|(_, value)| value.to_string()));
        record.push(trial.chosen.to_string());
        match &trial.outcome {
            TrialOutcome::Validated { epochs, metrics: m } => {
                record.extend([epochs, &m.correct, &m.total].map(ToString::to_string));
                record.extend([m.accuracy, m.log_loss].map(|x| x.to_string()));
                record.push(String::new());
            }
            TrialOutcome::Diverged(why) => {
                record.extend(std::iter::repeat_n(String::new(), 5));
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
