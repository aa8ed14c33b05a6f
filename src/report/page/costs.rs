//! What it took: time, provider, hardware.

use maud::{Markup, html};

use super::super::data::{Report, Run};
use super::super::figures::{ParityFigures, TimingFigures};
use super::Section;
use super::words::{counted, seconds};

/// Timings of every stage, and what they were measured on.
pub(super) fn section(report: &Report) -> Section {
    let content = html! {
        @for run in &report.runs {
            @if report.runs.len() > 1 { h3 { (run.name) } }
            (stages(&run.figures.timings))
            (machine(run))
        }
    };
    Section::new("time", "Time and machine", content)
}

/// Images a second, where that can be said.
#[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^53
fn rate(count: usize, took: f64) -> String {
    if count == 0 || took <= 0.0 {
        return "–".to_owned();
    }
    format!("{:.1}", count as f64 / took)
}

fn stages(t: &TimingFigures) -> Markup {
    let rows = t.rows_computed;
    let beside = [
        ("read files", t.read),
        ("decode", t.decode),
        ("augment", t.augment),
        ("resize and lay out", t.resize),
    ];
    let on_top = [
        ("load the network", t.open, false),
        ("inference", t.infer, true),
        ("wait for pictures", t.wait, false),
        ("write rows", t.write, false),
    ];
    html! {
        div.wide tabindex="0" role="region" aria-label="Timings" {
            table {
                caption {
                    (counted(rows, "feature row")) " computed, " (t.rows_cached) " taken from the cache"
                    @if rows > 0 { "; batches of " (t.batch) ", " (counted(t.threads, "thread")) ", " (counted(t.workers, "worker")) }
                }
                thead { tr { th scope="col" { "Stage" } th scope="col" { "Time" } th scope="col" { "Images a second" } } }
                tbody {
                    tr { th scope="row" { "Extract" } td { (seconds(t.extract)) } td { (rate(rows, t.extract)) } }
                    @if rows > 0 {
                        @for (name, took, rated) in on_top {
                            tr { td { "of that, " (name) } td { (seconds(took)) } td { @if rated { (rate(rows, took)) } @else { "–" } } }
                        }
                        @for (name, took) in beside {
                            tr { td { "beside it, " (name) } td { (seconds(took)) } td { (rate(rows, took)) } }
                        }
                    }
                    tr { th scope="row" { "Train" } td { (seconds(t.train)) } td { "–" } }
                    tr { th scope="row" { "Evaluate" } td { (seconds(t.evaluate)) } td { "–" } }
                    @if t.export > 0.0 { tr { th scope="row" { "Export" } td { (seconds(t.export)) } td { "–" } } }
                }
            }
        }
        @if rows == 0 { p.note { "All features came from the cache: this run computed none." } }
        @else { p.note { "“Beside it” is the time of all workers together, while the network runs." } }
    }
}

fn machine(run: &Run) -> Markup {
    let provider = &run.figures.provider;
    let mut facts = vec![(
        "Provider",
        format!("{} {}", provider.name, provider.precision),
    )];
    if !provider.device.is_empty() {
        facts.push(("Device", provider.device.clone()));
    }
    if let Some(hardware) = &run.figures.hardware {
        facts.push(("Processor", hardware.clone()));
    }
    if let Some(parity) = &run.figures.parity {
        facts.push(("Parity certificate", certificate(parity)));
    }
    html! { dl.facts { @for (name, value) in facts { dt { (name) } dd { (value) } } } }
}

fn certificate(parity: &ParityFigures) -> String {
    format!(
        "against {} on {}: cosine at least {:.5}, {:.5} on average; largest difference {:.2e}",
        parity.against,
        counted(parity.images, "picture"),
        parity.cosine_min,
        parity.cosine_mean,
        parity.largest_difference
    )
}
