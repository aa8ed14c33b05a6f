//! ONNX graphs, with weights inside and beside them.

use std::path::Path;

use catpipe::backbone::onnx::{self, ModelProto, Shapes, Summary};

use super::{Outcome, put, put_once, refused};

/// A graph: read, its weights brought in, described, its features found, cut and written.
pub(crate) fn onnx(bytes: &[u8], room: &Path) -> Outcome {
    put_once(room, "weights.bin", || vec![0x3D; 4096]);
    let path = put(room, "input.onnx", bytes);
    let mut model = onnx::read(&path).map_err(|error| refused(&error))?;
    describe(&model);
    onnx::inline(&path, &mut model).map_err(|error| refused(&error))?;
    let shapes = Shapes::of(&model);
    for candidate in onnx::candidates(&model, &shapes) {
        let _ = onnx::features(&model, Some(&candidate.tensor));
    }
    let _ = onnx::features(&model, Some("no such tensor"));
    let (cut, _) = onnx::features(&model, None).map_err(|error| refused(&error))?;
    describe(&cut);
    onnx::write(&room.join("cut.onnx"), &cut).map_err(|error| refused(&error))
}

fn describe(model: &ModelProto) {
    let summary = Summary::of(model);
    let names: Vec<&str> = summary
        .outputs
        .iter()
        .map(|port| port.name.as_str())
        .collect();
    let _ = onnx::prune(model, &names);
    let text = format!("{summary:?}");
    assert!(!text.is_empty());
}
