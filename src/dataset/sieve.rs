//! What is left out of a source's examples, and why.

use serde::Serialize;

use super::error::SourceError;
use super::glob::Glob;

/// Something of a source that is no example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The source's key in the pipeline: `train` or `test`, or `source` where bad files were left
    /// out before the examples were divided.
    pub split: &'static str,
    /// Its path or id, as an example's id would be.
    pub path: String,
    /// What is wrong with it, or the pattern that excludes it.
    pub reason: String,
    /// Whether the pipeline excludes it by name; it is then no mishap, and does not count.
    pub excluded: bool,
}

/// Takes what cannot be an example: ends the opening with the first, or collects all.
pub(super) struct Sieve {
    section: &'static str,
    skip: bool,
    skipped: Vec<Skipped>,
}

impl Sieve {
    /// For the source under the key `section`; `skip` tells whether bad files are left out.
    pub(super) fn new(section: &'static str, skip: bool) -> Self {
        Sieve {
            section,
            skip,
            skipped: Vec::new(),
        }
    }

    /// Whether bad files are left out.
    pub(super) fn skips(&self) -> bool {
        self.skip
    }

    /// Takes what is wrong with `path`.
    pub(super) fn bad(&mut self, path: &str, error: SourceError) -> Result<(), SourceError> {
        if !self.skip {
            return Err(error);
        }
        self.push(path, error.reason(), false);
        Ok(())
    }

    /// Whether one of the patterns excludes `path`, which is then noted.
    pub(super) fn excludes(&mut self, patterns: &[Glob], path: &str) -> bool {
        let Some(pattern) = patterns.iter().find(|pattern| pattern.matches(path)) else {
            return false;
        };
        self.push(path, format!("excluded by `{}`", pattern.as_str()), true);
        true
    }

    fn push(&mut self, path: &str, reason: String, excluded: bool) {
        self.skipped.push(Skipped {
            split: self.section,
            path: path.to_owned(),
            reason,
            excluded,
        });
    }

    /// The paths of the bad files.
    pub(super) fn bad_paths(&self) -> impl Iterator<Item = &str> {
        let bad = self.skipped.iter().filter(|one| !one.excluded);
        bad.map(|one| one.path.as_str())
    }

    /// Forgets the bad files that `keep` does not want, as they belong to somebody else.
    pub(super) fn keep_bad(&mut self, keep: impl Fn(&str) -> bool) {
        self.skipped.retain(|one| one.excluded || keep(&one.path));
    }

    /// How many bad files were left out.
    pub(super) fn bad_count(&self) -> usize {
        self.skipped.iter().filter(|s| !s.excluded).count()
    }

    /// All that was left out, by path.
    pub(super) fn into_skipped(mut self) -> Vec<Skipped> {
        self.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        self.skipped
    }

    /// The first few bad files by path, for a message.
    pub(super) fn first(&self, count: usize) -> Vec<Skipped> {
        let mut bad: Vec<&Skipped> = self.skipped.iter().filter(|s| !s.excluded).collect();
        bad.sort_by(|a, b| a.path.cmp(&b.path));
        bad.into_iter().take(count).cloned().collect()
    }
}
