//! How often an activation has which value, in bounded memory and one pass.

/// Bins on either side of zero.
const HALF: usize = 8192;
/// Bins of magnitude that the divergence is computed on.
const COARSE: usize = 2048;

/// Counts of values in even bins that grow with what comes: where a value lies outside, the bins
/// become twice as wide and pairs of them are added up. Zero is always a border between bins.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    /// The bins cover `-limit..limit`: a power of two.
    limit: f32,
    total: u64,
    least: f32,
    most: f32,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            counts: vec![0; 2 * HALF],
            limit: f32::MIN_POSITIVE,
            total: 0,
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
        }
    }

    /// Counts `values`; gives back the first that is not finite, if any, having counted none.
    pub(super) fn add(&mut self, values: &[f32]) -> Result<(), f32> {
        let (mut least, mut most) = (self.least, self.most);
        for &value in values {
            if !value.is_finite() {
                return Err(value);
            }
            least = least.min(value);
            most = most.max(value);
        }
        (self.least, self.most) = (least, most);
        self.grow(most.abs().max(least.abs()));
        let bins_a_unit = HALF as f32 / self.limit;
        for &value in values {
            // Exact: both are powers of two. The cast cuts off what f32's own top leaves over.
            let bin = (value * bins_a_unit).floor() as i64 + HALF as i64;
            self.counts[bin.clamp(0, 2 * HALF as i64 - 1) as usize] += 1;
        }
        self.total += values.len() as u64;
        Ok(())
    }

    /// Makes the bins reach beyond `magnitude`.
    fn grow(&mut self, magnitude: f32) {
        while self.limit <= magnitude && self.limit < f32::MAX / 2.0 {
            self.limit *= 2.0;
            if self.total == 0 {
                continue;
            }
            let mut wider = vec![0; 2 * HALF];
            for (pair, counts) in self.counts.chunks_exact(2).enumerate() {
                wider[HALF / 2 + pair] = counts.iter().sum();
            }
            self.counts = wider;
        }
    }

    /// The least and the largest value; zeros where there was none.
    pub(super) fn range(&self) -> [f32; 2] {
        if self.total == 0 {
            return [0.0; 2];
        }
        [self.least, self.most]
    }

    /// The value below which `percent` of the values lie, to the width of a bin.
    pub(super) fn percentile(&self, percent: f64) -> f32 {
        let [least, most] = self.range();
        if percent <= 0.0 || self.total == 0 {
            return least;
        }
        if percent >= 100.0 {
            return most;
        }
        let wanted = percent / 100.0 * (self.total - 1) as f64;
        let width = f64::from(self.limit) / HALF as f64;
        let mut below = 0.0;
        for (bin, &count) in self.counts.iter().enumerate() {
            let here = count as f64;
            if here > 0.0 && below + here > wanted {
                // The values of a bin count as evenly spread over it.
                let share = (wanted - below + 0.5) / here;
                let value = (bin as f64 - HALF as f64 + share.min(1.0)) * width;
                return (value as f32).clamp(least, most);
            }
            below += here;
        }
        most
    }

    /// The magnitude to cut off at, by the least divergence between the counts and what is left of
    /// them on `levels` levels.
    pub(super) fn entropy(&self) -> f32 {
        let [least, most] = self.range();
        let levels = if least < 0.0 { 128 } else { 255 };
        let magnitudes = self.magnitudes();
        let end = magnitudes.iter().rposition(|count| *count > 0.0);
        let end = end.map_or(0, |last| last + 1);
        let divergence = |cut: usize| divergence(&magnitudes[..end], cut, levels);
        let best = (levels..=end).min_by(|a, b| divergence(*a).total_cmp(&divergence(*b)));
        let all = most.abs().max(least.abs());
        match best {
            Some(cut) if cut < end => (self.limit * cut as f32 / COARSE as f32).min(all),
            _ => all,
        }
    }

    /// How often which magnitude; the first bin, which holds the zeros that no cut changes, counts
    /// as its neighbour.
    fn magnitudes(&self) -> Vec<f64> {
        let (below, above) = self.counts.split_at(HALF);
        let both = above.iter().zip(below.iter().rev()).map(|(a, b)| a + b);
        let both: Vec<u64> = both.collect();
        let merged = both.chunks(HALF / COARSE);
        let mut merged: Vec<f64> = merged.map(|bins| bins.iter().sum::<u64>() as f64).collect();
        merged[0] = merged[1];
        merged
    }
}

