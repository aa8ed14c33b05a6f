//! `provider: auto`: measures once a machine and model, and keeps what came out.

mod heads;
mod measuring;
#[cfg(test)]
mod tests;
mod told;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backbone::auto::{
    AutoOptions, Bar, Candidate, Kept, Key, Sibling, Siblings, Trial, fastest,
};
use crate::backbone::onnx::Arithmetic;
use crate::backbone::provider::Count;
use crate::backbone::runtime::survey::Survey;
use crate::backbone::{Backbone, Graph, Provider, Search};
use crate::dataset::Dataset;

use super::config::PipelineConfig;
use super::error::PipelineError;
use super::options::Options;
use super::probe::{Job, Measured, Pictures};
use super::provider::search;
use heads::Judged;
use measuring::{Measuring, first_line};

/// The folder of measurements in the cache.
const FOLDER: &str = "auto";
/// How many pictures are measured.
const PICTURES: usize = 32;
/// Rows of one inference. Not the pipeline's: its batch size may change no row, and so not the
/// choice.
const BATCH: usize = 16;
/// How long each candidate is measured after its first pass, in seconds.
const SECONDS: f64 = 1.0;

/// Measures, in processes of its own: a process can hold one ONNX Runtime only.
pub trait Prober: fmt::Debug + Send + Sync {
    /// What can run here.
    fn survey(&self, search: &Search) -> Survey;

    /// Does a job.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn measure(&self, job: &Job) -> Result<Measured, String>;

    /// Tells a person who waits.
    fn say(&self, line: &str);
}

/// What became of `provider: auto`.
#[derive(Debug, Clone, PartialEq)]
pub enum Auto {
    /// It has chosen.
    Chosen(Decision),
    /// Nothing is known of this model on this machine, and nobody was to measure.
    Undecided(Bar),
}

/// A choice, and the figures behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is asked of the features.
    pub bar: Bar,
    /// The choice.
    pub chosen: Candidate,
    /// Everything that was measured for it.
    pub trials: Vec<Trial>,
    /// The pictures that it was measured on.
    pub images: String,
    /// Whether it was measured just now.
    pub fresh: bool,
    /// The file that keeps it.
    pub file: PathBuf,
    /// What was out because it failed, which a later try may mend.
    pub failed: Vec<String>,
}

/// What a run's `metrics.json` says of the choice.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct AutoSummary {
    /// What was asked of the features.
    pub parity: Bar,
    /// The pictures that it was measured on.
    pub images: String,
    /// What was chosen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen: Option<Candidate>,
    /// Everything that was measured for it.
    pub trials: Vec<Trial>,
}

impl Decision {
    /// What runs, with its options, on batches of `rows`.
    pub(super) fn provider(&self, rows: usize) -> Provider {
        let mut provider = self.chosen.with_options().unwrap_or_default();
        if let Provider::Tensorrt(options) = &mut provider
            && rows > options.batch.max.get()
            && let Ok(rows) = Count::try_from(rows as u64)
        {
            options.batch.max = rows;
        }
        provider
    }

    /// What a run says of it.
    #[must_use]
    pub fn summary(&self) -> AutoSummary {
        AutoSummary {
            parity: self.bar,
            images: self.images.clone(),
            chosen: Some(self.chosen.clone()),
            trials: self.trials.clone(),
        }
    }
}

/// What a choice is made for.
pub(super) struct Asked<'a> {
    pub(super) config: &'a PipelineConfig,
    pub(super) dataset: &'a Dataset,
    pub(super) backbone: &'a Backbone,
    pub(super) graph: &'a Graph,
    pub(super) options: &'a Options,
}

