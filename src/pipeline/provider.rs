//! From what a pipeline asks for to the provider, the library and the arithmetic that run.

use std::path::{Path, PathBuf};

use crate::assets::{self, RuntimeBuild};
use crate::backbone::runtime::Build;
use crate::backbone::{Backbone, Choice, Graph, Runtime, RuntimeError, Search, SessionOptions};

use super::auto::Auto;
use super::batch_size;
use super::config::PipelineConfig;
use super::error::PipelineError;
use super::options::Options;

/// The provider that runs on this machine; `None` where no network runs.
pub(super) fn choose(
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

pub(super) fn numeric_class(
    config: &PipelineConfig,
    (backbone, graph): (&Backbone, &Graph),
    options: &Options,
    choice: Option<&Choice>,
) -> Result<String, PipelineError> {
    let session = session_options(config, options, choice);
    backbone.numeric_class(graph.arithmetic, &session, || runtime(choice, options))
}

pub(super) fn session_options(
    config: &PipelineConfig,
    options: &Options,
    choice: Option<&Choice>,
) -> SessionOptions {
    SessionOptions {
        provider: choice.map(|one| one.provider.clone()).unwrap_or_default(),
        threads: config.extract.threads.map(|t| t.count()),
        sessions: 1,
        engines: Some(options.cache.join("engines")),
    }
}

pub(super) fn runtime(
    choice: Option<&Choice>,
    options: &Options,
) -> Result<Runtime, PipelineError> {
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
