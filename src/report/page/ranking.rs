//! ROC and precision-recall curves.

use maud::{Markup, html};

use super::super::data::{Line, Report};
use super::super::plot::{Axis, Chart, Series};
use super::Section;
use super::parts::{Key, Rows, plot};
use super::words::percent;

/// How many lines a plot has room for.
const MOST: usize = 8;

/// The curves of each class of one run, or of each run.
pub(super) fn section(report: &Report) -> Option<Section> {
    let roc = lines(report, |curves| &curves.roc);
    let precision = lines(report, |curves| &curves.precision_recall);
    if roc.is_empty() && precision.is_empty() {
        return None;
    }
    let content = html! {
        p.lead { "How well its probabilities rank the pictures of a class before all others, whatever the threshold." }
        div.plots {
            @if !roc.is_empty() { (drawn_roc(&roc)) }
            @if !precision.is_empty() { (drawn_precision(&precision)) }
        }
    };
    Some(Section::new("ranking", "ROC and precision-recall", content))
}

/// The lines that are drawn: of one run those of its classes, of several the first of each.
fn lines(
    report: &Report,
    of: impl Fn(&super::super::data::ScoreCurves) -> &Vec<Line>,
) -> Vec<Line> {
    let several = report.runs.len() > 1;
    let mut lines: Vec<Line> = Vec::new();
    for run in &report.runs {
        let all = run
            .curves
            .as_ref()
            .map(|curves| of(curves).as_slice())
            .unwrap_or_default();
        let most = if several { 1 } else { MOST };
        lines.extend(all.iter().take(most).map(|line| Line {
            name: if several {
                format!("{}: {}", run.name, line.name)
            } else {
                line.name.clone()
            },
            points: line.points.clone(),
        }));
    }
    lines.truncate(MOST);
    lines
}

fn keys(lines: &[Line]) -> Vec<Key> {
    lines
        .iter()
        .enumerate()
        .map(|(at, line)| Key::line(at, &line.name))
        .collect()
}

fn table(lines: &[Line], x: &str, y: &str) -> Rows {
    let mut table = Rows::new(["class", x, y]);
    for line in lines {
        for [x, y] in &line.points {
            table.row([line.name.clone(), percent(*x), percent(*y)]);
        }
    }
    table
}

fn drawn_roc(lines: &[Line]) -> Markup {
    let mut chart = Chart::new(
        "ROC curve: true positive rate by false positive rate",
        Axis::percent("false positive rate"),
        Axis::percent("true positive rate"),
    )
    .with(Series::guide(vec![[0.0, 0.0], [1.0, 1.0]]));
    for (at, line) in lines.iter().enumerate() {
        chart = chart.with(Series::line(line.points.clone(), at));
    }
    let table = table(lines, "false positive rate", "true positive rate");
    let mut keys = keys(lines);
    keys.push(Key::guide("no better than chance"));
    plot(
        "ROC",
        &chart,
        &keys,
        "Each class against the rest. The nearer to the upper left, the better.",
        &table,
    )
}

fn drawn_precision(lines: &[Line]) -> Markup {
    let precisions = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|p| p[1]));
    let mut chart = Chart::new(
        "Precision-recall curve: precision by recall",
        Axis::percent("recall"),
        Axis::upper_percent("precision", precisions),
    );
    for (at, line) in lines.iter().enumerate() {
        chart = chart.with(Series::line(line.points.clone(), at));
    }
    let table = table(lines, "recall", "precision");
    plot(
        "Precision-recall",
        &chart,
        &keys(lines),
        "Each class against the rest. The nearer to the upper right, the better.",
        &table,
    )
}
