//! `catpipe data`.

use crate::dataset::{Duplicate, SideSurvey, Skipped, Survey};
use crate::pipeline;
use crate::report::Table;

use super::failure::Failure;
use super::output::{print, print_json};
use super::project::ProjectArgs;

/// Look at a pipeline's dataset: classes, sizes, formats, bad files, duplicates
///
/// Decodes every image. Bad files are listed, whatever `dataset.on_error` says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe data pipelines/resnet.yaml
  catpipe data pipelines/resnet.yaml --json")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let options = args.project.options()?;
    let survey = pipeline::survey(&args.project.pipeline, &options)?;
    if args.json {
        print_json(&survey)
    } else {
        print(&describe(&survey))
    }
}

fn describe(survey: &Survey) -> String {
    let mut text = classes(survey);
    text.push('\n');
    text.push_str(&sides(survey));
    let excluded = |wanted: bool| -> Vec<&Skipped> {
        let skipped = survey.skipped.iter();
        skipped.filter(|one| one.excluded == wanted).collect()
    };
    text.push_str(&left_out("bad file", &excluded(false)));
    text.push_str(&left_out("excluded", &excluded(true)));
    text.push_str(&duplicates(&survey.duplicates));
    text
}

/// Examples by class and side.
fn classes(survey: &Survey) -> String {
    let mut table = Table::new(["class", "train", "test"]);
    let tested = survey.test.as_ref();
    let count = |side: Option<&SideSurvey>, class: usize| {
        let found = side.and_then(|side| side.classes.get(class));
        found.map_or_else(String::new, |class| class.examples.to_string())
    };
    for (i, class) in survey.train.classes.iter().enumerate() {
        table.row([
            class.name.clone(),
            class.examples.to_string(),
            count(tested, i),
        ]);
    }
    table.row([
        "all".to_owned(),
        survey.train.examples.to_string(),
        tested.map_or_else(String::new, |side| side.examples.to_string()),
    ]);
    table.render()
}

/// Where each side lies, and what its images are like.
fn sides(survey: &Survey) -> String {
    let mut table = Table::new(["side", "from", "formats", "width", "height", "size"]);
    let sides = [
        ("train", Some(&survey.train)),
        ("test", survey.test.as_ref()),
    ];
    for (name, side) in sides {
        let Some(side) = side else { continue };
        let formats: Vec<String> = side
            .formats
            .iter()
            .map(|(format, count)| format!("{count} {format}"))
            .collect();
        table.row([
            name.to_owned(),
            side.path.clone(),
            formats.join(", "),
            range(side.width),
            range(side.height),
            side.bytes.map_or_else(String::new, megabytes),
        ]);
    }
    format!(
        "{}  (width and height: least, middle, largest)\n",
        table.render()
    )
}

fn range([least, middle, largest]: [u32; 3]) -> String {
    if least == largest {
        least.to_string()
    } else {
        format!("{least} {middle} {largest}")
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn left_out(what: &str, skipped: &[&Skipped]) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    let mut table = Table::new([what, "side", "reason"]);
    for one in skipped {
        table.row([one.path.clone(), one.split.to_owned(), one.reason.clone()]);
    }
    format!("\n{}", table.render())
}

fn duplicates(found: &[Duplicate]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["test example", "is also the training example", "how"]);
    for one in found {
        let how = match one.distance {
            None => "same content".to_owned(),
            Some(bits) => format!("looks alike, {bits} of 63 bits"),
        };
        table.row([one.test.clone(), one.train.clone(), how]);
    }
    format!("\n{}", table.render())
}
