//! Random numbers for pictures: seeded, and the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A colour with components in 0..=1.
pub(super) type Colour = [f32; 3];

/// A stream of random numbers.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream that belongs to a purpose and some numbers.
    pub(super) fn new(purpose: &str, numbers: &[u64]) -> Draws {
        let mut hash = Sha256::new()
            .chain_update(b"catpipe synth v1\0")
            .chain_update(purpose);
        for number in numbers {
            hash.update(number.to_le_bytes());
        }
        Draws(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    pub(super) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in [lo, hi).
    pub(super) fn between(&mut self, lo: f32, hi: f32) -> f32 {
        lo + (hi - lo) * ((self.bits() >> 8) as f32 / (1 << 24) as f32)
    }

    /// Uniform in 0..n.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(n)) >> 32) as u32
    }

    pub(super) fn colour(&mut self) -> Colour {
        std::array::from_fn(|_| self.between(0.0, 1.0))
    }

    /// A colour that stands out from others: of a few draws the farthest from all of them.
    pub(super) fn colour_apart(&mut self, others: &[Colour]) -> Colour {
        let distance = |a: &Colour, b: &Colour| {
            // Green weighs more and blue less, as to the eye.
            let [r, g, b] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
            0.3 * r * r + 0.6 * g * g + 0.1 * b * b
        };
        let apart = |c: &Colour| {
            others
                .iter()
                .map(|o| distance(c, o))
                .fold(f32::MAX, f32::min)
        };
        let mut best = self.colour();
        for _ in 0..5 {
            let next = self.colour();
            if apart(&next) > apart(&best) {
                best = next;
            }
        }
        best
    }

    /// A direction: cosine and sine of a uniform angle.
    pub(super) fn direction(&mut self) -> [f32; 2] {
        let angle = self.between(0.0, std::f32::consts::TAU);
        [libm::cosf(angle), libm::sinf(angle)]
    }
}
