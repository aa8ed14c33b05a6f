//! Which classes are taken for which.

use maud::{Markup, html};

use super::super::data::Run;
use super::super::figures::{ClassScores, Scores};
use super::Section;
use super::words::{percent, percents, share};

/// The confusion matrix and the scores of each class.
pub(super) fn section(run: &Run) -> Option<Section> {
    let (what, scores) = run.figures.main_scores()?;
    let classes: Vec<String> = (0..scores.confusion.len())
        .map(|class| run.figures.dataset.class(class))
        .collect();
    let content = html! {
        p.lead {
            "Of the " @if what == "test" { "test pictures" } @else { "training pictures, judged out of fold" }
            ": a row for what they are, a column for what they were taken for."
        }
        (confusion(scores, &classes))
        (each(&scores.classes))
    };
    Some(Section::new("classes", "Classes", content))
}

fn confusion(scores: &Scores, classes: &[String]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Confusion matrix" {
            table.confusion {
                caption { "Confusion matrix: counts, shaded by their share of the row" }
                thead {
                    tr {
                        th scope="col" { "is \\ taken for" }
                        @for name in classes { th scope="col" { (name) } }
                    }
                }
                tbody {
                    @for (truth, (row, name)) in scores.confusion.iter().zip(classes).enumerate() {
                        tr {
                            th scope="row" { (name) }
                            @for (predicted, count) in row.iter().enumerate() {
                                td.zero[*count == 0] style=(shade(*count, row, truth == predicted)) { (count) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a cell is shaded: the diagonal in one colour, what is off it in another.
fn shade(count: usize, row: &[usize], right: bool) -> String {
    let of_row = share(count, row.iter().sum());
    let colour = if right { 0 } else { 1 };
    format!("--v:{of_row:.3};--c:var(--s{colour})")
}

fn each(classes: &[ClassScores]) -> Markup {
    if classes.is_empty() {
        return html! {};
    }
    let cell = |value: Option<f64>, interval: Option<[f64; 2]>| {
        html! {
            td {
                @match value { Some(value) => (percent(value)), None => "–" }
                @if let Some(interval) = interval { br; small { (percents(interval)) } }
            }
        }
    };
    html! {
        h3 { "Class by class" }
        div.wide tabindex="0" role="region" aria-label="Scores of each class" {
            table {
                thead {
                    tr {
                        th scope="col" { "Class" }
                        th scope="col" { "Pictures" }
                        th scope="col" { "Precision" }
                        th scope="col" { "Recall" }
                        th scope="col" { "F1" }
                    }
                }
                tbody {
                    @for one in classes {
                        tr {
                            th scope="row" { (one.class) }
                            td { (one.support) }
                            (cell(one.precision, one.precision_ci95))
                            (cell(one.recall, one.recall_ci95))
                            (cell(one.f1, one.f1_ci95))
                        }
                    }
                }
            }
        }
    }
}
