//! A first pipeline for a folder of pictures.
//!
//! [`draft`] looks at what the folder holds ([`Layout`]), opens it as a dataset to know its
//! classes, and writes a pipeline with comments, which is read back before anybody gets it.

mod layout;
mod text;

use std::path::{Path, PathBuf};

use crate::backbone::Backbone;
use crate::dataset::{Dataset, DatasetConfig, DatasetError, PassWatch};
use crate::yaml::{Document, YamlError};

use super::config::PipelineConfig;

pub use layout::{Layout, LayoutError};

/// Folds of the cross-validation, where every class has examples enough.
const FOLDS: usize = 5;

/// The backbones that a pipeline starts with, the first that is there.
const BACKBONES: [&str; 3] = ["resnet50", "efficientnet_lite0", "mobilenet_v1_075"];

/// Why there is no pipeline.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The folder holds nothing that a pipeline could be made of.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// What it holds cannot be used.
    #[error(
        "{}: no pipeline can be made of these pictures yet: {source}; with few pictures, give each \
         class at least 10, or a `test` side of their own",
        folder.display()
    )]
    Dataset {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        source: DatasetError,
    },
    /// A class has too few examples.
    #[error(
        "class `{class}` has {count} training {}: a head needs at least 2 of each class, and \
         better 20; add pictures, or take the class out of the folder",
        if *count == 1 { "picture" } else { "pictures" }
    )]
    TooFew {
        /// The class.
        class: String,
        /// How many training examples it has.
        count: usize,
    },
    /// There is no backbone to start with.
    #[error(
        "there is no backbone here: none of {} with its network; name a manifest with \
         --backbone, or start in catpipe's own folder, where `make setup` gets them",
        looked.join(", ")
    )]
    NoBackbone {
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// The pipeline that was written is none. This is a fault of the program.
    #[error("the pipeline that was made is wrong, which is a bug of catpipe: {0}")]
    Wrong(#[from] YamlError),
}

/// A pipeline, and what it was made of.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The pipeline's file, with comments.
    pub yaml: String,
    /// Its name.
    pub name: String,
    /// What was found, in words.
    pub found: String,
    /// What one should know, a line each.
    pub remarks: Vec<String>,
}

/// What is known of the examples.
struct Counts {
    train: usize,
    test: usize,
    classes: usize,
    /// The fewest training examples of a class.
    fewest: usize,
    skipped: usize,
}

/// Makes a pipeline for `folder`, as it will be named from `root`, where the pipeline starts;
/// `backbone` is a manifest, where one is wanted. `watch` is told of the passes over the pictures.
///
/// # Errors
/// A folder without pictures, pictures that cannot be used, no backbone.
pub fn draft(
    folder: &Path,
    root: &Path,
    backbone: Option<&str>,
    watch: PassWatch<'_>,
) -> Result<Draft, DraftError> {
    let layout = Layout::of(folder, root)?;
    let backbone = match backbone {
        Some(named) => named.to_owned(),
        None => found_backbone(root)?,
    };
    let dataset = text::dataset(&layout);
    let config: DatasetConfig = Document::parse(Path::new("dataset"), &dataset)?.typed()?;
    let opened = Dataset::open_watched(&config, root, watch);
    let opened = opened.map_err(|source| DraftError::Dataset {
        folder: folder.to_owned(),
        source,
    })?;
    let counts = counts(&opened)?;
    let name = text::name(folder);
    let yaml = text::pipeline(&name, &layout, &backbone, &counts);
    // Nobody gets a pipeline that cannot be read.
    Document::parse(Path::new("pipeline"), &yaml)?.typed::<PipelineConfig>()?;
    Ok(Draft {
        found: text::found(&layout, &counts),
        remarks: text::remarks(&layout, &counts),
        name,
        yaml,
    })
}

fn counts(dataset: &Dataset) -> Result<Counts, DraftError> {
    let train = &dataset.train;
    let mut of_class = vec![0; train.classes().len()];
    for label in train.examples().iter().filter_map(|example| example.label) {
        if let Some(count) = of_class.get_mut(label) {
            *count += 1;
        }
    }
    let few = of_class
        .iter()
        .zip(train.classes())
        .find(|(count, _)| **count < 2);
    if let Some((count, class)) = few {
        return Err(DraftError::TooFew {
            class: class.clone(),
            count: *count,
        });
    }
    Ok(Counts {
        train: train.examples().len(),
        test: dataset
            .test
            .as_ref()
            .map_or(0, |test| test.examples().len()),
        classes: of_class.len(),
        fewest: of_class.iter().copied().min().unwrap_or(0),
        skipped: dataset.skipped().len(),
    })
}

/// The manifest, from `root`, of a backbone whose network is there.
fn found_backbone(root: &Path) -> Result<String, DraftError> {
    let looked = BACKBONES.map(|name| format!("onnx/{name}.yaml"));
    let usable = |manifest: &&String| match Backbone::named(manifest, root) {
        Ok(Backbone::Onnx(manifest)) => manifest.graph_path(root).is_file(),
        _ => false,
    };
    match looked.iter().find(usable) {
        Some(manifest) => Ok(manifest.clone()),
        None => Err(DraftError::NoBackbone {
            looked: looked.into(),
        }),
    }
}
