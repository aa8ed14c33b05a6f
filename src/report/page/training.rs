//! How the training went.

use maud::{Markup, html};

use super::super::data::{Epoch, Report, Run};
use super::super::figures::{L2Path, SizeScore, TrialFigures};
use super::super::plot::{Axis, Chart, Series};
use super::Section;
use super::parts::{Key, Rows, plot};
use super::words::{number, percent, percents};

/// Learning curves by epochs and by training examples, and the L2 path.
pub(super) fn section(report: &Report) -> Option<Section> {
    let run = report.runs.first()?;
    let figures = &run.figures;
    let sized: Vec<(usize, &Run)> = (report.runs.iter().enumerate())
        .filter(|(_, run)| !run.figures.learning_curve.is_empty())
        .collect();
    let mut plots = Vec::new();
    if run.epochs.len() > 1 {
        plots.push(loss(report));
        plots.push(accuracy(report));
    }
    if !sized.is_empty() {
        plots.push(sizes(&sized));
    }
    if let Some(path) = figures.l2.as_ref().filter(|l2| l2.path.len() > 1) {
        plots.push(penalties(path));
    }
    if plots.is_empty() && figures.trials.is_empty() {
        return None;
    }
    let content = html! {
        @if let Some(epochs) = figures.epochs.filter(|_| !run.epochs.is_empty()) {
            // An exact solver writes one line, of its last step.
            @if run.epochs.len() == 1 && epochs > 1 {
                p.lead { "The final head was solved in " (epochs) " steps." }
            } @else {
                p.lead { "The final head was trained for " (epochs) " epochs." }
            }
        }
        div.plots { @for plot in &plots { (plot) } }
        @if !figures.trials.is_empty() { (trials(run)) }
    };
    Some(Section::new("training", "Training", content))
}

/// What one draws of an epoch.
type Value = fn(&Epoch) -> Option<f64>;

fn line(epochs: &[Epoch], phase: &str, value: Value) -> Vec<[f64; 2]> {
    let of_phase = epochs.iter().filter(|row| row.phase == phase);
    #[allow(clippy::cast_precision_loss)] // epochs are few
    of_phase
        .filter_map(|row| Some([row.epoch as f64, value(row)?]))
        .collect()
}

/// The lines of all runs: training and held-out examples of each.
fn curves(
    report: &Report,
    train: Value,
    held_out: Value,
) -> (Vec<Series>, Vec<Key>, Vec<[f64; 2]>) {
    let several = report.runs.len() > 1;
    let (mut series, mut keys, mut points) = (Vec::new(), Vec::new(), Vec::new());
    for (at, run) in report.runs.iter().enumerate() {
        let phase = if line(&run.epochs, "cross_validation", train).is_empty() {
            "final"
        } else {
            "cross_validation"
        };
        let name = |what: &str| {
            if several {
                format!("{}: {what}", run.name)
            } else {
                what.to_owned()
            }
        };
        for (value, what, dashed) in [(train, "training", true), (held_out, "held out", false)] {
            let line = line(&run.epochs, phase, value);
            if line.is_empty() {
                continue;
            }
            points.extend(line.iter().copied());
            let one = Series::line(line, at);
            series.push(if dashed { one.dashed() } else { one });
            let key = Key::line(at, &name(what));
            keys.push(if dashed { key.dashed() } else { key });
        }
    }
    (series, keys, points)
}

fn loss(report: &Report) -> Markup {
    let (series, keys, points) = curves(report, |row| row.train_loss, |row| row.validation_loss);
    let chart = Chart::new(
        "Learning curve: loss by epoch",
        Axis::whole("epoch", points.iter().map(|p| p[0])),
        Axis::from_zero("log loss", points.iter().map(|p| p[1])),
    );
    let chart = series.into_iter().fold(chart, Chart::with);
    let caption = "Of a cross-validation, the mean over its folds. Training loss is with dropout and augmentation.";
    plot("Loss by epoch", &chart, &keys, caption, &table(report))
}

fn accuracy(report: &Report) -> Markup {
    let (series, keys, points) = curves(
        report,
        |row| row.train_accuracy,
        |row| row.validation_accuracy,
    );
    let chart = Chart::new(
        "Learning curve: accuracy by epoch",
        Axis::whole("epoch", points.iter().map(|p| p[0])),
        Axis::upper_percent("accuracy", points.iter().map(|p| p[1])),
    );
    let chart = series.into_iter().fold(chart, Chart::with);
    plot(
        "Accuracy by epoch",
        &chart,
        &keys,
        "The same epochs.",
        &Rows::default(),
    )
}

