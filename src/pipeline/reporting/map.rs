//! The features in two dimensions.

use std::collections::HashMap;

use crate::head::projection::Projection;
use crate::report::data::{Map, MapPoint};

use super::super::error::PipelineError;
use super::looks::{Looks, evenly};
use super::scored::{Scored, ScoredRow};

/// Examples of a side on the map; of more, evenly chosen ones.
const MOST: usize = 250;
/// Longest side of a picture.
const PIXELS: u32 = 88;

/// The map of training and test examples, laid out by the principal components of the training
/// examples on it. None where there are no features or classes.
///
/// # Errors
/// Rows that cannot be read.
pub(super) fn of(test: Option<&Scored>, looks: &Looks<'_>) -> Result<Option<Map>, PipelineError> {
    let rows = test
        .map(|scored| scored.rows.as_slice())
        .unwrap_or_default();
    let said: HashMap<&str, &ScoredRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let mut map = Map::default();
    let mut projection = None;
    for is_test in [false, true] {
        let Some(source) = looks.album.source(is_test).filter(|side| side.labelled()) else {
            continue;
        };
        let places = evenly(source.examples().len(), MOST);
        let Some(features) = looks.material.features(is_test, &places)? else {
            continue;
        };
        if !is_test {
            projection = Projection::fit(features.view());
        }
        let Some(at) = projection
            .as_ref()
            .and_then(|one| one.places(features.view()))
        else {
            continue;
        };
        map.total += source.examples().len();
        let wanted: Vec<Option<usize>> = places.iter().copied().map(Some).collect();
        let pictures = looks.album.pictures(is_test, &wanted, PIXELS);
        for ((place, at), picture) in places.iter().zip(at).zip(pictures) {
            let Some(example) = source.examples().get(*place) else {
                continue;
            };
            let row = said
                .get(example.id.as_str())
                .filter(|row| is_test && !row.is_right());
            map.points.push(MapPoint {
                at,
                id: example.id.clone(),
                class: example.label.unwrap_or_default(),
                test: is_test,
                taken_for: row.and_then(|row| Some(test?.class(row.predicted))),
                picture,
            });
        }
    }
    map.explained = projection.map_or([0.0; 2], |one| one.explained);
    Ok((!map.points.is_empty()).then_some(map))
}
