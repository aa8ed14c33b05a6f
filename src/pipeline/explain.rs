//! Heat maps and nearest training images, for a run's report and for predictions.

use image::RgbImage;
use ndarray::{Array2, ArrayView2, Axis};

use crate::backbone::{Backbone, Maps, Preprocessor, Runtime, SessionOptions};
use crate::classifier::ClassifierError;
use crate::dataset::{Example, Source};
use crate::head::Head;
use crate::head::explain::{LogitGradients, Neighbour, class_map, nearest};

use super::checked::Checked;
use super::error::PipelineError;
use super::plan::Plan;

/// Makes class activation maps of images: exact for a linear head, gradient-weighted for a dense
/// one (see [`class_map`]). It runs a variant of the backbone's graph in a session of its own.
#[derive(Debug)]
pub struct Explainer {
    maps: Maps,
    gradients: LogitGradients,
    worker: Preprocessor,
    input: Vec<f32>,
}

impl Explainer {
    /// Of a checked pipeline and the head that it trained.
    ///
    /// # Errors
    /// As [`Explainer::new`].
    pub fn of(checked: &Checked, head: &Head) -> Result<Self, PipelineError> {
        let options = checked.session_options();
        let root = &checked.options.root;
        Self::new(&checked.backbone, root, head, &options, || {
            checked.runtime()
        })
    }

    /// Of a backbone, whose paths start at `root`, and a head.
    ///
    /// # Errors
    /// A backbone without a feature map, as `pixels` or one whose features are not the means of a
    /// map: the error says why. One that cannot be opened.
    pub fn new(
        backbone: &Backbone,
        root: &std::path::Path,
        head: &Head,
        options: &SessionOptions,
        runtime: impl FnOnce() -> Result<Runtime, PipelineError>,
    ) -> Result<Self, PipelineError> {
        let Backbone::Onnx(manifest) = backbone else {
            let why = "`backbone: pixels` has no feature map".to_owned();
            return Err(ClassifierError::NoMap(why).into());
        };
        let preprocess = backbone.preprocess((0, 0));
        Ok(Self {
            maps: Maps::open(manifest, root, &runtime()?, options)?,
            gradients: LogitGradients::of(head),
            input: vec![0.0; preprocess.input_len()],
            worker: preprocess.worker(),
        })
    }

    /// A map `[h, w]` of the image for each of `classes`: what it says about the image's part that
    /// [`Preprocess::region`](crate::backbone::Preprocess::region) tells. `id` is what errors call
    /// the image.
    ///
    /// # Errors
    /// An image that cannot be preprocessed, a run that fails, a class that there is not.
    pub fn image(
        &mut self,
        id: &str,
        image: &RgbImage,
        classes: &[usize],
    ) -> Result<Vec<Array2<f32>>, PipelineError> {
        self.worker.apply(id, image, &mut self.input)?;
        let (features, maps) = self.maps.run(&self.input, 1)?;
        let (features, maps) = (features.row(0), maps.index_axis(Axis(0), 0));
        let map = |&class: &usize| {
            let weights = self.gradients.at(features, class)?;
            Ok(class_map(maps, weights.view()))
        };
        classes.iter().map(map).collect()
    }

    /// A map of each of the `wanted` examples of a source, each for a class.
    ///
    /// # Errors
    /// As [`Explainer::image`], and an example that cannot be read.
    pub fn examples(
        &mut self,
        source: &Source,
        wanted: &[(usize, usize)],
    ) -> Result<Vec<Array2<f32>>, PipelineError> {
        let mut maps = Vec::with_capacity(wanted.len());
        for &(example, class) in wanted {
            let image = source.read(example)?;
            let id = &source.examples()[example].id;
            maps.extend(self.image(id, &image, &[class])?);
        }
        Ok(maps)
    }
}

/// A training example that looks like something.
#[derive(Debug, Clone, PartialEq)]
pub struct LooksLike {
    /// Its place among the training examples.
    pub example: usize,
    /// Its id.
    pub id: String,
    /// The name of its class.
    pub label: String,
    /// The cosine of the two rows of features, -1 to 1.
    pub similarity: f32,
}

/// The features of the training examples' plain pictures, to look for what is like another picture.
#[derive(Debug)]
pub struct TrainingFeatures {
    /// `[examples, features]`.
    rows: Array2<f32>,
    /// Id and label of each.
    examples: Vec<(String, String)>,
}

impl TrainingFeatures {
    /// Reads them from the cache.
    ///
    /// # Errors
    /// Rows that the cache does not have or cannot read.
    pub fn read(checked: &Checked, plan: &Plan) -> Result<Self, PipelineError> {
        let source = &checked.dataset.train;
        let views = plan.train.views.max(1);
        let plain: Vec<_> = plan.train.ids.iter().step_by(views).copied().collect();
        let missing = plan.store.missing(&plain).len();
        if missing > 0 {
            let needed = plain.len();
            return Err(PipelineError::NotComputed { missing, needed });
        }
        let named = |example: &Example| {
            let label = example.label.and_then(|label| source.classes().get(label));
            (example.id.clone(), label.cloned().unwrap_or_default())
        };
        Ok(Self {
            rows: plan.store.read(&plain)?,
            examples: source.examples().iter().map(named).collect(),
        })
    }

    /// The `k` examples whose features are nearest to each row of `queries` `[n, features]` by
    /// their cosine, the nearest first. `itself` gives for a row the training example that it is,
    /// which is then left out.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn nearest(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        itself: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<Vec<Vec<LooksLike>>, PipelineError> {
        let is_out = |query: usize, row: usize| itself(query) == Some(row);
        let found = nearest(&self.rows, queries, k, &is_out)?;
        let told = |one: &Neighbour| {
            let (id, label) = self.examples.get(one.row)?;
            Some(LooksLike {
                example: one.row,
                id: id.clone(),
                label: label.clone(),
                similarity: one.similarity,
            })
        };
        let all = found
            .iter()
            .map(|near| near.iter().filter_map(told).collect());
        Ok(all.collect())
    }
}
