//! How a pipeline is called.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::{Dataset, DatasetConfig, DatasetError, Pass};
use crate::digests::Shelf;
use crate::stop::Stop;

use super::auto::Prober;

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
    /// The request to end before all is done.
    pub stop: Stop,
    /// Who watches the passes over all images that a dataset may take to be opened.
    pub passes: Option<Arc<dyn PassObserver>>,
}

/// Watches passes over all images of a source.
pub trait PassObserver: fmt::Debug + Send + Sync {
    /// So many of `total` images are done; the last time it is all of them.
    fn pass(&self, pass: Pass, done: usize, total: usize);

    /// A pass has ended before that.
    fn ended(&self);
}

impl Options {
    /// Where it is remembered which files are unchanged.
    pub(super) fn shelf(&self) -> Shelf {
        Shelf::new(self.cache.join("digests"), self.verify)
    }

    /// Opens a dataset, whose paths start at the root.
    pub(super) fn open(&self, dataset: &DatasetConfig) -> Result<Dataset, DatasetError> {
        Dataset::open_watched(dataset, &self.root, &mut self.watch())
    }

    /// Tells whoever watches the passes.
    pub(super) fn watch(&self) -> impl FnMut(Pass, usize, usize) {
        move |pass, done, total| {
            if let Some(passes) = &self.passes {
                passes.pass(pass, done, total);
            }
        }
    }
}
