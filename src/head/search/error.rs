//! What is wrong with a search before it starts.

use super::combinations::MOST;

/// A search that cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// A combination that is no valid `train` section.
    #[error("{message}{}", with(settings))]
    Refused {
        /// Steps from `search` to the key or the value at fault, where it is known which.
        at: Vec<String>,
        /// What is wrong, and with which setting.
        message: String,
        /// The combination, where it is not one value that is at fault.
        settings: Option<String>,
    },
    /// More trials than anybody waits for.
    #[error("more than {MOST} trials: try fewer values, or `random: {{trials: 50, keys: ...}}`")]
    TooMany,
}

impl SearchError {
    /// Steps from `search` to what is at fault.
    #[must_use]
    pub fn at(&self) -> &[String] {
        match self {
            Self::Refused { at, .. } => at,
            Self::TooMany => &[],
        }
    }
}

fn with(settings: &Option<String>) -> String {
    settings
        .as_ref()
        .map_or_else(String::new, |settings| format!(" (with {settings})"))
}
