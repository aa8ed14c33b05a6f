//! The hashes that are near to a hash, without comparing it with all.

use std::collections::HashMap;

use super::NEAR;

/// Into how many bands a hash is cut: of two hashes that differ in at most `NEAR` bits, one of
/// `NEAR + 1` bands is the same.
const BANDS: u32 = NEAR + 1;

/// The bits of a band.
const WIDTH: u32 = u64::BITS.div_ceil(BANDS);

/// Hashes, found by their bands.
pub(super) struct Index {
    bands: HashMap<(u32, u64), Vec<(usize, u64)>>,
}

impl Index {
    /// Of the hashes at each place.
    pub(super) fn new(hashes: &[Option<u64>]) -> Self {
        let mut bands: HashMap<_, Vec<_>> = HashMap::new();
        for (place, hash) in hashes.iter().enumerate() {
            let Some(hash) = *hash else { continue };
            for band in 0..BANDS {
                let cell = bands.entry((band, cut(hash, band))).or_default();
                cell.push((place, hash));
            }
        }
        Index { bands }
    }

    /// The place of the nearest hash within `NEAR` bits, and in how many it differs; the first of
    /// several.
    pub(super) fn nearest(&self, hash: u64) -> Option<(usize, u32)> {
        let cells = (0..BANDS).filter_map(|band| self.bands.get(&(band, cut(hash, band))));
        let distances = cells
            .flatten()
            .map(|(place, other)| (*place, (hash ^ other).count_ones()));
        distances
            .filter(|(_, bits)| *bits <= NEAR)
            .min_by_key(|(place, bits)| (*bits, *place))
    }
}

fn cut(hash: u64, band: u32) -> u64 {
    (hash >> (band * WIDTH)) & ((1 << WIDTH) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_through_all_finds(
            hashes in proptest::collection::vec(any::<u64>(), 1..30),
            from: prop::sample::Index,
            flips in proptest::collection::vec(0..64u32, 0..9),
        ) {
            let hash = flips.iter().fold(hashes[from.index(hashes.len())], |h, bit| h ^ (1 << bit));
            let all: Vec<Option<u64>> = hashes.iter().copied().map(Some).collect();
            let by_hand = (0..).zip(&hashes)
                .map(|(i, other): (usize, _)| (i, (hash ^ other).count_ones()))
                .filter(|(_, bits)| *bits <= NEAR)
                .min_by_key(|(i, bits)| (*bits, *i));
            prop_assert_eq!(Index::new(&all).nearest(hash), by_hand);
        }
    }
}
