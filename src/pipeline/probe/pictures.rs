//! Pictures to try a network on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::{DatasetConfig, FileNames, OnError, Share, Source, SourceConfig, synth};

use super::super::checked::examples;
use super::super::error::PipelineError;
use super::super::options::{Options, PassObserver};

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pictures {
    /// Drawn by this program: coloured shapes of 500x375 pixels, the same on every machine.
    Generated,
    /// A pipeline's file, whose training examples are taken; else a folder with all images below
    /// it, or one image.
    From(PathBuf),
    /// Some training examples of a dataset.
    Training {
        /// The dataset.
        dataset: Box<DatasetConfig>,
        /// The examples' places in it.
        examples: Vec<usize>,
    },
}

impl Pictures {
    /// In words: `generated`, or the path.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Generated => "generated".to_owned(),
            Self::From(path) => path.display().to_string(),
            Self::Training { .. } => "training examples".to_owned(),
        }
    }

    /// Opens up to `count` of them; paths start at `root`. They are taken evenly from the whole,
    /// in its order, so that no class is left out. Examples that were named are taken as they are.
    /// `passes` watches the passes over all images that this may take.
    ///
    /// # Errors
    /// A pipeline that is wrong, a folder without images.
    pub fn open(
        &self,
        count: usize,
        root: &Path,
        passes: Option<Arc<dyn PassObserver>>,
    ) -> Result<Sample, PipelineError> {
        let options = Options {
            root: root.to_path_buf(),
            passes,
            ..Options::default()
        };
        let open = |dataset| options.open(dataset).map_err(PipelineError::Images);
        let source = match self {
            Self::Generated => return Ok(Sample::Generated(count)),
            Self::Training { dataset, examples } => {
                return Ok(Sample::Of(open(dataset)?.train, examples.clone()));
            }
            Self::From(path) if is_pipeline(path) => examples(&root.join(path), &options)?.1.train,
            Self::From(path) => {
                let source = SourceConfig::Files {
                    files: FileNames::Under(path.display().to_string()),
                    exclude: Vec::new(),
                    group_by: None,
                    block: None,
                };
                let mut config = DatasetConfig::given(source, None);
                // Files that are no images lie in folders of images.
                config.on_error = OnError::Skip;
                config.max_skipped = Share::ALL;
                open(&config)?.train
            }
        };
        let all = source.examples().len();
        let count = count.min(all);
        let chosen = (0..count).map(|i| i * all / count.max(1)).collect();
        Ok(Sample::Of(source, chosen))
    }
}

fn is_pipeline(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// Pictures that have been found; each is decoded when it is asked for.
#[derive(Debug)]
pub enum Sample {
    /// So many that are drawn.
    Generated(usize),
    /// Examples of a source.
    Of(Source, Vec<usize>),
}

impl Sample {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Generated(count) => *count,
            Self::Of(_, chosen) => chosen.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A picture and what it is called.
    ///
    /// # Errors
    /// A file that cannot be decoded, a number that is none.
    pub fn picture(&self, number: usize) -> Result<(String, RgbImage), PipelineError> {
        match self {
            Self::Generated(_) => {
                let index = number as u64;
                let class = u32::try_from(index % 8).unwrap_or(0);
                let image = synth::image(1, class, index, 500, 375);
                Ok((format!("generated {number}"), image))
            }
            Self::Of(source, chosen) => {
                // A number that is none is one that the source does not have either.
                let example = chosen.get(number).copied().unwrap_or(usize::MAX);
                let image = source.read(example)?;
                Ok((source.examples()[example].id.clone(), image))
            }
        }
    }

    /// SHA-256 in hexadecimal of what the pictures hold, in their order: of files the bytes, which
    /// are not decoded for it; of drawn ones their number and the program's version, which decide
    /// every pixel.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn digest(&self) -> Result<String, PipelineError> {
        match self {
            Self::Generated(count) => {
                let version = env!("CARGO_PKG_VERSION");
                let text = format!("catpipe {version}: {count} generated pictures");
                Ok(super::hex(&Sha256::digest(text)))
            }
            Self::Of(source, chosen) => {
                let keys = chosen.iter().map(|example| source.content_key(*example));
                Ok(digest(&keys.collect::<Result<Vec<_>, _>>()?))
            }
        }
    }
}

/// [`Sample::digest`] of pictures whose content keys are known.
pub(in crate::pipeline) fn digest<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> String {
    let mut hash = Sha256::new();
    keys.into_iter().for_each(|key| hash.update(key));
    super::hex(&hash.finalize())
}
