//! Turns of phrase that several messages share.

use super::array::ArrayKind;
use crate::dataset::sieve::Skipped;

/// How many names a message lists before it only counts.
const LISTED: usize = 12;

pub(super) fn list(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    match names.len() {
        0 => "none".into(),
        n if n > LISTED => format!("{}, ... ({n} in all)", shown.join(", ")),
        n => format!("{} ({n})", shown.join(", ")),
    }
}

pub(super) fn held(found: &[(String, ArrayKind)]) -> String {
    if found.is_empty() {
        return "no dataset at all".into();
    }
    let mut text: Vec<String> = found
        .iter()
        .take(LISTED)
        .map(|(name, kind)| format!("`{name}` {kind}"))
        .collect();
    if found.len() > LISTED {
        text.push(format!("and {} more", found.len() - LISTED));
    }
    text.join(", ")
}

/// The first of what was skipped, a line each.
pub(super) fn lines(first: &[Skipped], all: usize) -> String {
    let mut text = String::new();
    for one in first {
        text.push_str(&format!("\n  {} {}", one.path, one.reason));
    }
    if all > first.len() {
        text.push_str(&format!("\n  and {} more", all - first.len()));
    }
    text
}

pub(super) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!(" (nearest: `{name}`)"))
        .unwrap_or_default()
}

pub(super) fn counted(classes: Option<usize>) -> String {
    match classes {
        Some(n) => format!(
            "the {n} classes are counted from 0 to {}",
            n.saturating_sub(1)
        ),
        None => format!(
            "unnamed classes are counted from 0 to {}",
            crate::dataset::arrays::MAX_CLASSES - 1
        ),
    }
}
