//! Quantized graphs beside the one that was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::manifest::Manifest;
use super::super::model::{Backbone, Graph};
use super::super::onnx::Arithmetic;
use crate::digests::Shelf;

/// An int8 graph that was made of the one that was asked for, and takes and gives the same.
#[derive(Debug, Clone)]
pub struct Sibling {
    /// Its manifest, named as the pipeline would name it.
    pub manifest: String,
    /// The backbone.
    pub backbone: Backbone,
    /// What is known of its graph.
    pub graph: Graph,
}

/// What lies beside a manifest.
#[derive(Debug, Clone, Default)]
pub struct Siblings {
    /// Those that may take its place, sorted by name.
    pub found: Vec<Sibling>,
    /// Those that say that they were made of it and may not, and why.
    pub left_out: Vec<String>,
}

/// The key of a manifest that says what a graph was made of: what does not hold this word is not
/// read any further.
const MARK: &str = "quantized_from";

impl Siblings {
    /// Looks through the manifests in the folder of `named` (relative to `root`), whose graph is
    /// `graph`. By what a graph was made is told by its checksum, not by its name; its file is
    /// compared with its manifest, where they have changed since that was last done.
    #[must_use]
    pub fn of(named: &str, manifest: &Manifest, graph: &Graph, root: &Path, shelf: &Shelf) -> Self {
        let mut siblings = Self::default();
        let folder = Path::new(named).parent().unwrap_or(Path::new(""));
        for file in manifests(&root.join(folder)) {
            let Some(name) = file.file_name() else {
                continue;
            };
            let its_name = folder.join(name);
            if its_name == Path::new(named) {
                continue;
            }
            match sibling(&its_name, manifest, graph, root, shelf) {
                Ok(found) => siblings.found.extend(found),
                Err(why) => {
                    let line = format!("{}: {why}", its_name.display());
                    siblings.left_out.push(line);
                }
            }
        }
        siblings
    }

    /// All that a measurement of them depends on, a line each.
    #[must_use]
    pub fn about(&self) -> Vec<String> {
        let line = |one: &Sibling| format!("{} {}", one.manifest, one.graph.key);
        self.found.iter().map(line).collect()
    }
}

/// The YAML files of a folder that speak of what they were made of, sorted.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let here = match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    };
    let ends = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
    };
    let speaks = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(MARK));
    let entries = fs::read_dir(here).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| ends(path) && speaks(path))
        .collect();
    files.sort();
    files
}

/// The backbone of a manifest, where it was made of `graph`; why it cannot be used.
fn sibling(
    named: &Path,
    source: &Manifest,
    graph: &Graph,
    root: &Path,
    shelf: &Shelf,
) -> Result<Option<Sibling>, String> {
    let first_line = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    };
    let manifest = Manifest::read(&root.join(named)).map_err(|error| first_line(&error))?;
    let Some(from) = &manifest.config.quantized_from else {
        return Ok(None);
    };
    if Some(from.sha256.to_string()) != graph.digest {
        // Of another graph, which is nobody's fault, or of this one as it was before.
        let is_stale = from.file == source.config.file;
        return match is_stale {
            false => Ok(None),
            true => Err(format!(
                "it was made of another {}: make it anew with `catpipe model quantize`",
                from.file.display()
            )),
        };
    }
    if manifest.preprocess().key() != source.preprocess().key()
        || manifest.width() != source.width()
    {
        return Err("its preprocessing or its features are not those of its source".to_owned());
    }
    let backbone = Backbone::Onnx(Box::new(manifest));
    let graph = backbone.check_changed(root, shelf);
    let graph = graph.map_err(|error| first_line(&error))?;
    if graph.arithmetic != Arithmetic::Int8 {
        return Err("its graph quantizes nothing".to_owned());
    }
    Ok(Some(Sibling {
        manifest: named.display().to_string(),
        backbone,
        graph,
    }))
}
