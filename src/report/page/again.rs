//! How to run it again.

use maud::{Markup, html};

use super::super::data::{Report, Run};
use super::Section;

/// The exact pipeline, versions and digests, with the command.
pub(super) fn section(report: &Report) -> Section {
    let content = html! {
        p.lead { "The pipeline with every default filled in. The same files on the same provider give the same bits." }
        @for (at, run) in report.runs.iter().enumerate() { (one(run, at, report.runs.len() > 1)) }
    };
    Section::new("again", "Run it again", content)
}

fn one(run: &Run, at: usize, named: bool) -> Markup {
    let id = format!("command-{at}");
    html! {
        @if named { h3 { (run.name) } }
        div.copy {
            pre tabindex="0" aria-label="Command" { code id=(id) { "catpipe run " (run.folder) "/pipeline.yaml" } }
            button.js-only type="button" data-copies=(id) { "Copy" }
        }
        @if !run.pipeline.is_empty() {
            details open[!named] {
                summary { "pipeline.yaml" }
                pre tabindex="0" aria-label="pipeline.yaml" { code { (run.pipeline) } }
            }
        }
        details {
            summary { "Versions and digests" }
            dl.facts {
                @for (name, version) in &run.figures.versions { dt { (name) } dd { (version) } }
                @if !run.figures.provider.numeric_class.is_empty() {
                    dt { "arithmetic" } dd { (run.figures.provider.numeric_class) }
                }
                @for (name, digest) in &run.digests { dt { (name) } dd { code { (digest) } } }
            }
        }
    }
}
