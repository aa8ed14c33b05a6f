//! What it was made from.

use maud::{Markup, html};

use super::super::data::Run;
use super::Section;
use super::words::{counted, percent, share};

/// How often each class occurs, and what was left out.
pub(super) fn section(run: &Run) -> Option<Section> {
    let data = &run.figures.dataset;
    if data.train == 0 {
        return None;
    }
    let content = html! {
        p.lead {
            (counted(data.train, "training picture")) " and " (counted(data.test, "test picture"))
            @if data.views > 1 { "; " (data.views) " views of each training picture: the plain one and " (data.views - 1) " augmented" }
            "."
        }
        (balance(run))
        (skipped(run))
    };
    Some(Section::new("data", "Data", content))
}

fn balance(run: &Run) -> Markup {
    let (train, test) = (&run.train_counts, &run.test_counts);
    if train.is_empty() {
        return html! {};
    }
    let most = train.iter().chain(test).max().copied().unwrap_or(1);
    let total: usize = train.iter().sum();
    let width = |count: usize| format!("width:{:.1}%", share(count, most) * 100.0);
    html! {
        div.wide {
            table {
                caption { "Class balance" }
                thead {
                    tr {
                        th scope="col" { "Class" } th scope="col" { "Training" } th scope="col" { "Share" }
                        @if !test.is_empty() { th scope="col" { "Test" } }
                        th.text scope="col" aria-hidden="true" { "" }
                    }
                }
                tbody {
                    @for (class, count) in train.iter().enumerate() {
                        tr {
                            th scope="row" { (run.figures.dataset.class(class)) }
                            td { (count) }
                            td { (percent(share(*count, total))) }
                            @if !test.is_empty() { td { (test.get(class).copied().unwrap_or(0)) } }
                            td.bars aria-hidden="true" {
                                span.bar style=(width(*count)) {}
                                @if let Some(count) = test.get(class) { span.bar.two style=(width(*count)) {} }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How many files are named.
const MOST: usize = 200;

fn skipped(run: &Run) -> Markup {
    if run.skipped.is_empty() {
        return html! {};
    }
    html! {
        details {
            summary { (counted(run.skipped.len(), "file")) " left out" }
            ul { @for (path, reason) in run.skipped.iter().take(MOST) { li { (path) ": " (reason) } } }
            @if run.skipped.len() > MOST { p { "All of them stand in skipped.csv." } }
        }
    }
}
