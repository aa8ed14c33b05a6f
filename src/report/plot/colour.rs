//! Colours that stand for those of the page.

use plotters::style::RGBColor;

/// How many colours there are for series.
pub(in crate::report) const SERIES: usize = 8;

/// What is written as `currentColor`.
pub(super) const INK: RGBColor = RGBColor(1, 2, 254);
/// What is written as `var(--grid)`.
pub(super) const GRID: RGBColor = RGBColor(1, 2, 253);

/// The colour of a series; there are [`SERIES`], which then come again.
#[allow(clippy::cast_possible_truncation)] // below 8
pub(super) fn series(number: usize) -> RGBColor {
    RGBColor(1, 2, (number % SERIES) as u8)
}

/// The SVG with the page's colours.
pub(super) fn themed(svg: &str) -> String {
    let hex = |colour: RGBColor| format!("\"#{:02X}{:02X}{:02X}\"", colour.0, colour.1, colour.2);
    let mut svg = svg.replace(&hex(INK), "\"currentColor\"");
    svg = svg.replace(&hex(GRID), "\"var(--grid)\"");
    for number in 0..SERIES {
        svg = svg.replace(&hex(series(number)), &format!("\"var(--s{number})\""));
    }
    svg
}
