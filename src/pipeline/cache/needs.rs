//! Which rows a pipeline needs.

use crate::features::Needed;

use super::super::checked::Checked;
use super::super::error::PipelineError;
use super::super::plan::parts;

/// Every row that a run of the pipeline reads, whether it is in the cache or not. Reads every
/// image that is new or changed, and opens no store; `read` is called after each example.
///
/// # Errors
/// An image cannot be read; a provider `auto` that has not chosen yet, as another choice needs
/// other rows.
pub fn needs(checked: &Checked, read: &mut dyn FnMut()) -> Result<Needed, PipelineError> {
    checked.expect_decided()?;
    let (train, test) = parts(checked, read)?;
    let ids = std::iter::once(train).chain(test).flat_map(|part| part.ids);
    Ok(Needed {
        space: checked.space.clone(),
        rows: ids.collect(),
    })
}
