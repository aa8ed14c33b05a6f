//! Trying every convention on the pictures, and dropping early what falls far behind.

use std::io;

use tempfile::TempDir;

use super::answers::{Answers, Figures, margin};
use super::classifier::Classifier;
use super::convention::{Convention, Rule};
use super::error::DetectError;
use super::pictures::{Pictures, VIEWS};
use super::verdict::Verdict;
use crate::backbone::error::BackboneError;
use crate::backbone::manifest::{
    Fit, Manifest, ManifestConfig, OutputConfig, PreprocessConfig, PreprocessSource, Preset,
    ResizeConfig, Width,
};
use crate::backbone::preprocess::{Preprocess, Preprocessor};
use crate::backbone::runtime::Runtime;
use crate::backbone::session::{Session, SessionOptions};
use crate::yaml::{self, Document};

/// How many pictures go into one run of the network.
const BATCH: usize = 4;

/// How many pictures every convention is tried on.
const FIRST: usize = 32;

/// By how many standard errors a convention falls far behind.
const HOPELESS: f64 = 5.0;

/// A convention with a resize rule, and how it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The values of the pixels.
    pub convention: Convention,
    /// How the picture got the input's size.
    pub rule: Rule,
    /// How the answers look; `None` where one of them is NaN or infinite.
    pub figures: Option<Figures>,
    /// By how many standard errors of the difference the best trial scores higher, over the
    /// pictures that this one was tried on; 0 for the best.
    pub behind: f64,
    /// Whether it was dropped before all pictures were seen.
    pub dropped: bool,
}

/// What the trials came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// All trials, the best first.
    pub trials: Vec<Trial>,
    /// How many pictures there were.
    pub pictures: usize,
    /// What can be said.
    pub verdict: Verdict,
}

