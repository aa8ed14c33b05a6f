//! `model.json` as it stands in the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::TfjsError;

/// The most bytes of a `model.json`; those of the Keras applications have 50 to 900 kB.
const JSON_LIMIT: u64 = 64 << 20;

/// The whole file.
#[derive(Debug, Deserialize)]
pub(super) struct ModelFile {
    #[serde(rename = "modelTopology")]
    pub(super) topology: Option<Value>,
    #[serde(rename = "weightsManifest", default)]
    pub(super) weights: Vec<Group>,
}

/// Weights that lie one after another in the bytes of some shards.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    pub(super) paths: Vec<String>,
    pub(super) weights: Vec<Entry>,
}

/// One weight of a group.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) shape: Vec<u64>,
    pub(super) dtype: String,
    pub(super) quantization: Option<Quantization>,
}

/// How a weight is stored in fewer bits; the rest of its settings is of no interest here.
#[derive(Debug, Deserialize)]
pub(super) struct Quantization {
    #[serde(default)]
    pub(super) dtype: String,
}

/// Reads the file. Shape and wording of serde's errors are kept: they say line and column.
pub(super) fn read(path: &Path) -> Result<ModelFile, TfjsError> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    (file.take(JSON_LIMIT + 1).read_to_end(&mut text))
        .map_err(|source| unreadable(path, source))?;
    let bytes = text.len() as u64;
    if bytes > JSON_LIMIT {
        return Err(TfjsError::TooLarge {
            path: path.into(),
            bytes,
            limit: JSON_LIMIT,
        });
    }
    serde_json::from_slice(&text).map_err(|source| TfjsError::NotJson {
        path: path.into(),
        source,
    })
}

/// The error of a file that the system would not give.
pub(super) fn unreadable(path: &Path, source: io::Error) -> TfjsError {
    match source.kind() {
        io::ErrorKind::NotFound => TfjsError::NotThere { path: path.into() },
        _ => TfjsError::Unreadable {
            path: path.into(),
            source,
        },
    }
}

/// The layer graph, out of whichever of its two wrappings.
#[derive(Debug, Deserialize)]
pub(super) struct Topology {
    pub(super) keras_version: Option<String>,
    #[serde(default)]
    pub(super) class_name: String,
    #[serde(default)]
    pub(super) config: Value,
    model_config: Option<Box<Self>>,
}

impl Topology {
    /// Unwraps `modelTopology`, which is `{model_config: {class_name, config}, keras_version}` or
    /// the inner object itself.
    pub(super) fn of(path: &Path, topology: Option<Value>) -> Result<Self, TfjsError> {
        let other = |found: String| TfjsError::NotLayersModel {
            path: path.into(),
            found,
        };
        let Some(topology) = topology else {
            return Err(other("no modelTopology".to_owned()));
        };
        if topology.get("node").is_some() || topology.get("library").is_some() {
            return Err(other("a graph model".to_owned()));
        }
        let mut outer: Self =
            serde_json::from_value(topology).map_err(|source| TfjsError::NotJson {
                path: path.into(),
                source,
            })?;
        if let Some(inner) = outer.model_config.take() {
            let keras_version = outer.keras_version.or(inner.keras_version);
            outer = Self {
                keras_version,
                ..*inner
            };
        }
        if let Some(version) = &outer.keras_version
            && version
                .split('.')
                .next()
                .is_some_and(|major| major.parse().unwrap_or(2) > 2)
        {
            return Err(other(format!("a model of Keras {version}")));
        }
        match outer.class_name.as_str() {
            "Model" | "Functional" | "Sequential" => Ok(outer),
            "" => Err(other("no class_name in its modelTopology".to_owned())),
            class => Err(other(format!("a model of the class `{class}`"))),
        }
    }
}
