//! Tables and pictures for people.

mod font;
mod sheet;
mod summary;
mod table;

pub use sheet::Sheet;
pub use summary::{Summary, percent, summary};
pub use table::Table;
