//! What runs leave: heads, and what a run folder says about itself.

use std::path::Path;

use catpipe::head::Head;
use catpipe::pipeline::{FolderState, RunFolder};

use super::{Outcome, put, refused};

/// A head; one that is accepted judges a row, and is saved as the same head.
pub(crate) fn head(bytes: &[u8], _: &Path) -> Outcome {
    let (head, metadata) = Head::from_bytes(bytes).map_err(|error| refused(&error))?;
    let row = ndarray::Array2::from_elem((1, head.inputs()), 0.5);
    let logits = head.logits(row.view()).map_err(|error| refused(&error))?;
    assert_eq!(logits.dim(), (1, head.classes()));
    let again = head
        .to_bytes(&metadata)
        .expect("what was read can be written");
    Head::from_bytes(&again).expect("and read again");
    Ok(())
}

/// The `outputs.json` of a run folder.
pub(crate) fn outputs(bytes: &[u8], room: &Path) -> Outcome {
    std::fs::create_dir_all(room.join("runs/a")).expect("a folder");
    put(room, "runs/a/outputs.json", bytes);
    put(room, "runs/a/log", b"text");
    let folder = RunFolder::new(room, "a");
    folder.recover().map_err(|error| refused(&error))?;
    match folder
        .state("fingerprint")
        .map_err(|error| refused(&error))?
    {
        FolderState::UpToDate => Ok(()),
        other => Err(format!("{other:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect()),
    }
}
