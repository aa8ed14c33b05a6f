//! The saved form of a head: a safetensors file, version 2.
//!
//! Tensors, all `f32` and in PyTorch's order, for hidden layer i from 0:
//!
//! | name | shape | when |
//! | --- | --- | --- |
//! | `conv.i.weight` | `[maps, kernel, kernel, channels below]` (channels last, unlike PyTorch) | convolutional heads |
//! | `conv.i.bias` | `[maps]` | convolutional heads |
//! | `hidden.i.weight` | `[width, width below]` | |
//! | `hidden.i.bias` | `[width]` | without BatchNorm |
//! | `hidden.i.norm.weight`, `.bias`, `.running_mean`, `.running_var` | `[width]` | with BatchNorm (epsilon 1e-5) |
//! | `output.weight` | `[classes, width below]` | |
//! | `output.bias` | `[classes]` | |
//!
//! The header's metadata has one entry, `catpipe.head`: a JSON object with the format's version,
//! the kind of head, its widths from features to classes, the names of the classes, the temperature
//! that logits are divided by, the probability below which its answer is none (or `null`), and what
//! the writer of the file wanted to add. (One entry, because several come in no fixed order, and
//! the same head is to be the same bytes.)
//!
//! Version 1 has neither temperature nor threshold, and is read as a temperature of 1.

mod error;
mod tensors;

#[cfg(test)]
mod tests;

pub use error::SavedHeadError;

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::config::{Activation, Shape};
use super::model::{Head, is_share, is_temperature};
use super::network::Network;
use tensors::{Reader, tensors_of};

/// The metadata entry that describes the head.
const ENTRY: &str = "catpipe.head";

/// The format that is written, and the oldest one that is read.
const VERSION: u64 = 2;
const OLDEST: u64 = 1;

/// What the tensors are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u64,
    kind: Kind,
    /// Features, hidden layers, classes.
    widths: Vec<usize>,
    classes: Vec<String>,
    #[serde(default = "one")]
    temperature: f32,
    #[serde(default)]
    reject_below: Option<f32>,
    metadata: BTreeMap<String, String>,
}

fn one() -> f32 {
    1.0
}

/// Read before all else, so that a newer file is called newer and not broken.
#[derive(Deserialize)]
struct JustTheVersion {
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Logistic {},
    Dense {
        activation: Activation,
        batch_norm: bool,
    },
    /// Convolutions, then dense layers; `widths` are those of the dense layers.
    Cnn {
        image: Shape,
        filters: Vec<usize>,
        kernel: usize,
        pool: usize,
    },
}

impl Head {
    /// The head as a safetensors file, with further `metadata` of the caller's choice. The same
    /// head and metadata are the same bytes.
    ///
    /// # Errors
    /// A header too large for the format.
    pub fn to_bytes(&self, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, SavedHeadError> {
        let description = Description {
            version: VERSION,
            kind: kind_of(&self.network),
            widths: widths_of(&self.network),
            classes: self.class_names.clone(),
            temperature: self.temperature,
            reject_below: self.reject_below,
            metadata: metadata.clone(),
        };
        let entry = serde_json::to_string(&description)
            .map_err(|source| SavedHeadError::Description { source })?;
        let header = HashMap::from([(ENTRY.to_owned(), entry)]);
        let tensors = tensors_of(&self.network);
        let mut views = Vec::with_capacity(tensors.len());
        for (name, shape, bytes) in &tensors {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
                .map_err(|source| SavedHeadError::Write { source })?;
            views.push((name, view));
        }
        safetensors::serialize(views, Some(header))
            .map_err(|source| SavedHeadError::Write { source })
    }

    /// A head from the bytes of its file, and the caller's metadata.
    ///
    /// # Errors
    /// Everything that keeps the bytes from being a head that can be relied on, by name: no
    /// safetensors file, no head, another version, a tensor that is missing, superfluous, of
    /// another type or shape, or not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, BTreeMap<String, String>), SavedHeadError> {
        let description = describe(bytes)?;
        let file =
            SafeTensors::deserialize(bytes).map_err(|source| SavedHeadError::Header { source })?;
        let mut reader = Reader::new(&file);
        let network = reader.network(&description)?;
        reader.finish()?;
        let head = Self {
            network,
            class_names: description.classes,
            temperature: description.temperature,
            reject_below: description.reject_below,
        };
        Ok((head, description.metadata))
    }
}

fn kind_of(network: &Network<f32>) -> Kind {
    if let Some(first) = network.maps.first() {
        return Kind::Cnn {
            image: first.input,
            filters: network.maps.iter().map(|b| b.output().channels).collect(),
            kernel: first.kernel,
            pool: first.pool,
        };
    }
    match network.hidden.first() {
        None => Kind::Logistic {},
        Some(layer) => Kind::Dense {
            activation: layer.activation,
            batch_norm: layer.norm.is_some(),
        },
    }
}

fn widths_of(network: &Network<f32>) -> Vec<usize> {
    let mut widths: Vec<usize> = network
        .hidden
        .iter()
        .map(|layer| layer.linear.inputs())
        .collect();
    widths.extend([network.output.inputs(), network.output.outputs()]);
    widths
}

/// The head's description, checked by itself.
fn describe(bytes: &[u8]) -> Result<Description, SavedHeadError> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|source| SavedHeadError::Header { source })?;
    let entry = header
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(ENTRY));
    let entry = entry.ok_or(SavedHeadError::NotAHead)?;
    let malformed = |source| SavedHeadError::Description { source };
    let JustTheVersion { version } = serde_json::from_str(entry).map_err(malformed)?;
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(SavedHeadError::Version {
            found: version,
            known: VERSION,
        });
    }
    let description: Description = serde_json::from_str(entry).map_err(malformed)?;
    let Description {
        kind,
        widths,
        classes,
        ..
    } = &description;
    let enough = match kind {
        Kind::Logistic {} => widths.len() == 2,
        Kind::Dense { .. } => widths.len() > 2,
        Kind::Cnn { filters, .. } => widths.len() >= 2 && !filters.is_empty(),
    };
    if !enough || widths.contains(&0) || widths.last() != Some(&classes.len()) {
        return Err(SavedHeadError::Widths {
            widths: widths.clone(),
            classes: classes.len(),
        });
    }
    if !is_temperature(description.temperature) {
        return Err(SavedHeadError::Temperature {
            found: description.temperature,
        });
    }
    if let Some(found) = description.reject_below.filter(|share| !is_share(*share)) {
        return Err(SavedHeadError::Threshold { found });
    }
    Ok(description)
}
