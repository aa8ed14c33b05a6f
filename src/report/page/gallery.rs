//! Pictures worth a look: mistakes, what it is least sure of, labels that may be wrong.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::super::data::{Card, Run};
use super::Section;
use super::parts::picture;
use super::words::{counted, percent};

/// A set of cards.
struct Tab<'a> {
    id: &'static str,
    name: String,
    lead: String,
    cards: &'a [Card],
}

/// The gallery; none where there is nothing to show in it.
pub(super) fn section(run: &Run) -> Option<Section> {
    let tabs: Vec<Tab> = tabs(run);
    if tabs.is_empty() {
        return None;
    }
    let content = html! {
        @if tabs.len() > 1 {
            div.js-only role="tablist" aria-label="Which pictures" {
                @for tab in &tabs {
                    button type="button" role="tab" id=(format!("tab-{}", tab.id))
                        aria-controls=(format!("panel-{}", tab.id)) aria-selected="false" { (tab.name) }
                }
            }
        }
        @for tab in &tabs { (panel(tab, tabs.len() > 1)) }
    };
    Some(Section::new("pictures", "Pictures", content))
}

fn tabs(run: &Run) -> Vec<Tab<'_>> {
    let shown = |all: usize, cards: &[Card]| match cards.len() {
        some if some < all => format!(" The first {some} are shown."),
        _ => String::new(),
    };
    let what = run.figures.main_scores().map_or("test", |(what, _)| what);
    let pictures = if what == "test" {
        "test picture"
    } else {
        "out-of-fold picture"
    };
    let wrong = run.mistake_count;
    let mut tabs = vec![
        Tab {
            id: "mistakes",
            name: format!("Mistakes ({wrong})"),
            lead: format!(
                "{} that went wrong, the surest mistakes first.{}",
                counted(wrong, pictures),
                shown(wrong, &run.mistakes)
            ),
            cards: &run.mistakes,
        },
        Tab {
            id: "uncertain",
            name: format!("Least certain ({})", run.uncertain.len()),
            lead: "Right, but only just: the least certain first.".to_owned(),
            cards: &run.uncertain,
        },
    ];
    let suspects = run.figures.label_errors.len();
    tabs.push(Tab {
        id: "suspects",
        name: format!("Labels to check ({suspects})"),
        lead: format!(
            "{} whose label the models that had not seen it find unlikely.{}",
            counted(suspects, "training picture"),
            shown(suspects, &run.suspects)
        ),
        cards: &run.suspects,
    });
    tabs.retain(|tab| !tab.cards.is_empty());
    tabs
}

fn panel(tab: &Tab, is_tab: bool) -> Markup {
    let labels: BTreeSet<&str> = tab.cards.iter().map(|card| card.label.as_str()).collect();
    let id = format!("panel-{}", tab.id);
    let role = is_tab.then_some("tabpanel");
    let by = is_tab.then(|| format!("tab-{}", tab.id));
    html! {
        div.panel id=(id) role=[role] aria-labelledby=[by] {
            p.lead { (tab.lead) }
            @if labels.len() > 1 {
                div.filter.js-only {
                    label for=(format!("filter-{}", tab.id)) { "Only" }
                    select id=(format!("filter-{}", tab.id)) data-filters=(id) {
                        option value="" { "all classes" }
                        @for label in labels { option value=(label) { (label) } }
                    }
                    span.shown role="status" {}
                }
            }
            ul.cards { @for card in tab.cards { (shown(card)) } }
        }
    }
}

fn shown(card: &Card) -> Markup {
    let alt = format!(
        "{}: labelled {}, taken for {}",
        card.id, card.label, card.predicted
    );
    html! {
        li.card data-label=(card.label) {
            @if card.picture.is_some() || card.heat_map.is_some() {
                div.pictures {
                    @if let Some(image) = &card.picture { (picture(image, &alt)) }
                    @if let Some(image) = &card.heat_map {
                        (picture(image, &format!("Heat map: what speaks for {}", card.predicted)))
                    }
                }
            }
            p.said {
                @if card.label == card.predicted {
                    "Labelled " b { (card.label) } ", and taken for that"
                } @else {
                    "Labelled " b { (card.label) } ", taken for " b.bad { (card.predicted) }
                }
            }
            p.id { (card.id) }
            (odds(&card.probabilities))
            @if !card.nearest.is_empty() { (nearest(card)) }
        }
    }
}

fn odds(probabilities: &[(String, f64)]) -> Markup {
    html! {
        dl.odds {
            @for (name, p) in probabilities {
                dt { (name) }
                dd { span.bar style=(format!("width:{:.1}%", p * 100.0)) {} }
                dd { (percent(*p)) }
            }
        }
    }
}

fn nearest(card: &Card) -> Markup {
    html! {
        p.id { "Looks like, among the training pictures:" }
        ul.near {
            @for one in &card.nearest {
                li {
                    @if let Some(image) = &one.picture {
                        (picture(image, &format!("{}, labelled {}", one.id, one.label)))
                    }
                    span title=(one.id) { (one.label) " " (format!("{:.2}", one.similarity)) }
                }
            }
        }
    }
}
