//! What a person sees.

use anstyle::AnsiColor;

use crate::backbone::runtime::survey::{ProviderReport, Survey};
use crate::report::Table;

use super::bench::{Bench, Row};

/// The libraries, then each provider.
pub(super) fn survey(survey: &Survey) -> String {
    let mut text = String::from("ONNX Runtime\n");
    let width = survey.libraries.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or(0);
    for one in &survey.libraries {
        let path = one.path.display();
        let line = match (&one.version, &one.problem) {
            (Some(version), _) => format!("{version:7}  {path}"),
            (None, Some(problem)) if problem.starts_with("not fetched") => problem.clone(),
            (None, problem) => {
                let problem = problem.as_deref().unwrap_or("no answer");
                indented(problem, width + 4)
            }
        };
        text.push_str(&format!("  {:width$}  {line}\n", one.name));
    }
    text.push_str("\nProviders\n");
    for one in &survey.providers {
        text.push_str(&provider(one));
    }
    text
}

fn provider(one: &ProviderReport) -> String {
    let name = one.name.name();
    if one.usable {
        let green = AnsiColor::Green.on_default();
        let precisions: Vec<_> = one.precisions.iter().map(|one| one.name()).collect();
        let mut device = one.device.clone().unwrap_or_default();
        if !one.versions.is_empty() {
            device.push_str(&format!("; {}", one.versions));
        }
        let precisions = precisions.join(", ");
        return format!("{green}✓{green:#} {name:9}  {precisions:10}  {device}\n");
    }
    let red = AnsiColor::Red.on_default();
    let mut text = format!("{red}✗{red:#} {name:9}  cannot run here\n");
    for problem in &one.problems {
        text.push_str(&format!("    {}\n", indented(problem, 4)));
    }
    text
}

fn indented(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{:by$}", ""))
}

/// The table of `--bench`.
pub(super) fn bench(bench: &Bench) -> String {
    let mut table = Table::new([
        "provider",
        "images/s",
        "against cpu",
        "peak memory",
        "cosine min",
        "mean",
        "largest difference",
    ]);
    let cpu = bench.rows.first().and_then(rate);
    for row in &bench.rows {
        if row.problem.is_none() {
            table.row(cells(row, cpu));
        }
    }
    let mut text = format!(
        "\n{} images ({}) by {}, batch {}, inference alone\n\n{}",
        bench.images,
        bench.source,
        bench.backbone,
        bench.batch,
        table.render()
    );
    for row in &bench.rows {
        let what = title(row);
        if let Some(problem) = &row.problem {
            text.push_str(&format!("\n  {what} failed: {}\n", indented(problem, 4)));
        }
        let elsewhere = row.measured.as_ref().and_then(|one| one.elsewhere.as_ref());
        if let Some(elsewhere) = elsewhere {
            text.push_str(&format!("\n  {what} did not run it all: {elsewhere}\n"));
        }
    }
    text
}

fn title(row: &Row) -> String {
    let (provider, asked) = (row.provider, row.precision);
    match &row.measured {
        // A graph of integers, whose other nodes are in what was asked for.
        Some(measured) if measured.side.precision != asked.name() => {
            format!("{provider} {} ({asked})", measured.side.precision)
        }
        _ => format!("{provider} {asked}"),
    }
}

fn rate(row: &Row) -> Option<f64> {
    Some(row.measured.as_ref()?.speed?.rows_per_second)
}

fn cells(row: &Row, cpu: Option<f64>) -> [String; 7] {
    let dash = || "-".to_owned();
    let memory = row.measured.as_ref().and_then(|one| one.peak_memory);
    let parity = |show: fn(&crate::backbone::measure::Parity) -> String| {
        row.parity.as_ref().map_or_else(dash, show)
    };
    let against = rate(row).zip(cpu).map(|(rate, cpu)| rate / cpu);
    [
        title(row),
        rate(row).map_or_else(dash, |rate| format!("{rate:.1}")),
        against.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        memory.map_or_else(dash, |bytes| format!("{} MB", bytes / 1_000_000)),
        parity(|one| format!("{:.6}", one.cosine_min)),
        parity(|one| format!("{:.6}", one.cosine_mean)),
        parity(|one| format!("{:.2e}", one.largest_difference)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::provider::{Precision, ProviderKind};

    #[test]
    fn a_provider_that_cannot_run_lists_what_it_lacks() {
        let report = ProviderReport {
            name: ProviderKind::Cuda,
            usable: false,
            version: None,
            device: None,
            versions: Default::default(),
            precisions: vec![Precision::Fp32],
            problems: vec!["one".to_owned(), "two\nlines".to_owned()],
        };
        let text = anstream::adapter::strip_str(&provider(&report)).to_string();
        assert_eq!(
            text,
            "✗ cuda       cannot run here\n    one\n    two\n    lines\n"
        );
    }
}
