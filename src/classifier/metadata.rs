//! What an exported file says about itself.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::config::{ExportConfig, Form};
use super::error::ClassifierError;
use super::parity::Parity;
use crate::backbone::Preprocess;
use crate::backbone::manifest::{InputConfig, PreprocessSource};
use crate::backbone::onnx::ModelProto;
use crate::backbone::onnx::proto::StringStringEntryProto;

/// What an exported file says about itself, each entry under `catpipe.<name>` in the ONNX file's
/// metadata; all but texts are JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// `export`: the form, and what else it gives.
    pub export: ExportConfig,
    /// `labels`: the names of the classes, in the order of the columns.
    pub labels: Vec<String>,
    /// `preprocessing`: from an image to the tensor form's input. In the image form it is in the
    /// graph, and stands here for people.
    pub preprocessing: Preprocessing,
    /// `temperature`: what the logits are divided by.
    pub temperature: f32,
    /// `reject`: the probability that an answer must have to count, where the run has such a bound.
    pub reject: Option<f32>,
    /// `pipeline`: the pipeline that trained it, as YAML, every default filled in.
    pub pipeline: String,
    /// `run`: the digest of everything that the run's results depend on.
    pub run: String,
    /// `metrics`: accuracy and more with 95 % intervals, of `test` and `validation`, as in
    /// `metrics.json`.
    pub metrics: Value,
    /// `parity`: how near its answers came to catpipe's own.
    pub parity: Vec<Parity>,
    /// `licences`: under what terms the parts may be used, by their names.
    pub licences: Vec<Licence>,
    /// `version`: of the program that wrote it.
    pub version: String,
}

/// What happens to an image before the backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// Each value divided by 255, in the order row, column, colour; images of one size.
    Pixels {
        /// Width of the images.
        width: u32,
        /// Height of the images.
        height: u32,
    },
    /// As a manifest has it.
    Network {
        /// The input of the tensor form.
        input: InputConfig,
        /// From RGB levels to its values.
        preprocess: PreprocessSource,
    },
}

impl Preprocessing {
    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> Option<Preprocess> {
        match self {
            Self::Pixels { width, height } => Some(Preprocess::pixels(*width, *height)),
            Self::Network { input, preprocess } => match preprocess {
                PreprocessSource::Keys(config) => Some(Preprocess::network(input, config)),
                PreprocessSource::Preset(preset, None) => {
                    Some(Preprocess::network(input, &preset.config()))
                }
                // Files of other programs do not travel with the ONNX file.
                _ => None,
            },
        }
    }
}

/// Under what terms a part may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// The part.
    pub of: String,
    /// The terms; empty where nobody says.
    pub licence: String,
}

/// What stands before each entry's name.
const OURS: &str = "catpipe.";

impl Metadata {
    /// Writes it into the metadata of `model`, in place of what stood there under these names.
    ///
    /// # Errors
    /// Something that JSON cannot hold.
    pub fn write(&self, model: &mut ModelProto) -> Result<(), serde_json::Error> {
        let entries = [
            ("version", self.version.clone()),
            ("export", serde_json::to_string(&self.export)?),
            ("labels", serde_json::to_string(&self.labels)?),
            ("preprocessing", serde_json::to_string(&self.preprocessing)?),
            ("temperature", self.temperature.to_string()),
            ("reject", serde_json::to_string(&self.reject)?),
            ("metrics", self.metrics.to_string()),
            ("parity", serde_json::to_string(&self.parity)?),
            ("licences", serde_json::to_string(&self.licences)?),
            ("run", self.run.clone()),
            ("pipeline", self.pipeline.clone()),
            ("pipeline_sha256", sha256(&self.pipeline)),
        ];
        let ours = |entry: &StringStringEntryProto| entry.key().starts_with(OURS);
        model.metadata_props.retain(|entry| !ours(entry));
        for (key, value) in entries {
            model.metadata_props.push(StringStringEntryProto {
                key: Some(format!("{OURS}{key}")),
                value: Some(value),
            });
        }
        Ok(())
    }

    /// Reads it from the metadata of `model`; `path` is for the errors.
    ///
    /// # Errors
    /// An entry that is missing, as in a file that another program wrote, or cannot be understood.
    pub fn read(path: &Path, model: &ModelProto) -> Result<Self, ClassifierError> {
        let entries = Entries { path, model };
        let pipeline = entries
            .text("catpipe.pipeline")
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            export: entries.json("catpipe.export", "what it takes and gives")?,
            labels: entries.json("catpipe.labels", "the names of the classes")?,
            preprocessing: entries.json("catpipe.preprocessing", "what images have to become")?,
            temperature: entries.json("catpipe.temperature", "how it is calibrated")?,
            reject: entries.json("catpipe.reject", "which answers to believe")?,
            metrics: entries.json("catpipe.metrics", "how good it is")?,
            parity: entries.json("catpipe.parity", "how exact it is")?,
            licences: entries.json("catpipe.licences", "its licences")?,
            run: entries.text("catpipe.run").unwrap_or_default().to_owned(),
            version: entries
                .text("catpipe.version")
                .unwrap_or_default()
                .to_owned(),
            pipeline,
        })
    }

    /// What the file takes.
    #[must_use]
    pub fn form(&self) -> Form {
        self.export.form
    }
}

struct Entries<'a> {
    path: &'a Path,
    model: &'a ModelProto,
}

impl<'a> Entries<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        let mut entries = self.model.metadata_props.iter();
        entries
            .find(|entry| entry.key() == key)
            .map(|entry| entry.value())
    }

    fn json<T: DeserializeOwned>(
        &self,
        key: &'static str,
        what: &'static str,
    ) -> Result<T, ClassifierError> {
        let path = || self.path.to_owned();
        let text = self.text(key).ok_or_else(|| ClassifierError::Foreign {
            path: path(),
            key,
            what,
        })?;
        serde_json::from_str(text).map_err(|error| ClassifierError::Metadata {
            path: path(),
            key,
            reason: error.to_string(),
        })
    }
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
