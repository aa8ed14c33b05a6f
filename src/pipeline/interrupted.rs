//! What is left of a training that was interrupted: `runs/<name>.interrupted/`, beside the run
//! folder, which stays as it is.

use crate::head::{EpochRow, Partial};

use super::checked::Checked;
use super::error::PipelineError;
use super::folder::RunFolder;
use super::tables::curve_csv;
use super::training::head_bytes;

/// The end of the folder's name; no pipeline's name has it.
pub(super) const ENDING: &str = ".interrupted";

/// Publishes the best head so far with its learning curve and its pipeline, and says where it is.
pub(super) fn keep(checked: &Checked, partial: Partial, curve: &[EpochRow]) -> PipelineError {
    match publish(checked, partial, curve) {
        Ok(told) => PipelineError::TrainingInterrupted { told },
        Err(error) => error,
    }
}

fn publish(
    checked: &Checked,
    partial: Partial,
    curve: &[EpochRow],
) -> Result<String, PipelineError> {
    let Partial { head, what } = partial;
    let Some(head) = head else {
        return Ok(format!("{what}; the rows are kept"));
    };
    let unwritable = |error: csv::Error| PipelineError::Result {
        file: "curve.csv",
        reason: error.to_string(),
    };
    let head = head.with_class_names(checked.dataset.train.classes())?;
    let files = [
        (
            "pipeline.yaml",
            crate::yaml::to_string(&checked.config)?.into_bytes(),
        ),
        ("head.safetensors", head_bytes(checked, &head)?),
        ("curve.csv", curve_csv(curve).map_err(unwritable)?),
    ];
    let name = format!("{}{ENDING}", checked.config.name.as_str());
    let folder = RunFolder::new(&checked.options.root, &name);
    folder.publish("interrupted", &files)?;
    let file = folder.path().join("head.safetensors");
    Ok(format!("{what}, is kept in {}", file.display()))
}
