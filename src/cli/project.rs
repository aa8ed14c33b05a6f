//! What `run`, `check` and `data` are told alike: the pipeline, and where it stands.

use std::path::PathBuf;

use crate::assets;
use crate::pipeline::{Checked, Options};

use super::failure::Failure;

/// A pipeline and where it stands.
#[derive(Debug, clap::Args)]
pub(super) struct ProjectArgs {
    /// The pipeline file
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,

    /// Override a value of the pipeline; may be given several times
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,

    /// The project's folder: relative paths in the pipeline start here [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,
}

impl ProjectArgs {
    /// Reads and checks the pipeline.
    pub(super) fn checked(&self) -> Result<Checked, Failure> {
        Ok(Checked::read(&self.pipeline, self.options()?)?)
    }

    /// How the pipeline is called.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            root: self.root.clone().unwrap_or_default(),
            cache: assets::cache_dir().map_err(Failure::failed)?,
            set: self.set.clone(),
            ort_dylib: self.ort_dylib.clone(),
        })
    }
}