fn table(report: &Report) -> Rows {
    let mut table = Rows::new([
        "run",
        "phase",
        "epoch",
        "training loss",
        "training accuracy",
        "held-out loss",
        "held-out accuracy",
    ]);
    for run in &report.runs {
        for row in &run.epochs {
            let shown = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
            table.row([
                run.name.clone(),
                row.phase.replace('_', "-"),
                row.epoch.to_string(),
                number(row.train_loss),
                shown(row.train_accuracy),
                number(row.validation_loss),
                shown(row.validation_accuracy),
            ]);
        }
    }
    table
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
fn sizes(runs: &[(usize, &Run)]) -> Markup {
    let all = || runs.iter().flat_map(|(_, run)| &run.figures.learning_curve);
    let low = |one: &SizeScore| one.accuracy_ci95.map_or(one.accuracy, |[low, _]| low);
    let mut chart = Chart::new(
        "Learning curve: accuracy by the number of training examples",
        Axis::whole("training examples", all().map(|one| one.examples as f64)),
        Axis::upper_percent("accuracy", all().map(low)),
    );
    let mut table = Rows::new(["run", "examples", "accuracy", "95 % interval", "log loss"]);
    let mut keys = Vec::new();
    for (at, run) in runs {
        let curve = &run.figures.learning_curve;
        let points = curve
            .iter()
            .map(|one| [one.examples as f64, one.accuracy])
            .collect();
        let intervals = curve.iter().map(|one| one.accuracy_ci95).collect();
        chart = chart.with(
            Series::line(points, *at)
                .with_dots()
                .with_intervals(intervals),
        );
        keys.push(Key::line(*at, &run.name));
        for one in curve {
            table.row([
                run.name.clone(),
                one.examples.to_string(),
                percent(one.accuracy),
                one.accuracy_ci95.map_or_else(String::new, percents),
                number(one.log_loss),
            ]);
        }
    }
    let keys = if runs.len() > 1 { keys.as_slice() } else { &[] };
    let caption = "Still rising at its right end, more labelled pictures are likely to help; flat, they are not.";
    plot(
        "Accuracy by training examples",
        &chart,
        keys,
        caption,
        &table,
    )
}

fn penalties(path: &L2Path) -> Markup {
    let points: Vec<[f64; 2]> = path.path.iter().map(|one| [one.l2, one.log_loss]).collect();
    let interval = |one: &super::super::figures::L2Point| {
        one.standard_error
            .map(|e| [one.log_loss - e, one.log_loss + e])
    };
    let intervals: Vec<Option<[f64; 2]>> = path.path.iter().map(interval).collect();
    let highs = intervals.iter().flatten().map(|[_, high]| *high);
    let losses = points.iter().map(|p| p[1]).chain(highs);
    let top = losses.clone().fold(0.0, f64::max);
    let chart = Chart::new(
        "Cross-validated log loss by L2 penalty",
        Axis::log("L2 penalty", points.iter().map(|p| p[0])),
        Axis::from_zero("out-of-fold log loss", losses),
    )
    .with(Series::guide(vec![[path.chosen, 0.0], [path.chosen, top]]))
    .with(
        Series::line(points, 0)
            .with_dots()
            .with_intervals(intervals),
    );
    let mut table = Rows::new(["L2", "log loss", "standard error", "accuracy"]);
    for one in &path.path {
        let accuracy = one.accuracy.map_or_else(|| "–".to_owned(), percent);
        table.row([
            format!("{:.2e}", one.l2),
            number(Some(one.log_loss)),
            number(one.standard_error),
            accuracy,
        ]);
    }
    let caption = format!(
        "Chosen: {:.2e}, by the rule “{}”. Bars are one standard error.",
        path.chosen, path.rule
    );
    let keys = [Key::line(0, "out of fold"), Key::guide("chosen")];
    plot("L2 penalty", &chart, &keys, &caption, &table)
}

/// The search's trials.
fn trials(run: &Run) -> Markup {
    let settings = |trial: &TrialFigures| {
        let told = trial
            .settings
            .iter()
            .map(|(key, value)| format!("{key} {value}"));
        told.collect::<Vec<_>>().join(", ")
    };
    html! {
        h3 { "Settings that were tried" }
        div.scroll tabindex="0" role="region" aria-label="Trials" {
            table {
                thead {
                    tr {
                        th scope="col" { "Trial" } th.text scope="col" { "Settings" }
                        th scope="col" { "Out of fold: right" } th scope="col" { "Accuracy" }
                        th scope="col" { "95 % interval" } th scope="col" { "Log loss" }
                    }
                }
                tbody {
                    @for trial in &run.figures.trials {
                        tr.this[trial.chosen] {
                            th scope="row" { (trial.trial) @if trial.chosen { " (chosen)" } }
                            td.text { (settings(trial)) }
                            @match &trial.validated {
                                Some(scores) => {
                                    td { (scores.correct) " of " (scores.total) }
                                    td { (percent(scores.accuracy)) }
                                    td { (scores.accuracy_ci95.map_or_else(String::new, percents)) }
                                    td { (number(scores.log_loss)) }
                                },
                                None => { td.text colspan="4" { (trial.diverged.as_deref().unwrap_or("–")) } },
                            }
                        }
                    }
                }
            }
        }
    }
}
