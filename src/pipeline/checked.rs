//! A pipeline that can run: everything that can be checked without work has been checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::assets::{self, RuntimeBuild};
use crate::backbone::runtime::Build;
use crate::backbone::{
    Backbone, BackboneError, Choice, Runtime, RuntimeError, Search, SessionOptions,
};
use crate::dataset::{Dataset, DatasetError, Sides, Source, Survey, key_rules};
use crate::digests::{Digests, Shelf};
use crate::features::{Space, Store, StoreError, Warning};
use crate::yaml::{Document, YamlError};

use super::auto::{Auto, Prober, decide};
use super::batch_size;
use super::config::{ExtractConfig, PipelineConfig};
use super::error::PipelineError;
use super::folder::RunFolder;

/// The numeric class of rows that nobody can compute yet.
const UNDECIDED: &str = "undecided";

/// How a pipeline is called.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The project's root: relative paths in the pipeline start here.
    pub root: PathBuf,
    /// The cache folder: features, ONNX Runtime.
    pub cache: PathBuf,
    /// Overrides, `key.path=value`, in order.
    pub set: Vec<String>,
    /// ONNX Runtime's shared library, where the user names one.
    pub ort_dylib: Option<PathBuf>,
    /// What measures for `provider: auto`; without it, only what was measured before is known.
    pub prober: Option<Arc<dyn Prober>>,
    /// Whether files that have not changed since they were last read are read all the same.
    pub verify: bool,
}

