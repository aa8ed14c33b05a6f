//! Sizes, times and long texts as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::pipeline::{Event, Observer};

use super::super::progress::Progress;

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    let amount = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", amount / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / 1e6),
        _ => format!("{:.1} GB", amount / 1e9),
    }
}

/// So many of a thing.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A time, in UTC to the minute.
pub(super) fn when(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let minutes = since.as_secs() / 60;
    let (year, month, day) = date(minutes / 1440);
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// The date so many days after 1970-01-01, by the Gregorian calendar: whole years and months are
/// taken off until less than one is left.
fn date(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097; // Days in 400 years.
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut left) = (1970 + 400 * (days / CYCLE), days % CYCLE);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// At most `most` characters of a text, with a sign that there are more; what looks like a
/// checksum is cut in any case.
pub(super) fn short(text: &str, most: usize) -> String {
    let words: Vec<String> = text.split(' ').map(short_word).collect();
    let text = words.join(" ");
    if text.chars().count() <= most {
        return text;
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

fn short_word(word: &str) -> String {
    let digits = word.rsplit(':').next().unwrap_or(word);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let keep = word.len() - digits.len() + 12;
        return format!("{}…", &word[..keep]);
    }
    word.to_owned()
}

/// Tells a warning on stderr.
pub(super) fn warn(text: impl ToString) {
    Progress::new().event(&Event::Warning(text.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_steps_of_a_thousand() {
        let sizes = [0, 999, 1_000, 34_567, 8_192_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "34.6 kB", "8.2 GB"]);
        assert_eq!(
            (counted(1, "row"), counted(0, "row")),
            ("1 row".into(), "0 rows".into())
        );
    }

    // By `date -u -d @N`.
    #[test]
    fn times_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (13_574_563_200, "2400-02-29 00:00 UTC"),
        ] {
            assert_eq!(when(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn long_texts_and_checksums_are_cut() {
        let digest = "0123456789abcdef".repeat(4);
        let graph = format!("onnx sha256:{digest} output features");
        assert_eq!(
            short(&graph, 99),
            "onnx sha256:0123456789ab… output features"
        );
        assert_eq!(short(&digest, 99), "0123456789ab…");
        assert_eq!(short("rgb; resize 224", 8), "rgb; re…");
        assert_eq!(short("écaille", 7), "écaille");
    }
}
