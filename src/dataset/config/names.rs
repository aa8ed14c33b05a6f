//! Which files a `files` source is of.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The files of a `files` source: a folder with all below it, a pattern (`*` and `?` within a
/// name, `**` for any folders between), a file, or a list of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FileNames {
    /// A folder, a pattern or a file.
    Under(String),
    /// Paths in the order in which their rows are wanted. One that stands twice is two examples.
    Listed(Vec<String>),
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = FileNames;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a folder, a pattern such as `photos/**/*.jpg`, or a list of paths")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FileNames, E> {
        if text.is_empty() {
            return Err(E::custom("must be a folder or a pattern, found nothing"));
        }
        Ok(FileNames::Under(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FileNames, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = list.next_element::<String>()? {
            paths.push(path);
        }
        if paths.is_empty() {
            return Err(A::Error::custom("must name a file at least, found none"));
        }
        Ok(FileNames::Listed(paths))
    }
}

impl<'de> Deserialize<'de> for FileNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}
