//! What a manifest says about the pixels: key by key, by a preset's name, or by a file that other
//! programs read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::number::{Crop, Finite, Positive};
use super::resize::{Centre, Filter, Fit, ResizeConfig, Shortest};

/// From an RGB image to the input: resize, order the channels, then for each value x of 0..=255
/// `(x * scale - mean) / std`, with mean and std in the order of `color`.
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// The `preprocess` of a manifest: one way of saying it, never two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPreprocess", into = "RawPreprocess")]
pub enum PreprocessSource {
    /// All keys, each by itself.
    Keys(PreprocessConfig),
    /// The values that a family of networks was trained with; `resize`, where given, is in place
    /// of the preset's own.
    Preset(Preset, Option<ResizeConfig>),
    /// A Hugging Face `preprocessor_config.json`, relative to the manifest's folder.
    HuggingFace(PathBuf),
    /// A timm `config.json` or pretrained configuration, relative to the manifest's folder.
    Timm(PathBuf),
}

/// The values that a family of networks was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Keras' `caffe` mode (ResNet50, VGG): blue first, ImageNet's mean colour taken off; stretch,
    /// bilinear.
    KerasCaffe,
    /// Keras' `tf` mode (MobileNet, Inception, Xception): -1..=1; stretch, bilinear.
    KerasTf,
    /// torchvision's ImageNet networks: 0..=1, ImageNet's mean and deviation; shorter side to the
    /// input's size / 0.875, bilinear, centre crop.
    TorchImagenet,
    /// OpenAI's CLIP: 0..=1, its own mean and deviation; shorter side to the input's size,
    /// bicubic, centre crop.
    Clip,
    /// Grey levels 0..=255 as they are, red first; stretch, bilinear.
    None,
}

impl Preset {
    /// What the name stands for.
    #[must_use]
    pub fn config(self) -> PreprocessConfig {
        let (color, scale, mean, std) = match self {
            Self::KerasCaffe => (Color::Bgr, 1.0, [103.939, 116.779, 123.68], [1.0; 3]),
            Self::KerasTf => (Color::Rgb, 1.0, [127.5; 3], [127.5; 3]),
            Self::TorchImagenet => (
                Color::Rgb,
                1.0 / 255.0,
                [0.485, 0.456, 0.406],
                [0.229, 0.224, 0.225],
            ),
            Self::Clip => (
                Color::Rgb,
                1.0 / 255.0,
                [0.481_454_66, 0.457_827_5, 0.408_210_73],
                [0.268_629_54, 0.261_302_58, 0.275_777_11],
            ),
            Self::None => (Color::Rgb, 1.0, [0.0; 3], [1.0; 3]),
        };
        PreprocessConfig {
            color,
            resize: self.resize(),
            scale: Positive::known(scale),
            mean: mean.map(Finite::known),
            std: std.map(Positive::known),
        }
    }

    fn resize(self) -> ResizeConfig {
        let shortest = |crop| Fit::ShortestSide(Shortest::Crop(Crop::known(crop)), Centre::Even);
        let (fit, filter) = match self {
            Self::KerasCaffe | Self::KerasTf | Self::None => (Fit::Stretch, Filter::Bilinear),
            Self::TorchImagenet => (shortest(0.875), Filter::Bilinear),
            Self::Clip => (shortest(1.0), Filter::Bicubic),
        };
        let antialias = true;
        ResizeConfig {
            fit,
            filter,
            antialias,
        }
    }
}

/// As typed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPreprocess {
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    huggingface: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timm: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resize: Option<ResizeConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<Positive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<[Finite; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<[Positive; 3]>,
}

impl RawPreprocess {
    /// The keys that are given, in the order of the struct.
    fn given(&self) -> Vec<&'static str> {
        let keys = [
            ("preset", self.preset.is_some()),
            ("huggingface", self.huggingface.is_some()),
            ("timm", self.timm.is_some()),
            ("color", self.color.is_some()),
            ("resize", self.resize.is_some()),
            ("scale", self.scale.is_some()),
            ("mean", self.mean.is_some()),
            ("std", self.std.is_some()),
        ];
        let given = keys.into_iter().filter(|(_, given)| *given);
        given.map(|(key, _)| key).collect()
    }
}

impl TryFrom<RawPreprocess> for PreprocessSource {
    type Error = String;

    fn try_from(raw: RawPreprocess) -> Result<Self, String> {
        let given = raw.given();
        let source = match (raw.preset, raw.huggingface, raw.timm) {
            (Some(preset), None, None) => Some(("preset", Self::Preset(preset, raw.resize))),
            (None, Some(path), None) => Some(("huggingface", Self::HuggingFace(path))),
            (None, None, Some(path)) => Some(("timm", Self::Timm(path))),
            _ => None,
        };
        if let Some((key, source)) = source {
            let beside = |&&other: &&&str| other != key && (key, other) != ("preset", "resize");
            return match given.iter().find(beside) {
                Some(other) => Err(excluding(key, other)),
                None => Ok(source),
            };
        }
        if let [first, second, ..] = given[..]
            && ["preset", "huggingface", "timm"].contains(&second)
        {
            return Err(excluding(first, second));
        }
        let missing = |key: &str| {
            format!("`{key}` is missing: give color, resize, scale, mean and std, or a preset")
        };
        Ok(Self::Keys(PreprocessConfig {
            color: raw.color.ok_or_else(|| missing("color"))?,
            resize: raw.resize.ok_or_else(|| missing("resize"))?,
            scale: raw.scale.ok_or_else(|| missing("scale"))?,
            mean: raw.mean.ok_or_else(|| missing("mean"))?,
            std: raw.std.ok_or_else(|| missing("std"))?,
        }))
    }
}

fn excluding(key: &str, other: &str) -> String {
    match key {
        "preset" => format!(
            "`preset` and `{other}` exclude each other: only `resize` may stand beside a preset"
        ),
        _ => format!("`{key}` says it all: `{other}` can't stand beside it"),
    }
}

impl From<PreprocessSource> for RawPreprocess {
    fn from(source: PreprocessSource) -> Self {
        let mut raw = Self::default();
        match source {
            PreprocessSource::Keys(config) => {
                raw.color = Some(config.color);
                raw.resize = Some(config.resize);
                raw.scale = Some(config.scale);
                raw.mean = Some(config.mean);
                raw.std = Some(config.std);
            }
            PreprocessSource::Preset(preset, resize) => {
                raw.preset = Some(preset);
                raw.resize = resize;
            }
            PreprocessSource::HuggingFace(path) => raw.huggingface = Some(path),
            PreprocessSource::Timm(path) => raw.timm = Some(path),
        }
        raw
    }
}
