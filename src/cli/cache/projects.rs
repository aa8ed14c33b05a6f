//! What commands over several pipelines are told alike.

use std::path::PathBuf;

use crate::pipeline::{Checked, Options};

use super::super::failure::Failure;
use super::super::project::options;

/// Pipelines and where they stand.
#[derive(Debug, clap::Args)]
pub(super) struct Projects {
    /// The pipeline files
    #[arg(value_name = "PIPELINE")]
    pub(super) pipelines: Vec<PathBuf>,

    /// Override a value of every pipeline; may be given several times
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,

    /// The project's folder: relative paths in pipelines start here [default: the current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,
}

impl Projects {
    /// How the pipelines are called.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let root = self.root.clone().unwrap_or_default();
        options(&self.set, root, self.ort_dylib.clone())
    }

    /// Reads and checks every pipeline, before anything is done for one.
    pub(super) fn checked(&self, options: &Options) -> Result<Vec<Checked>, Failure> {
        let read = |path: &PathBuf| Ok(Checked::read(path, options.clone())?);
        self.pipelines.iter().map(read).collect()
    }
}