/// Tries all plausible conventions on the pictures. `progress` is told how many answers there are
/// and how many there will be; that number falls when conventions are dropped.
///
/// The same pictures in the same order give the same report.
///
/// # Errors
/// The graph cannot be run.
pub fn detect(
    classifier: &Classifier,
    pictures: &Pictures,
    runtime: &Runtime,
    options: &SessionOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Report, DetectError> {
    let mut race = Race::new(classifier, runtime, options)?;
    let all: Vec<usize> = (0..pictures.len()).collect();
    for batch in all.chunks(BATCH) {
        for runner in race.runners.iter_mut().filter(|runner| runner.runs()) {
            runner.answer(&mut race.session, classifier, pictures, batch)?;
        }
        let done = batch.last().map_or(0, |last| last + 1);
        if done >= FIRST && done.is_power_of_two() {
            race.drop_hopeless();
        }
        let answers = |done: usize| race.runners.iter().map(move |r| r.answers.len() + done);
        let running = race.runners.iter().filter(|runner| runner.runs()).count();
        let left = running * (pictures.len() - done);
        let so_far: usize = answers(0).sum();
        progress(so_far, so_far + left);
    }
    Ok(race.report(pictures.len()))
}

struct Race {
    session: Session,
    runners: Vec<Runner>,
}

struct Runner {
    convention: Convention,
    rule: Rule,
    worker: Preprocessor,
    answers: Answers,
    dropped: bool,
    /// Whether an answer was NaN or infinite.
    broken: bool,
}

impl Race {
    fn new(
        classifier: &Classifier,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, DetectError> {
        let session = session(classifier, runtime, options)?;
        let conventions = Convention::plausible(classifier);
        let runners = conventions.iter().flat_map(|convention| {
            Rule::ALL.map(|rule| Runner {
                convention: *convention,
                rule,
                worker: worker(classifier, convention),
                answers: Answers::default(),
                dropped: false,
                broken: false,
            })
        });
        let runners = runners.collect();
        Ok(Self { session, runners })
    }

    /// The one that scores best among those that are still tried.
    fn leader(&self) -> Option<usize> {
        let score = |place: usize| self.runners[place].answers.figures().score;
        (0..self.runners.len())
            .filter(|place| self.runners[*place].runs())
            // The first of equals.
            .rev()
            .max_by(|a, b| score(*a).total_cmp(&score(*b)))
    }

    fn drop_hopeless(&mut self) {
        let Some(leader) = self.leader() else { return };
        let best = &self.runners[leader].answers;
        let hopeless: Vec<bool> = (self.runners.iter())
            .map(|runner| runner.runs() && margin(best, &runner.answers) >= HOPELESS)
            .collect();
        for (runner, hopeless) in self.runners.iter_mut().zip(hopeless) {
            runner.dropped |= hopeless;
        }
    }

    fn report(self, pictures: usize) -> Report {
        let leader = self.leader();
        let behind = |runner: &Runner| match leader {
            Some(leader) if runner.runs() => margin(&self.runners[leader].answers, &runner.answers),
            _ => HOPELESS,
        };
        let trial = |runner: &Runner| Trial {
            convention: runner.convention,
            rule: runner.rule,
            figures: (!runner.broken).then(|| runner.answers.figures()),
            behind: behind(runner),
            dropped: runner.dropped,
        };
        let mut trials: Vec<Trial> = self.runners.iter().map(trial).collect();
        // What was dropped has seen other pictures: it comes after what was not.
        let order = |trial: &Trial| {
            let score = trial.figures.map_or(f64::NEG_INFINITY, |f| f.score);
            (trial.dropped || trial.figures.is_none(), -score)
        };
        trials.sort_by(|a, b| {
            let ((a, left), (b, right)) = (order(a), order(b));
            a.cmp(&b).then(left.total_cmp(&right))
        });
        let verdict = Verdict::of(&trials, pictures);
        Report {
            trials,
            pictures,
            verdict,
        }
    }
}

impl Runner {
    fn runs(&self) -> bool {
        !self.dropped && !self.broken
    }

    /// Runs the views of a few pictures and takes the answers.
    fn answer(
        &mut self,
        session: &mut Session,
        classifier: &Classifier,
        pictures: &Pictures,
        batch: &[usize],
    ) -> Result<(), DetectError> {
        let (length, classes) = (session.input_len(), session.width());
        let mut input = vec![0.0; batch.len() * VIEWS * length];
        let views = batch
            .iter()
            .flat_map(|picture| &pictures.views[*picture][self.rule.place()]);
        for (view, input) in views.zip(input.chunks_exact_mut(length)) {
            self.worker.apply("a view", view, input)?;
        }
        let mut out = vec![0.0; batch.len() * VIEWS * classes];
        match session.run(&input, batch.len() * VIEWS, &mut out) {
            Ok(()) => {}
            Err(BackboneError::NonFinite { .. }) => {
                self.broken = true;
                return Ok(());
            }
            Err(BackboneError::Load { reason, .. }) => {
                let path = classifier.path.clone();
                return Err(BackboneError::Load { path, reason }.into());
            }
            Err(BackboneError::Run { reason, batch, .. }) => {
                let path = classifier.path.clone();
                return Err(BackboneError::Run {
                    path,
                    batch,
                    reason,
                }
                .into());
            }
            Err(other) => return Err(other.into()),
        }
        for views in out.chunks_exact(VIEWS * classes) {
            self.answers.push(views, classes);
        }
        Ok(())
    }
}

/// Follows a convention on pictures that have the input's size already.
fn worker(classifier: &Classifier, convention: &Convention) -> Preprocessor {
    let config = PreprocessConfig {
        resize: ResizeConfig {
            fit: Fit::Stretch,
            ..Rule::Stretch.config()
        },
        ..convention.config
    };
    Preprocess::network(&classifier.input, &config).worker()
}

/// A session for the classifier's answers, by way of a file of its own: the graph with all its
/// weights and a fixed size.
fn session(
    classifier: &Classifier,
    runtime: &Runtime,
    options: &SessionOptions,
) -> Result<Session, DetectError> {
    let name = |source| BackboneError::Read {
        path: classifier.path.clone(),
        source,
    };
    let folder = TempDir::new().map_err(name)?;
    let file = folder.path().join("classifier.onnx");
    crate::backbone::onnx::write(&file, &classifier.model)?;
    let config = ManifestConfig {
        name: "classifier".to_owned(),
        description: String::new(),
        licence: String::new(),
        file,
        sha256: None,
        source: None,
        quantized_from: None,
        input: classifier.input.clone(),
        preprocess: PreprocessSource::Preset(Preset::None, None),
        output: OutputConfig {
            name: classifier.output.clone(),
            width: Width::try_from(classifier.classes)
                .map_err(|reason| name(io::Error::other(reason)))?,
        },
    };
    let text = yaml::to_string(&config)?;
    let document = Document::parse(&classifier.path, &text)?;
    let manifest = Manifest::from_document(document)?;
    Session::open(&manifest, folder.path(), runtime, options).map_err(|error| match error {
        BackboneError::Load { reason, .. } => {
            let path = classifier.path.clone();
            BackboneError::Load { path, reason }.into()
        }
        other => other.into(),
    })
}
