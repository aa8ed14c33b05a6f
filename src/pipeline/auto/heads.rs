//! What `parity: fast` asks of heads: a logistic one, cross-validated on the features of a
//! candidate, must get as much right as on those of the reference.
//!
//! Candidates are judged from the fastest on, until one passes: those that are slower than that,
//! or than the reference, could not be chosen. Rows that are computed for it go into the store as
//! any others: the run that follows does not compute them again.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::augment::AugmentConfig;
use crate::backbone::auto::{Bar, Candidate, HeadScore, Key, Siblings, Trial};
use crate::features::{RowId, Space, Store};
use crate::head::metrics::wilson95;
use crate::head::{Examples, TrainConfig, fit};
use crate::yaml::Document;

use super::super::checked::known_images;
use super::super::error::PipelineError;
use super::super::probe::{Job, Pictures, digest, saved};
use super::{Asked, BATCH, FOLDER, Prober};

/// About how many training examples are taken; where there are no more, all.
const MOST: usize = 512;
/// How many examples of a class are taken at least, where it has them.
const FEWEST: usize = 5;
/// How many parts they are dealt into, where each class has that many.
const FOLDS: usize = 5;

/// What became of judging heads.
pub(super) enum Judged {
    /// All that was needed was known.
    Known,
    /// Some of it was found out just now.
    Fresh,
    /// It is not known, and nobody was to find out.
    Undecided,
}

/// Gives the trials that may be chosen their head's score, until one passes.
///
/// # Errors
/// A class with too few examples, images that cannot be read, a training that diverged.
pub(super) fn judge(
    asked: &Asked<'_>,
    siblings: &Siblings,
    measured: &Key,
    trials: &mut [Trial],
) -> Result<Judged, PipelineError> {
    let Some((reference, contenders)) = contenders(trials) else {
        return Ok(Judged::Known);
    };
    let sample = Sample::of(asked)?;
    let config = head_config(sample.folds);
    let about = format!(
        "{}\n{}\n{}\nseed {}\n{config}",
        env!("CARGO_PKG_VERSION"),
        measured.digest(),
        sample.about,
        asked.config.seed
    );
    let mut scores = Scores::read(&asked.options.cache.join(FOLDER), about);
    let mut fresh = false;
    let mut of_reference = None;
    for place in std::iter::once(reference).chain(contenders) {
        let trial = &mut trials[place];
        let correct = match scores.get(&trial.candidate) {
            Some(correct) => correct,
            None => {
                let Some(prober) = &asked.options.prober else {
                    return Ok(Judged::Undecided);
                };
                let features = sample.features(asked, siblings, trial, prober.as_ref())?;
                let correct = sample.correct(asked, &config, features.view())?;
                fresh = true;
                prober.say(&format!(
                    "auto: {}: a head gets {correct} of {} training examples right",
                    trial.candidate,
                    sample.labels.len()
                ));
                scores.put(&trial.candidate, correct)?;
                correct
            }
        };
        let total = sample.labels.len();
        let interval = *of_reference.get_or_insert_with(|| wilson95(correct, total));
        trial.head = Some(HeadScore {
            correct,
            total,
            interval,
        });
        if place != reference && trial.refusal(Bar::Fast).is_none() {
            break;
        }
    }
    Ok(if fresh { Judged::Fresh } else { Judged::Known })
}

/// The reference, and from the fastest on those that are faster and whose features pass; none
/// where there are no such.
fn contenders(trials: &[Trial]) -> Option<(usize, Vec<usize>)> {
    let reference = trials.iter().position(|one| one.candidate.is_reference())?;
    let least = trials[reference].speed();
    let mut places: Vec<usize> = (0..trials.len())
        .filter(|place| {
            let trial = &trials[*place];
            trial.refusal_by_features(Bar::Fast).is_none() && trial.speed() > least
        })
        .collect();
    let speed = |place: &usize| trials[*place].speed().unwrap_or_default();
    places.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
    (!places.is_empty()).then_some((reference, places))
}

/// The head's settings: those of a pipeline's `train` section.
fn head_config(folds: usize) -> String {
    format!("head: logistic\nl2: 1.0e-3\nepochs: 100\nvalidation: {{folds: {folds}}}\n")
}

