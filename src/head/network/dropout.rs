//! Inverted dropout (Srivastava et al. 2014): what is kept in training is scaled up, so that
//! nothing has to change afterwards.

use ndarray::Array2;
use rand_chacha::rand_core::Rng;

use crate::head::random::uniform;
use crate::head::real::Real;

/// A factor for each element: 0 with probability `p`, else 1 / (1 - p). Nothing for a `p` of 0.
pub(super) fn mask<F: Real>(
    shape: (usize, usize),
    p: f64,
    random: &mut impl Rng,
) -> Option<Array2<F>> {
    if p <= 0.0 {
        return None;
    }
    let keep = F::of(1.0 / (1.0 - p));
    let draw = |_| {
        if f64::from(uniform(random)) < p {
            F::zero()
        } else {
            keep
        }
    };
    Some(Array2::zeros(shape).mapv_into(draw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::random::stream;

    #[test]
    fn the_share_dropped_is_p_and_the_mean_stays() {
        let mut random = stream("test", 1, &[]);
        let mask: Array2<f64> = mask((200, 100), 0.6, &mut random).unwrap();
        assert!(mask.iter().all(|&m| m == 0.0 || m == 2.5));
        let dropped = mask.iter().filter(|&&m| m == 0.0).count();
        // Four standard errors: 4 * sqrt(20000 * 0.6 * 0.4) = 277.
        assert!(dropped.abs_diff(12_000) < 277, "{dropped}");
    }

    #[test]
    fn without_dropout_nothing_is_drawn() {
        let mut random = stream("test", 1, &[]);
        assert_eq!(mask::<f32>((2, 2), 0.0, &mut random), None);
        assert_eq!(random.next_u32(), stream("test", 1, &[]).next_u32());
    }
}
