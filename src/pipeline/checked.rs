//! A pipeline that can run: everything that can be checked without work has been checked.

use std::path::Path;

use crate::backbone::onnx::Arithmetic;
use crate::backbone::{Backbone, BackboneError, Choice, Graph, Runtime, SessionOptions};
use crate::dataset::{Dataset, DatasetConfig, DatasetError, Source, Survey, key_rules};
use crate::digests::Digests;
use crate::features::{Space, Store, StoreError, Warning};
use crate::yaml::{Document, YamlError};

use super::auto::{Asked, Auto, decide};
use super::checks;
use super::config::{ExtractConfig, PipelineConfig};
use super::error::PipelineError;
use super::folder::RunFolder;
use super::kept::Kept;
use super::options::Options;
use super::provider::{choose, numeric_class, runtime, session_options};

/// The numeric class of rows that nobody can compute yet.
const UNDECIDED: &str = "undecided";

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
    /// The rows that there are, where no network can run.
    pub(super) kept: Option<Kept>,
    /// What the backbone's graph asks for.
    pub(super) arithmetic: Arithmetic,
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
        checks::stages(&document, &config)?;
        checks::search(&document, &config)?;
        checks::provider(&document, &config)?;
        let dataset = open_dataset(&document, &config, &options)?;
        checks::labels(&document, &config, &dataset)?;
        checks::classes(&document, &config, &dataset)?;
        let backbone = open_backbone(Some(&document), &config.extract, &options)?;
        let checked = Checked::assemble(config, dataset, backbone, options)?;
        checks::head(&document, &checked.config, checked.space.width)?;
        Ok(checked)
    }

    /// The pipeline of parts that have been opened and fit together.
    pub(super) fn assemble(
        config: PipelineConfig,
        dataset: Dataset,
        (backbone, graph): (Backbone, Graph),
        options: Options,
    ) -> Result<Self, PipelineError> {
        let first = dataset.train.read(0)?.dimensions();
        let (auto, (backbone, graph)) = match config.extract.provider.auto() {
            Some(auto) if backbone.needs_runtime() => {
                let asked = Asked {
                    config: &config,
                    dataset: &dataset,
                    backbone: &backbone,
                    graph: &graph,
                    options: &options,
                };
                let (auto, sibling) = decide(&asked, auto)?;
                let own = (backbone, graph);
                let runs = sibling.map_or(own, |one| (one.backbone, one.graph));
                (Some(auto), runs)
            }
            _ => (None, (backbone, graph)),
        };
        let mut space = Space {
            format: Space::FORMAT,
            preprocessing: backbone.preprocess(first).key(),
            graph: graph.key.clone(),
            output: backbone.name().to_owned(),
            width: backbone.width(first),
            numeric: UNDECIDED.to_owned(),
            rows: config.extract.rows,
        };
        let (choice, kept) = match choose(&config, auto.as_ref(), &backbone, &options) {
            Ok(choice) => (choice, None),
            Err(error) => {
                let kept = Kept::find(&config, &space, graph.arithmetic, &options, error)?;
                (None, Some(kept))
            }
        };
        match (&auto, &kept) {
            (Some(Auto::Undecided(_)), _) => {}
            (_, Some(kept)) => space.numeric.clone_from(&kept.numeric),
            (_, None) => {
                let runs = (&backbone, &graph);
                space.numeric = numeric_class(&config, runs, &options, choice.as_ref())?;
            }
        }
        let folder = RunFolder::new(&options.root, config.name.as_str());
        Ok(Checked {
            config,
            dataset,
            backbone,
            folder,
            space,
            first,
            choice,
            kept,
            arithmetic: graph.arithmetic,
            auto,
            options,
        })
    }

    /// Whether nobody knows yet what runs: `auto` has to measure first.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        matches!(self.auto, Some(Auto::Undecided(_)))
    }

    /// The provider that runs, and those that stood before it in the list; none where no network
    /// runs or nobody knows yet.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
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
        let mut session = session_options(&self.config, &self.options, self.choice.as_ref());
        if let Some(kept) = &self.kept {
            session.provider = kept.provider.clone();
        }
        session
    }

    /// What is known of the pipeline's images, by which those that have not changed are not read.
    pub(super) fn known_images(&self) -> Result<Digests, PipelineError> {
        known_images(&self.config.dataset, &self.options)
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

/// What is known of a dataset's images.
pub(super) fn known_images(
    dataset: &DatasetConfig,
    options: &Options,
) -> Result<Digests, PipelineError> {
    let root = std::path::absolute(&options.root).unwrap_or_default();
    let about = format!(
        "{}; {}\n{}",
        key_rules(dataset.background),
        root.display(),
        crate::yaml::to_string(dataset)?
    );
    Ok(options.shelf().open(&about))
}

/// Looks at everything that the dataset of the pipeline at `path` holds; nothing else of the
/// pipeline has to be there. Who watches the passes over the images sees those of
/// [`Dataset::survey`].
///
/// # Errors
/// A pipeline that is wrong, a dataset that cannot be opened.
pub fn survey(path: &Path, options: &Options) -> Result<Survey, PipelineError> {
    let (document, config) = read_config(path, options)?;
    let survey = Dataset::survey(&config.dataset, &options.root, &mut options.watch());
    survey.map_err(|e| placed(&document, e))
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
    let dataset = open_dataset(&document, &config, options)?;
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

fn open_dataset(
    document: &Document,
    config: &PipelineConfig,
    options: &Options,
) -> Result<Dataset, PipelineError> {
    (options.open(&config.dataset)).map_err(|e| placed(document, e))
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

/// The backbone, with its graph compared with its manifest, and what is known of
/// that. Where there is a pipeline's file, a manifest that is not there is shown where it is named.
pub(super) fn open_backbone(
    document: Option<&Document>,
    extract: &ExtractConfig,
    options: &Options,
) -> Result<(Backbone, Graph), PipelineError> {
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
