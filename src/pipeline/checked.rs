//! A pipeline that can run: everything that can be checked without work has been checked.

use std::path::{Path, PathBuf};

use crate::assets;
use crate::backbone::{Backbone, BackboneError, Runtime, Search, SessionOptions};
use crate::dataset::{Dataset, DatasetError, Sides, Source, Survey};
use crate::features::Space;
use crate::yaml::{Document, YamlError};

use super::config::{ExtractConfig, PipelineConfig};
use super::error::PipelineError;
use super::folder::RunFolder;

/// How a pipeline is called.
#[derive(Clone, Debug)]
pub struct Options {
    /// The project's root: relative paths in the pipeline start here.
    pub root: PathBuf,
    /// The cache folder: features, ONNX Runtime.
    pub cache: PathBuf,
    /// Overrides, `key.path=value`, in order.
    pub set: Vec<String>,
    /// ONNX Runtime's shared library, where the user names one.
    pub ort_dylib: Option<PathBuf>,
}

/// A pipeline that has been read and checked: its files are there and fit together, and the
/// backbone's graph is what its manifest says.
#[derive(Debug)]
pub struct Checked {
    /// What the pipeline says, defaults filled in.
    pub config: PipelineConfig,
    /// The examples.
    pub dataset: Dataset,
    /// The backbone.
    pub backbone: Backbone,
    /// Where the results go.
    pub folder: RunFolder,
    /// What every feature row depends on, beside its image and view.
    pub space: Space,
    /// Width and height of the first training image.
    pub(super) first: (u32, u32),
    pub(super) options: Options,
}

impl Checked {
    /// Reads the pipeline at `path` and checks it.
    ///
    /// # Errors
    /// [`PipelineError::Wrong`] with file, line and column for everything that the file itself
    /// gets wrong; a missing or unusable ONNX Runtime; a graph that is not what its manifest says.
    pub fn read(path: &Path, options: Options) -> Result<Self, PipelineError> {
        let (document, config) = read_config(path, &options)?;
        check_stages(&document, &config)?;
        let dataset = open_dataset(&document, &config, &options.root)?;
        check_labels(&document, &config, &dataset)?;
        let backbone = open_backbone(Some(&document), &config.extract, &options.root)?;
        Checked::assemble(config, dataset, backbone, options)
    }

    /// The pipeline of parts that have been opened and fit together.
    pub(super) fn assemble(
        config: PipelineConfig,
        dataset: Dataset,
        backbone: Backbone,
        options: Options,
    ) -> Result<Self, PipelineError> {
        let first = dataset.train.read(0)?.dimensions();
        let space = space(&config, &backbone, first, &options)?;
        let folder = RunFolder::new(&options.root, config.name.as_str());
        Ok(Checked {
            config,
            dataset,
            backbone,
            folder,
            space,
            first,
            options,
        })
    }

    pub(super) fn session_options(&self) -> SessionOptions {
        session_options(&self.config)
    }

    pub(super) fn runtime(&self) -> Result<Runtime, PipelineError> {
        runtime(&self.options)
    }

    /// The test examples, if the pipeline scores them.
    pub(super) fn scored(&self) -> Option<&Source> {
        self.config.evaluate.and(self.dataset.test.as_ref())
    }
}

/// Looks at everything that the dataset of the pipeline at `path` holds; nothing else of the
/// pipeline has to be there.
///
/// # Errors
/// A pipeline that is wrong, a dataset that cannot be opened.
pub fn survey(path: &Path, options: &Options) -> Result<Survey, PipelineError> {
    let (document, config) = read_config(path, options)?;
    Dataset::survey(&config.dataset, &options.root).map_err(|e| placed(&document, e))
}

/// What the pipeline at `path` says, and its dataset; the backbone need not be there.
///
/// # Errors
/// A pipeline that is wrong, a dataset that cannot be opened.
pub fn examples(
    path: &Path,
    options: &Options,
) -> Result<(PipelineConfig, Dataset), PipelineError> {
    let (document, config) = read_config(path, options)?;
    let dataset = open_dataset(&document, &config, &options.root)?;
    Ok((config, dataset))
}

fn read_config(
    path: &Path,
    options: &Options,
) -> Result<(Document, PipelineConfig), PipelineError> {
    let mut document = Document::read(path)?;
    for assignment in &options.set {
        document.set(assignment)?;
    }
    let config = document.typed()?;
    Ok((document, config))
}

