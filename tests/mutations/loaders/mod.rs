//! What reads files that come from outside, each as one call that takes a file's bytes and a
//! scratch folder. The fuzz targets call the same.

mod arrays;
mod foreign;
mod images;
mod onnx;
mod saved;
mod yaml;

use std::path::Path;

pub(crate) use arrays::{hdf5, shard, space};
pub(crate) use foreign::{huggingface, tfjs, timm};
pub(crate) use images::{csv, folder, image, jsonl};
pub(crate) use onnx::onnx;
pub(crate) use saved::{head, outputs};
pub(crate) use yaml::{manifest, pipeline};

/// Accepted, or the kind of the refusal.
pub(crate) type Outcome = Result<(), String>;

/// Makes the refusal's message, as a user would see it, and tells its kind: the innermost variant
/// of the error that stands before any value.
fn refused(error: &(impl std::error::Error + ?Sized)) -> String {
    let message = error.to_string();
    assert!(!message.is_empty());
    let debug = format!("{error:?}");
    let name = debug.split(|c: char| !c.is_alphanumeric()).next();
    name.unwrap_or_default().to_owned()
}

/// Puts a file into the scratch folder.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the scratch folder takes a file");
    path
}

/// Puts a file that never changes into the scratch folder.
fn put_once(folder: &Path, name: &str, bytes: impl FnOnce() -> Vec<u8>) {
    if !folder.join(name).exists() {
        put(folder, name, &bytes());
    }
}
