//! YAML: pipelines and manifests.

use std::path::Path;

use catpipe::augment;
use catpipe::backbone::Manifest;
use catpipe::pipeline::PipelineConfig;
use catpipe::yaml::Document;

use super::{Outcome, put, refused};

/// A pipeline; one that is accepted is written, read again, and makes a view of a picture.
pub(crate) fn pipeline(bytes: &[u8], room: &Path) -> Outcome {
    let mut document = read(bytes, room)?;
    let config: PipelineConfig = document.typed().map_err(|error| refused(&error))?;
    let picture = image::RgbImage::from_fn(16, 12, |x, y| {
        image::Rgb([x as u8 * 16, y as u8 * 20, (x * y) as u8])
    });
    for number in 1..3 {
        augment::view(&picture, &config.augment, config.seed, &[7; 32], number);
    }
    let text = catpipe::yaml::to_string(&config).expect("what was read can be written");
    let again = Document::parse(Path::new("again.yaml"), &text);
    let again: Result<PipelineConfig, _> = again.and_then(|document| document.typed());
    assert!(again.is_ok(), "{again:?} of\n{text}");
    for assignment in ["seed=7", "augment.ops.0.hflip.p=0.5", "train.adam.lr=[[1"] {
        let _ = document.set(assignment);
    }
    Ok(())
}

/// A manifest; one that is accepted prepares a picture.
pub(crate) fn manifest(bytes: &[u8], room: &Path) -> Outcome {
    accept(read(bytes, room)?)
}

/// Follows a manifest.
pub(super) fn accept(document: Document) -> Outcome {
    let manifest = Manifest::from_document(document).map_err(|error| refused(&error))?;
    let preprocess = manifest.preprocess();
    // A manifest may ask for a large input, which takes as long as it takes.
    if preprocess.input_len() <= 3 << 18 {
        let picture = image::RgbImage::from_pixel(9, 7, image::Rgb([1, 2, 3]));
        let mut input = vec![0.0; preprocess.input_len()];
        let applied = preprocess.worker().apply("picture", &picture, &mut input);
        applied.map_err(|error| refused(&error))?;
    }
    Ok(())
}

fn read(bytes: &[u8], room: &Path) -> Result<Document, String> {
    let path = put(room, "input.yaml", bytes);
    let document = Document::read(&path).map_err(|error| refused(&error))?;
    assert!(!document.place("augment.ops.0").to_string().is_empty());
    Ok(document)
}
