//! `provider: auto`: measures once a machine and model, and keeps what came out.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backbone::auto::{AutoOptions, Bar, Candidate, Kept, Key, Trial, candidates, fastest};
use crate::backbone::measure::parity;
use crate::backbone::provider::Count;
use crate::backbone::runtime::survey::Survey;
use crate::backbone::{Backbone, Provider, Search};
use crate::report::Table;

use super::checked::{Options, search};
use super::error::PipelineError;
use super::probe::{Job, Measured, Pictures, saved};

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
            trials: self.trials.clone(),
        }
    }
}

/// What was chosen, with the table behind it where that was measured just now.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chosen, bar, images) = (self.chosen, self.bar, &self.images);
        if !self.fresh {
            let file = self.file.display();
            write!(f, "auto ({bar}) runs {chosen}, as measured before ({file})")?;
            for failed in &self.failed {
                write!(f, "\n  out, until that file is deleted: {failed}")?;
            }
            return Ok(());
        }
        write!(f, "{}", table(&self.trials, bar, chosen))?;
        write!(
            f,
            "auto ({bar}) runs {chosen}: the fastest that passes on {PICTURES} images ({images})"
        )
    }
}

fn table(trials: &[Trial], bar: Bar, chosen: Candidate) -> String {
    let mut table = Table::new(["provider", "images/s", "cosine min", "mean", bar.name()]);
    for trial in trials {
        let dash = || "-".to_owned();
        let parity = trial.parity.as_ref();
        let what = trial.candidate;
        table.row([
            what.to_string(),
            trial
                .rows_per_second
                .map_or_else(dash, |speed| format!("{speed:.1}")),
            parity.map_or_else(dash, |one| format!("{:.6}", one.cosine_min)),
            parity.map_or_else(dash, |one| format!("{:.6}", one.cosine_mean)),
            match trial.refusal(bar) {
                None if what == chosen => "chosen".to_owned(),
                None => "passes".to_owned(),
                Some(why) => why,
            },
        ]);
    }
    table.render()
}

/// Chooses for the network of `backbone`, whose manifest is `manifest` and whose part of a row's
/// key is `graph`: by what is kept, or by measuring.
///
/// # Errors
/// Images that cannot be read; a network that does not run on the CPU.
pub(super) fn decide(
    manifest: &str,
    backbone: &Backbone,
    graph: String,
    asked: &AutoOptions,
    options: &Options,
) -> Result<Auto, PipelineError> {
    let (search, bar) = (search(options), asked.parity);
    let pictures = match &asked.images {
        Some(folder) => Pictures::From(folder.clone()),
        None => Pictures::Generated,
    };
    let preprocessing = backbone.preprocess((1, 1)).key();
    let known = known(&pictures, &options.root)?;
    let key = Key::new(&search, graph, preprocessing, known);
    let folder = options.cache.join("auto");
    let file = Kept::path(&folder, &key);
    let before = Kept::read(&folder, &key);
    let (kept, fresh) = match (before, &options.prober) {
        (Some(kept), _) if kept.unmeasured(bar).is_empty() => (kept, false),
        (_, None) => return Ok(Auto::Undecided(bar)),
        (before, Some(prober)) => {
            let measuring = Measuring {
                prober: prober.as_ref(),
                manifest: Path::new(manifest),
                options,
                pictures: &pictures,
            };
            let watch = options.stop.watch();
            let kept = measuring.measure(before, key, bar, &search);
            drop(watch);
            // What was not measured to its end looks like what does not run: it is not kept.
            if options.stop.is_asked() {
                return Err(PipelineError::MeasuringInterrupted);
            }
            let kept = kept?;
            let written = kept.write(&folder);
            let path = file.clone();
            written.map_err(|source| PipelineError::Scratch { path, source })?;
            (kept, true)
        }
    };
    let mut trials = kept.trials;
    trials.retain(|trial| bar.admits(trial.candidate.precision));
    let mut failed = kept.problems;
    failed.extend(trials.iter().filter_map(|trial| {
        let problem = first_line(trial.problem.as_ref()?);
        Some(format!("{}: {problem}", trial.candidate))
    }));
    let fastest = fastest(bar, &trials).map(|trial| trial.candidate);
    Ok(Auto::Chosen(Decision {
        bar,
        chosen: fastest.ok_or(PipelineError::NothingPasses)?,
        trials,
        images: pictures.told(),
        fresh,
        file,
        failed,
    }))
}

