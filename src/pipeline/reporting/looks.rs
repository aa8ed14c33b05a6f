//! Which training examples look like another example.

use ndarray::Array2;

use crate::head::explain::{Neighbour, nearest};
use crate::report::data::Near;

use super::super::error::PipelineError;
use super::album::Album;
use super::material::Material;

/// How many training examples are looked among; of more, evenly chosen ones.
const MOST_ROWS: usize = 20_000;
/// How many of them are shown beside a picture.
const NEAREST: usize = 3;
/// Longest side of their pictures.
const PIXELS: u32 = 96;

/// Pictures and features of the training examples.
pub(super) struct Looks<'a> {
    pub(super) material: &'a Material<'a>,
    pub(super) album: Album<'a>,
    train: Option<Array2<f32>>,
    /// The example of each row of `train`.
    examples: Vec<usize>,
}

impl<'a> Looks<'a> {
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn new(material: &'a Material<'a>) -> Result<Self, PipelineError> {
        let count = material.side(false).map_or(0, |side| side.examples().len());
        let examples = evenly(count, MOST_ROWS);
        Ok(Self {
            material,
            album: Album::of(material),
            train: material.features(false, &examples)?,
            examples,
        })
    }

    /// The training examples nearest to each of these examples; none where there are no features.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn like(
        &self,
        is_test: bool,
        places: &[Option<usize>],
    ) -> Result<Vec<Vec<Near>>, PipelineError> {
        let mut all = vec![Vec::new(); places.len()];
        let known: Vec<(usize, usize)> = (places.iter().enumerate())
            .filter_map(|(at, place)| Some((at, (*place)?)))
            .collect();
        let wanted: Vec<usize> = known.iter().map(|(_, place)| *place).collect();
        let rows = self.material.features(is_test, &wanted)?;
        let Some((train, rows)) = self.train.as_ref().zip(rows) else {
            return Ok(all);
        };
        let itself =
            |query: usize, row: usize| !is_test && self.examples.get(row) == wanted.get(query);
        let found = nearest(train, rows.view(), NEAREST, &itself)?;
        for ((at, _), neighbours) in known.iter().zip(&found) {
            if let Some(near) = all.get_mut(*at) {
                *near = self.near(neighbours);
            }
        }
        Ok(all)
    }

    fn near(&self, neighbours: &[Neighbour]) -> Vec<Near> {
        let place = |one: &Neighbour| self.examples.get(one.row).copied();
        let places: Vec<Option<usize>> = neighbours.iter().map(place).collect();
        let pictures = self.album.pictures(false, &places, PIXELS);
        let source = self.album.source(false);
        let one = |((neighbour, place), picture): ((&Neighbour, &Option<usize>), _)| {
            let source = source?;
            let example = source.examples().get((*place)?)?;
            let label = example.label.and_then(|label| source.classes().get(label));
            Some(Near {
                id: example.id.clone(),
                label: label.cloned().unwrap_or_default(),
                similarity: f64::from(neighbour.similarity),
                picture,
            })
        };
        neighbours
            .iter()
            .zip(&places)
            .zip(pictures)
            .filter_map(one)
            .collect()
    }
}

/// At most `most` of `count` places, evenly spaced.
pub(super) fn evenly(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|k| k * count / most).collect()
}