impl Asked<'_> {
    fn siblings(&self) -> Siblings {
        let Backbone::Onnx(manifest) = self.backbone else {
            return Siblings::default();
        };
        if self.graph.arithmetic == Arithmetic::Int8 {
            return Siblings::default();
        }
        let (named, options) = (&self.config.extract.backbone, self.options);
        Siblings::of(named, manifest, self.graph, &options.root, &options.shelf())
    }

    /// What is kept for the bar, measured where that is to be done and missing.
    fn measured(
        &self,
        bar: Bar,
        pictures: &Pictures,
        siblings: &Siblings,
    ) -> Result<Option<(Kept, bool)>, PipelineError> {
        let options = self.options;
        let search = search(options);
        let key = Key::new(
            &search,
            self.graph.key.clone(),
            self.backbone.preprocess((1, 1)).key(),
            known(pictures, options)?,
            siblings.about(),
        );
        let folder = options.cache.join(FOLDER);
        let before = Kept::read(&folder, &key);
        let prober = match (before, &options.prober) {
            (Some(kept), _) if kept.unmeasured(bar).is_empty() => return Ok(Some((kept, false))),
            (_, None) => return Ok(None),
            (before, Some(prober)) => (before, prober),
        };
        let (before, prober) = prober;
        let names: Vec<String> = siblings.found.iter().map(|s| s.manifest.clone()).collect();
        let measuring = Measuring {
            prober: prober.as_ref(),
            manifest: Path::new(&self.config.extract.backbone),
            graph: self.graph.arithmetic,
            siblings: &names,
            left_out: &siblings.left_out,
            options,
            pictures,
        };
        let kept = measuring.measure(before, key, bar, &search)?;
        // What was not measured to its end looks like what does not run: it is not kept.
        if options.stop.is_asked() {
            return Err(PipelineError::MeasuringInterrupted);
        }
        let path = Kept::path(&folder, &kept.key);
        let written = kept.write(&folder);
        written.map_err(|source| PipelineError::Scratch { path, source })?;
        Ok(Some((kept, true)))
    }
}

/// Chooses for the network of a pipeline: by what is kept, or by measuring. Gives the quantized
/// graph that stands for the one that was asked for, where that was chosen.
///
/// # Errors
/// Images that cannot be read; a network that does not run on the CPU; `fast` where there is no
/// head to judge by; a request to end.
pub(super) fn decide(
    asked: &Asked<'_>,
    auto: &AutoOptions,
) -> Result<(Auto, Option<Sibling>), PipelineError> {
    let stop = &asked.options.stop;
    let watch = stop.watch();
    let found = find(asked, auto);
    drop(watch);
    if stop.is_asked() {
        return Err(PipelineError::MeasuringInterrupted);
    }
    found
}

fn find(asked: &Asked<'_>, auto: &AutoOptions) -> Result<(Auto, Option<Sibling>), PipelineError> {
    let bar = auto.parity;
    if bar == Bar::Fast && asked.config.train.is_none() {
        return Err(PipelineError::NoHead);
    }
    let pictures = match &auto.images {
        Some(folder) => Pictures::From(folder.clone()),
        None => Pictures::Generated,
    };
    let siblings = asked.siblings();
    let Some((kept, mut fresh)) = asked.measured(bar, &pictures, &siblings)? else {
        return Ok((Auto::Undecided(bar), None));
    };
    let file = Kept::path(&asked.options.cache.join(FOLDER), &kept.key);
    let mut trials = kept.trials;
    trials.retain(|one| bar.admits(one.candidate.precision) || one.candidate.is_reference());
    if bar == Bar::Fast {
        match heads::judge(asked, &siblings, &kept.key, &mut trials)? {
            Judged::Known => {}
            Judged::Fresh => fresh = true,
            Judged::Undecided => return Ok((Auto::Undecided(bar), None)),
        }
    }
    let mut failed = kept.problems;
    failed.extend(trials.iter().filter_map(|trial| {
        let problem = first_line(trial.problem.as_ref()?);
        Some(format!("{}: {problem}", trial.candidate))
    }));
    let fastest = fastest(bar, &trials).map(|trial| trial.candidate.clone());
    let chosen = fastest.ok_or(PipelineError::NothingPasses)?;
    let is_chosen = |one: &Sibling| chosen.backbone.as_ref() == Some(&one.manifest);
    let sibling = siblings.found.into_iter().find(is_chosen);
    let decision = Decision {
        bar,
        chosen,
        trials,
        images: pictures.told(),
        fresh,
        file,
        failed,
    };
    Ok((Auto::Chosen(decision), sibling))
}

/// What the pictures are known by.
fn known(pictures: &Pictures, options: &Options) -> Result<String, PipelineError> {
    match pictures {
        // The same for one version of the program, which is in the key.
        Pictures::Generated => Ok(format!("{PICTURES} generated")),
        other => {
            let sample = other.open(PICTURES, &options.root, options.passes.clone())?;
            sample.digest()
        }
    }
}
