//! Whether it is as sure as it is right.

use maud::{Markup, html};

use super::super::data::{Report, ScoreCurves};
use super::super::figures::CoveragePoint;
use super::super::plot::{Axis, Chart, Series};
use super::Section;
use super::parts::{Key, Rows, plot};
use super::words::percent;

/// The reliability diagram, and coverage against accuracy.
pub(super) fn section(report: &Report) -> Option<Section> {
    let run = report.runs.first()?;
    let curves = run.curves.as_ref()?;
    let figures = &run.figures;
    let thresholds = match figures.test {
        Some(_) => &figures.test_coverage,
        None => &figures.coverage,
    };
    let content = html! {
        p.lead {
            "How sure it is, beside how often it is then right."
            @if let Some(t) = run.figures.temperature {
                " Probabilities are calibrated: logits are divided by the temperature " (format!("{t:.3}")) "."
            }
        }
        div.plots {
            (reliability(curves))
            @if curves.coverage.len() > 1 { (coverage(report, thresholds)) }
        }
    };
    Some(Section::new("sureness", "Calibration", content))
}

fn reliability(curves: &ScoreCurves) -> Markup {
    let bins = &curves.reliability;
    let points = bins
        .iter()
        .map(|bin| [bin.confidence, bin.accuracy])
        .collect();
    let intervals = bins.iter().map(|bin| Some(bin.interval)).collect();
    let chart = Chart::new(
        "Reliability diagram: share of examples that are right, by the probability of the predicted class",
        Axis::percent("probability of the predicted class"),
        Axis::percent("share that is right"),
    )
    .with(Series::guide(vec![[0.0, 0.0], [1.0, 1.0]]))
    .with(Series::line(points, 0).with_dots().with_intervals(intervals));
    let mut table = Rows::new([
        "from",
        "to",
        "examples",
        "mean probability",
        "right",
        "95 % interval",
    ]);
    for bin in bins {
        table.row([
            percent(bin.from),
            percent(bin.to),
            bin.count.to_string(),
            percent(bin.confidence),
            percent(bin.accuracy),
            super::words::percents(bin.interval),
        ]);
    }
    let keys = [
        Key::line(0, "examples in bins"),
        Key::guide("perfectly calibrated"),
    ];
    let caption = "On the dashed line it is right as often as it says. Below it, it is too sure of itself. Bars are 95 % intervals.";
    plot("Reliability", &chart, &keys, caption, &table)
}

fn coverage(report: &Report, thresholds: &[CoveragePoint]) -> Markup {
    let lines: Vec<(usize, &str, &[[f64; 2]])> = (report.runs.iter().enumerate())
        .filter_map(|(at, run)| {
            Some((
                at,
                run.name.as_str(),
                run.curves.as_ref()?.coverage.as_slice(),
            ))
        })
        .collect();
    let accuracies = lines
        .iter()
        .flat_map(|(_, _, points)| points.iter().map(|p| p[1]));
    let mut chart = Chart::new(
        "Accuracy of the answers that are given, by the share of examples that are answered",
        Axis::percent("share of examples that are answered"),
        Axis::upper_percent("accuracy of the answers", accuracies),
    );
    let mut keys = Vec::new();
    let mut table = Rows::new(["least probability", "answered", "right of those"]);
    for (at, name, points) in lines {
        chart = chart.with(Series::line(points.to_vec(), at));
        keys.push(Key::line(at, name));
    }
    for one in thresholds {
        let accuracy = one.accuracy.map_or_else(|| "–".to_owned(), percent);
        table.row([
            format!("{:.3}", one.threshold),
            percent(one.coverage),
            accuracy,
        ]);
    }
    let keys = if keys.len() > 1 { keys.as_slice() } else { &[] };
    let caption =
        "What becomes of the accuracy when it may say “I don't know” where it is least sure.";
    plot("Coverage against accuracy", &chart, keys, caption, &table)
}
