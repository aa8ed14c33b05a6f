//! YAML whose errors name file, line and column.
//!
//! A [`Document`] keeps the place of every key and value of its file, takes overrides
//! (`key.path=value`), and is turned into typed configuration by serde. Whatever is wrong is
//! reported where it stands: a key that does not exist together with the nearest one that does,
//! a value of another type, a value that a configuration type refuses.
//!
//! Configuration types use externally tagged enums only: serde buffers flattened, untagged and
//! internally tagged ones, and a buffered value has forgotten its place.

mod de;
mod document;
mod error;
mod node;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use error::{Place, YamlError};

/// Writes `value` as YAML.
///
/// # Errors
/// A value that YAML cannot hold (a map key that is no scalar, for instance).
pub fn to_string<T: serde::Serialize>(value: &T) -> Result<String, YamlError> {
    serde_saphyr::to_string(value).map_err(|source| YamlError::Write {
        reason: source.to_string(),
    })
}
