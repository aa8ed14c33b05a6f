//! Tables and pictures for people: the table at the end of a run, contact sheets, and reports.
//!
//! A [`Report`](data::Report) is plain values, gathered elsewhere; [`page`] makes one HTML file of
//! it.

pub mod data;
pub mod figures;
mod font;
mod heat;
mod page;
mod plot;
mod sheet;
mod summary;
mod table;
mod thumbnail;

pub use heat::heat_map;
pub use page::page;
pub use sheet::Sheet;
pub use summary::{Summary, percent, summary};
pub use table::Table;
pub use thumbnail::{jpeg, thumbnail};
