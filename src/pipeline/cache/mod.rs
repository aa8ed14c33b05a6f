//! The cache as pipelines see it: which rows they need, which part of a key is new, whether a
//! cached row is what the network gives, and what else lies in the cache folder; and its rows
//! as files for other programs.

mod export;
mod needs;
mod others;
mod recompute;
mod why;

use std::path::{Path, PathBuf};

pub use export::{CacheExport, Exported, Splits, export_rows};
pub use needs::needs;
pub use others::{Other, others};
pub use recompute::{Different, Recomputed, recompute};
pub use why::{Change, Explanation, Reason, What, why};

/// The store of feature rows in the cache folder.
#[must_use]
pub fn store_in(cache: &Path) -> PathBuf {
    cache.join("features")
}

/// The records of unchanged files in the cache folder.
#[must_use]
pub fn digests_in(cache: &Path) -> PathBuf {
    cache.join("digests")
}