/// The Kullback-Leibler divergence of the counts, what lies beyond `cut` moved to its last bin,
/// from the same on `levels` levels.
fn divergence(counts: &[f64], cut: usize, levels: usize) -> f64 {
    let mut given = counts[..cut].to_vec();
    let beyond: f64 = counts[cut..].iter().sum();
    let mut kept = vec![0.0; cut];
    for level in 0..levels {
        let bins = level * cut / levels..(level + 1) * cut / levels;
        let some = counts[bins.clone()].iter().filter(|count| **count > 0.0);
        let (number, sum) = some.fold((0.0, 0.0), |(n, sum), count| (n + 1.0, sum + count));
        for bin in bins.filter(|bin| counts[*bin] > 0.0) {
            kept[bin] = sum / number;
        }
    }
    if let Some(last) = given.last_mut() {
        *last += beyond;
    }
    let (all, all_kept): (f64, f64) = (given.iter().sum(), kept.iter().sum());
    if all_kept <= 0.0 {
        return f64::INFINITY;
    }
    let terms = given.iter().zip(&kept).filter(|(given, _)| **given > 0.0);
    terms
        .map(|(given, kept)| {
            let (p, q) = (given / all, (kept / all_kept).max(1e-12));
            p * (p / q).ln()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(batches: &[&[f32]]) -> Histogram {
        let mut histogram = Histogram::new();
        for batch in batches {
            histogram.add(batch).unwrap();
        }
        histogram
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_exact_one_to_a_bin(
            values in prop::collection::vec(-1e3_f32..1e3, 1..400),
            percent in 0.0_f64..=100.0,
        ) {
            let histogram = of(&[&values]);
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let place = percent / 100.0 * (values.len() - 1) as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            let width = 2.0 * histogram.limit / HALF as f32;
            let found = histogram.percentile(percent);
            prop_assert!(below - width <= found && found <= above + width,
                "{below} {found} {above}");
        }

        #[test]
        fn batches_in_any_order_and_size_count_the_same(
            values in prop::collection::vec(-1e4_f32..1e4, 2..200), cut in any::<prop::sample::Index>(),
        ) {
            let (first, second) = values.split_at(cut.index(values.len()));
            let (one, other) = (of(&[&values]), of(&[second, first]));
            prop_assert_eq!(&one.counts, &other.counts);
            prop_assert_eq!(one.range(), other.range());
            prop_assert_eq!(one.counts.iter().sum::<u64>(), values.len() as u64);
        }
    }

    #[test]
    fn ends_are_exact_and_nothing_is_zero() {
        let histogram = of(&[&[0.1, -3.7, 0.0], &[900.5]]);
        assert_eq!(histogram.range(), [-3.7, 900.5]);
        assert_eq!(histogram.percentile(100.0), 900.5);
        assert_eq!(histogram.percentile(0.0), -3.7);
        assert_eq!(Histogram::new().range(), [0.0; 2]);
        assert_eq!(Histogram::new().percentile(50.0), 0.0);
        assert_eq!(Histogram::new().entropy(), 0.0);
    }

    #[test]
    fn the_largest_floats_are_counted() {
        let histogram = of(&[&[f32::MAX, f32::MIN, 1e-40]]);
        assert_eq!(histogram.range(), [f32::MIN, f32::MAX]);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 3);
    }

    #[test]
    fn what_is_not_finite_is_given_back() {
        let mut histogram = Histogram::new();
        assert!(histogram.add(&[1.0, f32::NAN]).unwrap_err().is_nan());
        assert_eq!(histogram.range(), [0.0; 2]);
    }

    #[test]
    fn entropy_cuts_off_a_lonely_outlier() {
        let uniform = |i: usize, by: f64| (i as f64 * by).fract() as f32 - 0.5;
        // The sum of three: a bell between -1.5 and 1.5.
        let bell = |i| uniform(i, 0.618_034) + uniform(i, 0.414_214) + uniform(i, 0.732_051);
        let mut values: Vec<f32> = (0..40_000).map(bell).collect();
        values.push(12.0);
        let cut = of(&[&values]).entropy();
        assert!((1.0..4.0).contains(&cut), "{cut}");
        let even: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.618).fract()).collect();
        let whole = of(&[&even]).entropy();
        assert!((0.9..=1.0).contains(&whole), "{whole}");
    }
}
