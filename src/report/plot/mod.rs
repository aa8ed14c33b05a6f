//! Plots as inline SVG whose colours are those of the page around them.
//!
//! plotters draws in colours that stand for the page's: each is written as a CSS variable
//! (`--s0` to `--s7` for series, `--grid`) or `currentColor`, so that a plot follows the page from
//! light to dark. What is said in words beside a plot (title, legend, a table of its values) is
//! HTML, and not part of it.

mod axis;
mod chart;
mod colour;
mod series;

pub(super) use axis::Axis;
pub(super) use chart::{Chart, Place};
pub(super) use colour::SERIES;
pub(super) use series::Series;
