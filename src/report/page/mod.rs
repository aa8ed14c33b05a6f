//! A report as one HTML file.
//!
//! The file needs no network: style, script and pictures stand in it, and its content security
//! policy forbids it to load anything. Everything that comes from outside goes through maud, which
//! escapes it. Without script all of it can be read.

mod again;
mod class_table;
mod comparison;
mod costs;
mod examples;
mod feature_map;
mod gallery;
mod headline;
mod parts;
mod ranking;
mod sureness;
#[cfg(test)]
mod tests;
mod training;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::{Report, Run};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is loaded from anywhere.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A part of the page: its anchor, its name in the navigation, and what it shows.
struct Section {
    id: &'static str,
    name: &'static str,
    content: Markup,
}

impl Section {
    fn new(id: &'static str, name: &'static str, content: Markup) -> Self {
        Self { id, name, content }
    }
}

/// The report as the text of an HTML file.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = title(report);
    let sections = sections(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("catpipe ", env!("CARGO_PKG_VERSION")));
                title { (title) " · catpipe" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                (headline::header(report, &title))
                nav aria-label="Sections" {
                    ul { @for s in &sections { li { a href=(format!("#{}", s.id)) { (s.name) } } } }
                }
                main id="main" {
                    @for s in &sections {
                        section id=(s.id) aria-labelledby=(format!("{}-title", s.id)) {
                            h2 id=(format!("{}-title", s.id)) { (s.name) }
                            (s.content)
                        }
                    }
                }
                footer { (footer(report)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn title(report: &Report) -> String {
    let names: Vec<&str> = report.runs.iter().map(|run| run.name.as_str()).collect();
    names.join(" against ")
}

/// All that there is anything to say of.
fn sections(report: &Report) -> Vec<Section> {
    let mut sections = comparison::sections(report);
    let Some(run) = report.runs.first() else {
        return sections;
    };
    sections.extend(class_table::section(run));
    sections.extend(sureness::section(report));
    sections.extend(ranking::section(report));
    sections.extend(training::section(report));
    sections.extend(gallery::section(run));
    sections.extend(feature_map::section(run));
    sections.extend(examples::section(run));
    sections.push(costs::section(report));
    sections.push(again::section(report));
    sections
}

fn footer(report: &Report) -> Markup {
    let notes: Vec<(&Run, &String)> = (report.runs.iter())
        .flat_map(|run| run.notes.iter().map(move |note| (run, note)))
        .collect();
    html! {
        @if !notes.is_empty() {
            p { "Not in this report:" }
            ul { @for (run, note) in notes { li { (run.name) ": " (note) } } }
        }
        p {
            "Made by catpipe " (env!("CARGO_PKG_VERSION"))
            ". Intervals are 95 % intervals. This file needs no network."
        }
    }
}