/// Training examples that heads are judged on.
struct Sample {
    /// Their places in the training source, rising.
    examples: Vec<usize>,
    /// Their content keys.
    keys: Vec<[u8; 32]>,
    /// Their classes, counted among those that have any examples.
    labels: Vec<usize>,
    classes: usize,
    folds: usize,
    /// All that it is, in one line.
    about: String,
}

impl Sample {
    fn of(asked: &Asked<'_>) -> Result<Self, PipelineError> {
        let source = &asked.dataset.train;
        let ids: Vec<(&str, usize)> = source
            .examples()
            .iter()
            .filter_map(|one| Some((one.id.as_str(), one.label?)))
            .collect();
        let members = members(&ids, source.classes().len());
        let fewest = members
            .iter()
            .enumerate()
            .filter(|(_, own)| !own.is_empty());
        let fewest = fewest.min_by_key(|(_, own)| own.len());
        let folds = fewest.map_or(0, |(_, own)| own.len().min(FOLDS));
        if folds < 2 {
            return Err(PipelineError::TooFewForFast {
                class: fewest
                    .and_then(|(class, _)| source.classes().get(class).cloned())
                    .unwrap_or_default(),
                count: folds,
            });
        }
        let examples = chosen(&ids, members, asked.config.seed, MOST);
        let known = known_images(&asked.config.dataset, asked.options)?;
        let keys = examples
            .iter()
            .map(|example| source.changed_content_key(*example, &known))
            .collect::<Result<Vec<_>, _>>()?;
        let mut classes: Vec<usize> = examples.iter().map(|one| ids[*one].1).collect();
        let all = classes.clone();
        classes.sort_unstable();
        classes.dedup();
        let place = |label: &usize| classes.binary_search(label).unwrap_or_default();
        let labels: Vec<usize> = all.iter().map(place).collect();
        let about = format!("{} labels {labels:?}", digest(keys.iter()));
        Ok(Self {
            examples,
            keys,
            labels,
            classes: classes.len(),
            folds,
            about,
        })
    }

    /// How many a logistic head gets right that has not seen them.
    fn correct(
        &self,
        asked: &Asked<'_>,
        config: &str,
        features: ArrayView2<'_, f32>,
    ) -> Result<usize, PipelineError> {
        let config: TrainConfig = Document::parse(Path::new("parity: fast"), config)?.typed()?;
        let examples = Examples {
            features: &features,
            views: 1,
            labels: &self.labels,
            classes: self.classes,
            groups: None,
        };
        let fit = fit(&config, &examples, asked.config.seed, &mut |_| {})?;
        Ok(fit.validation.map_or(0, |one| one.metrics.correct))
    }

    /// Their features by a candidate: from the store, or computed in a process of its own and put
    /// there.
    fn features(
        &self,
        asked: &Asked<'_>,
        siblings: &Siblings,
        trial: &Trial,
        prober: &dyn Prober,
    ) -> Result<Array2<f32>, PipelineError> {
        let space = space(asked, siblings, trial);
        let plain = AugmentConfig::default().view_key(asked.config.seed, 0);
        let ids: Vec<RowId> = self.keys.iter().map(|key| space.row(key, &plain)).collect();
        let root = asked.options.cache.join("features");
        let (store, _) = Store::open_changed(&root, &space, &asked.options.shelf())?;
        let mut missing = store.missing(&ids);
        if missing.is_empty() {
            return Ok(store.read(&ids)?);
        }
        prober.say(&format!(
            "auto: {} on {} training examples ...",
            trial.candidate,
            ids.len()
        ));
        let features = self.computed(asked, &trial.candidate, space.width, prober)?;
        let mut seen = std::collections::HashSet::new();
        missing.retain(|place| seen.insert(ids[*place]));
        let mut writer = store.writer()?;
        for place in missing {
            let row = features.row(place);
            writer.append(ids[place], row.as_slice().unwrap_or_default())?;
        }
        writer.finish()?;
        Ok(features)
    }

