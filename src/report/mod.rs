//! Tables for people.

mod summary;
mod table;

pub use summary::{Summary, summary};
pub use table::Table;
