//! Pictures that stand on both sides: a head that has learned them is not judged by them.

mod hash;
mod near;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::error::DatasetError;
use super::source::Source;
use super::{Dataset, parallel};

/// The most bits of 63 in which the perceptual hashes of near duplicates differ. Those of two
/// copies of a picture differ in 0 to 4 bits, those of different photographs in about 31: of 37,332
/// pairs of the hymenoptera pictures none was below 16.
pub const NEAR: u32 = 6;

/// A picture of the training side that is found on the test side too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The training example's id.
    pub train: String,
    /// The test example's id.
    pub test: String,
    /// In how many of 63 bits their perceptual hashes differ; None where the content is the same.
    pub distance: Option<u32>,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (train, test) = (&self.train, &self.test);
        match self.distance {
            None => write!(f, "{train} (train) and {test} (test) are the same"),
            Some(bits) => write!(
                f,
                "{train} (train) and {test} (test) look alike ({bits} of 63 bits)"
            ),
        }
    }
}

/// What examples are compared by.
pub(super) struct Prints {
    /// Their content keys.
    pub(super) keys: Vec<[u8; 32]>,
    /// Their perceptual hashes; None where a picture shows nothing.
    pub(super) hashes: Vec<Option<u64>>,
}

impl Prints {
    /// Reads and decodes every example.
    fn of(source: &Source, done: &mut dyn FnMut()) -> Result<Self, DatasetError> {
        let look = |i| Ok((source.content_key(i)?, hash::of(&source.read(i)?)));
        let prints = parallel::map_watched(source.examples().len(), look, done);
        let prints: Result<Vec<_>, DatasetError> = prints.into_iter().collect();
        let (keys, hashes) = prints?.into_iter().unzip();
        Ok(Prints { keys, hashes })
    }

    pub(super) fn hash(image: &image::RgbImage) -> Option<u64> {
        hash::of(image)
    }
}

impl Dataset {
    /// The training examples that stand on the test side too: those of the same content, and those
    /// that look alike (their perceptual hashes differ in at most [`NEAR`] bits). Every image is
    /// decoded, and `done` called after each. An example of many copies is named once, beside the most
    /// alike.
    ///
    /// # Errors
    /// An example that cannot be read.
    pub fn duplicates(&self, done: &mut dyn FnMut()) -> Result<Vec<Duplicate>, DatasetError> {
        let Some(test) = &self.test else {
            return Ok(Vec::new());
        };
        let prints = (Prints::of(&self.train, done)?, Prints::of(test, done)?);
        Ok(find(&self.train, test, &prints.0, &prints.1))
    }
}

/// For each test example the training example that is most like it, if one is like it at all.
pub(super) fn find(
    train: &Source,
    test: &Source,
    train_prints: &Prints,
    test_prints: &Prints,
) -> Vec<Duplicate> {
    let mut same: HashMap<&[u8; 32], usize> = HashMap::new();
    for (i, key) in train_prints.keys.iter().enumerate() {
        same.entry(key).or_insert(i);
    }
    let index = near::Index::new(&train_prints.hashes);
    let id = |source: &Source, i: usize| {
        let example = source.examples().get(i);
        example.map(|e| e.id.clone()).unwrap_or_default()
    };
    let mut found = Vec::new();
    for (i, (key, hash)) in test_prints.keys.iter().zip(&test_prints.hashes).enumerate() {
        let like = match same.get(key) {
            Some(&place) => Some((place, None)),
            None => hash
                .and_then(|hash| index.nearest(hash))
                .map(|(place, bits)| (place, Some(bits))),
        };
        if let Some((place, distance)) = like {
            found.push(Duplicate {
                train: id(train, place),
                test: id(test, i),
                distance,
            });
        }
    }
    found
}
