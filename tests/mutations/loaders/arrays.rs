//! HDF5: data sets and feature shards.

use std::path::Path;

use catpipe::dataset::{Dataset, DatasetConfig, DatasetError};
use catpipe::features::{RowType, Space, Store};
use catpipe::yaml::Document;
use sha2::{Digest, Sha256};

use super::{Outcome, put, refused};

/// Rows that are read of an accepted file.
const ROWS: usize = 8;

/// A file of arrays: pictures with labels and class names, pictures alone, and a name that is not
/// there, for which the file is searched.
pub(crate) fn hdf5(bytes: &[u8], room: &Path) -> Outcome {
    put(room, "a.h5", bytes);
    let whole = open(room, "images: x, labels: 'y', classes: c");
    let _ = open(room, "images: g/x, labels: g/y, classes: g/c");
    let _ = open(room, "images: nothing");
    whole
}

fn open(room: &Path, names: &str) -> Outcome {
    let config = format!(
        "{{train: {{hdf5: a.h5, {names}}}, limits: {{max_pixels: 1048576, max_side: 16384}}}}"
    );
    let document = Document::parse(Path::new("p.yaml"), &config).expect("YAML");
    let config: DatasetConfig = document.typed().expect("a dataset");
    let dataset = Dataset::open(&config, room).map_err(|error| source_refused(&error))?;
    for i in 0..dataset.train.examples().len().min(ROWS) {
        dataset
            .train
            .read(i)
            .map_err(|error| source_refused(&error))?;
        dataset
            .train
            .content_key(i)
            .map_err(|error| source_refused(&error))?;
    }
    Ok(())
}

/// The kind of a dataset's error, or of its source's where that is to blame.
pub(super) fn source_refused(error: &DatasetError) -> String {
    match error {
        DatasetError::Source { error, .. } => refused(error.as_ref()),
        other => refused(other),
    }
}

/// The features of the shards that are mutated.
pub(crate) fn space() -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "none".to_owned(),
        graph: "0".repeat(64),
        output: "features".to_owned(),
        width: 8,
        numeric: "cpu".to_owned(),
        rows: RowType::Float32,
    }
}

/// A shard of features whose checksum is right, so that its inside is looked at.
pub(crate) fn shard(bytes: &[u8], room: &Path) -> Outcome {
    let root = room.join("store");
    let (store, _) = Store::open(&root, &space()).expect("a store that is not there yet");
    let shards = store.path().join("shards");
    std::fs::create_dir_all(&shards).expect("a folder");
    let name: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    put(&shards, &format!("{name}.h5"), bytes);
    let outcome = load(&root);
    // A later shard is not to be found in the company of this one.
    std::fs::remove_dir_all(&root).expect("the store is removed");
    outcome
}

fn load(root: &Path) -> Outcome {
    let (store, warnings) = Store::open(root, &space()).map_err(|error| refused(&error))?;
    if let Some(warning) = warnings.first() {
        return Err(format!("{warning:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect());
    }
    let ids = [0, 1].map(|example| space().row(&[example; 32], "plain"));
    if store.missing(&ids).is_empty() {
        store.read(&ids).map_err(|error| refused(&error))?;
    }
    Ok(())
}
