//! Intervals of shares.

/// The 0.975 quantile of the standard normal distribution.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share of `correct` in `total` (Wilson 1927): the shares p that are
/// within z = 1.96 of their own standard errors from the observed p̂,
///
/// > (p̂ + z²/2n ± z √(p̂ (1 - p̂) / n + z²/4n²)) / (1 + z²/n)
///
/// It keeps within 0 and 1 and has a width even for 50 of 50. `[0, 1]` for a total of 0.
pub fn wilson95(correct: usize, total: usize) -> [f64; 2] {
    let n = count(total);
    wilson_of_share(count(correct.min(total)) / n.max(1.0), n)
}

/// [`wilson95`] of a share that need not be a whole number of `n`.
pub(in crate::head) fn wilson_of_share(p: f64, n: f64) -> [f64; 2] {
    if n <= 0.0 {
        return [0.0, 1.0];
    }
    let z2 = Z95 * Z95;
    let centre = p + z2 / (2.0 * n);
    let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).max(0.0).sqrt();
    let end = |x: f64| (x / (1.0 + z2 / n)).clamp(0.0, 1.0);
    // At the ends the exact value is the end itself; rounding must not move it.
    let low = if p <= 0.0 { 0.0 } else { end(centre - half) };
    let high = if p >= 1.0 { 1.0 } else { end(centre + half) };
    [low, high]
}

#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
pub(in crate::head) fn count(n: usize) -> f64 {
    n as f64
}
