//! One side of a comparison: a network on a provider, over some pictures. A process can hold one
//! ONNX Runtime only, so that each side is a job for a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::backbone::manifest::Width;
use crate::backbone::measure::{self, Speed};
use crate::backbone::{
    Backbone, Choice, Manifest, Opening, Preprocess, Provider, Runtime, Session, SessionOptions,
};
use crate::digests::Shelf;

use super::super::error::PipelineError;
use super::super::options::PassObserver;
use super::super::provider::runtime_search;
use super::pictures::{Pictures, Sample};

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What the network runs on.
    pub provider: Provider,
    /// The manifest, relative to the root.
    pub backbone: PathBuf,
    /// The project's folder.
    pub root: PathBuf,
    /// ONNX Runtime's library, where one was named.
    pub ort_dylib: Option<PathBuf>,
    /// The pictures.
    pub pictures: Pictures,
    /// How many of them at most.
    pub count: usize,
    /// Pictures of one inference.
    pub batch: usize,
    /// Measure the speed too, for at least so many seconds: all inputs then lie in memory.
    pub timed: Option<f64>,
    /// A second output to keep, that of a classifier.
    pub answers: Option<Answers>,
    /// Where the features go: 32-bit floats, little endian. The answers go beside them, see
    /// [`Job::answers_file`].
    pub features: PathBuf,
}

/// An output of the same graph that holds a classifier's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The output's name.
    pub output: String,
    /// How many classes it has.
    pub classes: Width,
}

/// What a job came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// The speed, where it was asked for.
    #[serde(flatten)]
    pub speed: Option<Speed>,
    /// Seconds to make the session.
    pub open_seconds: f64,
    /// The most memory that the process had, in bytes.
    pub peak_memory: Option<u64>,
    /// What ran elsewhere, if anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub elsewhere: Option<String>,
    /// How many pictures there were.
    pub images: usize,
    /// [`Sample::digest`] of the pictures.
    pub pictures: String,
    /// Features of a row.
    pub width: usize,
    /// What ran.
    pub side: Side,
}

/// All that decides the features of a picture, and what ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The backbone's short name.
    pub backbone: String,
    /// The graph, as a row's key has it.
    pub graph: String,
    /// The preprocessing, as a row's key has it.
    pub preprocessing: String,
    /// The execution provider.
    pub provider: String,
    /// The precision of its arithmetic.
    pub precision: String,
    /// The device, as the provider calls it.
    pub device: String,
    /// The version of ONNX Runtime.
    pub onnxruntime: String,
    /// The numeric class, as a row's key has it.
    pub numeric_class: String,
    /// What ran elsewhere, where that was allowed and happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub elsewhere: Option<String>,
}

impl Side {
    fn of(
        manifest: Manifest,
        root: &Path,
        provider: &Provider,
        runtime: &Runtime,
        shelf: &Shelf,
    ) -> Result<Self, PipelineError> {
        let preprocessing = manifest.preprocess().key();
        let backbone = Backbone::Onnx(Box::new(manifest));
        // Whoever asks has checked the file, so that it is read once more only where it is young.
        let graph = backbone.check_changed(root, shelf)?;
        Ok(Self {
            backbone: backbone.name().to_owned(),
            preprocessing,
            provider: provider.name().to_owned(),
            precision: provider.precision_of(graph.arithmetic).name().to_owned(),
            device: provider.device(),
            onnxruntime: runtime.version().to_owned(),
            numeric_class: provider.numeric_class(graph.arithmetic, runtime),
            graph: graph.key,
            elsewhere: None,
        })
    }

    /// `cpu fp32`.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        format!("{} {}", self.provider, self.precision)
    }
}

impl Job {
    /// Where the classifier's answers go.
    #[must_use]
    pub fn answers_file(&self) -> PathBuf {
        self.features.with_extension("answers")
    }

