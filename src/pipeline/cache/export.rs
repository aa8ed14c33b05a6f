//! A pipeline's rows as one file.

use std::path::{Path, PathBuf};

use crate::dataset::{Example, Source, Split};
use crate::features::{Export, Labels, Table};
use crate::pipeline::batch::about;
use crate::pipeline::checked::Checked;
use crate::pipeline::error::PipelineError;
use crate::pipeline::event::{Digesting, Event, Observer, Stage};
use crate::pipeline::rows::Part;

/// Which rows of a pipeline are written.
#[derive(Clone, Copy, Debug)]
pub struct CacheExport {
    /// Whose rows.
    pub splits: Splits,
    /// Whether augmented views of training examples are among them, after the plain one of each.
    pub views: bool,
}

/// Splits of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splits {
    /// Training examples.
    Train,
    /// Test examples.
    Test,
    /// Training examples, then test examples.
    All,
}

/// What was written.
#[derive(Debug)]
pub struct Exported {
    /// Rows of the file.
    pub rows: usize,
    /// Numbers in a row.
    pub features: usize,
    /// The backbone's short name.
    pub backbone: String,
    /// Everything that may change a feature's bits: provider, precision, runtime version.
    pub numeric_class: String,
    /// What was written: the file of features first.
    pub files: Vec<PathBuf>,
}

/// Writes rows of `checked` to `out`, with what is known of them. Nothing is computed.
///
/// # Errors
/// A file that cannot be written; [`PipelineError::NotComputed`]; test examples asked of a pipeline
/// that has none; an image or the store that cannot be read.
pub fn export_rows(
    checked: &Checked,
    wanted: &CacheExport,
    out: &Path,
    observer: &mut dyn Observer,
) -> Result<Exported, PipelineError> {
    let export = Export::begin(out)?;
    checked.expect_decided()?;
    let sides = sides(checked, wanted, &mut *observer)?;
    let ids = || sides.iter().flat_map(Side::ids);
    export.check(ids())?;
    let (store, warnings) = checked.store()?;
    for warning in &warnings {
        observer.event(&Event::Warning(warning.to_string()));
    }
    let rows: Vec<_> = sides
        .iter()
        .flat_map(|side| &side.part.ids)
        .copied()
        .collect();
    let missing = store.missing(&rows).len();
    if missing > 0 {
        let needed = rows.len();
        return Err(PipelineError::NotComputed { missing, needed });
    }
    let table = Table {
        rows: &rows,
        ids: ids().collect(),
        labels: labels(checked, &sides),
        splits: Some(sides.iter().flat_map(Side::splits).collect()),
        views: Some(sides.iter().flat_map(Side::views).collect()),
        about: about(checked),
        beside: None,
    };
    let what = format!("{} rows into {}", rows.len(), out.display());
    observer.event(&Event::Started(Stage::Export, what, rows.len() as u64));
    let mut done = 0;
    let files = export.write_watched(&store, &table, &mut || {
        done += 1;
        observer.event(&Event::Progress(Stage::Export, done, String::new()));
    })?;
    Ok(Exported {
        rows: rows.len(),
        features: checked.space.width,
        backbone: checked.backbone.name().to_owned(),
        numeric_class: checked.space.numeric.clone(),
        files,
    })
}

/// One side with its rows.
struct Side<'a> {
    source: &'a Source,
    split: Split,
    part: Part,
}

impl Side<'_> {
    /// The example of each row.
    fn examples(&self) -> impl Iterator<Item = &Example> {
        let examples = self.source.examples();
        self.part.rows.iter().map(|row| &examples[row.example])
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.examples().map(|example| example.id.as_str())
    }

    fn splits(&self) -> impl Iterator<Item = &'static str> {
        self.part.rows.iter().map(|_| self.split.name())
    }

    fn views(&self) -> impl Iterator<Item = u32> {
        self.part.rows.iter().map(|row| row.view)
    }
}

/// The classes of all rows, where one of the sides has any; both sides count the same ones.
fn labels<'a>(checked: &'a Checked, sides: &[Side<'_>]) -> Option<Labels<'a>> {
    if !sides.iter().any(|side| side.source.labelled()) {
        return None;
    }
    let dataset = &checked.dataset;
    let sources = std::iter::once(&dataset.train).chain(&dataset.test);
    let classes = sources
        .map(Source::classes)
        .find(|classes| !classes.is_empty());
    let rows = sides.iter().flat_map(Side::examples);
    Some(Labels {
        classes: classes.unwrap_or_default(),
        rows: rows.map(|example| example.label).collect(),
    })
}

fn sides<'a>(
    checked: &'a Checked,
    wanted: &CacheExport,
    observer: &mut dyn Observer,
) -> Result<Vec<Side<'a>>, PipelineError> {
    let dataset = &checked.dataset;
    let train = (wanted.splits != Splits::Test).then_some((&dataset.train, Split::Train));
    let test = dataset
        .test
        .as_ref()
        .filter(|_| wanted.splits != Splits::Train);
    if wanted.splits == Splits::Test && test.is_none() {
        return Err(PipelineError::NoTestSide);
    }
    let (augment, seed) = (&checked.config.augment, checked.config.seed);
    let known = checked.known_images()?;
    let mut sides = Vec::new();
    for (source, split) in train.into_iter().chain(test.map(|one| (one, Split::Test))) {
        // As in a run: test examples have their plain view alone.
        let augmented = wanted.views && split == Split::Train;
        let views = if augmented { augment.views } else { 0 };
        let mut reading = Digesting::new(&mut *observer, source.examples().len());
        let mut read = || reading.one();
        let space = &checked.space;
        let part = Part::plan(source, augment, views, seed, space, &known, &mut read)?;
        sides.push(Side {
            source,
            split,
            part,
        });
    }
    known.save();
    Ok(sides)
}
