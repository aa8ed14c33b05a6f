//! One YAML document: read, overridden, typed, and asked where things stand.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::error::{Place, YamlError};
use super::node::{Key, Node, Origin, Value};

/// A YAML document that remembers where everything in it stands.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
    root: Node,
}

impl Document {
    /// Reads the document at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or is not YAML.
    pub fn read(path: &Path) -> Result<Self, YamlError> {
        let text = std::fs::read_to_string(path).map_err(|source| YamlError::Read {
            path: path.to_owned(),
            source,
        })?;
        Document::parse(path, &text)
    }

    /// Parses `text`; `path` is what errors call it.
    ///
    /// # Errors
    /// The text is not YAML, holds a key twice, or holds several documents.
    pub fn parse(path: &Path, text: &str) -> Result<Self, YamlError> {
        let blank = text.trim().is_empty();
        let root = if blank {
            Node::empty_map(Origin::Document)
        } else {
            parse_node(text).map_err(|(origin, reason)| YamlError::Syntax {
                place: Box::new(place(path, text, &origin)),
                reason,
            })?
        };
        Ok(Document {
            path: path.to_owned(),
            text: text.to_owned(),
            root,
        })
    }

    /// Overrides one value: `assignment` is `key.path=value`, the value is YAML, a step of the
    /// path is a key or the index of a list. Mappings on the way are made where missing.
    ///
    /// # Errors
    /// The assignment has no `=` or an empty key, its value is not YAML, or its path leads
    /// through something that has no keys.
    pub fn set(&mut self, assignment: &str) -> Result<(), YamlError> {
        let refuse = |reason: String| YamlError::Override {
            assignment: assignment.to_owned(),
            reason,
        };
        let (path, text) = assignment
            .split_once('=')
            .ok_or_else(|| refuse("expected key.path=value".into()))?;
        if path.split('.').any(str::is_empty) {
            return Err(refuse("expected key.path=value, found an empty key".into()));
        }
        let origin = Origin::Set(assignment.to_owned());
        let value = if text.trim().is_empty() {
            Node::empty_map(origin.clone()).with(Value::Null)
        } else {
            parse_node(text)
                .map_err(|(_, reason)| refuse(format!("the value is no YAML: {reason}")))?
        };
        let mut node = &mut self.root;
        for step in path.split('.') {
            node = step_into(node, step, &origin).map_err(refuse)?;
        }
        *node = value.moved_to(&origin);
        Ok(())
    }

    /// The document as a `T`.
    ///
    /// # Errors
    /// The first key or value that does not fit, with its place.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        T::deserialize(&self.root).map_err(|e| YamlError::Invalid {
            place: Box::new(place(&self.path, &self.text, &e.origin.unwrap_or_default())),
            key: e.path.join("."),
            message: e.message,
        })
    }

    /// Where the value of a key path (`train.adam.lr`, `augment.ops.0`) stands; where it does
    /// not, the nearest mapping around it.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        self.place_of(key.split('.'))
    }

    fn place_of<'a>(&self, steps: impl Iterator<Item = &'a str>) -> Place {
        let mut node = &self.root;
        for step in steps {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        place(&self.path, &self.text, &node.origin)
    }

    /// An error about the value of `key`, found by somebody else than the parser: a file that is
    /// not there, for instance.
    #[must_use]
    pub fn invalid(&self, key: &str, message: impl Into<String>) -> YamlError {
        YamlError::Invalid {
            place: Box::new(self.place(key)),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    /// [`Document::invalid`] for a path whose keys may themselves have points in them.
    #[must_use]
    pub fn invalid_at(&self, steps: &[&str], message: impl Into<String>) -> YamlError {
        YamlError::Invalid {
            place: Box::new(self.place_of(steps.iter().copied())),
            key: steps.join("."),
            message: message.into(),
        }
    }
}

impl Node {
    fn with(mut self, value: Value) -> Self {
        self.value = value;
        self
    }
}

fn parse_node(text: &str) -> Result<Node, (Origin, String)> {
    // Size is bounded by the parser's default budget. Nothing in a pipeline nests as deep as this,
    // and reading recurses: the bound is far below what a thread's stack holds. Aliases of aliases
    // make gigabytes of a few lines.
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: 40 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|e| {
        let origin = e.location().map_or(Origin::Document, |l| Origin::File {
            line: l.line(),
            column: l.column(),
        });
        (origin, first_line(&e.to_string()))
    })
}

/// The parser's message without the place that it repeats at its end and without its advice to
/// programmers.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let cuts = [" at line ", ", set ", "; use "];
    let end = cuts.iter().filter_map(|cut| line.find(cut)).min();
    line[..end.unwrap_or(line.len())].to_owned()
}

fn step_into<'a>(node: &'a mut Node, step: &str, origin: &Origin) -> Result<&'a mut Node, String> {
    if matches!(node.value, Value::Null) {
        node.value = Value::Map(Vec::new());
    }
    match &mut node.value {
        Value::Map(entries) => {
            let index = match entries.iter().position(|(key, _)| key.name == step) {
                Some(index) => index,
                None => {
                    let key = Key {
                        name: step.to_owned(),
                        origin: origin.clone(),
                    };
                    entries.push((key, Node::empty_map(origin.clone())));
                    entries.len() - 1
                }
            };
            Ok(&mut entries[index].1)
        }
        Value::List(items) => {
            let length = items.len();
            step.parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
                .ok_or_else(|| {
                    format!("`{step}` is no index of a list of {length} (the first is 0)")
                })
        }
        _ => Err(format!("`{step}` lies under a value that has no keys")),
    }
}

fn place(path: &Path, text: &str, origin: &Origin) -> Place {
    let (position, set) = match origin {
        Origin::File { line, column } => (Some((*line, *column)), None),
        Origin::Set(assignment) => (None, Some(assignment.clone())),
        Origin::Document => (None, None),
    };
    let excerpt = position.and_then(|(line, _)| {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        text.lines().nth(index).map(str::to_owned)
    });
    Place {
        file: path.to_owned(),
        position,
        set,
        excerpt,
    }
}
