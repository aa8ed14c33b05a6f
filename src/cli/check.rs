//! `catpipe check`.

use super::failure::Failure;
use super::output::print;
use super::project::ProjectArgs;

/// Check a pipeline and every file that it names, without running it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe check pipelines/resnet.yaml")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let checked = args.project.checked()?;
    let train = checked.dataset.train.examples().len();
    let test = checked
        .dataset
        .test
        .as_ref()
        .map_or(0, |s| s.examples().len());
    print(&format!(
        "{}: {train} training and {test} test examples, {} features by {}: fine\n",
        args.project.pipeline.display(),
        checked.space.width,
        checked.backbone.name(),
    ))
}
