//! Measures what a bar asks for.

use std::path::Path;

use crate::backbone::Search;
use crate::backbone::auto::{Bar, Candidate, Kept, Key, Trial, candidates};
use crate::backbone::measure::parity;
use crate::backbone::onnx::Arithmetic;
use crate::backbone::runtime::survey::Survey;

use super::super::error::PipelineError;
use super::super::options::Options;
use super::super::probe::{Job, Measured, Pictures, saved};
use super::{BATCH, PICTURES, Prober, SECONDS};

/// The libraries that are there and gave no answer.
fn unanswered(survey: &Survey) -> Vec<String> {
    let problems = survey.libraries.iter().filter_map(|one| {
        let problem = one.problem.as_deref()?;
        let is_there = !problem.starts_with("not fetched");
        is_there.then(|| format!("{}: {}", one.path.display(), first_line(problem)))
    });
    problems.collect()
}

pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a measurement is made with.
pub(super) struct Measuring<'a> {
    pub(super) prober: &'a dyn Prober,
    pub(super) manifest: &'a Path,
    pub(super) graph: Arithmetic,
    /// The manifests of quantized graphs.
    pub(super) siblings: &'a [String],
    /// The quantized graphs that are out, and why.
    pub(super) left_out: &'a [String],
    pub(super) options: &'a Options,
    pub(super) pictures: &'a Pictures,
}

impl Measuring<'_> {
    /// Measures what `bar` asks for and `before` does not have. The reference's features are
    /// needed for every comparison, so that it is measured each time.
    pub(super) fn measure(
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
                candidates: candidates(&survey, self.graph, self.siblings),
                trials: Vec::new(),
                problems: unanswered(&survey),
            }
        });
        for problem in kept.problems.iter().chain(self.left_out) {
            self.prober.say(&format!("auto: left out: {problem}"));
        }
        let mut wanted = kept.unmeasured(bar);
        wanted.retain(|one| !one.is_reference());
        let first = Candidate::reference(self.graph);
        let scratch = tempfile::tempdir().map_err(|source| PipelineError::Scratch {
            path: std::env::temp_dir(),
            source,
        })?;
        self.prober.say(&format!(
            "auto: measuring {} on this machine, once ({})",
            self.manifest.display(),
            match wanted.len() {
                0 => format!("there is only {first}"),
                more => format!("{} candidates, {bar}", more + 1),
            }
        ));
        let (reference, features) = self.trial(first, scratch.path());
        if self.options.stop.is_asked() {
            return Err(PipelineError::MeasuringInterrupted);
        }
        if let Some(problem) = reference.problem {
            return Err(PipelineError::NoReference(problem));
        }
        kept.trials.retain(|trial| !trial.candidate.is_reference());
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
        let measured = self.measured(&candidate, scratch);
        let line = match &measured {
            Ok((measured, _)) => {
                let speed = measured.speed.map_or(0.0, |speed| speed.rows_per_second);
                format!("auto: {candidate}: {speed:.1} images a second")
            }
            Err(problem) => format!("auto: {candidate} does not run: {problem}"),
        };
        if !self.options.stop.is_asked() {
            self.prober.say(&line);
        }
        let mut trial = Trial {
            candidate,
            rows_per_second: None,
            parity: None,
            numeric_class: None,
            head: None,
            problem: None,
        };
        match measured {
            Ok((measured, features)) => {
                trial.numeric_class = Some(measured.side.numeric_class);
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
        candidate: &Candidate,
        scratch: &Path,
    ) -> Result<(Measured, Vec<f32>), String> {
        let own = candidate.backbone.as_deref().map(Path::new);
        let job = Job {
            provider: candidate
                .with_options()
                .ok_or("it does not have that precision")?,
            backbone: own.unwrap_or(self.manifest).to_path_buf(),
            root: self.options.root.clone(),
            ort_dylib: self.options.ort_dylib.clone(),
            pictures: self.pictures.clone(),
            count: PICTURES,
            batch: BATCH,
            timed: Some(SECONDS),
            answers: None,
            features: scratch.join("features.f32"),
        };
        let measured = self.prober.measure(&job)?;
        let features = saved(&job.features).map_err(|error| error.to_string())?;
        Ok((measured, features))
    }
}
