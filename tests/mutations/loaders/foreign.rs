//! JSON files of other programs.

use std::path::Path;

use catpipe::backbone::onnx;
use catpipe::yaml::Document;

use super::{Outcome, put, put_once, refused};

/// Hugging Face's `preprocessor_config.json`.
pub(crate) fn huggingface(bytes: &[u8], room: &Path) -> Outcome {
    beside("huggingface", bytes, room)
}

/// timm's `config.json`.
pub(crate) fn timm(bytes: &[u8], room: &Path) -> Outcome {
    beside("timm", bytes, room)
}

/// A manifest that sends for a file beside it.
fn beside(key: &str, bytes: &[u8], room: &Path) -> Outcome {
    put(room, "p.json", bytes);
    let text = format!(
        "name: a\nfile: a.onnx\ninput: {{name: x, layout: nchw, dtype: float32, size: [32, 32]}}\n\
         preprocess: {{{key}: p.json}}\noutput: {{name: features, width: 8}}\n"
    );
    let document = Document::parse(&room.join("m.yaml"), &text).expect("YAML");
    super::yaml::accept(document)
}

/// A TensorFlow.js model whose weights are whole; what comes out is written as ONNX.
pub(crate) fn tfjs(bytes: &[u8], room: &Path) -> Outcome {
    put_once(room, "weights.bin", || {
        (0..400u16)
            .flat_map(|n| (f32::from(n) / 400.0).to_le_bytes())
            .collect()
    });
    let path = put(room, "model.json", bytes);
    let imported = onnx::tfjs::import(&path).map_err(|error| refused(&error))?;
    let bytes = onnx::encode(&imported.model);
    onnx::decode(&path, bytes.into()).expect("what was imported is ONNX");
    Ok(())
}
