//! Two heads on the same examples.

use super::losses::{DRAWS, middle95, one_of};
use super::wilson::count;
use crate::head::random::stream;

/// McNemar's exact test (1947, with the binomial distribution): the chance, were both heads equally
/// good, that of the examples which only one of them has right at least as many fall to one side,
///
/// > min(1, 2 P(X ≤ min(b, c))), X binomial of b + c trials at 1/2
///
/// where `first` = b have only the first right and `second` = c only the second. Examples that
/// both have right or wrong say nothing of the difference. Exact, so never too small, and with few
/// examples a little too large; 1 where b + c is 0.
pub fn mcnemar(first: usize, second: usize) -> f64 {
    let n = count(first + second);
    // ln (n choose k) / 2ⁿ
    let log_share = |k: f64| {
        let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
        choose - n * std::f64::consts::LN_2
    };
    let tail: f64 = (0..=first.min(second))
        .map(|k| log_share(count(k)).exp())
        .sum();
    (2.0 * tail).min(1.0)
}

/// The 95 % interval of a mean of differences, one an example: the percentile bootstrap over
/// examples, so that what both heads find hard counts for both. The draws are the same at every
/// call. `[0, 0]` without differences.
pub fn mean_interval(differences: &[f64]) -> [f64; 2] {
    let n = differences.len();
    if n == 0 {
        return [0.0, 0.0];
    }
    let mut random = stream("paired bootstrap", 0, &[]);
    let mut draw = || {
        let drawn = (0..n).map(|_| one_of(n, &mut random));
        drawn.map(|example| differences[example]).sum::<f64>() / count(n)
    };
    let mut means: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
    middle95(&mut means)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden values: scipy 1.17.1, `binomtest(b, b + c, 0.5).pvalue`; statsmodels 0.15.0,
    /// `mcnemar([[0, b], [c, 0]], exact=True)`, says the same.
    #[test]
    fn chances_of_a_difference() {
        for (b, c, p) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (0, 6, 0.03125),
            (2, 9, 0.0654296875),
            (5, 5, 1.0),
            (12, 30, 0.007_915_897_334_896_727),
            (400, 480, 0.007_707_305_043_339_153),
        ] {
            let found = mcnemar(b, c);
            assert!((found - p).abs() < 1e-9, "{b} {c}: {found} is not {p}");
            assert!((mcnemar(c, b) - found).abs() < 1e-15);
        }
    }

    #[test]
    fn an_interval_narrows_with_examples_and_holds_the_mean() {
        let wave = |n: usize| -> Vec<f64> { (0..n).map(|i| ((i * 7) % 10) as f64 - 4.0).collect() };
        let [few, many] = [20, 2000].map(|n| mean_interval(&wave(n)));
        assert!(few[0] < 0.5 && 0.5 < few[1]);
        assert!(many[0] > 0.3 && many[1] < 0.7, "{many:?}");
        // The standard error of the mean is √8.25 / √n.
        let width = (many[1] - many[0]) / (2.0 * 1.96 * (8.25_f64 / 2000.0).sqrt());
        assert!((width - 1.0).abs() < 0.15, "{width}");
        assert_eq!(mean_interval(&[]), [0.0, 0.0]);
        assert_eq!(mean_interval(&[2.0, 2.0]), [2.0, 2.0]);
    }
}
