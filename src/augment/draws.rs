//! The random numbers of one op on one view.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of random numbers. It is ChaCha8 and the arithmetic below is exact, so the same seed
/// gives the same numbers on every machine and with every version of the libraries.
pub(super) struct Draws(ChaCha8Rng);

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
        Draws(ChaCha8Rng::from_seed(key.into()))
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32() >> 8) / f64::from(1 << 24)
    }

    /// Uniform in [lo, hi).
    pub(super) fn between(&mut self, [lo, hi]: [f64; 2]) -> f64 {
        lo + (hi - lo) * self.unit()
    }

    /// Uniform in 0..n, to within n / 2^32; 0 if n is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
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
