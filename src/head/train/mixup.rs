//! Mixup (Zhang et al. 2018): blends of the rows of a batch.

use ndarray::{Array2, ArrayView2, s};
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use crate::head::random::{shuffle, uniform};

/// Which row each row of a batch is blended with, and how much of it stays.
#[derive(Debug, Clone)]
pub(super) struct Blend {
    /// λ.
    pub(super) share: f64,
    /// Of each row, the place of the other.
    pub(super) others: Vec<usize>,
}

impl Blend {
    /// λ ~ Beta(alpha, alpha), and the batch in a random order.
    pub(super) fn draw(rows: usize, alpha: f64, random: &mut impl Rng) -> Self {
        let share = beta(alpha, random);
        let mut others: Vec<usize> = (0..rows).collect();
        shuffle(&mut others, random);
        Self { share, others }
    }

    /// λ x + (1 - λ) x' of each row, into the first rows of `into`.
    #[allow(clippy::cast_possible_truncation)] // rounding to f32 is what is asked for
    pub(super) fn rows(&self, x: ArrayView2<'_, f32>, into: &mut Array2<f32>) {
        let (share, rest) = (self.share as f32, (1.0 - self.share) as f32);
        let mut into = into.slice_mut(s![..x.nrows(), ..]);
        let pairs = into.outer_iter_mut().into_par_iter().zip(&self.others);
        pairs.enumerate().for_each(|(row, (mut to, &other))| {
            let (own, other) = (x.row(row), x.row(other));
            for ((to, &own), &other) in to.iter_mut().zip(own).zip(other) {
                *to = share * own + rest * other;
            }
        });
    }
}

/// Beta(a, a) by Jöhnk's method (1964): of two uniforms U and V, X = U^(1/a) and Y = V^(1/a) are
/// kept where X + Y ≤ 1, and X / (X + Y) is the draw; by logarithms, because for small a both may
/// vanish. For a > 1, where it would throw nearly all away, from two draws of Gamma(a).
fn beta(a: f64, random: &mut impl Rng) -> f64 {
    if a > 1.0 {
        let (x, y) = (gamma(a, random), gamma(a, random));
        return x / (x + y);
    }
    loop {
        let (x, y) = (open(random).ln() / a, open(random).ln() / a);
        let largest = x.max(y);
        let log_sum = largest + ((x - largest).exp() + (y - largest).exp()).ln();
        if log_sum <= 0.0 {
            return (x - log_sum).exp();
        }
    }
}

/// Gamma(a) for a ≥ 1 (Marsaglia & Tsang 2000): d (1 + c z)³ with d = a - 1/3, c = 1 / √(9 d).
fn gamma(a: f64, random: &mut impl Rng) -> f64 {
    let d = a - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal(random);
        let v = (1.0 + c * z).powi(3);
        if v > 0.0 && open(random).ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// The normal distribution (Box & Muller 1958; the second of their two is not used).
fn normal(random: &mut impl Rng) -> f64 {
    let angle = 2.0 * std::f64::consts::PI * f64::from(uniform(random));
    (-2.0 * open(random).ln()).sqrt() * angle.cos()
}

/// Uniform in (0, 1).
fn open(random: &mut impl Rng) -> f64 {
    f64::from(uniform(random)) + 0.5 / 16_777_216.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::random::stream;

    /// Beta(a, a) has the mean 1/2, the variance 1 / (4 (2a + 1)) and the fourth central moment
    /// 3 / (16 (2a + 1) (2a + 3)).
    #[test]
    fn draws_have_the_moments_of_beta() {
        const N: usize = 40_000;
        for a in [0.02, 0.2, 0.7, 1.0, 1.5, 8.0] {
            let mut random = stream("beta", 3, &[]);
            let draws: Vec<f64> = (0..N).map(|_| beta(a, &mut random)).collect();
            assert!(draws.iter().all(|x| (0.0..=1.0).contains(x)), "{a}");
            let moment = |power| {
                let terms = draws.iter().map(|x| (x - 0.5).powi(power));
                terms.sum::<f64>() / N as f64
            };
            let variance = 1.0 / (4.0 * (2.0 * a + 1.0));
            let fourth = 3.0 / (16.0 * (2.0 * a + 1.0) * (2.0 * a + 3.0));
            let error = |variance: f64| 5.0 * (variance / N as f64).sqrt();
            assert!(moment(1).abs() < error(variance), "{a}");
            let spread = error(fourth - variance * variance).max(1e-4);
            assert!((moment(2) - variance).abs() < spread, "{a}");
            assert!((moment(4) / fourth - 1.0).abs() < 0.05, "{a}");
        }
    }

    #[test]
    fn rows_are_blended_with_those_named() {
        let x = ndarray::array![[1.0, 0.0], [0.0, 8.0], [4.0, 4.0]];
        let blend = Blend {
            share: 0.75,
            others: vec![1, 2, 2],
        };
        let mut into = Array2::from_elem((5, 2), 9.0);
        blend.rows(x.view(), &mut into);
        let expected = ndarray::array![[0.75, 2.0], [1.0, 7.0], [4.0, 4.0]];
        assert_eq!(into.slice(s![..3, ..]), expected);
        assert_eq!(into[[3, 0]], 9.0);
    }

    #[test]
    fn each_row_is_another_once() {
        let blend = Blend::draw(50, 0.2, &mut stream("blend", 1, &[]));
        let mut others = blend.others.clone();
        others.sort_unstable();
        assert_eq!(others, (0..50).collect::<Vec<_>>());
        assert_ne!(blend.others, others);
    }
}
