//! The manifest of a quantized graph.

use std::fmt::Write;
use std::path::PathBuf;

use super::Report;
use crate::backbone::manifest::{
    Manifest, ManifestConfig, PreprocessSource, QuantizedFrom, Sha256, SourceConfig,
};
use crate::yaml::{self, YamlError};

/// The text of a manifest for a quantized graph: input, preprocessing and output are those of
/// `source`, the comments at its head say how it was made (`notes`, a line each) and how it came
/// out. `of` is the checksum of the source's graph, `file` the graph's path by the project's root, `build` the command that made it.
///
/// # Errors
/// Something of the manifest that YAML cannot say.
pub fn describe(
    source: &Manifest,
    of: Sha256,
    file: PathBuf,
    sha256: Sha256,
    build: &str,
    notes: &[String],
    report: &Report,
) -> Result<String, YamlError> {
    let config = &source.config;
    let name = format!("{}-int8", config.name);
    let kept = match report.kept_float.len() {
        0 => String::new(),
        some => format!(", {some} in float"),
    };
    let made = ManifestConfig {
        description: format!("{}; int8 by catpipe{kept}", config.description),
        name,
        file,
        sha256: Some(sha256),
        source: config.source.as_ref().map(|source| SourceConfig {
            from: source.from.clone(),
            build: build.to_owned(),
        }),
        quantized_from: Some(QuantizedFrom {
            file: config.file.clone(),
            sha256: of,
        }),
        preprocess: match &config.preprocess {
            // Their files lie beside the source's manifest, which may be another folder.
            PreprocessSource::HuggingFace(_) | PreprocessSource::Timm(_) => {
                PreprocessSource::Keys(*source.preprocess_keys())
            }
            own => own.clone(),
        },
        ..config.clone()
    };
    let mut text = format!(
        "# {} in int8, made by `catpipe model quantize`.\n",
        config.name
    );
    // Writing into a String cannot fail.
    for note in notes {
        let _ = writeln!(text, "# {}", note.replace('\n', " "));
    }
    let _ = writeln!(
        text,
        "# {} of {} convolutions in int8; features of {} held-out calibration images against \
         float:\n# cosine {}.\n# Integer kernels of other processors may round otherwise: on x86 \
         without VNNI, sums of two products\n# saturate at 16 bits, and features are farther off.",
        report.convolutions - report.kept_float.len().min(report.convolutions),
        report.convolutions,
        report.held_out_images,
        report.cosine,
    );
    text.push_str(&yaml::to_string(&made)?);
    Ok(text)
}
