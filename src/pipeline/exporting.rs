//! A run's backbone and head as one ONNX file, compared with what the run says before anybody gets
//! it.

use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, ArrayView1};
use serde_json::json;

use crate::backbone::manifest::PreprocessSource;
use crate::backbone::onnx::{self, ModelProto};
use crate::backbone::{Backbone, Preprocessor, Provider, Session, SessionOptions};
use crate::classifier::{
    Classifier, ClassifierError, ExportConfig, Form, Gate, Licence, Metadata, Parity,
    Preprocessing, Trunk, Wanted, build, halve,
};
use crate::dataset::Source;
use crate::features::RowType;
use crate::head::Head;
use crate::head::config::HeadConfig;

use super::checked::Checked;
use super::error::PipelineError;
use super::event::{Event, Observer, Stage};
use super::finished::FinishedRun;
use super::folder::FolderState;
use super::plan::Plan;
use super::results::RunMetrics;
use super::rows::Part;

/// The file of the run folder.
pub(super) const MODEL: &str = "model.onnx";

/// Images of the tensor form that run together.
const BATCH: usize = 8;

/// A classifier as one file.
#[derive(Debug)]
pub struct Exported {
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// How near its answers came to catpipe's own: of float32 weights, and where asked for of
    /// float16 ones.
    pub parity: Vec<Parity>,
}

/// Checks what can be without a head: that the backbone can be exported as is wanted.
///
/// # Errors
/// What [`build`] refuses in a backbone.
pub(super) fn check(checked: &Checked) -> Result<(), PipelineError> {
    let Some(config) = checked.config.export else {
        return Ok(());
    };
    let head = checked.config.train.as_ref().map(|train| &train.head);
    if matches!(head, Some(HeadConfig::Cnn(_))) {
        return Err(ClassifierError::Convolutions.into());
    }
    let trunk = trunk(checked)?;
    Ok(trunk.check(wanted(config))?)
}

/// Exports the run's head, whose features are in the cache. `metrics` are the run's so far.
///
/// # Errors
/// What ONNX cannot say, a graph that does not come near enough to catpipe's own path, images that
/// cannot be read.
pub(super) fn export(
    checked: &Checked,
    plan: &Plan,
    head: &Head,
    config: ExportConfig,
    metrics: &RunMetrics,
    observer: &mut dyn Observer,
) -> Result<Exported, PipelineError> {
    let start = Instant::now();
    let (side, source, part) = match (&checked.dataset.test, &plan.test) {
        (Some(source), Some(part)) => ("test", source, part),
        _ => ("train", &checked.dataset.train, &plan.train),
    };
    let images = source.examples().len();
    let what = format!("{} form, compared on {images} {side} images", config.form);
    let forms = if config.half { 2 } else { 1 };
    observer.event(&Event::Started(
        Stage::Export,
        what,
        (forms * images) as u64,
    ));
    if let Some(looks) = checked.config.plain_view_alone() {
        observer.event(&Event::Note(format!("the exported file {looks}")));
    }
    let trunk = trunk(checked)?;
    let mut metadata = describe(checked, plan, head, config, metrics)?;
    let mut model = build(&trunk, head, wanted(config))?;
    drop(trunk);
    let own = own_probabilities(checked, plan, head, source, part)?;
    let comparison = Comparison {
        checked,
        side,
        source,
        own: &own,
    };
    let parity = comparison.of(&model, &metadata, false, observer)?;
    parity.check(Gate::of(config.form))?;
    metadata.parity.push(parity);
    if config.half {
        halve(&mut model)?;
        let parity = comparison.of(&model, &metadata, true, observer)?;
        metadata.parity.push(parity);
    }
    write(&metadata, &mut model)?;
    let outcome: Vec<String> = metadata.parity.iter().map(ToString::to_string).collect();
    observer.event(&Event::Finished(
        Stage::Export,
        outcome.join("; "),
        start.elapsed(),
    ));
    Ok(Exported {
        bytes: onnx::encode(&model),
        parity: metadata.parity,
    })
}

