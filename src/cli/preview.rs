//! `catpipe preview`.

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};

use crate::augment::{self, Op};
use crate::dataset::{Example, Source};
use crate::pipeline::{self, PipelineConfig, PipelineError};
use crate::report::Sheet;

use super::failure::Failure;
use super::output::print;
use super::project::ProjectArgs;

/// Draw a contact sheet of training examples against their augmented views
///
/// One row an example, spread over the classes: first the picture as it is, then its views,
/// exactly those that a run makes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  catpipe preview pipelines/resnet.yaml -o views.png --examples 4 --views 6")]
pub(super) struct Args {
    #[command(flatten)]
    project: ProjectArgs,

    /// The picture to write, a PNG file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// How many examples
    #[arg(long, value_name = "N", default_value_t = 6,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    examples: u32,

    /// How many views of each [default: as many as the pipeline asks for, but at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=32))]
    views: Option<u32>,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let options = args.project.options()?;
    let (config, dataset) = pipeline::examples(&args.project.pipeline, &options)?;
    let views = args.views.unwrap_or(config.augment.views.min(8));
    if views > 0 && config.augment.ops.is_empty() {
        let pipeline = args.project.pipeline.display();
        return Err(Failure::wrong(format!(
            "{pipeline} has no augmentation to preview: add an `augment` section with `ops`"
        )));
    }
    let source = &dataset.train;
    let chosen = spread(source.examples(), args.examples as usize);
    let sheet = sheet(&config, source, &chosen, views)?;
    let (path, shown) = (&args.output, chosen.len());
    save(&sheet.draw(), path)
        .map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    print(&format!(
        "{}: {shown} examples, {views} views of each\n",
        path.display()
    ))
}

fn sheet(
    config: &PipelineConfig,
    source: &Source,
    chosen: &[usize],
    views: u32,
) -> Result<Sheet, Failure> {
    let title = format!("{}, seed {}", config.name.as_str(), config.seed);
    let ops: Vec<String> = config.augment.ops.iter().map(Op::to_string).collect();
    let heading = |view: u32| match view {
        0 => "plain".to_owned(),
        view => format!("view {view}"),
    };
    let columns = (0..=views).map(heading).collect();
    let mut sheet = Sheet::new(&title, &ops.join(", "), columns);
    for &index in chosen {
        let image = source.read(index).map_err(PipelineError::from)?;
        let key = source.content_key(index).map_err(PipelineError::from)?;
        let pictures: Vec<RgbImage> = (0..=views)
            .map(|view| augment::view(&image, &config.augment, config.seed, &key, view))
            .collect();
        let (class, id) = label(source, index);
        sheet.row(class, id, &pictures);
    }
    Ok(sheet)
}

/// The class of an example, where it has one, and its id.
fn label(source: &Source, index: usize) -> (&str, &str) {
    let Some(example) = source.examples().get(index) else {
        return ("", "");
    };
    let class = example.label.and_then(|label| source.classes().get(label));
    (class.map_or("", String::as_str), &example.id)
}

/// `count` examples, as many of each class as possible and evenly spaced within it; ordered by
/// class, those without a label last.
fn spread(examples: &[Example], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let class = |&i: &usize| examples[i].label.unwrap_or(usize::MAX);
    order.sort_by_key(class);
    let classes: Vec<&[usize]> = order.chunk_by(|a, b| class(a) == class(b)).collect();
    let shares = shares(&classes, count);
    let evenly = |(class, share): (&&[usize], usize)| -> Vec<usize> {
        let place = |k| class[k * class.len() / share];
        (0..share).map(place).collect()
    };
    classes.iter().zip(shares).flat_map(evenly).collect()
}

/// How many to take of each class: one after another in turn, as long as there are any.
fn shares(classes: &[&[usize]], count: usize) -> Vec<usize> {
    let mut shares = vec![0; classes.len()];
    let all: usize = classes.iter().map(|class| class.len()).sum();
    let mut left = count.min(all);
    while left > 0 {
        for (share, class) in shares.iter_mut().zip(classes) {
            if left > 0 && *share < class.len() {
                *share += 1;
                left -= 1;
            }
        }
    }
    shares
}

/// Writes the picture beside its place and moves it there: a reader never sees half of it.
fn save(image: &RgbImage, path: &Path) -> io::Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(io::Error::other)?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".preview-");
    // A temporary file is its owner's alone; the sheet is a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes.get_ref())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(labels: &[Option<usize>], count: usize) -> Vec<usize> {
        let example = |label: &Option<usize>| Example {
            id: String::new(),
            label: *label,
        };
        let examples: Vec<Example> = labels.iter().map(example).collect();
        spread(&examples, count)
    }

    #[test]
    fn examples_are_spread_over_classes_and_within_them() {
        let labels = [1, 0, 0, 0, 0, 0, 0, 1, 2].map(Some);
        assert_eq!(chosen(&labels, 3), [1, 0, 8]);
        assert_eq!(chosen(&labels, 6), [1, 3, 5, 0, 7, 8]);
        assert_eq!(chosen(&labels, 100).len(), 9);
        assert_eq!(chosen(&[None; 10], 5), [0, 2, 4, 6, 8]);
        assert!(chosen(&[], 5).is_empty());
    }
}
