//! A trial's settings put into the `train` section.

use std::path::Path;

use serde_json::Value;

use super::Settings;
use super::combinations::combinations;
use super::config::SearchConfig;
use super::error::SearchError;
use super::trial::words;
use super::values::Values;
use crate::head::config::TrainConfig;
use crate::yaml::{self, Document, YamlError};

/// Everything that a search tries, each with the configuration of its training.
pub(super) type Planned = Vec<(Settings, TrainConfig)>;

/// Whether every trial of a search is a valid `train` section, before anything runs. Without a
/// search there is nothing to check.
///
/// # Errors
/// The first trial that is not, with the key or value at fault.
pub fn check(config: &TrainConfig, seed: u64) -> Result<usize, SearchError> {
    match &config.search {
        Some(search) => Ok(plan(config, search, seed)?.len()),
        None => Ok(0),
    }
}

/// The trials of a search.
///
/// # Errors
/// As [`check`].
pub(super) fn plan(
    config: &TrainConfig,
    search: &SearchConfig,
    seed: u64,
) -> Result<Planned, SearchError> {
    let base = TrainConfig {
        search: None,
        ..config.clone()
    };
    let text = yaml::to_string(&base).map_err(|error| unexplained(&error.to_string()))?;
    let json = serde_json::to_value(&base).map_err(|error| unexplained(&error.to_string()))?;
    combinations(search, &json, seed)?
        .into_iter()
        .map(|settings| {
            let trial = applied(&text, &settings).map_err(|e| refused(search, &settings, e))?;
            Ok((settings, trial))
        })
        .collect()
}

/// The section `text` with these settings; what is nearer the root goes first, so that a list of
/// heads and settings of one of them can stand in one search.
fn applied(text: &str, settings: &Settings) -> Result<TrainConfig, YamlError> {
    let mut document = Document::parse(Path::new("train"), text)?;
    let mut order: Vec<_> = settings.iter().collect();
    order.sort_by_key(|(key, _)| key.split('.').count());
    for (key, value) in order {
        document.set(&format!("{key}={value}"))?;
    }
    document.typed()
}

/// The error at the key, or the value of a list, that it is about.
fn refused(search: &SearchConfig, settings: &Settings, error: YamlError) -> SearchError {
    let (path, message) = match &error {
        YamlError::Invalid { key, message, .. } => (key.clone(), message.clone()),
        YamlError::Override { assignment, reason } => {
            let key = assignment.split('=').next().unwrap_or_default();
            (key.to_owned(), reason.clone())
        }
        other => return unexplained(&other.to_string()),
    };
    // An unknown key is an error of the mapping around it.
    let unknown = message
        .strip_prefix("unknown key `")
        .and_then(|rest| rest.split('`').next());
    let full = match unknown {
        Some(key) if path.is_empty() => key.to_owned(),
        Some(key) => format!("{path}.{key}"),
        None => path.clone(),
    };
    let Some((key, value)) = settings
        .iter()
        .filter(|(key, _)| is_below(&full, key))
        .max_by_key(|(key, _)| key.len())
    else {
        return SearchError::Refused {
            at: Vec::new(),
            message: if path.is_empty() {
                format!("`train` {message}")
            } else {
                format!("`{path}`: {message}")
            },
            settings: Some(words(settings)),
        };
    };
    let mut at: Vec<String> = search.keys_at().iter().map(|&s| s.to_owned()).collect();
    at.push(key.clone());
    if unknown.is_none()
        && let Some((_, Values::List(list))) = search.keys().iter().find(|(k, _)| k == key)
        && let Some(place) = list.iter().position(|v: &Value| v == value)
    {
        at.push(place.to_string());
    }
    SearchError::Refused {
        at,
        message,
        settings: None,
    }
}

/// Whether a path is that of a key or lies below it.
fn is_below(path: &str, key: &str) -> bool {
    path.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn unexplained(message: &str) -> SearchError {
    SearchError::Refused {
        at: Vec::new(),
        message: message.to_owned(),
        settings: None,
    }
}
