//! Whole files of every kind, small, that mutations start from.

mod arrays;
mod graphs;
mod images;
mod text;

pub(crate) use arrays::{hdf5, shard};
pub(crate) use graphs::{head, onnx, tfjs};
pub(crate) use images::{bmp, gif, jpeg, pictures, png, tiff, webp};
pub(crate) use text::{csv, huggingface, jsonl, manifest, outputs, pipeline, timm};

/// A few files of other kinds, parts of which come into every kind.
pub(crate) fn strangers() -> Vec<Vec<u8>> {
    let text = b"a: [1, {b: \"c\"}]\n".to_vec();
    let signature = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0".to_vec();
    let mut all = vec![text, signature];
    for pictures in [jpeg(), png(), webp(), gif()] {
        all.extend(pictures.into_iter().next());
    }
    all
}
