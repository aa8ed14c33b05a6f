//! The result in one sentence.

use maud::{Markup, html};

use super::super::data::{Report, Run};
use super::super::figures::Scores;
use super::words::{counted, number, numbers, percent, percents, share};

/// The top of the page.
pub(super) fn header(report: &Report, title: &str) -> Markup {
    let run = report.runs.first();
    html! {
        header {
            div.top {
                h1 { (title) }
                button.theme.js-only type="button" { "Dark colours" }
            }
            @if let Some(run) = run {
                p.headline { (sentence(report, run)) }
                p.lead { (lead(run)) }
                (tiles(run))
            }
        }
    }
}

fn sentence(report: &Report, run: &Run) -> String {
    let Some((what, scores)) = run.figures.main_scores() else {
        return format!("{} computed features and scored nothing.", run.name);
    };
    let (right, total) = (scores.correct, scores.total);
    let interval = scores.accuracy_ci95.map_or_else(String::new, |interval| {
        format!(", with a 95\u{a0}% interval of {}", percents(interval))
    });
    let on = match what {
        "test" => "test pictures right",
        _ => "training pictures right, each judged by a model that had not seen it",
    };
    let subject = if report.runs.len() > 1 {
        format!("{}: ", run.name)
    } else {
        String::new()
    };
    let accuracy = percent(scores.accuracy);
    format!("{subject}{right} of {total} {on}: {accuracy}{interval}.")
}

fn lead(run: &Run) -> String {
    let data = &run.figures.dataset;
    let mut text = format!(
        "Trained on {} of {}",
        counted(data.train, "picture"),
        match data.classes.as_slice() {
            [] => "no known classes".to_owned(),
            few if few.len() <= 6 => few.join(", "),
            many => format!("{} classes", many.len()),
        }
    );
    if data.views > 1 {
        text.push_str(&format!(", each in {} views", data.views));
    }
    text.push('.');
    if let Some((class, right, total)) = majority(run) {
        let name = data.class(class);
        let accuracy = percent(share(right, total));
        text.push_str(&format!(
            " Always answering “{name}” would get {right} of {total} right ({accuracy})."
        ));
    }
    text
}

/// The most frequent class of the training examples, and how many of the scored examples are of
/// it.
pub(super) fn majority(run: &Run) -> Option<(usize, usize, usize)> {
    let (_, scores) = run.figures.main_scores()?;
    let supports: Vec<usize> = scores
        .confusion
        .iter()
        .map(|row| row.iter().sum())
        .collect();
    let counts = if run.train_counts.len() == supports.len() {
        &run.train_counts
    } else {
        return None;
    };
    // The first of equals.
    let most = counts.iter().max()?;
    let class = counts.iter().position(|count| count == most)?;
    Some((class, *supports.get(class)?, supports.iter().sum()))
}

/// The first letter as a capital.
fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn tiles(run: &Run) -> Markup {
    let Some((what, scores)) = run.figures.main_scores() else {
        return html! {};
    };
    let out_of_fold = (what == "test")
        .then_some(run.figures.validation.as_ref())
        .flatten();
    html! {
        div.tiles {
            @for (name, value, below) in figures_of(scores) {
                div.tile { span { (name) } b { (value) } span { (below) } }
            }
            @if let Some(scores) = out_of_fold {
                div.tile {
                    span { (capitalised(run.figures.validated_by())) }
                    b { (percent(scores.accuracy)) }
                    span { (scores.correct) " of " (scores.total) " training pictures" }
                }
            }
        }
    }
}

/// The figures that stand in tiles: name, value, and what is said below.
fn figures_of(scores: &Scores) -> Vec<(&'static str, String, String)> {
    let shares = |interval: Option<[f64; 2]>| interval.map_or_else(String::new, percents);
    let mut tiles = vec![(
        "Accuracy",
        percent(scores.accuracy),
        shares(scores.accuracy_ci95),
    )];
    if let Some(value) = scores.balanced_accuracy {
        tiles.push((
            "Balanced accuracy",
            percent(value),
            shares(scores.balanced_accuracy_ci95),
        ));
    }
    for (name, value, interval) in [
        ("Area under ROC", scores.roc_auc, scores.roc_auc_ci95),
        ("Log loss", scores.log_loss, scores.log_loss_ci95),
        ("Calibration error", scores.ece, scores.ece_ci95),
    ] {
        if value.is_some() {
            tiles.push((name, number(value), numbers(interval)));
        }
    }
    tiles
}
