//! The random numbers of one op on one view.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::number::Probability;

/// A stream of random numbers. It is ChaCha8 and the arithmetic below is exact, so the same seed
/// gives the same numbers on every machine and with every version of the libraries.
pub(super) struct Draws {
    rng: ChaCha8Rng,
    /// What the stream was made from, for the streams of the ops within an op.
    key: [u8; 32],
}

impl Draws {
    /// The stream of an op: the `nth` of its name among the ops of the list. Other ops, their
    /// parameters and their number play no part, so that editing one op leaves the draws of the
    /// others alone.
    pub(super) fn new(seed: u64, example: &[u8; 32], number: u32, op: &str, nth: u32) -> Self {
        let key = Sha256::new()
            .chain_update(b"catpipe view v1\0")
            .chain_update(seed.to_le_bytes())
            .chain_update(example)
            .chain_update(number.to_le_bytes())
            .chain_update(op.as_bytes())
            .chain_update(b"\0")
            .chain_update(nth.to_le_bytes())
            .finalize();
        Draws::keyed(key.into())
    }

    /// The stream of an op within this one's op, the `nth` of its name there. What has been drawn
    /// from this stream plays no part.
    pub(super) fn within(&self, op: &str, nth: u32) -> Self {
        let key = Sha256::new()
            .chain_update(b"catpipe view within v1\0")
            .chain_update(self.key)
            .chain_update(op.as_bytes())
            .chain_update(b"\0")
            .chain_update(nth.to_le_bytes())
            .finalize();
        Draws::keyed(key.into())
    }

    fn keyed(key: [u8; 32]) -> Self {
        Draws {
            rng: ChaCha8Rng::from_seed(key),
            key,
        }
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: Probability) -> bool {
        self.unit() < p.get()
    }

    /// Two independent numbers of the standard normal distribution (Box and Muller 1958).
    pub(super) fn normals(&mut self) -> [f64; 2] {
        // 1 - unit is never 0.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let angle = 2.0 * std::f64::consts::PI * self.unit();
        [radius * libm::cos(angle), radius * libm::sin(angle)]
    }

    /// A random byte for each of `bytes`.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            let random = self.rng.next_u32().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.rng.next_u32() >> 8) / f64::from(1 << 24)
    }

    /// Uniform in [lo, hi).
    pub(super) fn between(&mut self, [lo, hi]: [f64; 2]) -> f64 {
        lo + (hi - lo) * self.unit()
    }

    /// Uniform in 0..n, to within n / 2^32; 0 if n is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.rng.next_u32()) * u64::from(n)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn draws(op: &str, nth: u32) -> Vec<u32> {
        let mut draws = Draws::new(1, &[7; 32], 3, op, nth);
        (0..8).map(|_| draws.below(1000)).collect()
    }

    #[test]
    fn streams_are_repeated_and_apart() {
        assert_eq!(draws("rotate", 0), draws("rotate", 0));
        assert_ne!(draws("rotate", 0), draws("rotate", 1));
        assert_ne!(draws("rotate", 0), draws("hflip", 0));
        let mut outer = Draws::new(1, &[7; 32], 3, "one_of", 0);
        let before = outer.within("rotate", 0).below(1 << 30);
        assert_ne!(before, outer.below(1 << 30));
        assert_eq!(before, outer.within("rotate", 0).below(1 << 30));
        assert_ne!(before, outer.within("rotate", 1).below(1 << 30));
    }

    #[test]
    fn normals_have_mean_0_and_variance_1() {
        let mut draws = Draws::new(1, &[7; 32], 3, "noise", 0);
        let all: Vec<f64> = (0..20_000).flat_map(|_| draws.normals()).collect();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|x| x * x).sum::<f64>() / n;
        // 5 standard errors: 1 / sqrt(n) and sqrt(2 / n).
        assert!(mean.abs() < 5.0 / n.sqrt(), "{mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
        assert!(all.iter().any(|x| *x > 3.0) && all.iter().any(|x| *x < -3.0));
    }

    proptest! {
        #[test]
        fn draws_stay_within_their_bounds(seed: u64, n in 1u32.., lo in -9.0..0.0, hi in 0.0..9.0) {
            let mut draws = Draws::new(seed, &[0; 32], 1, "op", 0);
            prop_assert!(draws.below(n) < n);
            prop_assert!((0.0..1.0).contains(&draws.unit()));
            let x = draws.between([lo, hi]);
            prop_assert!(lo <= x && x <= hi);
        }
    }
}
