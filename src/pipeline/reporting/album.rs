//! Pictures of examples, found by id.

use std::collections::HashMap;

use crate::dataset::{Source, on_all_cores};
use crate::report::data::Picture;
use crate::report::{jpeg, thumbnail};

use super::material::Material;

/// The pictures of both sides.
#[derive(Default)]
pub(super) struct Album<'a> {
    train: Option<Side<'a>>,
    test: Option<Side<'a>>,
}

struct Side<'a> {
    source: &'a Source,
    places: HashMap<&'a str, usize>,
}

impl<'a> Album<'a> {
    pub(super) fn of(material: &'a Material<'_>) -> Self {
        Self {
            train: material.side(false).map(Side::of),
            test: material.side(true).map(Side::of),
        }
    }

    fn side(&self, is_test: bool) -> Option<&Side<'a>> {
        if is_test {
            self.test.as_ref()
        } else {
            self.train.as_ref()
        }
    }

    /// The place of an example among those of its side.
    pub(super) fn place(&self, is_test: bool, id: &str) -> Option<usize> {
        self.side(is_test)?.places.get(id).copied()
    }

    /// The examples of a side.
    pub(super) fn source(&self, is_test: bool) -> Option<&'a Source> {
        Some(self.side(is_test)?.source)
    }

    /// Pictures of at most `pixels` by `pixels`; none for what cannot be read.
    pub(super) fn pictures(
        &self,
        is_test: bool,
        places: &[Option<usize>],
        pixels: u32,
    ) -> Vec<Option<Picture>> {
        let Some(side) = self.side(is_test) else {
            return vec![None; places.len()];
        };
        on_all_cores(places.len(), |i| {
            let picture = side.source.read(places.get(i).copied()??).ok()?;
            jpeg(&thumbnail(&picture, pixels)).ok()
        })
    }
}

impl<'a> Side<'a> {
    fn of(source: &'a Source) -> Self {
        let named = source.examples().iter().enumerate();
        Self {
            source,
            places: named
                .map(|(place, example)| (example.id.as_str(), place))
                .collect(),
        }
    }
}
