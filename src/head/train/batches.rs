//! Cutting a shuffled epoch into mini-batches.

use std::ops::Range;

/// The places of each batch of `size` among `n` shuffled examples.
///
/// A last batch of one example joins the batch before it: it would weigh 1 / size as much as the
/// others in the epoch but move the weights as far, and BatchNorm cannot normalise it. (With a
/// `size` of 1 every batch is of one, as asked.)
pub(super) fn ranges(n: usize, size: usize) -> Vec<Range<usize>> {
    let size = size.max(1);
    let mut ranges: Vec<_> = (0..n)
        .step_by(size)
        .map(|start| start..n.min(start.saturating_add(size)))
        .collect();
    if size > 1
        && let [.., before, last] = ranges.as_mut_slice()
        && last.len() == 1
    {
        before.end = last.end;
        ranges.pop();
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        let sizes = |n, size| {
            ranges(n, size)
                .iter()
                .map(ExactSizeIterator::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(10, 4), [4, 4, 2]);
        assert_eq!(sizes(9, 4), [4, 5]);
        assert_eq!(sizes(8, 4), [4, 4]);
        assert_eq!(sizes(1, 4), [1]);
        assert_eq!(sizes(3, 1), [1, 1, 1]);
        assert_eq!(sizes(3, usize::MAX), [3]);
        assert_eq!(sizes(0, 4), [] as [usize; 0]);
        assert_eq!(sizes(2, 0), [1, 1]);
    }

    proptest! {
        #[test]
        fn every_place_comes_once(n in 0..300_usize, size in 1..40_usize) {
            let places: Vec<usize> = ranges(n, size).into_iter().flatten().collect();
            prop_assert_eq!(places, (0..n).collect::<Vec<_>>());
        }
    }
}