impl Options {
    /// Where it is remembered which files are unchanged.
    pub(super) fn shelf(&self) -> Shelf {
        Shelf::new(self.cache.join("digests"), self.verify)
    }
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
    /// The provider that runs and its library; `None` where no network runs.
    pub(super) choice: Option<Choice>,
    /// What became of `provider: auto`, where that was asked for.
    pub auto: Option<Auto>,
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
        check_provider(&document, &config)?;
        let dataset = open_dataset(&document, &config, &options.root)?;
        check_labels(&document, &config, &dataset)?;
        let backbone = open_backbone(Some(&document), &config.extract, &options)?;
        Checked::assemble(config, dataset, backbone, options)
    }

    /// The pipeline of parts that have been opened and fit together.
    pub(super) fn assemble(
        config: PipelineConfig,
        dataset: Dataset,
        (backbone, graph): (Backbone, String),
        options: Options,
    ) -> Result<Self, PipelineError> {
        let first = dataset.train.read(0)?.dimensions();
        let auto = match config.extract.provider.auto() {
            Some(asked) if backbone.needs_runtime() => {
                let manifest = &config.extract.backbone;
                Some(decide(manifest, &backbone, graph.clone(), asked, &options)?)
            }
            _ => None,
        };
        let choice = choose(&config, auto.as_ref(), &backbone, &options)?;
        let numeric = match auto {
            Some(Auto::Undecided(_)) => UNDECIDED.to_owned(),
            _ => numeric_class(&config, &backbone, &options, choice.as_ref())?,
        };
        let space = Space {
            format: Space::FORMAT,
            preprocessing: backbone.preprocess(first).key(),
            graph,
            output: backbone.name().to_owned(),
            width: backbone.width(first),
            numeric,
        };
        let folder = RunFolder::new(&options.root, config.name.as_str());
        Ok(Checked {
            config,
            dataset,
            backbone,
            folder,
            space,
            first,
            choice,
            auto,
            options,
        })
    }

    /// Whether nobody knows yet what runs: `auto` has to measure first.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self.auto, Some(Auto::Undecided(_)))
    }

    /// # Errors
    /// [`PipelineError::Undecided`].
    pub(super) fn expect_decided(&self) -> Result<(), PipelineError> {
        if self.is_undecided() {
            return Err(PipelineError::Undecided);
        }
        Ok(())
    }

    pub(super) fn session_options(&self) -> SessionOptions {
        session_options(&self.config, &self.options, self.choice.as_ref())
    }

    /// What is known of the pipeline's images, by which those that have not changed are not read.
    pub(super) fn known_images(&self) -> Result<Digests, PipelineError> {
        let dataset = &self.config.dataset;
        let root = std::path::absolute(&self.options.root).unwrap_or_default();
        let about = format!(
            "{}; {}\n{}",
            key_rules(dataset.background),
            root.display(),
            crate::yaml::to_string(dataset)?
        );
        Ok(self.options.shelf().open(&about))
    }

    /// The store of the pipeline's rows.
    pub(super) fn store(&self) -> Result<(Store, Vec<Warning>), StoreError> {
        let root = self.options.cache.join("features");
        Store::open_changed(&root, &self.space, &self.options.shelf())
    }

    /// The runtime of a pipeline with a network.
    pub(super) fn runtime(&self) -> Result<Runtime, PipelineError> {
        runtime(self.choice.as_ref(), &self.options)
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

/// The backbone, with its graph compared with its manifest, and the network's part of a row's key.
/// Where there is a pipeline's file, a manifest that is not there is shown where it is named.
pub(super) fn open_backbone(
    document: Option<&Document>,
    extract: &ExtractConfig,
    options: &Options,
) -> Result<(Backbone, String), PipelineError> {
    let root = &options.root;
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
    let graph = backbone
        .check_changed(root, &options.shelf())
        .map_err(PipelineError::Manifest)?;
    Ok((backbone, graph))
}

/// What the options of the providers say must fit the rest of `extract`.
fn check_provider(document: &Document, config: &PipelineConfig) -> Result<(), YamlError> {
    let extract = &config.extract;
    for provider in extract.provider.all() {
        if extract.threads.is_some() && provider.threads().is_some() {
            let why = format!(
                "the threads are also given in `provider.{provider}.threads`: leave one of them out"
            );
            return Err(document.invalid("extract.threads", why));
        }
        let Some(rows) = extract.batch.rows() else {
            continue;
        };
        if let Some(most) = provider.max_batch().filter(|most| rows > *most) {
            let why = format!(
                "{provider} is built for batches of at most {most}, found {rows}: lower this, or \
                 raise `provider.{provider}.batch.max`"
            );
            return Err(document.invalid("extract.batch", why));
        }
    }
    Ok(())
}

/// The provider that runs on this machine; `None` where no network runs.
fn choose(
    config: &PipelineConfig,
    auto: Option<&Auto>,
    backbone: &Backbone,
    options: &Options,
) -> Result<Option<Choice>, RuntimeError> {
    let search = search(options);
    match auto {
        _ if !backbone.needs_runtime() => Ok(None),
        None => search.choose(&config.extract.provider).map(Some),
        Some(Auto::Undecided(_)) => Ok(None),
        Some(Auto::Chosen(decision)) => {
            // TensorRT, which wants to know, takes the default for `auto`.
            let rows = config.extract.batch.rows();
            let provider = decision.provider(rows.unwrap_or(batch_size::DEFAULT.into()));
            search.choose(&provider.into()).map(Some)
        }
    }
}

fn numeric_class(
    config: &PipelineConfig,
    backbone: &Backbone,
    options: &Options,
    choice: Option<&Choice>,
) -> Result<String, PipelineError> {
    let session = session_options(config, options, choice);
    backbone.numeric_class(&session, || runtime(choice, options))
}

fn session_options(
    config: &PipelineConfig,
    options: &Options,
    choice: Option<&Choice>,
) -> SessionOptions {
    SessionOptions {
        provider: choice.map(|one| one.provider.clone()).unwrap_or_default(),
        threads: config.extract.threads.map(|t| t.count()),
        engines: Some(options.cache.join("engines")),
    }
}

fn runtime(choice: Option<&Choice>, options: &Options) -> Result<Runtime, PipelineError> {
    match choice {
        Some(choice) => Ok(choice.runtime.clone()),
        None => Ok(Runtime::locate(&search(options))?),
    }
}

/// Where ONNX Runtime is looked for: what was named, else the builds in the cache folder.
pub(super) fn search(options: &Options) -> Search {
    runtime_search(options.ort_dylib.clone(), &options.cache)
}

/// Where ONNX Runtime is looked for: the library `named` or `ORT_DYLIB_PATH`, else the builds in
/// the cache folder.
#[must_use]
pub fn runtime_search(named: Option<PathBuf>, cache: &Path) -> Search {
    let library = |build: RuntimeBuild| build.dir(cache).join(build.library());
    let mut search = Search::from_env(named, assets::runtime_dir(cache))
        .with(Build::Openvino, library(RuntimeBuild::Openvino))
        .with(Build::Cuda, library(RuntimeBuild::Cuda));
    search.packages = Some(cache.join("runtime").join("packages"));
    search
}
