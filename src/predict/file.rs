//! Predictions by an exported file.

use std::path::{Path, PathBuf};

use image::RgbImage;
use ndarray::Axis;

use super::drawn::HeatMaps;
use super::ordered::in_order;
use super::prediction::{Prediction, Scores};
use super::{PredictError, Take, Wanted};
use crate::backbone::Preprocess;
use crate::classifier::{Answer, Classifier, ClassifierError, Form};
use crate::dataset::{Background, Found, Limits, picture_as};
use crate::pipeline::PipelineConfig;
use crate::yaml::Document;

/// An exported file that predicts.
#[derive(Debug)]
pub struct FileModel {
    path: PathBuf,
    classifier: Classifier,
    /// How the run's pipeline reads pictures.
    background: Background,
    limits: Limits,
    /// What is to be said before the first prediction.
    notes: Vec<String>,
}

/// What is needed for an image beside the graph.
#[derive(Debug)]
pub(super) struct Beside {
    recipe: Preprocess,
    maps: Option<HeatMaps>,
}

/// An image that has been read, and what the tensor form takes of it.
type Read = Result<(RgbImage, Vec<f32>), String>;

impl FileModel {
    pub(super) fn new(path: &Path, classifier: Classifier) -> Self {
        let pipeline = &classifier.metadata().pipeline;
        let config = Document::parse(path, pipeline).and_then(|document| document.typed());
        let config: Option<PipelineConfig> = config.ok();
        let notes = config.as_ref().and_then(PipelineConfig::plain_view_alone);
        let rules = config.map(|config| (config.dataset.background, config.dataset.limits));
        let (background, limits) = rules.unwrap_or_default();
        Self {
            path: path.to_owned(),
            classifier,
            background,
            limits,
            notes: notes
                .map(|looks| format!("this model {looks}"))
                .into_iter()
                .collect(),
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.classifier.metadata().labels
    }

    /// What is wanted beside the probabilities.
    pub(super) fn beside(&self, wanted: &Wanted) -> Result<Beside, PredictError> {
        let path = || self.path.clone();
        if wanted.explain.is_some() && !self.classifier.has_map() {
            return Err(PredictError::NoMaps { path: path() });
        }
        if wanted.looks_like > 0 {
            return Err(PredictError::NoExamples { path: path() });
        }
        let recipe = self.classifier.metadata().preprocessing.recipe();
        let recipe = recipe.ok_or_else(|| ClassifierError::Metadata {
            path: path(),
            key: "catpipe.preprocessing",
            reason: "it names a file of another program, which is not here".to_owned(),
        })?;
        let maps = wanted.explain.as_deref().map(HeatMaps::into).transpose()?;
        Ok(Beside { recipe, maps })
    }

    pub(super) fn predict(
        &mut self,
        beside: Beside,
        images: &[Found],
        wanted: &Wanted,
        take: &mut Take<'_>,
    ) -> Result<(), PredictError> {
        let Beside { recipe, mut maps } = beside;
        let metadata = self.classifier.metadata();
        let (form, reject) = (metadata.form(), wanted.reject.or(metadata.reject));
        let threads = std::thread::available_parallelism().map_or(1, Into::into);
        let _watch = wanted.stop.watch();
        let rules = (self.background, self.limits);
        let classifier = &mut self.classifier;
        in_order(
            images.len(),
            threads,
            |item| read(&images[item], form, &recipe, rules),
            |item, read| {
                if wanted.stop.is_asked() {
                    return Err(PredictError::Stopped);
                }
                let image = &images[item].path;
                let scores = match read {
                    Err(problem) => Err(problem),
                    Ok((picture, input)) => {
                        let answer = answer(classifier, form, &picture, &input)?;
                        let mut scores = Scores::of(&answer.probabilities, reject);
                        if let (Some(maps), Some(map)) = (&mut maps, &answer.map) {
                            let region = recipe.region(picture.dimensions());
                            let map = map.index_axis(Axis(0), scores.class).to_owned();
                            scores.heat_map = Some(maps.draw(image, &picture, &map, region)?);
                        }
                        Ok(scores)
                    }
                };
                let image = image.clone();
                take(Prediction { image, scores }).map_err(PredictError::Take)
            },
        )
    }
}

fn read(
    found: &Found,
    form: Form,
    recipe: &Preprocess,
    (background, limits): (Background, Limits),
) -> Read {
    if let Some(problem) = &found.problem {
        return Err(problem.clone());
    }
    let picture = picture_as(&found.path, background, limits)?;
    let mut input = Vec::new();
    if form == Form::Tensor {
        input.resize(recipe.input_len(), 0.0);
        let id = found.path.to_string_lossy();
        let applied = recipe.worker().apply(&id, &picture, &mut input);
        applied.map_err(|error| error.to_string())?;
    }
    Ok((picture, input))
}

fn answer(
    classifier: &mut Classifier,
    form: Form,
    picture: &RgbImage,
    input: &[f32],
) -> Result<Answer, ClassifierError> {
    match form {
        Form::Image => classifier.image(picture),
        Form::Tensor => {
            let mut answers = classifier.tensors(input, 1)?;
            answers.pop().ok_or(ClassifierError::NothingToCompare)
        }
    }
}