    fn computed(
        &self,
        asked: &Asked<'_>,
        candidate: &Candidate,
        width: usize,
        prober: &dyn Prober,
    ) -> Result<Array2<f32>, PipelineError> {
        let scratch = tempfile::tempdir().map_err(|source| PipelineError::Scratch {
            path: std::env::temp_dir(),
            source,
        })?;
        let own = candidate.backbone.as_ref();
        let job = Job {
            provider: candidate.with_options().unwrap_or_default(),
            backbone: own.unwrap_or(&asked.config.extract.backbone).into(),
            root: asked.options.root.clone(),
            ort_dylib: asked.options.ort_dylib.clone(),
            pictures: Pictures::Training {
                dataset: Box::new(asked.config.dataset.clone()),
                examples: self.examples.clone(),
            },
            count: self.examples.len(),
            batch: BATCH,
            timed: None,
            answers: None,
            features: scratch.path().join("features.f32"),
        };
        let failed = |reason: String| PipelineError::NotJudged {
            candidate: candidate.to_string(),
            reason,
        };
        let measured = prober.measure(&job).map_err(failed)?;
        if measured.pictures != digest(self.keys.iter()) {
            return Err(PipelineError::ChangedExamples);
        }
        let features = saved(&job.features)?;
        let shape = (self.examples.len(), width);
        Array2::from_shape_vec(shape, features).map_err(|error| failed(error.to_string()))
    }
}

/// The rows that a candidate would compute.
fn space(asked: &Asked<'_>, siblings: &Siblings, trial: &Trial) -> Space {
    let own = trial.candidate.backbone.as_ref();
    let sibling = siblings.found.iter().find(|one| own == Some(&one.manifest));
    let (backbone, graph) = match sibling {
        Some(sibling) => (&sibling.backbone, &sibling.graph),
        None => (asked.backbone, asked.graph),
    };
    Space {
        format: Space::FORMAT,
        preprocessing: backbone.preprocess((1, 1)).key(),
        graph: graph.key.clone(),
        output: backbone.name().to_owned(),
        width: backbone.width((1, 1)),
        numeric: trial.numeric_class.clone().unwrap_or_default(),
        rows: asked.config.extract.rows,
    }
}

/// The examples of each class.
fn members(ids: &[(&str, usize)], classes: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); classes];
    for (example, (_, label)) in ids.iter().enumerate() {
        if let Some(own) = members.get_mut(*label) {
            own.push(example);
        }
    }
    members
}

/// All, or about `most` of them: of each class its share, but no fewer than a cross-validation
/// needs. Which ones, is drawn by their ids, so that others coming or going changes little.
fn chosen(ids: &[(&str, usize)], members: Vec<Vec<usize>>, seed: u64, most: usize) -> Vec<usize> {
    let all = ids.len();
    if all <= most {
        return (0..all).collect();
    }
    let lot = |example: &usize| {
        let mut hash = Sha256::new();
        hash.update(b"catpipe/auto/heads\0");
        hash.update(seed.to_le_bytes());
        hash.update(ids[*example].0);
        <[u8; 32]>::from(hash.finalize())
    };
    let mut chosen = Vec::new();
    for mut own in members {
        let share = (own.len() * most / all).max(FEWEST);
        own.sort_by_cached_key(lot);
        chosen.extend(own.into_iter().take(share));
    }
    chosen.sort_unstable();
    chosen
}

/// What heads got right, in a file of its own beside the measurements.
#[derive(Debug, Serialize, Deserialize)]
struct Scores {
    /// All that they depend on.
    about: String,
    /// How many each candidate's head got right.
    correct: Vec<(Candidate, usize)>,
    #[serde(skip)]
    folder: PathBuf,
}

impl Scores {
    /// Those that are kept; none where the file cannot be read or is about something else.
    fn read(folder: &Path, about: String) -> Self {
        let none = Self {
            about,
            correct: Vec::new(),
            folder: folder.to_owned(),
        };
        let kept = fs::read(none.file()).ok();
        let kept = kept.and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        match kept {
            Some(kept) if kept.about == none.about => Self {
                folder: none.folder,
                ..kept
            },
            _ => none,
        }
    }

    fn file(&self) -> PathBuf {
        let name = super::super::probe::hex(&Sha256::digest(&self.about)[..16]);
        self.folder.join(format!("{name}.heads.json"))
    }

    fn get(&self, candidate: &Candidate) -> Option<usize> {
        let mut all = self.correct.iter();
        all.find(|(one, _)| one == candidate)
            .map(|(_, correct)| *correct)
    }

    fn put(&mut self, candidate: &Candidate, correct: usize) -> Result<(), PipelineError> {
        self.correct.push((candidate.clone(), correct));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&file, &self)?;
            file.persist(self.file()).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|source| PipelineError::Scratch {
            path: self.file(),
            source,
        })
    }
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;
