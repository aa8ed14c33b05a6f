//! Predictions by a finished run's own backbone and head.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ndarray::ArrayView2;

use super::drawn::HeatMaps;
use super::prediction::{Prediction, Scores};
use super::{PredictError, Take, Wanted};
use crate::backbone::{Network, Preprocess, Preprocessor, Providers};
use crate::dataset::{Background, Found, Limits, picture_as};
use crate::extract::{Ahead, ExtractError, Failure, Infer, Prepare, Row, Shape, extract};
use crate::pipeline::{Explainer, FinishedRun, LooksLike, Plan, RunNetwork, TrainingFeatures};

/// A finished run that predicts.
#[derive(Debug)]
pub struct RunModel {
    run: FinishedRun,
    ready: RunNetwork,
}

impl RunModel {
    pub(super) fn open(
        run: FinishedRun,
        provider: Option<Providers>,
    ) -> Result<Self, PredictError> {
        let ready = run.network(provider)?;
        Ok(Self { run, ready })
    }

    pub(super) fn labels(&self) -> &[String] {
        self.run.head.class_names()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let plain = self.run.config.plain_view_alone();
        let plain = plain.map(|looks| format!("this model {looks}"));
        self.ready.note.iter().cloned().chain(plain).collect()
    }

    /// What is wanted beside the probabilities.
    pub(super) fn beside(&self, images: &[Found], wanted: &Wanted) -> Result<Beside, PredictError> {
        Beside::new(&self.run, &self.ready, images, wanted)
    }

    pub(super) fn predict(
        &mut self,
        mut beside: Beside,
        images: &[Found],
        wanted: &Wanted,
        take: &mut Take<'_>,
    ) -> Result<(), PredictError> {
        let preprocess = self.ready.preprocess.clone();
        let shape = Shape {
            input: preprocess.input_len(),
            width: self.run.head.inputs(),
            batch: wanted.batch.max(1),
        };
        let rows: Vec<Row> = (0..images.len())
            .map(|example| Row { example, view: 0 })
            .collect();
        let shared = Shared {
            images,
            preprocess,
            background: self.run.config.dataset.background,
            limits: self.run.config.dataset.limits,
            problems: Mutex::default(),
        };
        let threads = std::thread::available_parallelism().map_or(1, Into::into);
        let workers = (0..threads.min(16)).map(|_| Worker::new(&shared)).collect();
        let head = &self.run.head;
        let reject = wanted.reject.or(head.reject_below());
        let mut failed = None;
        let mut sink = |first: usize, features: &[f32]| -> Result<(), Failure> {
            let count = features.len() / shape.width.max(1);
            let features = ArrayView2::from_shape((count, shape.width), features)?;
            let probabilities = head.probabilities(features)?;
            let near = beside.nearest(features)?;
            for (row, probabilities) in probabilities.outer_iter().enumerate() {
                let found = &images[first + row];
                let scores = match shared.problem(first + row) {
                    Some(problem) => Err(problem),
                    None => {
                        let mut scores = Scores::of(&probabilities.to_vec(), reject);
                        scores.looks_like = near.get(row).cloned().unwrap_or_default();
                        beside.draw(&shared, found, &mut scores)?;
                        Ok(scores)
                    }
                };
                let image = found.path.clone();
                if let Err(error) = take(Prediction { image, scores }) {
                    failed = Some(error);
                    return Err("nobody takes any more".into());
                }
            }
            Ok(())
        };
        let _watch = wanted.stop.watch();
        let mut infer = Inference(&mut self.ready.network);
        let done = extract(&rows, shape, workers, &mut infer, &mut sink, &wanted.stop);
        match (done, failed) {
            (_, Some(error)) => Err(PredictError::Take(error)),
            (Err(ExtractError::Stopped), None) => Err(PredictError::Stopped),
            (Err(ExtractError::Write(error)), None) => match error.downcast::<PredictError>() {
                Ok(own) => Err(*own),
                Err(error) => Err(PredictError::Take(error)),
            },
            (Err(error), None) => Err(crate::pipeline::PipelineError::from(error).into()),
            (Ok(_), None) => Ok(()),
        }
    }
}

