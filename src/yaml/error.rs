//! What can be wrong with a YAML document, worded for the person who wrote it.

use std::fmt;
use std::path::PathBuf;

/// The longest line that is shown, in bytes.
const LONGEST: usize = 1_000;

/// Where in a document something stands; shown as `file:line:column`, or as the override that
/// put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The document's file, as it was named.
    pub file: PathBuf,
    /// 1-based line and column; `None` for the document as a whole or for an override.
    pub position: Option<(u64, u64)>,
    /// The override (`key.path=value`) that the value comes from, where it does.
    pub set: Option<String>,
    /// The source line, for showing.
    pub(super) excerpt: Option<String>,
}

impl Place {
    /// The source line with a caret below the column, or nothing where there is no line.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let (Some((line, column)), Some(text)) = (self.position, &self.excerpt) else {
            return String::new();
        };
        // What no screen shows as a line helps nobody.
        if text.len() > LONGEST || column > LONGEST as u64 {
            return String::new();
        }
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(usize::try_from(column.saturating_sub(1)).unwrap_or(0));
        format!("\n  {number} | {text}\n  {margin} | {indent}^")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(assignment) = &self.set {
            return write!(f, "--set {assignment}");
        }
        write!(f, "{}", self.file.display())?;
        match self.position {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a YAML document.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The file could not be read.
    #[error("{}: {}", path.display(), unread(source))]
    Read {
        /// The document's path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is not YAML.
    #[error("{place}: not valid YAML: {reason}{}", place.excerpt())]
    Syntax {
        /// Where the parser stopped.
        place: Box<Place>,
        /// The parser's words.
        reason: String,
    },
    /// A key or a value does not fit the configuration.
    #[error("{place}: {}{message}{}", key_prefix(key), place.excerpt())]
    Invalid {
        /// Where it stands.
        place: Box<Place>,
        /// Its key path, such as `train.adam.lr`; empty for the document itself.
        key: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// An override is not of the form `key.path=value`, or leads nowhere.
    #[error("--set {assignment}: {reason}")]
    Override {
        /// What the user typed.
        assignment: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value could not be written as YAML.
    #[error("cannot be written as YAML: {reason}")]
    Write {
        /// The writer's words.
        reason: String,
    },
}

fn unread(source: &std::io::Error) -> String {
    match source.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("cannot be read: {source}"),
    }
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

/// `; did you mean `x`?` where one of `known` is near to `word`, then the list of them all.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let list = known
        .iter()
        .map(|k| format!("`{k}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match (nearest, known.len()) {
        (_, 0) => "; nothing is allowed here".to_owned(),
        (Some((_, best)), _) => format!("; did you mean `{best}`? (known: {list})"),
        (None, _) => format!("; known: {list}"),
    }
}
