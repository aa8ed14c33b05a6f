//! One shard, compared with everything that it should be.

use super::super::error::{Damage, StoreError};
use super::super::files;
use super::super::key::{RowId, Space, hex};
use super::super::shard::{self, Refusal};
use super::label;
use ndarray::Array2;
use std::fs::{self, File};
use std::io;
use std::path::Path;

const NO_SPACE: &str = "it does not say which space it belongs to";

/// What a shard that is right holds.
#[derive(Debug)]
pub(super) struct Examined {
    /// The space that it says it belongs to.
    pub(super) space: Space,
    /// The ids of its rows.
    pub(super) keys: Vec<RowId>,
    /// Its rows, [keys.len(), width].
    pub(super) rows: Array2<f32>,
}

/// Reads the whole shard at `path`: its SHA-256 is `digest`, it says that it belongs to a space
/// (to `expected`, where one is), and its types, shapes and values are those of one.
pub(super) fn examine(
    path: &Path,
    digest: &[u8; 32],
    expected: Option<&Space>,
) -> Result<Examined, Refusal> {
    let unread = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::Damage(Damage::Gone),
        _ => Refusal::Error(StoreError::io(path, "reading a shard", error)),
    };
    let (found, length) = File::open(path).and_then(files::sha256).map_err(unread)?;
    if found != *digest {
        return Err(Refusal::Damage(Damage::Checksum { found: hex(&found) }));
    }
    // Whole in memory only now: what is right is a shard, and those are small.
    let said = label::space(&fs::read(path).map_err(unread)?);
    let Some(space) = expected.or(said.as_ref()) else {
        return Err(Refusal::layout(NO_SPACE));
    };
    // A newer format is told before anything else that is unknown.
    let shard::Contents { keys, values, .. } = shard::contents(path, space, length)?;
    let space = match said {
        Some(said) if said == *space => said,
        Some(_) => return Err(Refusal::layout("it says that it belongs to another space")),
        None => return Err(Refusal::layout(NO_SPACE)),
    };
    if let Some(row) = values
        .outer_iter()
        .position(|row| !row.iter().all(|x| x.is_finite()))
    {
        return Err(Refusal::layout(format!(
            "row {row} has numbers that are not finite"
        )));
    }
    Ok(Examined {
        space,
        keys,
        rows: values,
    })
}