    /// Does it, in this process, and tells `passes` how far all pictures have been gone through that
    /// some are taken of, `watch` of what takes minutes, and `done` how many pictures went through
    /// the network so far (not where speed is measured, which takes no longer for more).
    ///
    /// # Errors
    /// Whatever keeps the network from running, pictures that cannot be read, no pictures.
    pub fn run(
        &self,
        cache: &Path,
        passes: Arc<dyn PassObserver>,
        watch: &mut dyn FnMut(&Opening),
        done: &mut dyn FnMut(usize),
    ) -> Result<Measured, PipelineError> {
        let manifest = Manifest::read(&self.root.join(&self.backbone))?;
        let asked = self.provider.clone().into();
        let Choice {
            runtime, provider, ..
        } = runtime_search(self.ort_dylib.clone(), cache).choose(&asked)?;
        let options = SessionOptions {
            provider,
            engines: Some(cache.join("engines")),
            // One session for each candidate: it is their order that counts.
            ..SessionOptions::default()
        };
        let sample = (self.pictures).open(self.count, &self.root, Some(passes))?;
        if sample.is_empty() {
            return Err(PipelineError::NoPictures(self.pictures.told()));
        }
        let mut open = |manifest: &Manifest| {
            Session::open_watched(manifest, &self.root, &runtime, &options, watch)
        };
        let start = Instant::now();
        let mut session = open(&manifest)?;
        let open_seconds = start.elapsed().as_secs_f64();
        let second = self.answers.as_ref();
        let mut second = second
            .map(|answers| open(&answering(&manifest, answers)))
            .transpose()?;
        let preprocess = manifest.preprocess();
        let speed = match self.timed {
            None => {
                self.stream(&sample, &preprocess, &mut session, second.as_mut(), done)?;
                None
            }
            Some(least) => Some(self.time(&sample, &preprocess, &mut session, least)?),
        };
        let elsewhere = session.elsewhere();
        let elsewhere = (elsewhere.count() > 0).then(|| elsewhere.to_string());
        let shelf = Shelf::new(cache.join("digests"), false);
        let side = Side::of(manifest, &self.root, &options.provider, &runtime, &shelf)?;
        Ok(Measured {
            speed,
            open_seconds,
            peak_memory: measure::peak_memory(),
            elsewhere: elsewhere.clone(),
            images: sample.len(),
            pictures: sample.digest()?,
            width: session.width(),
            side: Side { elsewhere, ..side },
        })
    }

    /// Batch by batch, so that the number of pictures costs no memory.
    fn stream(
        &self,
        sample: &Sample,
        preprocess: &Preprocess,
        session: &mut Session,
        mut second: Option<&mut Session>,
        done: &mut dyn FnMut(usize),
    ) -> Result<(), PipelineError> {
        let (mut features, mut answers) = (Vec::new(), Vec::new());
        let numbers: Vec<usize> = (0..sample.len()).collect();
        for numbers in numbers.chunks(self.batch.max(1)) {
            let input = inputs(sample, preprocess, numbers)?;
            append(session, &input, numbers.len(), &mut features)?;
            if let Some(second) = &mut second {
                append(second, &input, numbers.len(), &mut answers)?;
            }
            done(numbers.last().map_or(0, |last| last + 1));
        }
        save(&self.features, &features)?;
        if second.is_some() {
            save(&self.answers_file(), &answers)?;
        }
        Ok(())
    }

    fn time(
        &self,
        sample: &Sample,
        preprocess: &Preprocess,
        session: &mut Session,
        least: f64,
    ) -> Result<Speed, PipelineError> {
        let numbers: Vec<usize> = (0..sample.len()).collect();
        let input = inputs(sample, preprocess, &numbers)?;
        let least = Duration::try_from_secs_f64(least).unwrap_or_default();
        let (features, speed) = measure::speed(session, &input, self.batch, least)?;
        save(&self.features, &features)?;
        Ok(speed)
    }
}

/// The same graph with the classifier's output in the place of the features.
fn answering(manifest: &Manifest, answers: &Answers) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.config.output.name.clone_from(&answers.output);
    manifest.config.output.width = answers.classes;
    manifest
}

/// The network's inputs, one after the other.
fn inputs(
    sample: &Sample,
    preprocess: &Preprocess,
    numbers: &[usize],
) -> Result<Vec<f32>, PipelineError> {
    let each = preprocess.input_len();
    let mut worker = preprocess.worker();
    let mut inputs = vec![0.0; each * numbers.len()];
    for (number, out) in numbers.iter().zip(inputs.chunks_exact_mut(each.max(1))) {
        let (id, image) = sample.picture(*number)?;
        worker.apply(&id, &image, out)?;
    }
    Ok(inputs)
}

fn append(
    session: &mut Session,
    input: &[f32],
    rows: usize,
    to: &mut Vec<f32>,
) -> Result<(), PipelineError> {
    let start = to.len();
    to.resize(start + rows * session.width(), 0.0);
    Ok(session.run(input, rows, &mut to[start..])?)
}

fn save(path: &Path, values: &[f32]) -> Result<(), PipelineError> {
    let bytes: Vec<u8> = values.iter().flat_map(|one| one.to_le_bytes()).collect();
    fs::write(path, bytes).map_err(|source| PipelineError::Scratch {
        path: path.to_path_buf(),
        source,
    })
}

/// The values of a file that a job left.
///
/// # Errors
/// A file that cannot be read.
pub fn saved(path: &Path) -> Result<Vec<f32>, PipelineError> {
    let bytes = fs::read(path).map_err(|source| PipelineError::Scratch {
        path: path.to_path_buf(),
        source,
    })?;
    let (values, _) = bytes.as_chunks::<4>();
    Ok(values
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect())
}
