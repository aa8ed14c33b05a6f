//! What can be done with the rows of a pipeline that the cache has.

mod export;

pub use export::{CacheExport, Exported, Splits, export_rows};
