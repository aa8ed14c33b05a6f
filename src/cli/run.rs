//! `catpipe run`.

use std::time::Instant;

use serde::Serialize;

use crate::pipeline::{Checked, Outcome, Plan, RunMetrics, StagePlan, run as run_pipeline};
use crate::report::{Summary, summary};

use super::failure::Failure;
use super::findings;
use super::output::{print, print_json};
use super::progress::{Progress, image_counter, seconds};
use super::project::{AutoJson, ProjectArgs, auto_line};
use super::spent;

/// Run a pipeline: extract features, train, evaluate
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe run pipelines/resnet.yaml
  catpipe run pipelines/resnet.yaml --dry-run
  catpipe run pipelines/resnet.yaml --set train.epochs=50 --set name=short")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// Print what would run and why, and run nothing
    #[arg(long)]
    dry_run: bool,

    /// Print the result (or the plan) as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let start = Instant::now();
    if args.dry_run {
        return dry_run(&args.project.checked()?, args.json);
    }
    let checked = args.project.to_run()?;
    let outcome = run_pipeline(&checked, &mut Progress::new())?;
    if args.json {
        return print_json(&outcome.metrics);
    }
    print(&describe(&checked, &outcome, start))
}

/// The plan of `--dry-run --json`.
#[derive(Serialize)]
struct PlanJson<'a> {
    pipeline: &'a str,
    rows_needed: usize,
    rows_missing: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto: Option<AutoJson>,
    stages: &'a [StagePlan],
}

fn dry_run(checked: &Checked, json: bool) -> Result<(), Failure> {
    let bar = image_counter(checked);
    let plan = Plan::watched(checked, &mut || bar.inc(1));
    bar.finish_and_clear();
    let plan = plan?;
    if json {
        return print_json(&PlanJson {
            pipeline: checked.config.name.as_str(),
            rows_needed: plan.needed,
            rows_missing: plan.missing,
            auto: AutoJson::of(checked),
            stages: plan.stages(),
        });
    }
    let mut text = auto_line(checked);
    for stage in plan.stages() {
        let what = if stage.up_to_date {
            "up to date"
        } else {
            "would run"
        };
        text.push_str(&format!("{:9}  {what}: {}\n", stage.stage, stage.why));
    }
    print(&text)
}

fn describe(checked: &Checked, outcome: &Outcome, start: Instant) -> String {
    let took = seconds(start.elapsed());
    let folder = checked.folder.path().display();
    let mut text = String::from("\n");
    let table = table(&outcome.metrics);
    if !table.is_empty() {
        text.push_str(&table);
        text.push('\n');
    }
    let findings = findings::lines(&outcome.metrics);
    if !findings.is_empty() {
        text.push_str(&findings);
        text.push('\n');
    }
    text.push_str(&arithmetic(&outcome.metrics));
    // Where little was done, the figures tell where the time of an earlier run went.
    if !outcome.up_to_date && !outcome.report_alone {
        text.push_str(&spent::lines(&outcome.metrics.timings));
    }
    let how = if outcome.up_to_date {
        "Everything is up to date"
    } else {
        "Done"
    };
    text.push_str(&format!("{how} ({took}). Results: {folder}/\n"));
    text
}

/// What the features were computed by, where there is more to say than its name.
fn arithmetic(metrics: &RunMetrics) -> String {
    let provider = &metrics.provider;
    let mut parts = vec![format!("{} {}", provider.name, provider.precision)];
    if let Some(auto) = &provider.auto {
        parts.push(format!("chosen by auto ({})", auto.parity));
    }
    parts.extend(metrics.parity.as_ref().map(ToString::to_string));
    match parts.len() {
        1 => String::new(),
        _ => format!("Features by {}\n\n", parts.join("; ")),
    }
}

fn table(metrics: &RunMetrics) -> String {
    let views = format!("test, mean of {} views", metrics.dataset.views);
    let scored = [
        (metrics.validated_by(), &metrics.validation),
        (views.as_str(), &metrics.test_tta),
        ("test examples", &metrics.test),
    ];
    let lines: Vec<Summary> = scored
        .into_iter()
        .filter_map(|(what, scores)| Some((what, scores.as_ref()?)))
        .map(|(what, metrics)| Summary { what, metrics })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    summary(&lines)
}
