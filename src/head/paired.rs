//! Two classifiers on the same examples.

/// The difference (gained - lost) / n of two shares on the same `n` examples, with its 95 %
/// interval: Wald's with half an example added to each of the four cells (Agresti & Min 2005,
/// "Simple improved confidence intervals for comparing matched proportions").
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
pub fn paired_difference(gained: usize, lost: usize, n: usize) -> (f64, [f64; 2]) {
    const Z95: f64 = 1.959_963_984_540_054;
    let (b, c, all) = (lost as f64, gained as f64, n as f64);
    let difference = (c - b) / all.max(1.0);
    let (b, c, all) = (b + 0.5, c + 0.5, all + 2.0);
    let centre = (c - b) / all;
    let half = Z95 * ((b + c) - (c - b).powi(2) / all).sqrt() / all;
    let end = |x: f64| x.clamp(-1.0, 1.0);
    (difference, [end(centre - half), end(centre + half)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_width_and_a_sign() {
        let (d, [low, high]) = paired_difference(2, 8, 153);
        assert!((d + 6.0 / 153.0).abs() < 1e-12);
        // By hand: d* = -6 / 155, half = 1.96 sqrt(11 - 36 / 155) / 155.
        let half = 1.959_963_984_540_054 * (11.0_f64 - 36.0 / 155.0).sqrt() / 155.0;
        assert!((low - (-6.0 / 155.0 - half)).abs() < 1e-12);
        assert!((high - (-6.0 / 155.0 + half)).abs() < 1e-12);
        let (none, [low, high]) = paired_difference(0, 0, 50);
        assert!(none == 0.0 && low < 0.0 && high > 0.0);
        assert!(paired_difference(0, 0, 0).1[1] <= 1.0);
    }
}