/// Exports a finished run that is up to date; rows that the cache has lost are computed again.
///
/// # Errors
/// A run whose pipeline, data or backbone have changed since; as `export`.
pub fn export_run(
    run: &FinishedRun,
    config: ExportConfig,
    observer: &mut dyn Observer,
) -> Result<Exported, PipelineError> {
    let checked = run.checked()?;
    checked.expect_decided()?;
    let plan = Plan::new(&checked)?;
    if plan.state != FolderState::UpToDate {
        return Err(PipelineError::NotUpToDate {
            folder: run.folder.clone(),
            why: plan.why(Stage::Train),
        });
    }
    if plan.missing > 0 {
        let mut timings = super::results::Timings::default();
        super::extraction::extract_missing(&checked, &plan.work(&checked), &mut timings, observer)?;
    }
    let text = checked.folder.read("metrics.json")?;
    let metrics = serde_json::from_slice(&text).map_err(|error| PipelineError::NoRun {
        folder: run.folder.clone(),
        reason: format!("its metrics.json cannot be read: {error}"),
    })?;
    export(&checked, &plan, &run.head, config, &metrics, observer)
}

/// Puts an exported file into the folder of its run, and its figures into `metrics.json`.
///
/// # Errors
/// A file that cannot be written.
pub fn keep_in_run(run: &FinishedRun, exported: &Exported) -> Result<(), PipelineError> {
    let folder = run.place();
    let text = folder.read("metrics.json")?;
    let metrics = serde_json::from_slice::<RunMetrics>(&text);
    let unwritable = |error: serde_json::Error| PipelineError::Result {
        file: "metrics.json",
        reason: error.to_string(),
    };
    let mut metrics = metrics.map_err(unwritable)?;
    metrics.export.clone_from(&exported.parity);
    let metrics = serde_json::to_vec_pretty(&metrics).map_err(unwritable)?;
    let files = [
        (MODEL, exported.bytes.as_slice()),
        ("metrics.json", &metrics),
    ];
    Ok(folder.add(&files)?)
}

fn wanted(config: ExportConfig) -> Wanted {
    Wanted {
        form: config.form,
        features: config.features,
        map: config.map,
    }
}

fn trunk(checked: &Checked) -> Result<Trunk, PipelineError> {
    let root = &checked.options.root;
    Ok(Trunk::of(&checked.backbone, root, checked.first)?)
}

