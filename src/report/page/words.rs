//! Numbers as a report writes them. A percent sign stays on the line of its number.

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// An interval of shares.
pub(super) fn percents([low, high]: [f64; 2]) -> String {
    format!("{:.1} to {:.1}\u{a0}%", low * 100.0, high * 100.0)
}

/// A number with four places, or a dash.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

/// An interval of numbers, or nothing.
pub(super) fn numbers(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(String::new, |[low, high]| format!("{low:.4} to {high:.4}"))
}

/// A difference of shares in percentage points, with its sign.
pub(super) fn points(difference: f64) -> String {
    format!("{:+.1}", difference * 100.0).replace('-', "−")
}

/// A duration.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 60.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// "3 examples", "1 example".
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A share of a whole that may be nothing.
#[allow(clippy::cast_precision_loss)] // counts of examples are far below 2^53
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
