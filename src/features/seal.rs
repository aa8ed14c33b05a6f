//! The checksum that `space.json` ends with: a flipped bit in the number of its format must not
//! look like a store of a newer program.

use super::files::digest;
use super::key::hex;
use serde::Serialize;
use serde_json::Value;

const SEAL: &str = "sha256";

/// SHA-256 of what `said` says beside its seal, in hex, over JSON without spaces.
fn of(said: &Value) -> String {
    let mut said = said.clone();
    if let Some(fields) = said.as_object_mut() {
        fields.shift_remove(SEAL);
    }
    hex(&digest(said.to_string().as_bytes()))
}

/// `said` as JSON for people, with its seal at the end.
pub(super) fn text(said: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut said = serde_json::to_value(said)?;
    let seal = of(&said);
    if let Some(fields) = said.as_object_mut() {
        fields.insert(SEAL.to_owned(), seal.into());
    }
    serde_json::to_string_pretty(&said)
}

/// Whether `said` has a seal that is wrong. One without any is of a program that made none.
pub(super) fn is_broken(said: &Value) -> bool {
    said.get(SEAL).is_some_and(|seal| *seal != of(said))
}
