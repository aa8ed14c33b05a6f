//! `catpipe check`.

use serde::Serialize;

use crate::pipeline::Checked;

use super::failure::Failure;
use super::output::{print, print_json};
use super::project::{AutoJson, ProjectArgs, auto_line};

/// Check a pipeline and every file that it names, without running it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe check pipelines/resnet.yaml")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What a pipeline that is fine holds.
#[derive(Serialize)]
struct Found<'a> {
    pipeline: &'a str,
    train: usize,
    test: usize,
    classes: &'a [String],
    backbone: &'a str,
    features: usize,
    /// What decides a feature's bits; `null` where `auto` has to measure first.
    numeric_class: Option<&'a str>,
    /// The provider that would run; `null` for pixels, and where `auto` has to measure first.
    provider: Option<&'static str>,
    /// Those that stand before it in the list and cannot run here.
    passed_over: Vec<PassedOver<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto: Option<AutoJson>,
}

/// A provider that cannot run here.
#[derive(Serialize)]
struct PassedOver<'a> {
    provider: &'static str,
    reason: &'a str,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let checked = args.project.checked()?;
    let found = Found {
        pipeline: checked.config.name.as_str(),
        train: checked.dataset.train.examples().len(),
        test: checked
            .dataset
            .test
            .as_ref()
            .map_or(0, |s| s.examples().len()),
        classes: checked.dataset.train.classes(),
        backbone: checked.backbone.name(),
        features: checked.space.width,
        numeric_class: (!checked.is_undecided()).then_some(checked.space.numeric.as_str()),
        provider: checked.choice().map(|choice| choice.provider.name()),
        passed_over: passed_over(&checked),
        auto: AutoJson::of(&checked),
    };
    if args.json {
        return print_json(&found);
    }
    print(&format!(
        "{}: {} training and {} test examples, {} features by {}: fine\n{}{}",
        args.project.pipeline.display(),
        found.train,
        found.test,
        found.features,
        found.backbone,
        list_lines(&checked),
        auto_line(&checked),
    ))
}

fn passed_over(checked: &Checked) -> Vec<PassedOver<'_>> {
    let over = checked
        .choice()
        .into_iter()
        .flat_map(|one| &one.passed_over);
    over.map(|one| PassedOver {
        provider: one.kind.name(),
        reason: &one.reason,
    })
    .collect()
}

/// Which provider of a list would run, and why not those before it; empty where one was named.
fn list_lines(checked: &Checked) -> String {
    let all = checked.config.extract.provider.all();
    let Some(choice) = checked.choice().filter(|_| all.len() > 1) else {
        return String::new();
    };
    let (name, runtime) = (choice.provider.name(), &choice.runtime);
    let mut text = format!("{name} would run, by {runtime}\n");
    for one in &choice.passed_over {
        let reason = one.reason.replace('\n', "\n  ");
        text.push_str(&format!("  not {}: {reason}\n", one.kind));
    }
    text
}
