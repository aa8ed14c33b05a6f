//! Gathers what a report shows: figures and tables from the run folder, pictures from the dataset,
//! features from the store.
//!
//! A run with a `report` section makes `report.html` before it publishes its folder; [`report_on`]
//! does the same for finished runs, for one or several. By then the data may be gone or changed:
//! what cannot be had is left out, and the report says so.

mod album;
mod beside;
mod cards;
mod heat;
mod left;
mod looks;
mod map;
mod material;
mod scored;

use std::path::{Path, PathBuf};

use crate::report::data::{Epoch, Report, Run};
use crate::report::page;

use super::checked::Checked;
use super::error::PipelineError;
use super::folder::RunFolder;
use super::options::Options;
use super::plan::Plan;

pub use left::LeftError;

use album::Album;
use heat::Heat;
use left::Left;
use looks::Looks;
use material::Material;
use scored::Scored;

/// The report's file in the run folder.
pub(super) const REPORT: &str = "report.html";

/// A report that was made.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The HTML file.
    pub html: String,
    /// What is not in it, and why.
    pub notes: Vec<String>,
}

/// The steps in which a run's report is gathered.
pub(super) const STEPS: usize = 4;

/// The report of finished runs, named by their folders; the others are compared with the first.
/// `progress` hears how many of how many steps are done; who watches the passes over the images
/// sees those before the first step.
///
/// # Errors
/// A folder that holds no finished run, a file of it that cannot be read.
pub fn report_on(
    folders: &[PathBuf],
    options: &Options,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Reported, PipelineError> {
    // All of them before the first step: what has to be read for it is shown by itself.
    let mut opened = Vec::new();
    for folder in folders {
        let left = Left::open(folder)?;
        let material = Material::of_finished(&left, options);
        opened.push((left, material));
    }
    let mut gathered = Vec::new();
    let total = folders.len() * STEPS;
    for (number, (left, mut material)) in opened.into_iter().enumerate() {
        let mut step = |done: usize| progress(number * STEPS + done, total);
        step(0);
        let run = match gather(&left, &material, &mut step) {
            Err(error) if material.has_features() => {
                material.without_features(&error);
                gather(&left, &material, &mut step)?
            }
            result => result?,
        };
        gathered.push((run, material));
    }
    Ok(finish(gathered))
}

/// Puts the report of a finished run into its folder and the folder's index, so that the run stays
/// up to date; gives its place.
///
/// # Errors
/// A file that cannot be written.
pub fn keep_report(folder: &Path, html: &str) -> Result<PathBuf, PipelineError> {
    let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    RunFolder::at(place).add(&[(REPORT, html.as_bytes())])?;
    Ok(folder.join(REPORT))
}

/// The report of a run that is about to be published with these files.
///
/// # Errors
/// Rows that went bad since they were planned with.
pub(super) fn of_run(
    checked: &Checked,
    plan: &Plan,
    files: &[(&str, Vec<u8>)],
    step: &mut dyn FnMut(usize),
) -> Result<Reported, PipelineError> {
    let left = Left::unpublished(checked.folder.path(), &plan.fingerprint, files);
    let material = Material::of_plan(checked, plan);
    let run = gather(&left, &material, step)?;
    Ok(finish(vec![(run, material)]))
}

/// The report of the finished run of `plan`, whose pipeline now reads `pipeline`.
///
/// # Errors
/// A file of the run that cannot be read, rows that went bad since they were planned with.
pub(super) fn of_last_run(
    checked: &Checked,
    plan: &Plan,
    pipeline: &[u8],
    step: &mut dyn FnMut(usize),
) -> Result<Reported, PipelineError> {
    let left = Left::open(checked.folder.path())?.with("pipeline.yaml", pipeline.to_vec());
    let material = Material::of_plan(checked, plan);
    let run = gather(&left, &material, step)?;
    Ok(finish(vec![(run, material)]))
}

/// A run, with what its predictions say of each example.
struct Gathered {
    run: Run,
    scored: Option<Scored>,
}

fn finish(gathered: Vec<(Gathered, Material<'_>)>) -> Reported {
    let (mut runs, materials): (Vec<Gathered>, Vec<Material<'_>>) = gathered.into_iter().unzip();
    beside::name_apart(&mut runs);
    let album = materials.first().map(Album::of).unwrap_or_default();
    let disagreements = beside::disagreements(&runs, &album);
    let differences = beside::differences(&runs);
    let report = Report {
        runs: runs.into_iter().map(|one| one.run).collect(),
        differences,
        disagreements,
    };
    let notes = report.runs.iter().flat_map(|run| run.notes.clone());
    Reported {
        html: page(&report),
        notes: notes.collect(),
    }
}

/// All that there is to say of one run; `step` hears of each of the [`STEPS`] that is done.
fn gather(
    left: &Left,
    material: &Material<'_>,
    step: &mut dyn FnMut(usize),
) -> Result<Gathered, PipelineError> {
    let figures = left.figures()?;
    let test = Scored::read(left, "predictions.csv")?;
    let out_of_fold = Scored::read(left, "validation.csv")?;
    let mut notes = material.notes.clone();
    let looks = Looks::new(material)?;
    step(1);
    let mut heat = match material.checked().map(|checked| Heat::of(left, checked)) {
        Some(Ok(heat)) => Some(heat),
        Some(Err(why)) => {
            notes.push(format!("heat maps: {why}"));
            None
        }
        // Why the pipeline cannot be had is told already.
        None => None,
    };
    let (main, is_test) = match (&test, &out_of_fold) {
        (Some(test), _) if test.is_labelled() => (Some(test), true),
        (_, Some(out_of_fold)) => (Some(out_of_fold), false),
        _ => (None, true),
    };
    let gallery = match main {
        Some(scored) => cards::gallery(scored, is_test, &looks, &mut heat)?,
        None => {
            notes.push("scores: nothing was scored".to_owned());
            cards::Gallery::default()
        }
    };
    step(2);
    let suspects = cards::suspects(
        &figures.label_errors,
        out_of_fold.as_ref(),
        &looks,
        &mut heat,
    )?;
    step(3);
    let run = Run {
        name: figures.name.clone(),
        folder: left.shown(),
        train_counts: material.counts(false),
        test_counts: material.counts(true),
        curves: main.map(Scored::curves),
        epochs: epochs(left)?,
        mistakes: gallery.mistakes,
        mistake_count: gallery.wrong,
        uncertain: gallery.uncertain,
        suspects,
        map: map::of(test.as_ref(), &looks)?,
        skipped: left.skipped()?,
        pipeline: left.text("pipeline.yaml"),
        digests: left.digests(material.checked()),
        notes,
        figures,
    };
    step(STEPS);
    Ok(Gathered { run, scored: test })
}

fn epochs(left: &Left) -> Result<Vec<Epoch>, LeftError> {
    left.table("curve.csv", |table| table.deserialize().collect())
}