/// What is told of an image beside its probabilities.
#[derive(Debug)]
pub(super) struct Beside {
    explainer: Option<(Explainer, HeatMaps)>,
    trained: Option<TrainingFeatures>,
    looks_like: usize,
    preprocess: Preprocess,
}

impl Beside {
    fn new(
        run: &FinishedRun,
        ready: &RunNetwork,
        images: &[Found],
        wanted: &Wanted,
    ) -> Result<Self, PredictError> {
        let explainer = match &wanted.explain {
            Some(folder) if !images.is_empty() => {
                let runtime = || match &ready.runtime {
                    Some(runtime) => Ok(runtime.clone()),
                    None => run.locate_runtime(),
                };
                let (backbone, root) = (&ready.backbone, &ready.root);
                let options = &ready.options;
                let explainer = Explainer::new(backbone, root, &run.head, options, runtime)?;
                Some((explainer, HeatMaps::into(folder)?))
            }
            _ => None,
        };
        let trained = match wanted.looks_like {
            0 => None,
            _ => {
                let checked = run.checked()?;
                let plan = Plan::new(&checked)?;
                Some(TrainingFeatures::read(&checked, &plan)?)
            }
        };
        Ok(Self {
            explainer,
            trained,
            looks_like: wanted.looks_like,
            preprocess: ready.preprocess.clone(),
        })
    }

    fn nearest(&self, features: ArrayView2<'_, f32>) -> Result<Vec<Vec<LooksLike>>, PredictError> {
        match &self.trained {
            None => Ok(Vec::new()),
            Some(trained) => Ok(trained.nearest(features, self.looks_like, &|_| None)?),
        }
    }

    fn draw(
        &mut self,
        shared: &Shared<'_>,
        found: &Found,
        scores: &mut Scores,
    ) -> Result<(), PredictError> {
        let Some((explainer, maps)) = &mut self.explainer else {
            return Ok(());
        };
        // Decoded once more: a picture kept for each row of a batch would be memory for nothing.
        let Ok(picture) = picture_as(&found.path, shared.background, shared.limits) else {
            return Ok(()); // gone since
        };
        let id = found.path.to_string_lossy();
        for map in explainer.image(&id, &picture, &[scores.class])? {
            let region = self.preprocess.region(picture.dimensions());
            scores.heat_map = Some(maps.draw(&found.path, &picture, &map, region)?);
        }
        Ok(())
    }
}

/// What the workers share.
struct Shared<'a> {
    images: &'a [Found],
    preprocess: Preprocess,
    background: Background,
    limits: Limits,
    /// What is wrong with images that have been met and not yet told of.
    problems: Mutex<HashMap<usize, String>>,
}

impl Shared<'_> {
    fn problem(&self, image: usize) -> Option<String> {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.remove(&image)
    }
}

/// Prepares images on one thread. One that cannot be used becomes zeros, whose features nobody
/// gets, and what is wrong with it is remembered.
struct Worker<'a> {
    shared: &'a Shared<'a>,
    preprocessor: Preprocessor,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            preprocessor: shared.preprocess.worker(),
        }
    }

    fn read(&mut self, found: &Found, input: &mut [f32]) -> Result<(), String> {
        if let Some(problem) = &found.problem {
            return Err(problem.clone());
        }
        let picture = picture_as(&found.path, self.shared.background, self.shared.limits)?;
        let id = found.path.to_string_lossy();
        let applied = self.preprocessor.apply(&id, &picture, input);
        applied.map_err(|error| error.to_string())
    }
}

impl Prepare for Worker<'_> {
    fn prepare(&mut self, _: usize, row: Row, input: &mut [f32]) -> Result<(), Failure> {
        let found = &self.shared.images[row.example];
        if let Err(problem) = self.read(found, input) {
            input.fill(0.0);
            let problems = self.shared.problems.lock();
            let mut problems = problems.unwrap_or_else(PoisonError::into_inner);
            problems.insert(row.example, problem);
        }
        Ok(())
    }
}

struct Inference<'a>(&'a mut Network);

impl Infer for Inference<'_> {
    fn infer(&mut self, input: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Failure> {
        Ok(self.0.run(input, rows, features)?)
    }

    fn ahead(&mut self) -> Option<&mut dyn Ahead> {
        self.0.beside().map(|session| session as &mut dyn Ahead)
    }
}
