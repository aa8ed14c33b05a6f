//! Rows that lie in the cache, where the library that computed them does not.
//!
//! A head trains on rows alone. So where ONNX Runtime is not there, a pipeline still runs if the
//! cache knows one class of rows, and one only, that the providers asked for would compute: which
//! one is said. Where rows are missing, the missing library is the error that it always was.

use crate::backbone::onnx::Arithmetic;
use crate::backbone::{Provider, RuntimeError};
use crate::features::{self, Space};

use super::config::PipelineConfig;
use super::error::PipelineError;
use super::options::Options;

/// Rows of the cache that stand in for a library that is not there.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The provider that computed them.
    pub(super) provider: Provider,
    /// What computed them, in full.
    pub(super) numeric: String,
    /// Why it cannot compute more.
    pub(super) absent: String,
}

impl Kept {
    /// The rows that `config` can do with, given why no provider can run; that is the error where
    /// there are none, or more than one class of them. `space` is that of the rows but for its
    /// numeric class.
    pub(super) fn find(
        config: &PipelineConfig,
        space: &Space,
        arithmetic: Arithmetic,
        options: &Options,
        error: RuntimeError,
    ) -> Result<Self, PipelineError> {
        if !error.is_absence() {
            return Err(error.into());
        }
        let stored = features::spaces(&options.cache.join("features"))?;
        let same = |other: &&Space| {
            let numeric = other.numeric.clone();
            **other
                == Space {
                    numeric,
                    ..space.clone()
                }
        };
        for provider in config.extract.provider.all() {
            let computes = |numeric: &&String| provider.computes(arithmetic, numeric);
            let mut classes = stored
                .iter()
                .filter(same)
                .map(|s| &s.numeric)
                .filter(computes);
            if let (Some(numeric), None) = (classes.next(), classes.next()) {
                return Ok(Self {
                    provider: provider.clone(),
                    numeric: numeric.clone(),
                    absent: error.to_string(),
                });
            }
        }
        Err(error.into())
    }

    /// What a run says of it.
    pub(super) fn words(&self) -> String {
        let why = self.absent.lines().next().unwrap_or_default();
        format!(
            "{why}: nothing can be computed here, and the rows that {} has computed are used",
            self.numeric
        )
    }
}
