//! The systems beside each other.

use maud::{Markup, html};

use super::super::data::{Report, Run};
use super::super::figures::Scores;
use super::Section;
use super::headline::majority;
use super::parts::picture;
use super::words::{counted, number, percent, percents, points, share};

/// The table of systems and, of several runs, where they differ.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let mut sections = Vec::new();
    if report
        .runs
        .iter()
        .any(|run| run.figures.main_scores().is_some())
    {
        let content = html! { (table(report)) (differences(report)) };
        sections.push(Section::new("systems", "Compared", content));
    }
    if report.runs.len() > 1 && !report.disagreements.is_empty() {
        sections.push(Section::new(
            "differ",
            "Where they differ",
            disagreements(report),
        ));
    }
    sections
}

fn table(report: &Report) -> Markup {
    html! {
        p.lead {
            "Every system on the same footing: what it gets right on the test pictures, and out of fold on the training pictures."
        }
        div.wide tabindex="0" role="region" aria-label="Systems" {
            table {
                thead {
                    tr {
                        th scope="col" { "System" }
                        th scope="col" { "Test: right" }
                        th scope="col" { "Accuracy" }
                        th scope="col" { "95 % interval" }
                        th scope="col" { "Log loss" }
                        th scope="col" { "Calibration error" }
                        th scope="col" { "Cross-validation" }
                    }
                }
                tbody {
                    @if let Some(run) = report.runs.first() { (baseline(run)) }
                    @for (at, run) in report.runs.iter().enumerate() { (system(run, at == 0)) }
                }
            }
        }
    }
}

/// What always answering the most frequent class would get.
fn baseline(run: &Run) -> Markup {
    let Some((class, right, total)) = majority(run) else {
        return html! {};
    };
    let name = run.figures.dataset.class(class);
    let of_test = run.figures.test.is_some();
    let said = html! { "Always “" (name) "”, the most frequent class" };
    html! {
        tr {
            th scope="row" { (said) }
            @if of_test {
                td { (right) " of " (total) } td { (percent(share(right, total))) }
            } @else {
                td { "–" } td { "–" }
            }
            td { "–" } td { "–" } td { "–" }
            @if of_test { td { "–" } } @else { td { (right) " of " (total) } }
        }
    }
}

fn system(run: &Run, is_first: bool) -> Markup {
    let validation = run.figures.validation.as_ref();
    html! {
        tr.this[is_first] {
            th scope="row" { (run.name) }
            (scored(run.figures.test.as_ref()))
            td {
                @match validation {
                    Some(scores) => { (scores.correct) " of " (scores.total) },
                    None => "–",
                }
            }
        }
    }
}

fn scored(scores: Option<&Scores>) -> Markup {
    let Some(scores) = scores else {
        return html! { @for _ in 0..5 { td { "–" } } };
    };
    html! {
        td { (scores.correct) " of " (scores.total) }
        td { (percent(scores.accuracy)) }
        td { @if let Some(interval) = scores.accuracy_ci95 { (percents(interval)) } @else { "–" } }
        td { (number(scores.log_loss)) }
        td { (number(scores.ece)) }
    }
}

fn differences(report: &Report) -> Markup {
    let Some(first) = report
        .runs
        .first()
        .filter(|_| !report.differences.is_empty())
    else {
        return html! {};
    };
    html! {
        h3 { "Against " (first.name) ", picture by picture" }
        div.wide tabindex="0" role="region" aria-label="Paired differences" {
            table {
                caption { "On the same test pictures; p is of McNemar's exact test." }
                thead {
                    tr {
                        th scope="col" { "System" }
                        th scope="col" { "Pictures" }
                        th scope="col" { "Right only here" }
                        th scope="col" { "Right only there" }
                        th scope="col" { "Difference, points" }
                        th scope="col" { "95 % interval" }
                        th scope="col" { "p" }
                    }
                }
                tbody {
                    @for one in &report.differences {
                        tr {
                            th scope="row" { (one.name) }
                            td { (one.both) }
                            td { (one.gained) }
                            td { (one.lost) }
                            td { (points(one.accuracy)) }
                            td { (points(one.interval[0])) " to " (points(one.interval[1])) }
                            td { (format!("{:.3}", one.p_value)) }
                        }
                    }
                }
            }
        }
    }
}

fn disagreements(report: &Report) -> Markup {
    let count = report.disagreements.len();
    html! {
        p.lead { (counted(count, "test picture")) " on which the runs do not agree." }
        ul.cards {
            @for one in &report.disagreements {
                li.card {
                    @if let Some(image) = &one.picture {
                        div.pictures { (picture(image, &format!("Test picture {}, labelled {}", one.id, one.label))) }
                    }
                    p.said { "Labelled " b { (one.label) } }
                    p.id { (one.id) }
                    table {
                        tbody {
                            @for (run, said) in report.runs.iter().zip(&one.predicted) {
                                tr {
                                    th scope="row" { (run.name) }
                                    @match said {
                                        Some((class, p)) => {
                                            td class=(if *class == one.label { "good" } else { "bad" }) {
                                                (class) " " (percent(*p))
                                            }
                                        },
                                        None => { td { "–" } },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
