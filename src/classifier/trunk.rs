//! What stands before the head: a backbone's graph with its preprocessing, or the pixels.

use std::path::Path;

use super::build::Wanted;
use super::config::Form;
use super::error::ClassifierError;
use super::opset::raised;
use super::resize::mode;
use crate::backbone::manifest::{InputConfig, PreprocessConfig, load_graph};
use crate::backbone::onnx::{ModelProto, PooledMap, pooled_map};
use crate::backbone::{Backbone, BackboneError};

/// What turns an image into features, as an exported file needs it.
#[derive(Debug, Clone)]
pub enum Trunk {
    /// The image's own values, for images of one size.
    Pixels {
        /// Width of the images.
        width: u32,
        /// Height of the images.
        height: u32,
    },
    /// A network.
    Network(Box<NetworkTrunk>),
}

/// A network that has been read, cut down to its features.
#[derive(Debug, Clone)]
pub struct NetworkTrunk {
    pub(super) model: ModelProto,
    /// The name of the input that is given, a float32 or uint8 tensor.
    pub(super) given: String,
    /// The name of the features in the graph.
    pub(super) output: String,
    pub(super) width: usize,
    pub(super) input: InputConfig,
    pub(super) preprocess: PreprocessConfig,
    /// The map that the features are the mean of, or why there is none.
    pub(super) map: Result<PooledMap, String>,
}

impl Trunk {
    /// The trunk of a backbone whose file lies under `root`; `first` is the width and height of the
    /// images, which only `pixels` asks.
    ///
    /// # Errors
    /// The backbone's file is missing, or not what its manifest says.
    pub fn of(backbone: &Backbone, root: &Path, first: (u32, u32)) -> Result<Self, BackboneError> {
        let manifest = match backbone {
            Backbone::Pixels => {
                let (width, height) = first;
                return Ok(Self::Pixels { width, height });
            }
            Backbone::Onnx(manifest) => manifest,
        };
        let graph = load_graph(manifest, root)?;
        let output = (graph.model.graph.as_ref()).and_then(|graph| graph.output.first());
        let output = output.map_or("", |output| output.name()).to_owned();
        let config = &manifest.config;
        Ok(Self::Network(Box::new(NetworkTrunk {
            map: pooled_map(&graph.model, &output).map_err(|reason| reason.to_string()),
            given: graph.input,
            output,
            width: manifest.width(),
            input: config.input.clone(),
            preprocess: *manifest.preprocess_keys(),
            model: graph.model,
        })))
    }

    /// Checks what can be without a head: that what is `wanted` can be said in ONNX.
    ///
    /// # Errors
    /// As [`build`](super::build).
    pub fn check(&self, wanted: Wanted) -> Result<(), ClassifierError> {
        let network = match self {
            Self::Pixels { .. } if wanted.map => {
                let why = "`backbone: pixels` has no feature map".to_owned();
                return Err(ClassifierError::NoMap(why));
            }
            Self::Pixels { .. } => return Ok(()),
            Self::Network(network) => network,
        };
        if let (Err(reason), true) = (&network.map, wanted.map) {
            return Err(ClassifierError::NoMap(reason.clone()));
        }
        if wanted.form == Form::Image {
            mode(network.preprocess.resize)?;
        }
        raised(network.model.clone()).map(drop)
    }

    /// The number of features.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Pixels { width, height } => 3 * *width as usize * *height as usize,
            Self::Network(network) => network.width,
        }
    }
}
