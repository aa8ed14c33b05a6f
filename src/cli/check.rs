//! `catpipe check`.

use serde::Serialize;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    auto: Option<AutoJson>,
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
        auto: AutoJson::of(&checked),
    };
    if args.json {
        return print_json(&found);
    }
    print(&format!(
        "{}: {} training and {} test examples, {} features by {}: fine\n{}",
        args.project.pipeline.display(),
        found.train,
        found.test,
        found.features,
        found.backbone,
        auto_line(&checked),
    ))
}
