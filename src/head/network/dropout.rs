//! Inverted dropout (Srivastava et al. 2014): what is kept in training is scaled up, so that
//! nothing has to change afterwards.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use super::pieces::ROWS;
use crate::head::real::Real;

/// Which units are dropped at a step: a pure function of the generator's key, the layer and the
/// unit's place, whatever thread asks.
#[derive(Debug, Clone)]
pub(in crate::head) struct Dropout {
    /// How many of the 65536 values of 16 random bits drop a unit.
    dropping: u32,
    random: ChaCha8Rng,
}

impl Dropout {
    /// With probability `p`, to the next of 65536 steps, by the stream of a training step.
    /// `None` where nothing is dropped.
    pub(in crate::head) fn new(p: f64, random: ChaCha8Rng) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 65536
        let dropping = ((p * 65_536.0).round() as u32).min(65_535);
        (dropping > 0).then_some(Self { dropping, random })
    }

    /// A factor for each unit of `layer`: 0 where it is dropped, else 1 / (1 - p).
    pub(super) fn fill<F: Real>(&self, layer: usize, width: usize, mask: &mut [F]) {
        let keep = F::of(65_536.0 / f64::from(65_536 - self.dropping));
        let size = ROWS * width.max(1);
        mask.par_chunks_mut(size)
            .enumerate()
            .for_each(|(piece, mask)| {
                let mut random = self.random.clone();
                random.set_stream(((layer as u64) << 32) | piece as u64);
                self.draw(keep, mask, &mut random);
            });
    }

    fn draw<F: Real>(&self, keep: F, mask: &mut [F], random: &mut ChaCha8Rng) {
        let mut bytes = [0_u8; 1024];
        for some in mask.chunks_mut(bytes.len() / 2) {
            random.fill_bytes(&mut bytes);
            let (pairs, _) = bytes.as_chunks::<2>();
            for (factor, pair) in some.iter_mut().zip(pairs) {
                let dropped = u32::from(u16::from_le_bytes(*pair)) < self.dropping;
                *factor = if dropped { F::zero() } else { keep };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::random::stream;

    fn mask(p: f64, layer: usize, n: usize, width: usize) -> Vec<f64> {
        let dropout = Dropout::new(p, stream("test", 1, &[])).unwrap();
        let mut mask = vec![f64::NAN; n * width];
        dropout.fill(layer, width, &mut mask);
        mask
    }

    #[test]
    fn the_share_dropped_is_p_and_the_mean_stays() {
        let mask = mask(0.625, 0, 200, 100);
        assert!(mask.iter().all(|&m| m == 0.0 || m == 1.0 / 0.375));
        let dropped = mask.iter().filter(|&&m| m == 0.0).count();
        // Four standard errors: 4 * sqrt(20000 * 0.625 * 0.375) = 274.
        assert!(dropped.abs_diff(12_500) < 274, "{dropped}");
    }

    /// Pieces and layers draw from streams of their own: as often alike as chance has it.
    #[test]
    fn pieces_and_layers_are_unrelated() {
        let (first, second) = (mask(0.5, 0, 64, 100), mask(0.5, 1, 64, 100));
        let half = first.len() / 2;
        let alike = |a: &[f64], b: &[f64]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        // Four standard errors: 4 * sqrt(6400 / 4) = 160, 4 * sqrt(3200 / 4) = 114.
        assert!(alike(&first, &second).abs_diff(3_200) < 160);
        assert!(alike(&first[..half], &first[half..]).abs_diff(1_600) < 114);
    }

    /// The mask of a batch begins like that of a longer one: rows have their own draws.
    #[test]
    fn a_unit_is_drawn_by_its_place() {
        let (short, long) = (mask(0.3, 2, 40, 7), mask(0.3, 2, 64, 7));
        assert_eq!(short, long[..short.len()]);
    }

    #[test]
    fn without_dropout_nothing_is_drawn() {
        assert!(Dropout::new(0.0, stream("test", 1, &[])).is_none());
        assert!(Dropout::new(1e-9, stream("test", 1, &[])).is_none());
    }
}