/// What the file says about itself.
fn describe(
    checked: &Checked,
    plan: &Plan,
    head: &Head,
    config: ExportConfig,
    metrics: &RunMetrics,
) -> Result<Metadata, PipelineError> {
    let (preprocessing, licences) = match &checked.backbone {
        Backbone::Pixels => {
            let (width, height) = checked.first;
            (Preprocessing::Pixels { width, height }, Vec::new())
        }
        Backbone::Onnx(manifest) => {
            let said = &manifest.config;
            let preprocessing = Preprocessing::Network {
                input: said.input.clone(),
                preprocess: PreprocessSource::Keys(*manifest.preprocess_keys()),
            };
            let licence = Licence {
                of: format!("{}: {}", said.name, said.description),
                licence: said.licence.clone(),
            };
            (preprocessing, vec![licence])
        }
    };
    let ours = Licence {
        of: "the graph around it, by catpipe".to_owned(),
        licence: env!("CARGO_PKG_LICENSE").to_owned(),
    };
    Ok(Metadata {
        export: config,
        labels: head.class_names().to_vec(),
        preprocessing,
        temperature: head.temperature(),
        reject: head.reject_below(),
        pipeline: crate::yaml::to_string(&checked.config)?,
        run: plan.fingerprint.clone(),
        metrics: json!({"test": metrics.test, "validation": metrics.validation}),
        parity: Vec::new(),
        licences: licences.into_iter().chain([ours]).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn write(metadata: &Metadata, model: &mut ModelProto) -> Result<(), PipelineError> {
    metadata
        .write(model)
        .map_err(|error| PipelineError::Result {
            file: MODEL,
            reason: error.to_string(),
        })
}

/// What the head says of the source's plain pictures, by catpipe's own path on the processor in
/// float32, which is what runs the exported file: from the cache where it has such rows.
fn own_probabilities(
    checked: &Checked,
    plan: &Plan,
    head: &Head,
    source: &Source,
    part: &Part,
) -> Result<Array2<f32>, PipelineError> {
    let provider = checked.session_options().provider;
    let on_cpu = matches!(provider, Provider::Cpu(_)) || !checked.backbone.needs_runtime();
    let features = if on_cpu && checked.space.rows == RowType::Float32 {
        let plain: Vec<_> = part
            .ids
            .iter()
            .step_by(part.views.max(1))
            .copied()
            .collect();
        plan.store.read(&plain)?
    } else {
        computed(checked, source)?
    };
    Ok(head.probabilities(features.view())?)
}

fn computed(checked: &Checked, source: &Source) -> Result<Array2<f32>, PipelineError> {
    let images = source.examples().len();
    let mut features = Array2::zeros((images, checked.space.width));
    let mut reading = Reading::new(checked);
    let mut session = match &checked.backbone {
        Backbone::Pixels => None,
        Backbone::Onnx(manifest) => {
            let (root, options) = (&checked.options.root, on_cpu(checked));
            Some(Session::open(
                manifest,
                root,
                &checked.runtime()?,
                &options,
            )?)
        }
    };
    for (example, mut row) in features.outer_iter_mut().enumerate() {
        stopped(checked)?;
        let input = reading.read(source, example)?;
        let mut out = vec![0.0; checked.space.width];
        match &mut session {
            Some(session) => session.run(input, 1, &mut out)?,
            None => out.copy_from_slice(input),
        }
        row.assign(&ArrayView1::from(&out));
    }
    Ok(features)
}

/// The processor, as whoever loads the file gets it by default.
fn on_cpu(checked: &Checked) -> SessionOptions {
    SessionOptions {
        provider: Provider::default(),
        threads: checked
            .config
            .extract
            .threads
            .map(|threads| threads.count()),
        ..SessionOptions::default()
    }
}

fn stopped(checked: &Checked) -> Result<(), PipelineError> {
    match checked.options.stop.is_asked() {
        true => Err(PipelineError::ExportInterrupted),
        false => Ok(()),
    }
}

/// Images as the backbone's input, one after the other.
struct Reading {
    worker: Preprocessor,
    input: Vec<f32>,
}

impl Reading {
    fn new(checked: &Checked) -> Self {
        let recipe = checked.backbone.preprocess(checked.first);
        Self {
            input: vec![0.0; recipe.input_len()],
            worker: recipe.worker(),
        }
    }

    fn read(&mut self, source: &Source, example: usize) -> Result<&[f32], PipelineError> {
        let image = source.read(example)?;
        let id = &source.examples()[example].id;
        self.worker.apply(id, &image, &mut self.input)?;
        Ok(&self.input)
    }
}

/// Images with what catpipe says of them.
struct Comparison<'a> {
    checked: &'a Checked,
    side: &'static str,
    source: &'a Source,
    own: &'a Array2<f32>,
}

impl Comparison<'_> {
    /// Runs the graph on all images.
    fn of(
        &self,
        model: &ModelProto,
        metadata: &Metadata,
        half: bool,
        observer: &mut dyn Observer,
    ) -> Result<Parity, PipelineError> {
        let mut model = model.clone();
        write(metadata, &mut model)?;
        let (checked, form) = (self.checked, metadata.export.form);
        let runtime = checked.runtime()?;
        let options = on_cpu(checked);
        let mut classifier = Classifier::of(Path::new(MODEL), model, &runtime, &options)?;
        let mut parity = Parity::new(form, half, self.side, runtime.version());
        let images = self.source.examples().len();
        let mut reading = Reading::new(checked);
        let mut example = 0;
        while example < images {
            stopped(checked)?;
            let answers = match form {
                Form::Image => vec![classifier.image(&self.source.read(example)?)?],
                Form::Tensor => {
                    let batch = BATCH.min(images - example);
                    let mut input = Vec::new();
                    for one in example..example + batch {
                        input.extend_from_slice(reading.read(self.source, one)?);
                    }
                    classifier.tensors(&input, batch)?
                }
            };
            for answer in answers {
                let exported = ArrayView1::from(&answer.probabilities);
                let about = &self.source.examples()[example];
                parity.add(&about.id, self.own.row(example), exported, about.label);
                example += 1;
            }
            let done = if half { images + example } else { example };
            observer.event(&Event::Progress(Stage::Export, done as u64, String::new()));
        }
        Ok(parity)
    }
}

impl From<ClassifierError> for PipelineError {
    fn from(error: ClassifierError) -> Self {
        PipelineError::Classifier(Box::new(error))
    }
}
