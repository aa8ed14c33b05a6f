//! The fields of a manifest. Enums hold what catpipe can do today and nothing else, so that a
//! manifest that asks for more is refused where it asks.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::number::{Side, Width};
use super::preprocess::PreprocessSource;

/// A backbone's manifest as it stands in its YAML file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestConfig {
    /// Short name, such as `resnet50`.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// Under what terms the weights may be used; empty where nobody says.
    #[serde(default)]
    pub licence: String,
    /// The ONNX file, relative to the project's root folder.
    pub file: PathBuf,
    /// SHA-256 of the ONNX file; where given, a file with another one is refused. For a graph that
    /// keeps weights in files beside it, the checksum of all of them, as `catpipe model inspect`
    /// shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Where the weights come from and how the file is made of them, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceConfig>,
    /// The float graph that this one was made of by quantizing it, so that `provider: auto` may
    /// take the one for the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantized_from: Option<QuantizedFrom>,
    /// The graph's input.
    pub input: InputConfig,
    /// From an image to the input.
    pub preprocess: PreprocessSource,
    /// The graph's output that holds the features.
    pub output: OutputConfig,
}

/// The float graph that a quantized one was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizedFrom {
    /// Its file, relative to the project's root folder: for people.
    pub file: PathBuf,
    /// Its checksum, by which it is known.
    pub sha256: Sha256,
}

/// Where the weights come from and how the ONNX file is made of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The weights' origin.
    pub from: Origin,
    /// The command that makes the ONNX file; named when the file is missing.
    pub build: String,
}

/// Where weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A package of the npm registry.
    Npm(NpmPackage),
    /// A wheel of PyPI.
    Pypi(PypiWheel),
    /// A public address.
    Url(String),
}

/// One version of an npm package, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpmPackage {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The registry's checksum of its archive (`sha512-...`).
    pub integrity: String,
}

/// One wheel of PyPI, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PypiWheel {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The wheel's SHA-256.
    pub sha256: Sha256,
}

/// The graph's input: a batch of images, each [`InputConfig::dims`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// Its name in the graph.
    pub name: String,
    /// The order of its dimensions.
    pub layout: Layout,
    /// The type of its values.
    pub dtype: Dtype,
    /// Height and width in pixels.
    pub size: [Side; 2],
}

impl InputConfig {
    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size[0].get()
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size[1].get()
    }

    /// The dimensions after the batch: `[3, height, width]` for `nchw`, `[height, width, 3]` for
    /// `nhwc`.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        let [height, width] = [self.height() as usize, self.width() as usize];
        match self.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        }
    }
}

/// The order of the input's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Batch, channel, row, column: what PyTorch exports.
    Nchw,
    /// Batch, row, column, channel: what TensorFlow exports.
    Nhwc,
}

impl Layout {
    /// As it stands in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nchw => "nchw",
            Self::Nhwc => "nhwc",
        }
    }
}

/// The type of the input's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floating point.
    Float32,
    /// 16-bit floating point: each value is rounded to the nearest, or, by a provider that has no
    /// arithmetic for it (`cpu`), taken as it is.
    Float16,
    /// Grey levels 0..=255 as they are, for graphs that scale them themselves.
    Uint8,
}

impl Dtype {
    /// As it stands in a manifest, and as ONNX calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Uint8 => "uint8",
        }
    }
}

/// The graph's output that holds the features: `[N, width]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// Its name in the graph.
    pub name: String,
    /// The number of features of a row.
    pub width: Width,
}

/// A SHA-256 checksum: 64 hexadecimal digits, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!(
            "must be a SHA-256 checksum of 64 hexadecimal digits, found {text:?}"
        ))
    }
}

impl From<Sha256> for String {
    fn from(sha256: Sha256) -> Self {
        sha256.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
