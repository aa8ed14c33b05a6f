//! `catpipe cache why`.

use std::fmt::Write;

use crate::pipeline::cache::{Change, Explanation, Reason, What, why};

use super::super::failure::Failure;
use super::super::output::{print, print_json};
use super::super::progress::image_counter;
use super::super::project::ProjectArgs;
use super::words::{counted, short, warn};

/// Show which part of the key is new of the rows that a run would compute
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe cache why pipelines/resnet.yaml
  catpipe cache why pipelines/resnet.yaml --set augment.views=12")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// Print the reasons as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let checked = args.project.checked()?;
    let bar = image_counter(&checked);
    let found = why(&checked, &mut || bar.inc(1));
    bar.finish_and_clear();
    let found = found?;
    if args.json {
        return print_json(&found);
    }
    found.warnings.iter().for_each(warn);
    print(&describe(&found))
}

fn describe(found: &Explanation) -> String {
    let (needed, missing) = (found.needed, found.missing);
    if missing == 0 {
        return format!("Nothing would be computed: all {needed} rows are cached.\n");
    }
    let mut text = format!("{missing} of {needed} rows would be computed.\n");
    for reason in &found.reasons {
        text.push_str(&describe_reason(reason));
    }
    if found.set_aside > 0 {
        let shards = counted(found.set_aside, "damaged shard");
        // Writing to a string never fails.
        let _ = write!(
            text,
            "\n{shards} of this space set aside: rows that were in there are among them.\n"
        );
    }
    text
}

fn describe_reason(reason: &Reason) -> String {
    let new = reason.images;
    let what = match &reason.what {
        What::Image => "these images are new: no rows of them are in the cache".to_owned(),
        What::Space { nearest, changes } => format!(
            "these images are cached in another space only ({nearest}); different now:\n{}",
            lines(changes)
        ),
        What::View { changes } if changes.is_empty() => {
            "augmented views that are new: other ops, another seed, or the first views of these \
             images"
                .to_owned()
        }
        What::View { changes } => {
            format!(
                "augmented views that are new; different now:\n{}",
                lines(changes)
            )
        }
        What::MoreViews { old, new } => {
            format!("more views: {old} of each are cached, {new} are wanted")
        }
        What::Nothing => "nothing is new: a run was stopped, or a shard was lost".to_owned(),
    };
    let named = reason.examples.join(", ");
    let more = if new > reason.examples.len() {
        ", ..."
    } else {
        ""
    };
    format!(
        "\n{} of {}: {}\n  {named}{more}\n",
        counted(reason.rows, "row"),
        counted(new, "image"),
        what.trim_end()
    )
}

fn lines(changes: &[Change]) -> String {
    let line = |change: &Change| {
        let (old, new) = differing(&change.old, &change.new);
        format!("    {}: {old} → {new}\n", change.field)
    };
    changes.iter().map(line).collect()
}

/// Two long texts without the parts (between semicolons) that they share.
fn differing(old: &str, new: &str) -> (String, String) {
    let parts = |text: &str| -> Vec<String> { text.split("; ").map(str::to_owned).collect() };
    let (olds, news) = (parts(old), parts(new));
    let only = |mine: &[String], others: &[String]| -> String {
        let mine: Vec<&str> = mine
            .iter()
            .filter(|part| !others.contains(part))
            .map(String::as_str)
            .collect();
        short(&mine.join("; "), 200)
    };
    let shown = (only(&olds, &news), only(&news, &olds));
    match shown {
        // The parts are the same in another order, or one side has none of its own.
        (a, b) if a.is_empty() || b.is_empty() => (short(old, 200), short(new, 200)),
        shown => shown,
    }
}
