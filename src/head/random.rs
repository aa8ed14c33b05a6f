//! Seeded randomness: one independent stream for each purpose, and the few draws that training
//! needs, written out so that their values never change with a dependency's version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The stream that belongs to a purpose, the run's seed and further keys (fold, epoch, ...).
///
/// Its ChaCha8 key is the SHA-256 of all of them, so two streams are as good as unrelated.
pub(super) fn stream(purpose: &str, seed: u64, keys: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"catpipe/head/");
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(seed.to_le_bytes());
    for key in keys {
        hash.update(key.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// Uniform in [0, 1), a multiple of 2^-24.
#[allow(clippy::cast_precision_loss)] // 24 bits fit an f32 exactly
pub(super) fn uniform(random: &mut impl Rng) -> f32 {
    (random.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Uniform in `0..bound`, without bias (Lemire 2019, "Fast random integer generation in an
/// interval", in its simple form: draws that would favour small values are thrown away).
/// 0 for a bound of 0.
pub(super) fn below(random: &mut impl Rng, bound: usize) -> usize {
    let bound = bound as u64;
    if bound <= 1 {
        return 0;
    }
    let unfair = bound.wrapping_neg() % bound;
    loop {
        let draw = random.next_u64();
        if draw >= unfair {
            #[allow(clippy::cast_possible_truncation)] // below a bound that was a usize
            return (draw % bound) as usize;
        }
    }
}

/// Puts the items in a random order, each of the n! equally likely (Fisher & Yates, in Durstenfeld's
/// form of 1964).
pub(super) fn shuffle<T>(items: &mut [T], random: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(random, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_each_of_its_keys() {
        let first = |purpose, seed, keys: &[u64]| stream(purpose, seed, keys).next_u64();
        let base = first("a", 1, &[2, 3]);
        assert_eq!(base, first("a", 1, &[2, 3]));
        for other in [
            first("b", 1, &[2, 3]),
            first("a", 2, &[2, 3]),
            first("a", 1, &[3, 2]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uniform_stays_in_its_interval_with_the_mean_of_one() {
        let mut random = stream("test", 7, &[]);
        let draws: Vec<f32> = (0..20_000).map(|_| uniform(&mut random)).collect();
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = draws.iter().sum::<f32>() / 20_000.0;
        // Four standard errors of the mean: 4 * sqrt(1/12 / 20000).
        assert!((mean - 0.5).abs() < 0.0082, "mean {mean}");
    }

    #[test]
    fn below_reaches_every_value_about_equally_often() {
        let mut random = stream("test", 8, &[]);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut random, 7)] += 1;
        }
        // Chi-squared, 6 degrees of freedom: 0.999 quantile 22.46.
        let chi: f64 = counts
            .iter()
            .map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4)
            .sum();
        assert!(chi < 22.46, "chi-squared {chi}, counts {counts:?}");
        assert_eq!(below(&mut random, 0), 0);
        assert_eq!(below(&mut random, 1), 0);
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_all_orders_come() {
        let mut random = stream("test", 9, &[]);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, &mut random);
            *seen.entry(items).or_insert(0u32) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|&n| (850..1150).contains(&n)), "{seen:?}");
    }
}