fn check_stages(document: &Document, config: &PipelineConfig) -> Result<(), YamlError> {
    if config.train.is_some() {
        let sources = config.dataset.sources();
        if let Some((section, _)) = sources.iter().find(|(_, s)| s.never_labelled()) {
            let why = "these images have no labels, and a head needs them: put the images into \
                       class folders (`folder`) or name them in a list (`csv`), or remove `train` \
                       and `evaluate`";
            return Err(document.invalid(&format!("dataset.{section}.files"), why));
        }
    }
    if config.evaluate.is_none() {
        return Ok(());
    }
    if config.train.is_none() {
        let why = "there is no head to score: add a `train` section, or remove `evaluate`";
        return Err(document.invalid("evaluate", why));
    }
    if !config.dataset.has_test() {
        let why = "there are no examples to score: name them in `dataset.test`, or remove \
                   `evaluate`";
        return Err(document.invalid("evaluate", why));
    }
    Ok(())
}

fn open_dataset(
    document: &Document,
    config: &PipelineConfig,
    root: &Path,
) -> Result<Dataset, PipelineError> {
    Dataset::open(&config.dataset, root).map_err(|e| placed(document, e))
}

/// The error at the place of the key that it is about.
fn placed(document: &Document, error: DatasetError) -> PipelineError {
    match error.key() {
        Some(key) => document
            .invalid(&format!("dataset.{key}"), error.to_string())
            .into(),
        None => error.into(),
    }
}

fn check_labels(
    document: &Document,
    config: &PipelineConfig,
    dataset: &Dataset,
) -> Result<(), YamlError> {
    let (train, test) = match config.dataset.sides {
        Sides::Given { .. } => ("dataset.train", "dataset.test"),
        Sides::Divided { .. } => ("dataset.source", "dataset.source"),
    };
    let needs = [
        (train, config.train.is_some(), Some(&dataset.train)),
        (test, config.evaluate.is_some(), dataset.test.as_ref()),
    ];
    for (key, needed, source) in needs {
        if needed && source.is_some_and(|s| !s.labelled()) {
            let why = "has no labels, and a head needs them: add `labels: <array>`";
            return Err(document.invalid(key, why));
        }
    }
    Ok(())
}

/// The backbone, with its graph compared with its manifest. Where there is a pipeline's file, a
/// manifest that is not there is shown where it is named.
pub(super) fn open_backbone(
    document: Option<&Document>,
    extract: &ExtractConfig,
    root: &Path,
) -> Result<Backbone, PipelineError> {
    let backbone = Backbone::named(&extract.backbone, root).map_err(|e| match e {
        BackboneError::Manifest(read @ YamlError::Read { .. }) => {
            let advice = "give a manifest such as onnx/resnet50.yaml, or `pixels`";
            let told = format!("{read}; {advice}");
            match document {
                Some(document) => document.invalid("extract.backbone", told).into(),
                None => PipelineError::NoManifest(told),
            }
        }
        // Wrong inside the manifest: that file's line is the place to look at.
        e => PipelineError::Manifest(e),
    })?;
    if let Backbone::Onnx(manifest) = &backbone {
        manifest
            .check_graph(root)
            .map_err(PipelineError::Manifest)?;
    }
    Ok(backbone)
}

fn space(
    config: &PipelineConfig,
    backbone: &Backbone,
    first: (u32, u32),
    options: &Options,
) -> Result<Space, PipelineError> {
    let numeric = backbone.numeric_class(&session_options(config), || runtime(options))?;
    Ok(Space {
        format: Space::FORMAT,
        preprocessing: backbone.preprocess(first).key(),
        graph: backbone
            .key(&options.root)
            .map_err(PipelineError::Manifest)?,
        output: backbone.name().to_owned(),
        width: backbone.width(first),
        numeric,
    })
}

fn session_options(config: &PipelineConfig) -> SessionOptions {
    SessionOptions {
        provider: config.extract.provider,
        threads: config.extract.threads.map(|t| t.count()),
    }
}

fn runtime(options: &Options) -> Result<Runtime, PipelineError> {
    let search = Search::from_env(
        options.ort_dylib.clone(),
        assets::runtime_dir(&options.cache),
    );
    Ok(Runtime::locate(&search)?)
}