/// What the pictures are known by.
fn known(pictures: &Pictures, root: &Path) -> Result<String, PipelineError> {
    match pictures {
        // The same for one version of the program, which is in the key.
        Pictures::Generated => Ok(format!("{PICTURES} generated")),
        Pictures::From(_) => pictures.open(PICTURES, root)?.digest(),
    }
}

/// The libraries that are there and gave no answer.
fn unanswered(survey: &Survey) -> Vec<String> {
    let problems = survey.libraries.iter().filter_map(|one| {
        let problem = one.problem.as_deref()?;
        let is_there = !problem.starts_with("not fetched");
        is_there.then(|| format!("{}: {}", one.path.display(), first_line(problem)))
    });
    problems.collect()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a measurement is made with.
struct Measuring<'a> {
    prober: &'a dyn Prober,
    manifest: &'a Path,
    options: &'a Options,
    pictures: &'a Pictures,
}

impl Measuring<'_> {
    /// Measures what `bar` asks for and `before` does not have. The reference's features are
    /// needed for every comparison, so that it is measured each time.
    fn measure(
        &self,
        before: Option<Kept>,
        key: Key,
        bar: Bar,
        search: &Search,
    ) -> Result<Kept, PipelineError> {
        let mut kept = before.unwrap_or_else(|| {
            let survey = self.prober.survey(search);
            Kept {
                key,
                candidates: candidates(&survey),
                trials: Vec::new(),
                problems: unanswered(&survey),
            }
        });
        for problem in &kept.problems {
            self.prober.say(&format!("auto: left out: {problem}"));
        }
        let mut wanted = kept.unmeasured(bar);
        wanted.retain(|one| *one != Candidate::REFERENCE);
        let scratch = tempfile::tempdir().map_err(|source| PipelineError::Scratch {
            path: std::env::temp_dir(),
            source,
        })?;
        self.prober.say(&format!(
            "auto: measuring {} on this machine, once ({})",
            self.manifest.display(),
            match wanted.len() {
                0 => "there is only cpu fp32".to_owned(),
                more => format!("{} candidates, {bar}", more + 1),
            }
        ));
        let (reference, features) = self.trial(Candidate::REFERENCE, scratch.path());
        if let Some(problem) = reference.problem {
            return Err(PipelineError::NoReference(problem));
        }
        kept.trials
            .retain(|trial| trial.candidate != Candidate::REFERENCE);
        kept.trials.insert(0, reference);
        let (features, _) = features.unwrap_or_default();
        for candidate in wanted {
            if self.options.stop.is_asked() {
                break;
            }
            let (mut trial, own) = self.trial(candidate, scratch.path());
            trial.parity = own.and_then(|(own, width)| parity(&features, &own, width));
            kept.trials.push(trial);
        }
        Ok(kept)
    }

    /// A candidate's figures, and its features with their width.
    fn trial(&self, candidate: Candidate, scratch: &Path) -> (Trial, Option<(Vec<f32>, usize)>) {
        let mut trial = Trial {
            candidate,
            rows_per_second: None,
            parity: None,
            problem: None,
        };
        let measured = self.measured(candidate, scratch);
        if self.options.stop.is_asked() {
            return (trial, None);
        }
        let line = match &measured {
            Ok((measured, _)) => {
                let speed = measured.speed.map_or(0.0, |speed| speed.rows_per_second);
                format!("auto: {candidate}: {speed:.1} images a second")
            }
            Err(problem) => format!("auto: {candidate} does not run: {problem}"),
        };
        self.prober.say(&line);
        match measured {
            Ok((measured, features)) => {
                trial.rows_per_second = measured.speed.map(|speed| speed.rows_per_second);
                (trial, Some((features, measured.width)))
            }
            Err(problem) => {
                trial.problem = Some(problem);
                (trial, None)
            }
        }
    }

    fn measured(
        &self,
        candidate: Candidate,
        scratch: &Path,
    ) -> Result<(Measured, Vec<f32>), String> {
        let name = format!("{}-{}.f32", candidate.provider, candidate.precision);
        let job = Job {
            provider: candidate
                .with_options()
                .ok_or("it does not have that precision")?,
            backbone: self.manifest.to_path_buf(),
            root: self.options.root.clone(),
            ort_dylib: self.options.ort_dylib.clone(),
            pictures: self.pictures.clone(),
            count: PICTURES,
            batch: BATCH,
            timed: Some(SECONDS),
            answers: None,
            features: scratch.join(name),
        };
        let measured = self.prober.measure(&job)?;
        let features = saved(&job.features).map_err(|error| error.to_string())?;
        Ok((measured, features))
    }
}
