//! Which examples are worth a look, and what is shown of each.

use crate::report::data::Card;
use crate::report::figures::LabelError;

use super::super::error::PipelineError;
use super::heat::Heat;
use super::looks::Looks;
use super::scored::{Scored, ScoredRow};

/// How many mistakes are shown.
const MOST_MISTAKES: usize = 24;
/// How many of the least certain, and of the labels to check.
const MOST_OTHERS: usize = 12;
/// Longest side of a picture.
const PIXELS: u32 = 160;
/// How many probabilities are shown.
const TOP: usize = 3;

/// What is worth a look among scored examples.
#[derive(Default)]
pub(super) struct Gallery {
    pub(super) mistakes: Vec<Card>,
    /// How many mistakes there are.
    pub(super) wrong: usize,
    pub(super) uncertain: Vec<Card>,
}

/// Mistakes, the surest first, and what is right but least certain.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn gallery(
    scored: &Scored,
    is_test: bool,
    looks: &Looks<'_>,
    heat: &mut Option<Heat<'_>>,
) -> Result<Gallery, PipelineError> {
    let (mut right, mut wrong): (Vec<&ScoredRow>, Vec<&ScoredRow>) =
        scored.rows.iter().partition(|row| row.is_right());
    // Stable: of equals the earlier stays first.
    wrong.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()));
    right.sort_by(|a, b| a.confidence().total_cmp(&b.confidence()));
    let count = wrong.len();
    wrong.truncate(MOST_MISTAKES);
    right.truncate(MOST_OTHERS);
    let mut cards = |rows: &[&ScoredRow]| {
        let bare: Vec<Card> = rows.iter().map(|row| card(scored, row)).collect();
        pictured(bare, is_test, looks, heat)
    };
    Ok(Gallery {
        mistakes: cards(&wrong)?,
        wrong: count,
        uncertain: cards(&right)?,
    })
}

/// Training examples whose labels are likely wrong.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn suspects(
    errors: &[LabelError],
    out_of_fold: Option<&Scored>,
    looks: &Looks<'_>,
    heat: &mut Option<Heat<'_>>,
) -> Result<Vec<Card>, PipelineError> {
    let card = |error: &LabelError| {
        let row = out_of_fold.and_then(|scored| {
            let row = scored.rows.iter().find(|row| row.id == error.id)?;
            Some(top(scored, row))
        });
        let two = || {
            vec![
                (error.suggested.clone(), error.p_suggested),
                (error.label.clone(), error.p_label),
            ]
        };
        Card {
            id: error.id.clone(),
            label: error.label.clone(),
            predicted: error.suggested.clone(),
            probabilities: row.unwrap_or_else(two),
            ..Card::default()
        }
    };
    let bare = errors.iter().take(MOST_OTHERS).map(card).collect();
    pictured(bare, false, looks, heat)
}

fn card(scored: &Scored, row: &ScoredRow) -> Card {
    Card {
        id: row.id.clone(),
        label: row
            .label
            .map(|label| scored.class(label))
            .unwrap_or_default(),
        predicted: scored.class(row.predicted),
        probabilities: top(scored, row),
        ..Card::default()
    }
}

/// The most probable classes, the first first.
fn top(scored: &Scored, row: &ScoredRow) -> Vec<(String, f64)> {
    let mut all: Vec<(usize, f32)> = row.probabilities.iter().copied().enumerate().collect();
    all.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let named = |(class, p): &(usize, f32)| (scored.class(*class), f64::from(*p));
    all.iter().take(TOP).map(named).collect()
}

/// The cards with pictures, heat maps and what looks like them.
fn pictured(
    mut cards: Vec<Card>,
    is_test: bool,
    looks: &Looks<'_>,
    heat: &mut Option<Heat<'_>>,
) -> Result<Vec<Card>, PipelineError> {
    let album = &looks.album;
    let places: Vec<Option<usize>> = cards
        .iter()
        .map(|card| album.place(is_test, &card.id))
        .collect();
    let pictures = album.pictures(is_test, &places, PIXELS);
    let like = looks.like(is_test, &places)?;
    for ((card, picture), near) in cards.iter_mut().zip(pictures).zip(like) {
        card.picture = picture;
        card.nearest = near;
    }
    if let (Some(heat), Some(source)) = (heat, album.source(is_test)) {
        for (card, place) in cards.iter_mut().zip(&places) {
            let picture = place.and_then(|place| source.read(place).ok());
            card.heat_map = picture
                .and_then(|picture| heat.of_picture(&card.id, &picture, &card.predicted, PIXELS));
        }
    }
    Ok(cards)
}
