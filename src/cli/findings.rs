//! What a run found out beside its scores, a line each.

use crate::pipeline::RunMetrics;
use crate::report::percent;

/// The lines; empty where there is nothing to say.
pub(super) fn lines(metrics: &RunMetrics) -> String {
    let found = [
        calibration(metrics),
        reject(metrics),
        label_errors(metrics),
        learning_curve(metrics),
    ];
    found.into_iter().flatten().collect()
}

fn calibration(metrics: &RunMetrics) -> Option<String> {
    let temperature = metrics.temperature?;
    let before = metrics.uncalibrated?.validation;
    let after = metrics.validation.as_ref()?;
    Some(format!(
        "Calibrated (temperature {temperature:.2}): log loss {:.4} -> {:.4}, ECE {:.3} -> {:.3}\n",
        before.log_loss, after.log_loss, before.ece, after.ece
    ))
}

fn reject(metrics: &RunMetrics) -> Option<String> {
    let threshold = metrics.reject_below?;
    let table = match metrics.test_coverage.as_slice() {
        [] => &metrics.coverage,
        table => table,
    };
    let line = table.iter().find(|line| line.threshold == threshold)?;
    let right = line.accuracy.map_or_else(String::new, |share| {
        format!(", {} of them right", percent(share))
    });
    Some(format!(
        "Answered at {threshold} or more: {} of the examples{right}\n",
        percent(line.coverage)
    ))
}

fn label_errors(metrics: &RunMetrics) -> Option<String> {
    let first = metrics.label_errors.first()?;
    let count = metrics.label_errors.len();
    let (labels, see) = match count {
        1 => ("label looks", ""),
        _ => ("labels look", ", the first of them"),
    };
    Some(format!(
        "{count} training {labels} wrong (label_errors.csv{see}):\n  {}: {}, or {}?\n",
        first.id, first.label, first.suggested
    ))
}

fn learning_curve(metrics: &RunMetrics) -> Option<String> {
    let points = &metrics.learning_curve;
    if points.is_empty() {
        return None;
    }
    let sizes: Vec<String> = points.iter().map(|p| p.examples.to_string()).collect();
    let right = points.iter().map(|p| format!("{:.1}", p.accuracy * 100.0));
    let right: Vec<String> = right.collect();
    Some(format!(
        "Right with {} examples: {} %\n",
        sizes.join(", "),
        right.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Coverage, LearningPoint, metrics};
    use crate::pipeline::{DoubtfulLabel, Sureness, Uncalibrated};

    #[test]
    fn findings_as_people_see_them() {
        let p = ndarray::array![[0.9, 0.1], [0.2, 0.8]];
        let point = |examples, accuracy| LearningPoint {
            examples,
            accuracy,
            accuracy_ci95: [0.0, 1.0],
            log_loss: 0.1,
        };
        let metrics = RunMetrics {
            temperature: Some(1.314),
            validation: Some(metrics::evaluate(p.view(), &[0, 1]).unwrap()),
            uncalibrated: Some(Uncalibrated {
                validation: Sureness {
                    log_loss: 0.25,
                    brier: 0.1,
                    ece: 0.2,
                },
                test: None,
            }),
            reject_below: Some(0.9),
            test_coverage: vec![Coverage {
                threshold: 0.9,
                coverage: 0.94,
                accuracy: Some(1.0),
                accuracy_ci95: None,
            }],
            label_errors: vec![DoubtfulLabel {
                id: "train.h5#train_set_x/17".to_owned(),
                label: "cat".to_owned(),
                suggested: "non-cat".to_owned(),
                p_label: 0.1,
                p_suggested: 0.9,
            }],
            learning_curve: vec![point(41, 0.913), point(83, 0.953), point(167, 0.971)],
            ..RunMetrics::default()
        };
        let text = lines(&metrics);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        insta::assert_snapshot!(text);
        assert_eq!(lines(&RunMetrics::default()), "");
    }
}
