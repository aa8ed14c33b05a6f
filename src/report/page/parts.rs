//! What sections are put together from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::super::data::Picture;
use super::super::plot::{Chart, SERIES};

/// A line of a legend: the number of its colour (none: the colour of the text), and its name.
pub(super) struct Key {
    colour: Option<usize>,
    name: String,
    dashed: bool,
}

impl Key {
    pub(super) fn line(colour: usize, name: &str) -> Self {
        Self {
            colour: Some(colour),
            name: name.to_owned(),
            dashed: false,
        }
    }

    pub(super) fn guide(name: &str) -> Self {
        Self {
            colour: None,
            name: name.to_owned(),
            dashed: true,
        }
    }

    pub(super) fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }
}

/// A plot with its title, legend, what it means, and the table behind it.
pub(super) fn plot(
    title: &str,
    chart: &Chart,
    keys: &[Key],
    caption: &str,
    table: &Rows,
) -> Markup {
    html! {
        figure.plot-card {
            h3 { (title) }
            (legend(keys))
            (chart.draw())
            figcaption { (caption) }
            (table.folded(title))
        }
    }
}

pub(super) fn legend(keys: &[Key]) -> Markup {
    html! {
        @if !keys.is_empty() {
            ul.legend {
                @for key in keys { li { i.dash[key.dashed] style=(border(key.colour)) {} (key.name) } }
            }
        }
    }
}

fn border(colour: Option<usize>) -> String {
    format!("border-color:{}", css(colour))
}

/// A colour of the page.
pub(super) fn css(colour: Option<usize>) -> String {
    match colour {
        Some(colour) => format!("var(--s{})", colour % SERIES),
        None => "currentColor".to_owned(),
    }
}

/// A table of text.
#[derive(Debug, Default)]
pub(super) struct Rows {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// How many rows of a table are written.
const MOST_ROWS: usize = 250;

impl Rows {
    pub(super) fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self {
            heading: heading.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table behind a plot, folded away; of a long one evenly spaced rows.
    fn folded(&self, title: &str) -> Markup {
        let step = self.rows.len().div_ceil(MOST_ROWS).max(1);
        let left_out = if step > 1 {
            format!(", one row in {step}")
        } else {
            String::new()
        };
        html! {
            @if !self.rows.is_empty() {
                details {
                    summary { "Table" }
                    div.scroll tabindex="0" role="region" aria-label=(format!("{title}: table")) {
                        table {
                            caption { (title) (left_out) }
                            thead { tr { @for cell in &self.heading { th scope="col" { (cell) } } } }
                            tbody {
                                @for row in self.rows.iter().step_by(step) {
                                    tr { @for cell in row { td { (cell) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A picture; `alt` says in words what it shows.
pub(super) fn picture(picture: &Picture, alt: &str) -> Markup {
    html! {
        img src=(data_uri(picture)) alt=(alt) width=(picture.width) height=(picture.height) loading="lazy";
    }
}

/// The picture as an address that holds all of it.
pub(super) fn data_uri(picture: &Picture) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(&picture.jpeg))
}
