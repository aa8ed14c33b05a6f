//! The features in two dimensions.

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::super::data::{Map, MapPoint, Run};
use super::super::plot::{Axis, Chart, Place};
use super::Section;
use super::parts::{css, data_uri};
use super::words::percent;

/// The map; none where the features were not at hand.
pub(super) fn section(run: &Run) -> Option<Section> {
    let map = run.map.as_ref().filter(|map| !map.points.is_empty())?;
    let left_out = match map.points.len() {
        some if some < map.total => format!(" {some} of {} pictures, evenly chosen.", map.total),
        _ => String::new(),
    };
    let content = html! {
        p.lead {
            "The features that the head learned from, laid out by their first two principal components. Pictures that look alike to the network lie close together; a class that forms an island of its own is easy."
            (left_out)
        }
        div.map {
            figure.plot-card tabindex="0" aria-label="Map of the features: arrow keys go from picture to picture" {
                (keys(run, map))
                (chart(run, map).draw())
                figcaption { "Point at a picture, or use the arrow keys. Large points were taken for another class." }
                (table(run, map))
            }
            div.tip.js-only role="status" aria-live="polite" {
                img alt="" hidden;
                p { "Point at a picture to see it." }
            }
            script type="application/json" { (PreEscaped(data(run, map))) }
        }
    };
    Some(Section::new("map", "Map of the features", content))
}

fn keys(run: &Run, map: &Map) -> Markup {
    let classes: BTreeSet<usize> = map.points.iter().map(|point| point.class).collect();
    let has = |test: bool| map.points.iter().any(|point| point.test == test);
    html! {
        ul.legend {
            @for class in classes {
                li { i.dot style=(format!("background:{}", css(Some(class)))) {} (run.figures.dataset.class(class)) }
            }
            @if has(true) && has(false) { li { "● training, ○ test" } }
        }
    }
}

fn chart(run: &Run, map: &Map) -> Chart {
    let axis = |at: usize| {
        let name = format!(
            "component {}: {} of the variance",
            at + 1,
            percent(map.explained[at])
        );
        Axis::place(&name, map.points.iter().map(move |point| point.at[at]))
    };
    let place = |point: &MapPoint| Place {
        at: point.at,
        colour: point.class,
        ring: point.test,
        marked: point.taken_for.is_some(),
    };
    let label = format!(
        "Map of the features of {} pictures of {}",
        map.points.len(),
        run.name
    );
    Chart::new(&label, axis(0), axis(1))
        .sized(620, 440)
        .with_places(map.points.iter().map(place).collect())
}

/// What is said of a point.
fn said(run: &Run, point: &MapPoint) -> String {
    let side = if point.test { "test" } else { "training" };
    let class = run.figures.dataset.class(point.class);
    let mut text = format!("{} ({side}): {class}", point.id);
    if let Some(other) = &point.taken_for {
        text.push_str(&format!(", taken for {other}"));
    }
    text
}

#[derive(Serialize)]
struct Tip {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
}

/// What the script shows of each point, in JSON that can't end the element that it stands in.
fn data(run: &Run, map: &Map) -> String {
    let tip = |point: &MapPoint| Tip {
        text: said(run, point),
        src: point.picture.as_ref().map(data_uri),
    };
    let tips: Vec<Tip> = map.points.iter().map(tip).collect();
    let json = serde_json::to_string(&tips).unwrap_or_else(|_| "[]".to_owned());
    json.replace('<', "\\u003c")
}

fn table(run: &Run, map: &Map) -> Markup {
    html! {
        details {
            summary { "Table" }
            div.scroll tabindex="0" role="region" aria-label="Map of the features: table" {
                table {
                    caption { "Pictures on the map" }
                    thead { tr { th scope="col" { "Picture" } th scope="col" { "x" } th scope="col" { "y" } } }
                    tbody {
                        @for point in &map.points {
                            tr {
                                td { (said(run, point)) }
                                td { (format!("{:.3}", point.at[0])) }
                                td { (format!("{:.3}", point.at[1])) }
                            }
                        }
                    }
                }
            }
        }
    }
}
