//! What is found out about a head, as files of the run and as figures of `metrics.json`.

use crate::dataset::Source;
use crate::head::{Coverage, Validation, coverage, label_errors};

use super::checked::Checked;
use super::error::PipelineError;
use super::results::{DoubtfulLabel, RunMetrics, Sureness, Uncalibrated};
use super::scoring::Scored;
use super::tables::{
    curve_csv, l2_path_csv, label_errors_csv, learning_curve_csv, predictions_csv, trials_csv,
    validation_csv,
};
use super::training::{Trained, head_file, labels};

/// A file of the run folder.
pub(super) type ResultFile = (&'static str, Vec<u8>);

/// What training leaves.
pub(super) fn of_training(
    checked: &Checked,
    trained: &Trained,
    figures: &mut RunMetrics,
) -> Result<Vec<ResultFile>, PipelineError> {
    let source = &checked.dataset.train;
    let fit = &trained.fit;
    figures.epochs = Some(fit.epochs);
    figures.temperature = Some(fit.head.temperature());
    figures.reject_below = fit.head.reject_below();
    figures.learning_curve.clone_from(&trained.learning_curve);
    let mut files = vec![
        ("head.safetensors", head_file(checked, fit)?),
        ("curve.csv", written("curve.csv", curve_csv(&fit.curve))?),
    ];
    figures.l2.clone_from(&fit.l2_path);
    if let Some(path) = &fit.l2_path {
        files.push(("l2_path.csv", written("l2_path.csv", l2_path_csv(path))?));
    }
    figures.trials.clone_from(&fit.trials);
    if !fit.trials.is_empty() {
        files.push((
            "trials.csv",
            written("trials.csv", trials_csv(&fit.trials))?,
        ));
    }
    if let Some(validation) = &fit.validation {
        files.extend(of_validation(source, validation, figures)?);
    }
    if !trained.learning_curve.is_empty() {
        let name = "learning_curve.csv";
        let table = learning_curve_csv(&trained.learning_curve);
        files.push((name, written(name, table)?));
    }
    Ok(files)
}

fn of_validation(
    source: &Source,
    validation: &Validation,
    figures: &mut RunMetrics,
) -> Result<[ResultFile; 2], PipelineError> {
    let classes = source.classes();
    figures.validation = Some(validation.metrics.clone().named(classes));
    figures.uncalibrated = validation.uncalibrated.as_ref().map(|before| Uncalibrated {
        validation: Sureness::of(before),
        test: None,
    });
    let all = labels(source);
    let labels = validation.examples.iter();
    let labels: Vec<usize> = labels.filter_map(|&one| all.get(one).copied()).collect();
    let probabilities = validation.probabilities.view();
    let judged = |place: usize| source.examples().get(*validation.examples.get(place)?);
    figures.coverage = coverage(probabilities, &labels, figures.reject_below);
    let name = |class: usize| classes.get(class).cloned().unwrap_or_default();
    figures.label_errors = label_errors(probabilities, &labels)
        .into_iter()
        .map(|one| DoubtfulLabel {
            id: judged(one.example)
                .map(|example| example.id.clone())
                .unwrap_or_default(),
            label: name(one.label),
            suggested: name(one.suggested),
            p_label: one.p_label,
            p_suggested: one.p_suggested,
        })
        .collect();
    let table = validation_csv(source.examples(), classes, validation);
    let doubtful = label_errors_csv(&figures.label_errors);
    Ok([
        ("validation.csv", written("validation.csv", table)?),
        ("label_errors.csv", written("label_errors.csv", doubtful)?),
    ])
}

/// What scoring the test examples leaves.
pub(super) fn of_test(
    source: &Source,
    scored: &Scored,
    figures: &mut RunMetrics,
) -> Result<Vec<ResultFile>, PipelineError> {
    figures.test = Some(scored.metrics.clone());
    if let (Some(before), Some(figures)) = (&scored.uncalibrated, &mut figures.uncalibrated) {
        figures.test = Some(Sureness::of(before));
    }
    let probabilities = scored.probabilities.view();
    let table: Vec<Coverage> = coverage(probabilities, &labels(source), figures.reject_below);
    figures.test_coverage = table;
    let (examples, classes) = (source.examples(), source.classes());
    let name = "predictions.csv";
    let table = predictions_csv(examples, classes, probabilities);
    let mut files = vec![(name, written(name, table)?)];
    if let Some((probabilities, metrics)) = &scored.tta {
        figures.test_tta = Some(metrics.clone());
        let name = "predictions_tta.csv";
        let table = predictions_csv(examples, classes, probabilities.view());
        files.push((name, written(name, table)?));
    }
    Ok(files)
}

/// The bytes of a file of the run folder, or why it has none.
pub(super) fn written<E: std::fmt::Display>(
    file: &'static str,
    bytes: Result<Vec<u8>, E>,
) -> Result<Vec<u8>, PipelineError> {
    bytes.map_err(|error| PipelineError::Result {
        file,
        reason: error.to_string(),
    })
}
