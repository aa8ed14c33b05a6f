//! Runs beside each other.

use std::collections::{HashMap, HashSet};

use crate::head::metrics::mcnemar;
use crate::head::paired::paired_difference;
use crate::report::data::{Difference, Disagreement};

use super::Gathered;
use super::album::Album;
use super::scored::{Scored, ScoredRow};

/// How many test examples are shown on which runs disagree.
const MOST: usize = 36;
/// Longest side of a picture.
const PIXELS: u32 = 160;

/// Runs of one name get their folders' names beside it.
pub(super) fn name_apart(runs: &mut [Gathered]) {
    let mut seen = HashSet::new();
    let names: Vec<String> = runs.iter().map(|one| one.run.name.clone()).collect();
    let twice: HashSet<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
    for one in runs.iter_mut().filter(|one| twice.contains(&one.run.name)) {
        one.run.name = format!("{} ({})", one.run.name, one.run.folder);
    }
}

/// What a run says of each test example.
fn by_id(scored: &Scored) -> HashMap<&str, &ScoredRow> {
    scored
        .rows
        .iter()
        .map(|row| (row.id.as_str(), row))
        .collect()
}

/// Each other run against the first, on the labelled test examples that both have scored.
pub(super) fn differences(runs: &[Gathered]) -> Vec<Difference> {
    let Some((first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let Some(base) = first.scored.as_ref().filter(|scored| scored.is_labelled()) else {
        return Vec::new();
    };
    others
        .iter()
        .filter_map(|other| difference(base, other))
        .collect()
}

fn difference(base: &Scored, other: &Gathered) -> Option<Difference> {
    let there = by_id(
        other
            .scored
            .as_ref()
            .filter(|scored| scored.is_labelled())?,
    );
    let (mut both, mut gained, mut lost) = (0, 0, 0);
    for row in &base.rows {
        let Some(other) = there.get(row.id.as_str()) else {
            continue;
        };
        both += 1;
        gained += usize::from(other.is_right() && !row.is_right());
        lost += usize::from(row.is_right() && !other.is_right());
    }
    let (accuracy, interval) = paired_difference(gained, lost, both);
    (both > 0).then(|| Difference {
        name: other.run.name.clone(),
        both,
        gained,
        lost,
        accuracy,
        interval,
        p_value: mcnemar(gained, lost),
    })
}

/// Test examples of the first run that the runs do not all take for the same.
pub(super) fn disagreements(runs: &[Gathered], album: &Album<'_>) -> Vec<Disagreement> {
    let Some(first) = runs.first().and_then(|one| one.scored.as_ref()) else {
        return Vec::new();
    };
    let all: Vec<Option<(&Scored, HashMap<&str, &ScoredRow>)>> = (runs.iter())
        .map(|one| one.scored.as_ref().map(|scored| (scored, by_id(scored))))
        .collect();
    let mut found = Vec::new();
    for row in &first.rows {
        let said = all.iter().map(|one| {
            let (scored, rows) = one.as_ref()?;
            let row = rows.get(row.id.as_str())?;
            Some((scored.class(row.predicted), row.confidence()))
        });
        let predicted: Vec<Option<(String, f64)>> = said.collect();
        let answers: HashSet<&String> =
            predicted.iter().flatten().map(|(class, _)| class).collect();
        if answers.len() > 1 {
            found.push(Disagreement {
                id: row.id.clone(),
                label: row
                    .label
                    .map(|label| first.class(label))
                    .unwrap_or_default(),
                predicted,
                picture: None,
            });
        }
    }
    found.truncate(MOST);
    let places: Vec<Option<usize>> = found.iter().map(|one| album.place(true, &one.id)).collect();
    for (one, picture) in found.iter_mut().zip(album.pictures(true, &places, PIXELS)) {
        one.picture = picture;
    }
    found
}
