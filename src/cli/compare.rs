//! `catpipe compare`.

use std::path::PathBuf;

use serde_json::Value;

use crate::pipeline::compare::{Change, CompareError, Comparison, Scored, compare};
use crate::report::{Table, percent};

use super::failure::Failure;
use super::output::{print, print_json};

/// Compare two finished runs: which is better, and whether that may be chance
///
/// Both are scored on the examples that both predicted, joined by their ids. McNemar's exact test
/// asks whether the ones that only one of them has right fall to one side more often than chance
/// would let them; the difference of the log losses has a paired bootstrap interval.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe compare cats-resnet50 cats-pixels-dnn
  catpipe compare runs/a runs/b --on validation
  catpipe compare runs/a ../before/runs/a --json")]
pub(super) struct Args {
    /// The runs: folders, or names of folders in runs/
    #[arg(value_name = "RUN", num_args = 2, required = true)]
    runs: Vec<String>,

    /// What they are compared on: the test examples, or the training examples by cross-validation
    #[arg(long, value_enum, default_value = "test")]
    on: On,

    /// The project's folder, in which runs/ lies [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum On {
    Test,
    Validation,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let on = match args.on {
        On::Test => Scored::Test,
        On::Validation => Scored::Validation,
    };
    let root = args.root.unwrap_or_default();
    let [first, second] = args.runs.as_slice() else {
        return Err(Failure::wrong("name two runs"));
    };
    let found = compare(&root, [first, second], on).map_err(|error| match error {
        CompareError::NoRun { .. } => Failure::wrong(error),
        _ => Failure::failed(error),
    })?;
    if args.json {
        return print_json(&found);
    }
    print(&describe(&found))
}

fn describe(found: &Comparison) -> String {
    let names = names(found);
    let mut text = scores(found, &names);
    for (run, name) in found.runs.iter().zip(&names) {
        text.push_str(&left_out(name, &run.not_in_other));
    }
    text.push('\n');
    text.push_str(&verdict(found, &names));
    text.push('\n');
    text.push_str(&changes(&found.changes, &names));
    text
}

/// The folders' names, or their paths where the names are the same.
fn names(found: &Comparison) -> [String; 2] {
    let [a, b] = &found.runs;
    if a.name == b.name {
        [&a.path, &b.path].map(|path| path.display().to_string())
    } else {
        [a.name.clone(), b.name.clone()]
    }
}

fn scores(found: &Comparison, names: &[String; 2]) -> String {
    let on = match found.on {
        Scored::Test => "test examples",
        Scored::Validation => "cross-validation",
    };
    let heading = [on, "right", "accuracy", "95 % interval", "log loss"];
    let mut table = Table::new(heading);
    for (run, name) in found.runs.iter().zip(names) {
        let [low, high] = run.accuracy_ci95.map(|share| share * 100.0);
        table.row([
            name.clone(),
            format!("{} of {}", run.correct, found.examples),
            percent(run.accuracy),
            format!("{low:.1} to {high:.1} %"),
            format!("{:.4}", run.log_loss),
        ]);
    }
    table.render()
}

/// How many examples a message names.
const NAMED: usize = 3;

fn left_out(name: &str, ids: &[String]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let named: Vec<&str> = ids.iter().take(NAMED).map(String::as_str).collect();
    let more = if ids.len() > NAMED { ", ..." } else { "" };
    format!(
        "  left out, for only {name} scored them: {} ({}{more})\n",
        ids.len(),
        named.join(", ")
    )
}

fn verdict(found: &Comparison, names: &[String; 2]) -> String {
    let [first, second] = names;
    let p = match found.p {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p => format!("p = {p:.3}"),
    };
    let chance = if found.p < 0.05 {
        "chance would seldom do that"
    } else {
        "that may well be chance"
    };
    let [low, high] = found.log_loss_difference_ci95;
    format!(
        "Right in one alone: {} {}, {} {}.\n  McNemar's exact test: {p}: {chance}.\n\
         Log loss of {second} less that of {first}: {:+.4}\n  \
         (95 % interval {low:+.4} to {high:+.4}, paired bootstrap).\n",
        first, found.first_only, second, found.second_only, found.log_loss_difference
    )
}

fn changes(changes: &[Change], names: &[String; 2]) -> String {
    if changes.is_empty() {
        return "Their pipelines say the same.\n".to_owned();
    }
    let mut table = Table::new(["changed", names[0].as_str(), names[1].as_str()]);
    for change in changes {
        table.row([
            change.key.clone(),
            value(change.first.as_ref()),
            value(change.second.as_ref()),
        ]);
    }
    table.render()
}

fn value(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
